"""Bodies that are not JSON."""

from dataclasses import dataclass

from aiohttp import web

from gateway.bodies import read_body
from gateway.problems import Problem


@dataclass(frozen=True, slots=True)
class Raw:
    """A body that is not JSON: the handler reads it itself (`call.raw()`).

    Args:
        media: its types; the first is the one that is meant.
        limit: in bytes.
        about: what it is.
    """

    media: tuple[str, ...]
    limit: int
    about: str

    async def read(self, request: web.Request) -> bytes:
        """Return the body of a request.

        Raises:
            Problem: 408, 413, 415.
        """
        if request.content_type not in self.media:
            raise Problem(415, f"send {self.media[0]}", headers={"Accept-Post": ", ".join(self.media)}, close=True)
        return await read_body(request, self.limit)
