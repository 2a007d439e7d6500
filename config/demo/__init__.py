"""The demo tenant: a small shop that answers in Russian and English."""
