"""Speech synthesis: voices, phrases and their cache."""
