"""What reading a reply costs, side by side with other libraries. Run ``python -m benchmarks``."""
