"""Operators in Telegram: their chats, what they want, whom they are asked about."""
