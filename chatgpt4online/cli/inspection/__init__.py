"""What ``inspect`` finds out about a site."""
