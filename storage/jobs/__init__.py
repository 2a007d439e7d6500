"""The queue `agent-jobs` in PostgreSQL."""
