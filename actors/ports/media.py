"""Files that customers sent: kept where the channel keeps them, fetched when somebody wants to see one."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from actors.domain.errors import TerminalError


class TooLarge(TerminalError):
    """The file is larger than may be fetched."""


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file that can be read now; `size` is None where the channel does not say. Reading it fails above the limit."""

    size: int | None
    chunks: AsyncIterator[bytes] = field(repr=False)


class MediaStore(Protocol):
    """Where a channel keeps files."""

    def open(self, token: str, file_id: str, limit: int) -> AbstractAsyncContextManager[MediaFile]:
        """Open a file for the length of a block.

        Args:
            token: of the account that received the file.
            file_id: as the channel names it for that account.
            limit: bytes; what is larger is refused.

        Raises:
            TooLarge: above the limit.
            TerminalError: it is gone, or not for this account.
            TransientError: the channel does not answer; try again.
        """
