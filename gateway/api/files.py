"""Files that customers sent, fetched from their channel when somebody wants to see one."""

from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import web

from actors.domain.errors import TerminalError, TransientError
from actors.ports.media import MediaFile, MediaStore, TooLarge
from gateway.api.operation import Answer, Call, Operation
from gateway.problems import Problem, unavailable
from storage.media import StoredFile, StoredFiles

LIMIT = 20 * 1024 * 1024  # bytes; Telegram gives bots no larger ones
# What a browser may show; everything else is only ever saved.
_SHOWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "audio/ogg", "audio/mpeg", "audio/mp4", "video/mp4"})
_OF_KIND: Mapping[str, tuple[str, str]] = {
    "photo": ("image/jpeg", "jpg"),
    "voice": ("audio/ogg", "ogg"),
    "video": ("video/mp4", "mp4"),
    "video_note": ("video/mp4", "mp4"),
    "animation": ("video/mp4", "mp4"),
    "audio": ("audio/mpeg", "mp3"),
    "sticker": ("image/webp", "webp"),
}
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


class FilesApi:
    """Files of the messages of the caller's tenant."""

    def __init__(self, files: StoredFiles, stores: Mapping[str, MediaStore]) -> None:
        self._files = files
        self._stores = stores

    def operations(self) -> list[Operation]:
        """Return the operations."""
        return [
            Operation(
                "GET",
                "/api/conversations/{id}/messages/{message_id}/files/{n}",
                self.file,
                level="viewer",
                tag="conversations",
                numbers={"id", "message_id", "n"},
                media={"application/octet-stream": "the file, always as an attachment"},
                also=(410, 413),
            )
        ]

    async def file(self, call: Call) -> Answer | web.StreamResponse:
        """Fetch a file of a customer's message, numbered from 1 on: at most 20 MB. 410: the channel has it no longer."""
        stored = await self._files.find(call.tenant_id, call.number("id"), call.number("message_id"), call.number("n"))
        if stored is None or (store := self._stores.get(stored.channel)) is None:
            raise call.missing()
        try:
            async with store.open(stored.token, stored.file_id, LIMIT) as file:
                return await _stream(call.request, stored, file)
        except TransientError as error:
            raise unavailable(str(error), 5) from None
        except TooLarge as error:
            raise Problem(413, str(error), reason="file-too-large") from None
        except TerminalError as error:
            raise Problem(410, str(error), reason="file-gone") from None


async def _stream(request: web.Request, stored: StoredFile, file: MediaFile) -> web.StreamResponse:
    media_type, name = _described(stored)
    disposition = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    response = web.StreamResponse(headers={**_SAFE, "Content-Type": media_type, "Content-Disposition": disposition})
    if file.size is not None:
        response.content_length = file.size
    first = await anext(file.chunks, b"")  # before the head is written: until here a refusal can still be said
    await response.prepare(request)
    try:
        await response.write(first)
        async for chunk in file.chunks:
            await response.write(chunk)
        await response.write_eof()
    except (TerminalError, TransientError):
        if request.transport is not None:
            request.transport.abort()  # half a file must not look like a whole one
    return response


def _described(stored: StoredFile) -> tuple[str, str]:
    """Return the media type, one that does no harm, and the name to save it under."""
    kind, ending = _OF_KIND.get(stored.kind, ("application/octet-stream", "bin"))
    media_type = stored.mime_type or kind
    return media_type if media_type in _SHOWN else "application/octet-stream", stored.name or f"{stored.kind}.{ending}"
