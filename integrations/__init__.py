"""Providers, each with the same file names: client or sender, parser or mapper, errors."""
