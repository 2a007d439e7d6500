"""Plain text in pieces that Telegram takes: 1 to 4096 UTF-16 units each, counted after trimming."""

LIMIT = 4096
_BORDERS = ("\n\n", "\n", " ")  # the best place to cut first


def utf16_units(text: str) -> int:
    """Return the length as Telegram counts it: a character beyond the basic plane counts twice."""
    return len(text) + sum(1 for c in text if ord(c) > 0xFFFF)


def split_text(text: str, limit: int = LIMIT) -> list[str]:
    """Return `text` in pieces of at most `limit` UTF-16 units, cut at lines or words where possible; blank ones are left out."""
    pieces, rest = [], text.strip()
    while rest:
        head = _fitting(rest, limit)
        if len(head) < len(rest):
            head = head[: _border(head, rest)]
        pieces.append(head.rstrip())
        rest = rest[len(head) :].lstrip()
    return [piece for piece in pieces if piece]


def _fitting(text: str, limit: int) -> str:
    """The longest beginning of at most `limit` units; whole characters only, so never half a surrogate pair."""
    head = text[:limit]
    if len(head) == len(text) and len(head) * 2 <= limit:
        return head
    units = 0
    for at, character in enumerate(head):
        units += 2 if ord(character) > 0xFFFF else 1
        if units > limit:
            return head[:at]
    return head


def _border(head: str, text: str) -> int:
    """Where to cut: the last border in the second half of `head`, else its end."""
    if text[len(head)].isspace():
        return len(head)
    for border in _BORDERS:
        at = head.rfind(border, len(head) // 2)
        if at > 0:
            return at + len(border)
    return len(head)
