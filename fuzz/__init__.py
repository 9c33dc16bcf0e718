"""Coverage-guided fuzzing of the protocol core. Run ``python -m fuzz --help``."""
