"""The process that carries conversations: pull, mailboxes, decide, commit."""
