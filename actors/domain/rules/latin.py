r"""Expressions that can never match: RE2 knows words of Latin letters only, so its \b finds no end of a word in other letters."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

INSTEAD: Mapping[str, str] = {
    r"\b": r"(?:^|[^\p{L}]) or (?:$|[^\p{L}])",
    r"\B": r"\p{L}",
    r"\w": r"[\p{L}\d_]",
    r"\W": r"[^\p{L}\d_]",
}
_PARTS = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|$)"
    r"|(?P<sign>\\[bBwW])"
    r"|\\[pP](?:\{[^}]*\}|.)|\\x\{[^}]*\}|\\."
    r"|\[\^?(?P<members>\]?(?:\[:[^\]]*:\]|\\[pP]\{[^}]*\}|\\.|[^\]\\])*)\]"
    r"|(?P<open>\((?:\?P?<[^>]*>|\?[a-zA-Z-]*:)?)|(?P<close>\))|(?P<or>\|)"
    r"|(?P<letter>.)",
    re.DOTALL,
)
_MEMBERS = re.compile(r"\\[pP](?:\{[^}]*\}|.)|\\.|.", re.DOTALL)


@dataclass(slots=True)
class _Part:
    """What stands in a piece of an expression: a sign, letters that are not Latin, and a sign that stands together with such letters."""

    sign: str = ""
    letters: bool = False
    wrong: str = ""

    def beside(self, other: "_Part") -> "_Part":
        """Return both, one behind the other."""
        met = (self.sign if other.letters else "") or (other.sign if self.letters else "")
        return _Part(self.sign or other.sign, self.letters or other.letters, self.wrong or other.wrong or met)

    def instead_of(self, other: "_Part") -> "_Part":
        """Return both, of which one is met only."""
        return _Part(self.sign or other.sign, self.letters or other.letters, self.wrong or other.wrong)


def latin_only(expression: str) -> str:
    r"""Return the first of \b, \B, \w and \W that stands together with letters it does not know; empty if none does.

    What stands in another alternative is not together with it.
    """
    groups = [(_Part(), _Part())]  # of each open bracket: the alternatives behind, and the one that is read
    for found in _PARTS.finditer(expression):
        behind, here = groups[-1]
        if found["open"]:
            groups.append((_Part(), _Part()))
        elif found["or"]:
            groups[-1] = (behind.instead_of(here), _Part())
        elif found["close"] and len(groups) > 1:
            groups.pop()
            outer, before = groups[-1]
            groups[-1] = (outer, before.beside(behind.instead_of(here)))
        else:
            groups[-1] = (behind, here.beside(_part(found)))
    behind, here = groups[0]
    return behind.instead_of(here).wrong


def _part(found: re.Match[str]) -> _Part:
    if found["members"] is not None:
        return _of_class(found["members"])
    return _Part(found["sign"] or "", _foreign(found["quoted"] or found["letter"] or ""))


def _of_class(members: str) -> _Part:
    r"""Return what a class holds; in `[\wа-яё]` the letters are added to what \w knows, which is as it should be."""
    parts = _MEMBERS.findall(members)
    sign = next((part for part in parts if part in {r"\w", r"\W"}), "")
    letters = any(len(part) == 1 and _foreign(part) for part in parts)
    return _Part("" if letters or any(part[:2] in {r"\p", r"\P"} for part in parts) else sign, letters)


def _foreign(text: str) -> bool:
    return any(character.isalpha() and not character.isascii() for character in text)
