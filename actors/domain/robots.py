"""Two robots talking: an answering machine at the other end would be answered for ever."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

WINDOW_S = 600
MOST_ANSWERS = 20  # within the window; a person who types needs longer for twenty questions
SAME_IN_A_ROW = 3
_FORGOTTEN_S = 86_400  # who asks the same once a day is no robot


@dataclass(frozen=True, slots=True)
class Talk:
    """What tells a robot from a person: stored with the conversation. Times are in whole seconds since 1970."""

    answered: tuple[int, ...] = ()  # when the bot answered last, oldest first; at most MOST_ANSWERS, within the window
    last: int = 0  # checksum of the customer's last text
    times: int = 0  # how often it came in a row
    heard: int = 0  # when
    silenced: bool = False  # a robot was found; ends when people give the conversation back to the bot

    def to_json(self) -> dict[str, Any]:
        """Return the stored form; defaults are left out."""
        full = {"answered": list(self.answered), "last": self.last, "times": self.times, "heard": self.heard, "silenced": self.silenced}
        return {name: value for name, value in full.items() if value}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "Talk":
        """Read the stored form."""
        return cls(
            tuple(raw.get("answered", ())), raw.get("last", 0), raw.get("times", 0), raw.get("heard", 0), bool(raw.get("silenced", False))
        )


QUIET = Talk()


def hear(talk: Talk, texts: Iterable[str], now_s: int) -> Talk:
    """Return the talk after these texts of the customer."""
    last, times, heard = talk.last, talk.times if now_s - talk.heard < _FORGOTTEN_S else 0, talk.heard
    for text in texts:
        if not (bare := text.strip()):
            continue
        checksum = crc32(bare.encode("utf-8", "replace"))
        times = min(times + 1, SAME_IN_A_ROW) if checksum == last and times else 1
        last, heard = checksum, now_s
    return Talk(talk.answered, last, times, heard, talk.silenced)


def answer(talk: Talk, now_s: int) -> Talk:
    """Return the talk after an automatic answer."""
    return Talk((*_recent(talk, now_s), now_s)[-MOST_ANSWERS:], talk.last, talk.times, talk.heard, talk.silenced)


def why_robot(talk: Talk, now_s: int) -> str | None:
    """Return what gives a robot away, or None."""
    if talk.times >= SAME_IN_A_ROW:
        return f"the same text {SAME_IN_A_ROW} times in a row"
    if len(_recent(talk, now_s)) >= MOST_ANSWERS:
        return f"{MOST_ANSWERS} automatic answers in {WINDOW_S // 60} minutes"
    return None


def _recent(talk: Talk, now_s: int) -> tuple[int, ...]:
    return tuple([at for at in talk.answered if now_s - at < WINDOW_S]) if talk.answered else ()
