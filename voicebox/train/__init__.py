"""Training of intent models (extra `train`); nothing here is needed at run time."""
