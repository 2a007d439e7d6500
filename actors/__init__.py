"""Conversation actors: pure decisions, use cases over ports, and the runtime that carries them."""
