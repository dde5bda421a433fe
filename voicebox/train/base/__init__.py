"""Intent models on the features of public small models: the models cut to what is needed, and a trained head."""
