"""Pages of the web as documents: redirects followed one by one, each checked anew; sizes bounded before and after unpacking."""

import zlib
from collections.abc import Mapping
from email.message import Message
from urllib.parse import urldefrag, urljoin

from actors.domain.errors import TerminalError, TransientError
from actors.ports.documents import Fetched, FileKind, Unreadable
from integrations.http.egress import Egress, Received, TooLarge

_HEADERS = {
    "User-Agent": "Callboard (reads pages for the knowledge of their owner)",
    "Accept": "text/html,application/xhtml+xml,application/pdf,text/plain;q=0.9,*/*;q=0.1",
    "Accept-Encoding": "identity",  # some answer gzip all the same
}
_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_GONE = frozenset({404, 410})
_KINDS: Mapping[str, FileKind] = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "application/pdf": "pdf",
    "text/plain": "text",
    "text/markdown": "markdown",
    "text/csv": "csv",
    "text/xml": "text",  # site maps
    "application/xml": "text",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
}


class PublicWeb:
    """Implements Web."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def get(self, address: str, limit: int) -> Fetched:
        """Fetch a page or a file; see Web."""
        for _ in range(_REDIRECTS + 1):
            received = await self._received(address, limit)
            if received.status not in _MOVED:
                return _fetched(address, received, limit)
            address = _moved(address, received.headers.get("Location", ""))
        raise Unreadable("redirects", "it leads from one address to the next without an end")

    async def _received(self, address: str, limit: int) -> Received:
        try:
            return await self._egress.get(address, _HEADERS, limit)
        except TooLarge:
            raise _too_large(limit) from None
        except (TerminalError, UnicodeError) as error:  # a name that no host can have
            raise Unreadable("address", str(error)) from None


def _moved(address: str, location: str) -> str:
    try:
        return urldefrag(urljoin(address, location)).url
    except ValueError:
        raise Unreadable("address", "it leads to what is no address") from None


def _fetched(address: str, received: Received, limit: int) -> Fetched:
    status = received.status
    if status in _LATER:
        raise TransientError(f"it answered {status}")
    if status in _GONE:
        raise Unreadable("gone", f"it answered {status}: there is no such page")
    if not 200 <= status < 300:
        raise Unreadable("refused", f"it answered {status}: the page is not for everybody")
    kind, charset = _form(received.headers.get("Content-Type", ""))
    return Fetched(address, kind, charset, _plain(received, limit))


def _form(content_type: str) -> tuple[FileKind, str]:
    message = Message()
    message["Content-Type"] = content_type or "text/html"
    kind = _KINDS.get(message.get_content_type())
    if kind is None:
        raise Unreadable("not-a-page", f"it is neither a page nor a document that is read, but {message.get_content_type()}")
    return kind, str(message.get_param("charset") or "")


def _plain(received: Received, limit: int) -> bytes:
    """Return the body unpacked."""
    encoding = received.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in {"identity", ""}:
        return received.body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise Unreadable("not-a-page", f"it is packed in a way that was not asked for: {encoding}")
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)  # both forms, by what it begins with
    try:
        found = unpacking.decompress(received.body, limit + 1)
    except zlib.error:
        raise Unreadable("broken", "what it answered is damaged") from None
    if len(found) > limit:
        raise _too_large(limit)
    return found


def _too_large(limit: int) -> Unreadable:
    return Unreadable("too-large", f"it is larger than {limit // 1024 // 1024} MB")
