"""Callboard against the fake Kommo."""
