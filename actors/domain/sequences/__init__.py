"""Sequences: what is said to a customer over hours and days, until they answer."""
