"""PCM and nothing else: formats, resampling, G.711, WAV files."""
