"""Documents of companies: what they hold, cut into pieces that can be found and shown."""
