"""The household of the skills, kept equal to that of Home Assistant."""
