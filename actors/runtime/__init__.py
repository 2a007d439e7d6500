"""Where actors live: plain classes, wrapped for Ray in one place; supervisor and command line."""
