"""The Ray driver that keeps the actors of this installation where they belong."""
