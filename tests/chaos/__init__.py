"""Faults under load, judged offline over three ledgers: generator, database, channel."""
