"""`knowledge:site`: the pages of a small site, read politely one after the other; after a death it goes on where it was."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from actors.domain.errors import TransientError, Unreachable
from actors.domain.jobs import Mark, Progress
from actors.domain.knowledge.crawling import Robots, beginnings, host_of, locations, normal, read_robots, worth_following
from actors.ports.documents import Arrived, DocumentReader, Fetched, Reading, Unreadable, Web
from actors.ports.jobs import JobContext
from actors.ports.sites import Site, SiteStore
from actors.ports.time import Clock

PAGE_BYTES = 5 * 1024 * 1024
_ROBOTS_BYTES = 512 * 1024
_READ = frozenset({"html", "pdf", "docx"})
_SITE_MAPS = 10


@dataclass(frozen=True, slots=True)
class SiteLimits:
    """How much of a site is read, and how fast."""

    pages: int = 200
    known: int = 1_000  # addresses in hand; the checkpoint holds them
    size: int = 100 * 1024 * 1024
    time_s: float = 1_500.0
    pause_s: float = 0.3  # between two pages, unless the site asks for more
    again_s: float = 2.0  # before the second try of a page


class SitePayload(BaseModel):
    """Which site."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    site_id: UUID


@dataclass(slots=True)
class _Crawl:
    """How far a site is read; the checkpoint is this."""

    waiting: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    tried: int = 0
    size: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    front: str = ""  # a digest of the first page without its foot, by which its twins are known

    @property
    def pages(self) -> int:
        return sum(self.counts.get(kind, 0) for kind in ("added", "changed", "same"))

    def count(self, kind: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def add(self, addresses: Iterable[str | None], most: int) -> None:
        """Put addresses of the site at the end of the line, each once."""
        known = {*self.seen, *self.waiting}
        for address in addresses:
            if address and address not in known and host_of(address) in self.hosts and len(known) < most:
                known.add(address)
                self.waiting.append(address)

    def mark(self, note: str, most: int) -> Mark:
        state = {"waiting": self.waiting, "seen": self.seen, "hosts": self.hosts, "tried": self.tried, "size": self.size}
        total = min(self.tried + len(self.waiting), most)
        return Mark(Progress(min(self.tried, total), total, note), {**state, "counts": self.counts, "front": self.front})


class KnowledgeSite:
    """Each page is one transaction with the place in the line; pages that did not change are left as they are."""

    name: ClassVar[str] = "knowledge:site"
    timeout_s: ClassVar[float] = 2_100.0
    payload = SitePayload

    def __init__(self, store: SiteStore, reader: DocumentReader, web: Web, clock: Clock, limits: SiteLimits | None = None) -> None:
        self._store = store
        self._reader = reader
        self._web = web
        self._clock = clock
        self._limits = limits or SiteLimits()

    async def run(self, payload: SitePayload, context: JobContext) -> Mapping[str, Any]:
        """Read the site; return how many pages were added, changed, the same, gone, failed, and what limit ended it, if one did."""
        site = await self._store.site(context.lease, payload.site_id)
        if site is None:
            return {"gone": True}
        try:
            site, robots = await self._found(site)
            crawl = await self._begun(site, robots, context)
            limited = await self._walk(site, crawl, robots, context)
        except Unreadable as error:
            await self._store.refuse(context.lease, site, error)
            raise
        except Unreachable as error:  # tried again; should that be in vain, too, the site says why
            await self._store.refuse(context.lease, site, Unreadable("unreachable", str(error)))
            raise
        await self._store.finish(context.lease, site, crawl.mark("", self._limits.pages))
        return {"pages": crawl.pages, **crawl.counts, **({"limited": limited} if limited else {})}

    async def _found(self, site: Site) -> tuple[Site, Robots]:
        """Return the site as it can be connected, and what it asks for."""
        tried = beginnings(site.address)
        for start in tried:
            try:
                return replace(site, address=start), await self._robots(start)
            except Unreachable:
                if start == tried[-1]:
                    raise
        raise Unreadable("address", "this is no address of the web")

    async def _begun(self, site: Site, robots: Robots, context: JobContext) -> _Crawl:
        start = site.address
        if context.checkpoint:
            return _Crawl(**context.checkpoint)
        if not robots.allows(start):
            raise Unreadable("robots", "the site's robots.txt asks programs to stay away: allow Callboard there, or add single pages")
        # Its pages may have been found under another name, as with `www.`.
        crawl = _Crawl(waiting=[start], hosts=list(dict.fromkeys([host_of(start), *map(host_of, site.pages)])))
        crawl.add(site.pages, self._limits.known)
        crawl.add(await self._mapped(start, robots), self._limits.known)
        return crawl

    async def _walk(self, site: Site, crawl: _Crawl, robots: Robots, context: JobContext) -> str:
        until = self._clock.monotonic() + self._limits.time_s
        while crawl.waiting:
            if limited := self._limited(crawl, until):
                return limited
            address = crawl.waiting.pop(0)
            crawl.seen.append(address)
            if not robots.allows(address):
                crawl.count("forbidden")
                continue
            crawl.tried += 1
            await self._page(site, crawl, address, context)
            await self._clock.sleep(max(self._limits.pause_s, robots.delay_s))
        return ""

    def _limited(self, crawl: _Crawl, until: float) -> str:
        if crawl.tried >= self._limits.pages:
            return "pages"
        if crawl.size >= self._limits.size:
            return "size"
        return "time" if self._clock.monotonic() >= until else ""

    async def _page(self, site: Site, crawl: _Crawl, address: str, context: JobContext) -> None:
        most, note, first = self._limits.pages, urlsplit(address).path, not crawl.pages and address == site.address
        try:
            found = await self._fetched(address)
            if (page := self._own(crawl, found, first=first)) is None:
                await self._without(site, crawl, address, "elsewhere", context)
                return
            reading = await self._read(found, whole=first)
            if first and found.kind == "html":
                crawl.front = _digest(await self._read(found, whole=False))
        except Unreadable as error:
            if first:
                raise
            gone = error.code == "gone" and await self._store.page_gone(context.lease, site, address, crawl.mark(note, most))
            crawl.count("gone" if gone else "failed")
            return
        except TransientError:
            if first:
                raise
            crawl.count("failed")
            return
        crawl.size += len(found.content)
        crawl.add(self._links(page, reading), self._limits.known)
        if not first and reading.pieces and _digest(reading) == crawl.front:  # as `/index.html` is
            await self._without(site, crawl, page, "twice", context)
        else:
            await self._keep(site, crawl, page, found, reading, context)
        if page != address:  # what stood there has moved
            await self._store.page_gone(context.lease, site, address, crawl.mark(note, most))

    async def _read(self, found: Fetched, *, whole: bool) -> Reading:
        return await self._reader.read(found.kind, found.content, _unheard, charset=found.charset, whole=whole)

    async def _without(self, site: Site, crawl: _Crawl, address: str, kind: str, context: JobContext) -> None:
        """Count an address that has no page of its own; one that was there answers nobody any more."""
        mark = crawl.mark(urlsplit(address).path, self._limits.pages)
        crawl.count("gone" if await self._store.page_gone(context.lease, site, address, mark) else kind)
        await context.report(crawl.mark(urlsplit(address).path, self._limits.pages))

    async def _keep(self, site: Site, crawl: _Crawl, page: str, found: Fetched, reading: Reading, context: JobContext) -> None:
        if not reading.pieces:
            await self._without(site, crawl, page, "empty", context)
            return
        mark = crawl.mark(urlsplit(page).path, self._limits.pages)
        kept = await self._store.keep_page(context.lease, site, page, reading, Arrived(len(found.content), found.kind), mark)
        crawl.count(kept)

    async def _fetched(self, address: str) -> Fetched:
        try:
            return await self._web.get(address, PAGE_BYTES)
        except TransientError:
            await self._clock.sleep(self._limits.again_s)
            return await self._web.get(address, PAGE_BYTES)

    def _own(self, crawl: _Crawl, found: Fetched, *, first: bool) -> str | None:
        """Return the page's address after redirects; None if it is of another site, was seen, or is no page. The first one may move."""
        page = normal(found.address)
        if page is None or found.kind not in _READ:
            return None
        if first and host_of(page) not in crawl.hosts:
            crawl.hosts.append(host_of(page))
        if host_of(page) not in crawl.hosts or (page in crawl.seen and page != crawl.seen[-1]):
            return None
        if page != crawl.seen[-1]:
            crawl.seen.append(page)
            crawl.waiting = [address for address in crawl.waiting if address != page]
        return page

    def _links(self, page: str, reading: Reading) -> Iterable[str | None]:
        for link in reading.links:
            address = normal(link, page)
            if address and worth_following(address):
                yield address

    async def _robots(self, start: str) -> Robots:
        text = await self._text(urljoin(start, "/robots.txt"), _ROBOTS_BYTES)
        return read_robots(text)

    async def _mapped(self, start: str, robots: Robots) -> list[str | None]:
        """Return the addresses of the site's maps; a map may name further maps."""
        maps = [normal(address, start) for address in robots.site_maps] or [urljoin(start, "/sitemap.xml")]
        found: list[str | None] = []
        for number in range(_SITE_MAPS):
            if number >= len(maps) or len(found) >= self._limits.known:
                break
            address = maps[number]
            if address is None or host_of(address) != host_of(start):
                continue
            named = [normal(place) for place in locations(await self._text(address, PAGE_BYTES), self._limits.known)]
            maps += [place for place in named if place and urlsplit(place).path.endswith(".xml")]
            found += [place for place in named if place and not urlsplit(place).path.endswith(".xml")]
        return found

    async def _text(self, address: str, limit: int) -> str:
        """Return a small text; empty if there is none. A site that cannot say now what it asks for is asked later."""
        try:
            return (await self._web.get(address, limit)).content.decode("utf-8", "replace")
        except Unreadable:
            return ""


def _digest(reading: Reading) -> str:
    return hashlib.sha256(repr([reading.title, list(reading.pieces)]).encode()).hexdigest()


async def _unheard(_: int, __: int) -> None:
    """A page is read in a moment."""
