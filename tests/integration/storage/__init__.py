"""The statements of the line and the stores over them, against a real PostgreSQL."""
