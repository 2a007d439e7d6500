"""The test chat: a channel of our own without a provider."""
