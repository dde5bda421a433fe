"""voicebox: a real-time voice assistant server with latency-tiered models."""

__version__ = "0.1.0"
