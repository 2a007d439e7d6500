"""Kinds of jobs, one file each, and what carries them out."""
