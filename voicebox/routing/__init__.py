"""Which tier answers a turn, and how."""
