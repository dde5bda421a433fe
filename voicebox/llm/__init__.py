"""Language models in this process: llama.cpp, the intent model and the instruct model."""
