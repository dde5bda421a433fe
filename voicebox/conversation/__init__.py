"""The conversation: turn machine, endpointing, speculation, playout, history. Free of I/O but for session.py."""
