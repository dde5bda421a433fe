"""Voice activity detection, frame by frame, batched across sessions."""
