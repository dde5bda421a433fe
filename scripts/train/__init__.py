"""Training of the intent model that ships."""
