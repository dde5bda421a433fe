"""OpenAI's Realtime protocol, GA shape."""
