"""Users, their sessions and one-time links, and who changed what."""
