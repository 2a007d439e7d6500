"""Kommo (amoCRM) as a channel."""
