"""Which pages of a site are read: what is an address of it, and what its robots.txt (RFC 9309) asks for. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urldefrag, urljoin, urlsplit, urlunsplit

AGENT = "callboard"
LONGEST_ADDRESS = 2_000
MOST_DELAY_S = 10.0
_MOST_RULES = 2_000
_MOST_MAPS = 50
_MOST_STARS = 10  # of a rule; a real one has one or two
_PORTS = {"http": 80, "https": 443}
_FILES = re.compile(
    r"\.(?:jpe?g|png|gif|webp|svg|ico|css|js|json|xml|rss|zip|rar|7z|gz|exe|apk|mp[34]|avi|mov|webm|woff2?|xlsx?|pptx?|docm?)$",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_LOCATION = re.compile(r"<loc>\s*+(?:<!\[CDATA\[)?+\s*+([^<\]\s]{1,2000})")  # never goes back: strangers write it


def normal(address: str, base: str = "") -> str | None:
    """Return an address in the one form that it is known by; None if it is none of the web."""
    try:
        parts = urlsplit(urldefrag(urljoin(base, address.strip())).url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not host or parts.username or parts.password:
        return None
    place = host if port in {None, _PORTS[scheme]} else f"{host}:{port}"
    found = urlunsplit((scheme, place, parts.path or "/", parts.query, ""))
    return found if len(found) <= LONGEST_ADDRESS and found.isprintable() else None


def with_scheme(typed: str) -> list[str]:
    """Return what an address may be as people type it: without a scheme, it is https, or else http."""
    return [typed] if _SCHEME.match(typed) else [f"{scheme}://{typed}" for scheme in ("https", "http")]


def beginnings(typed: str) -> list[str]:
    """Return where a site may begin, in the order in which that is tried."""
    return [found for one in with_scheme(typed.strip()) if (found := normal(one))]


def host_of(address: str) -> str:
    """Return host and port of a normal address."""
    return urlsplit(address).netloc


def worth_following(address: str) -> bool:
    """Return whether a link may lead to a page: no file of another kind, and no query; those have filters and calendars without end."""
    parts = urlsplit(address)
    return not parts.query and not _FILES.search(parts.path)


def locations(site_map: str, most: int) -> list[str]:
    """Return the first addresses of a site map, as they stand there."""
    return [found.group(1).replace("&amp;", "&") for found in islice(_LOCATION.finditer(site_map), most)]


@dataclass(frozen=True, slots=True)
class Robots:
    """What a site asks of programs. `rules` are (allowed, pattern)."""

    rules: Sequence[tuple[bool, str]] = ()
    delay_s: float = 0.0
    site_maps: Sequence[str] = ()

    def allows(self, address: str) -> bool:
        """Return whether an address may be read: the longest rule that fits counts, and of two the one that allows."""
        parts = urlsplit(address)
        path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        fitting = [(len(pattern), allowed) for allowed, pattern in self.rules if _fits(pattern, path)]
        return max(fitting, default=(0, True))[1]


def read_robots(text: str) -> Robots:
    """Read a robots.txt: the rules for us by name, or those for everybody."""
    rules: dict[str, list[tuple[bool, str]]] = {}
    delays: dict[str, float] = {}
    site_maps: list[str] = []
    agents: set[str] = set()  # of those that the lines are for, the ones that are us
    naming = False
    for name, value in _fields(text.splitlines()):
        match name:
            case "user-agent":
                us = {value.lower()} & {AGENT, "*"}
                agents = agents | us if naming else us
                rules |= {agent: rules.get(agent, []) for agent in us}
            case "allow" | "disallow" if value and value.count("*") <= _MOST_STARS:
                for agent in agents:
                    if len(rules[agent]) < _MOST_RULES:
                        rules[agent].append((name == "allow", value))
            case "crawl-delay":
                delays |= dict.fromkeys(agents, _seconds(value))
            case "sitemap" if len(site_maps) < _MOST_MAPS:
                site_maps.append(value)
        naming = name == "user-agent" or (naming and name == "sitemap")
    name = AGENT if AGENT in rules else "*"
    return Robots(tuple(rules.get(name, ())), delays.get(name, 0.0), site_maps)


def _fields(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        name, colon, value = line.partition("#")[0].partition(":")
        if colon:
            yield name.strip().lower(), value.strip()


def _seconds(value: str) -> float:
    try:
        return min(max(float(value), 0.0), MOST_DELAY_S)
    except ValueError:
        return 0.0


def _fits(pattern: str, path: str) -> bool:
    """Return whether a path begins as the pattern says; `*` is anything, `$` at the end is the end. Without backtracking."""
    ended, parts = pattern.endswith("$"), pattern.removesuffix("$").split("*")
    if not path.startswith(parts[0]):
        return False
    at = len(parts[0])
    for part in parts[1:-1] if ended else parts[1:]:
        at = path.find(part, at)
        if at < 0:
            return False
        at += len(part)
    if not ended:
        return True
    return at == len(path) if len(parts) == 1 else len(path) - at >= len(parts[-1]) and path.endswith(parts[-1])
