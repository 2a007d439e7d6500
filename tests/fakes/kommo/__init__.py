"""A faithful fake Kommo, as a process of its own."""
