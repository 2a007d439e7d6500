"""Async use cases over ports; they know no driver and no Ray."""
