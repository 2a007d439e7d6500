"""The console's sources, looked at without a browser."""
