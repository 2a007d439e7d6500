"""PostgreSQL, Redis and their embedded servers; one file per aggregate."""
