"""Raw test-chat input to domain input."""

from typing import Any

import orjson

from actors.domain.errors import InvalidInput
from actors.domain.messages import InboundMessage, Input, clean_text
from actors.ports.inbox import InboxRow


class TestChatParser:
    """Understands `{"text", "message_id"}`."""

    __test__ = False  # pytest looks for classes of this name

    def parse(self, row: InboxRow) -> Input:
        """Return the message.

        Raises:
            InvalidInput: it is no such object.
        """
        body = _object(row.raw)
        text, message_id = body.get("text"), body.get("message_id")
        if not isinstance(text, str):
            raise InvalidInput("text is not a string")
        external_id = clean_text(str(message_id), 256) if message_id is not None else None
        return InboundMessage(row.id, row.received_at, clean_text(text), external_id)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"no JSON: {error}") from None
    if not isinstance(body, dict):
        raise InvalidInput("no JSON object")
    return body
