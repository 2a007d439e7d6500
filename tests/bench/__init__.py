"""Figures measured on the processes that `callboard run` starts."""
