"""Our ids of chats in Kommo: each holds the address of its conversation and a mark that only we can make.

A hook brings the id back. It must find its way while the database is away, and whoever has a channel's secret can sign any
body: the mark keeps that person from writing to conversations of others.
"""

import base64
import binascii
import hmac
from collections.abc import Callable
from uuid import UUID

from actors.domain.ids import Address, IntegrationId

Mark = Callable[[str], str]  # storage/crypto.py, SecretBox.derive

_ID_BYTES = 16
_MARK_LENGTH = 22  # characters of base64: 132 bits


def chat_id(mark: Mark, tenant_id: UUID, address: Address) -> str:
    """Return the id of a conversation's chat: letters, digits, `-`, `_` and one dot; always the same for it."""
    place = base64.urlsafe_b64encode(UUID(str(address.integration_id)).bytes + address.key.encode()).decode().rstrip("=")
    return f"{place}.{_mark(mark, tenant_id, place)}"


def address_of(mark: Mark, tenant_id: UUID, text: str) -> Address | None:
    """Return whose chat it is; None: it is no id that we gave to a chat of this tenant."""
    place, _, shown = text.partition(".")
    if not hmac.compare_digest(_mark(mark, tenant_id, place).encode(), shown.encode("utf-8", "surrogateescape")):
        return None
    try:
        decoded = base64.urlsafe_b64decode(place + "=" * (-len(place) % 4))
        return Address(IntegrationId(UUID(bytes=decoded[:_ID_BYTES])), decoded[_ID_BYTES:].decode())
    except (binascii.Error, ValueError):
        return None


def _mark(mark: Mark, tenant_id: UUID, place: str) -> str:
    return mark(f"kommo-chat:{tenant_id}:{place}")[:_MARK_LENGTH]
