"""Identifiers of the gateway: fresh ones, drawn nowhere else here, and those of paths."""

from uuid import NAMESPACE_OID, UUID, uuid4, uuid5  # noqa: TID251

from actors.domain.ids import TurnId


def fresh_key() -> str:
    """Return a key for a new test conversation."""
    return str(uuid4())


def request_id() -> str:
    """Return an id for a request whose sender gave none."""
    return uuid4().hex


def turn_id() -> TurnId:
    """Return a fresh turn id."""
    return TurnId(uuid4())


def derived(*parts: object) -> UUID:
    """Return the same id for the same parts, for requests that may be repeated."""
    return uuid5(NAMESPACE_OID, "\x1f".join(str(part) for part in parts))


def read(text: str) -> UUID | None:
    """Return the id that a path names; None if it names none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def owner_id() -> UUID:
    """Return an id for whoever takes a lease."""
    return uuid4()
