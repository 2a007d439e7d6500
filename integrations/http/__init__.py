"""Calls to web addresses that tenants name: one way out, and what is said on it."""
