"""What ``check`` is made of: cases and their rules, how they are run, and the reports."""
