"""What setup and builds run."""
