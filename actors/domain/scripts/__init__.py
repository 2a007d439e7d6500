"""Authored answers: the words, the match, the validation."""
