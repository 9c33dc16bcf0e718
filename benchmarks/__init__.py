"""Benchmarks against other libraries. Run ``python -m benchmarks``."""
