"""A tenant's configuration as a file: written from the database, and taken in again."""
