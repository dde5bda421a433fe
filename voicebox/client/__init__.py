"""A client of the server: plays recordings to it, as a caller would."""
