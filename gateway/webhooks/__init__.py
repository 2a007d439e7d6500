"""Webhooks of channels, one file each."""
