"""The last messages of a conversation in compact form: UTF-8 bytes instead of objects."""

from collections.abc import Iterable

from actors.ports.conversations import StoredMessage

LIMIT = 20  # what an agent is shown
_ROLES = {"customer": b"c", "agent": b"a", "operator": b"o"}
_NAMES = {code[0]: name for name, code in _ROLES.items()}


class History:
    """At most the last 20 messages. A body never holds NUL (texts are cleaned), so NUL separates them."""

    __slots__ = ("_packed",)

    def __init__(self, messages: Iterable[tuple[str, str]] = ()) -> None:
        self._packed = b""
        self.extend(messages)

    @classmethod
    def of(cls, stored: Iterable[StoredMessage]) -> "History":
        """Pack stored messages, oldest first."""
        return cls((message.role, message.body) for message in stored)

    def extend(self, messages: Iterable[tuple[str, str]]) -> None:
        """Append (role, body) pairs; the oldest leave."""
        entries = self._packed.split(b"\0") if self._packed else []
        entries += [_ROLES[role] + body.replace("\0", "").encode() for role, body in messages]
        self._packed = b"\0".join(entries[-LIMIT:])

    def messages(self) -> list[tuple[str, str]]:
        """Return (role, body) pairs, oldest first."""
        entries = self._packed.split(b"\0") if self._packed else []
        return [(_NAMES[entry[0]], entry[1:].decode()) for entry in entries]
