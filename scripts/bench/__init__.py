"""Data and helpers of the benchmarks."""
