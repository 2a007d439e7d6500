"""Sequences on a real host, a real delivery and PostgreSQL."""
