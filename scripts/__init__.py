"""Scripts of the project: training and benchmarks."""
