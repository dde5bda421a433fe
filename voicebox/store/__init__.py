"""What outlives a process: calls and their turns, in SQLite."""
