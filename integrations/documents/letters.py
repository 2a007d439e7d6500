"""Bytes as text: what the sender says, what the bytes begin with, what they look like."""

import codecs
import re

from charset_normalizer import from_bytes

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]{2,40})", re.IGNORECASE)
_LOOKED_AT = 4_096  # bytes: browsers look at 1,024
_LIKELY = ["cp1251", "koi8_r", "cp866", "cp1252", "utf_16_le", "utf_16_be"]


def decoded(content: bytes, charset: str = "", *, html: bool = False) -> str:
    """Return the text; letters that fit nothing become U+FFFD."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content.decode(name, "replace")
    declared = _META.search(content[:_LOOKED_AT]) if html else None
    for name in (charset, declared[1].decode() if declared else "", "utf-8"):
        if (text := _strictly(content, name)) is not None:
            return text
    best = from_bytes(content, cp_isolation=_LIKELY).best()
    return str(best) if best is not None else content.decode("utf-8", "replace")


def _strictly(content: bytes, name: str) -> str | None:
    try:
        return content.decode(codecs.lookup(name).name) if name else None
    except (LookupError, UnicodeError, ValueError):
        return None
