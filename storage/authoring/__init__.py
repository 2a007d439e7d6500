"""Authoring: drafts and scripts that people edit, and the immutable versions made of them."""
