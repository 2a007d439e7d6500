"""Settings (the only reader of the environment), logging, and the demo tenant's definitions."""
