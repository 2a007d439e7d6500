"""JSON API, one file per resource."""
