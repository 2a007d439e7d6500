"""What the outside must provide. Protocols and the records they pass only; storage and integrations implement them, services use them."""
