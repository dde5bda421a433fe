"""Speech recognition: the recogniser, its batcher, growing utterances, bias and the lexicon."""
