"""What actions write into Kommo, in its own shapes, and how what is there is compared with it."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

from actors.domain.errors import TerminalError
from actors.domain.text import fold

TAG = "Callboard"  # on every lead and contact that is made here: people see it, and its webhook wakes no rule
PHONE_DIGITS = 10  # what +7 999 ... and 8 999 ... have in common
_NUMBERS = frozenset({"numeric", "monetary", "price"})
_TIMES = frozenset({"date", "date_time", "birthday"})
_GAPS = re.compile(r"[\s\u00a0\u202f]")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_TOO_MUCH = Decimal(10) ** 15
_YES = frozenset({"1", "true", "yes", "да"})


def mark_of(key: str) -> str:
    """Return what tells an effect's note or task from all others: it stands at the end of its text."""
    return f"[cb {sha256(key.encode()).hexdigest()[:12]}]"


def marked(text: str, key: str) -> str:
    """Return a text with the effect's mark."""
    return f"{text}\n{mark_of(key)}"


def field_values(given: Mapping[str, str], types: Mapping[str, str], what: str) -> list[dict[str, Any]]:
    """Return custom fields as the API takes them; fields of an unknown type are texts.

    Raises:
        TerminalError: a value does not fit its field.
    """
    return [{"field_id": int(number), "values": _values(text, types.get(f"{what}:{number}", ""))} for number, text in given.items()]


def _values(text: str, kind: str) -> list[dict[str, Any]]:
    if kind == "multiselect":
        return [{"value": part.strip()} for part in text.split(",") if part.strip()]
    if kind == "multitext":
        return [{"value": text, "enum_code": "WORK"}]
    return [{"value": _value(text, kind)}]


def _value(text: str, kind: str) -> Any:
    if kind == "checkbox":
        return fold(text).strip() in _YES
    if kind in _TIMES:
        if not text.isdecimal():
            raise TerminalError(f"{text[:40]!r} is no time in seconds since 1970, as a date field of Kommo takes it")
        return int(text)
    if kind in _NUMBERS:
        value = number_of(text)
        if value is None:
            raise TerminalError(f"{text[:40]!r} is no number, as this field of Kommo takes it")
        return f"{value:f}"
    return text


def number_of(text: str) -> Decimal | None:
    """Return the number that a person wrote: 1200, 1 200,50, 1,200.50; None if it is none."""
    digits = _GAPS.sub("", text)
    if _THOUSANDS.fullmatch(digits):
        digits = digits.replace(",", "")
    try:
        value = Decimal(digits.replace(",", "."))
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value) < _TOO_MUCH else None


def reach_of(phone: str, email: str) -> str:
    """Return by what a contact is known; empty if by nothing."""
    if digits := digits_of(phone):
        return f"phone:{digits}"
    return f"email:{email.strip().lower()}" if "@" in email else ""


def digits_of(phone: str) -> str:
    """Return the last digits of a phone number; empty if there are too few for one."""
    digits = "".join([sign for sign in phone if sign.isdecimal()])
    return digits[-PHONE_DIGITS:] if len(digits) >= PHONE_DIGITS else ""


def is_reached(contact: Mapping[str, Any], phone: str, email: str) -> bool:
    """Return whether a contact has this number or, without one, this address."""
    wanted = digits_of(phone)
    for code, value in _reaches(contact):
        if wanted and code == "PHONE" and digits_of(value) == wanted:
            return True
        if not wanted and code == "EMAIL" and value.strip().lower() == email.strip().lower():
            return True
    return False


def _reaches(contact: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for item in contact.get("custom_fields_values") or ():
        for value in item.get("values") or ():
            yield str(item.get("field_code") or ""), str(value.get("value") or "")


def is_ours(thing: Mapping[str, Any], name: str) -> bool:
    """Return whether something was made here under this name."""
    tags = (thing.get("_embedded") or {}).get("tags") or ()
    return any(tag.get("name") == TAG for tag in tags) and " ".join(str(thing.get("name") or "").split()) == " ".join(name.split())
