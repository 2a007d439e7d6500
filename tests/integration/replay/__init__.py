"""Replays of conversations that real hosts recorded."""
