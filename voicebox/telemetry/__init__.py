"""Metrics, logs and the per-turn waterfall."""
