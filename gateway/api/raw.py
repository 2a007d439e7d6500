"""Bodies that are not JSON."""

from collections.abc import Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from aiohttp import web

from gateway.bodies import BODY_TIMEOUT_S, read_body
from gateway.limits import Open
from gateway.problems import Problem

FILE = "application/octet-stream"
FILE_S = 180.0  # 20 MB over a line of 1 Mbit/s
_MB = 1024 * 1024
_OF_ONE, _AT_ONCE = 3, 8  # bodies from the first byte to the answer: each is held in memory


@dataclass(frozen=True, slots=True)
class Raw:
    """A body that is not JSON; `call.body` has its bytes.

    Args:
        media: its types; the first is the one that is meant.
        limit: in bytes, whole MB.
        about: what it is.
        timeout_s: for all of it to come.
    """

    media: tuple[str, ...]
    limit: int
    about: str
    timeout_s: float = BODY_TIMEOUT_S
    _open: Open = field(default_factory=Open, repr=False, compare=False)

    def room(self, whose: Hashable) -> AbstractContextManager[None]:
        """Hold a place for a body while the block lasts; a Problem 429 says that there is none."""
        return self._open.hold([(whose, _OF_ONE), ("all", _AT_ONCE)])

    async def read(self, request: web.Request) -> bytes:
        """Return the body of a request.

        Raises:
            Problem: 400, 408, 413, or 415 if it is of another type.
        """
        if request.content_type not in self.media:
            raise Problem(415, f"send {self.about}, as {self.media[0]}", headers={"Accept-Post": ", ".join(self.media)}, close=True)
        too_large = Problem(413, f"the file is larger than {self.limit // _MB} MB", reason="file-too-large", close=True)
        try:
            return await read_body(request, self.limit, self.timeout_s)
        except Problem as problem:
            raise (too_large if problem.status == too_large.status else problem) from None
