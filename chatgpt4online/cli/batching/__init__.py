"""What ``batch`` is made of: its files, its progress and how it stops."""
