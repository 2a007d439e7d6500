"""Calls to web addresses that tenants name."""
