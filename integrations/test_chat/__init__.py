"""The test chat, and the chat of web widgets: channels of our own without a provider."""
