"""HTTP edge: authenticate, store, answer. Knows PostgreSQL and Redis only; imports no Ray, no bot framework, no model."""
