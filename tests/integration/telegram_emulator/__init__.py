"""Somebody else's Bot API emulator, so that not only our own fake says that we understand Telegram."""
