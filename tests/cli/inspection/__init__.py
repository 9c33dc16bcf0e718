"""``inspect``: what it finds out about sites, and what it advises."""
