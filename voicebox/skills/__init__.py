"""Skills: what voicebox can do, each declared in one place."""
