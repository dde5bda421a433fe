"""How audio and events reach a session."""
