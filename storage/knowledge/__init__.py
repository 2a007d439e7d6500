"""Knowledge in PostgreSQL, and in FAISS as a cache of it. Only snapshots.py imports faiss: hosts and the gateway do not pay for it."""
