"""Tools of the server: what a larger model may call, and who carries it out."""
