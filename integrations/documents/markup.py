"""HTML as headings and the texts below them, without what stands around the content of a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

_AROUND = "script, style, noscript, template, svg, iframe, nav, aside, header, form, button, select, dialog, [hidden], [aria-hidden=true]"
_MAIN = ("main", "[role=main]", "article")
_ENOUGH = 200  # characters; less in <main> means that the content is elsewhere
_BLOCKS = frozenset(
    {"address", "article", "blockquote", "body", "dd", "details", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "hr"}
    | {"li", "main", "ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "ul"}
)
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_MOST_LINKS = 1_000


@dataclass(frozen=True, slots=True)
class Markup:
    """A page: sections are texts with the headings that they stand under, the outermost first."""

    title: str
    sections: Sequence[tuple[Sequence[str], str]]
    links: Sequence[str]

    @property
    def text(self) -> str:
        """Return the whole, as Markdown."""
        shown = [part for path, body in self.sections for part in (f"{'#' * len(path)} {path[-1]}" if path else "", body) if part]
        return "\n\n".join(shown)


@dataclass(slots=True)
class _Outline:
    """Collects the texts of a page in their order."""

    path: list[tuple[int, str]] = field(default_factory=list)
    done: list[tuple[Sequence[str], str]] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    line: list[str] = field(default_factory=list)

    def end_line(self, prefix: str = "") -> None:
        """Begin a new paragraph."""
        rows = [" ".join(row.split()) for row in "".join(self.line).split("\n")]
        text = "\n".join([row for row in rows if row])
        self.line.clear()
        if text:
            self.blocks.append(prefix + text)

    def end_section(self, depth: int = 0, title: str = "") -> None:
        """Begin what stands below the next heading."""
        self.end_line()
        if self.blocks or (self.path and depth and depth > self.path[-1][0]):
            self._keep()
        self.path = [(above, name) for above, name in self.path if above < depth] + ([(depth, title)] if title else [])

    def _keep(self) -> None:
        if self.blocks:
            self.done.append(([name for _, name in self.path], "\n\n".join(self.blocks)))
            self.blocks.clear()


def parsed(html: str, *, footer: bool) -> Markup:
    """Return what a page holds.

    Args:
        html: the page.
        footer: keep the foot of the page; on most sites it has addresses and telephones, the same on every page.
    """
    tree = LexborHTMLParser(html)
    links = list(dict.fromkeys(_links(tree)))[:_MOST_LINKS]
    title = node.text() if (node := tree.css_first("title")) else ""
    for stray in tree.css(_AROUND if footer else f"{_AROUND}, footer"):
        stray.decompose()
    found = _Outline()
    for root in _roots(tree, footer=footer):
        _walk(root, found)
    found.end_section()
    first = next((path[0] for path, _ in found.done if path), "")
    return Markup(" ".join((title or first).split()), found.done, links)


def _links(tree: LexborHTMLParser) -> Iterator[str]:
    for node in tree.css("a[href]"):
        if "nofollow" not in (node.attributes.get("rel") or ""):
            yield node.attributes.get("href") or ""


def _roots(tree: LexborHTMLParser, *, footer: bool) -> list[LexborNode]:
    """Return where the content is: the main part, and the foot outside it."""
    for selector in _MAIN:
        found = tree.css(selector)
        if sum(len(node.text(strip=True)) for node in found) >= _ENOUGH:
            outer = [node for node in found if not _inside(node, found)]
            return outer + ([node for node in tree.css("footer") if not _inside(node, found)] if footer else [])
    return [tree.body] if tree.body else []


def _inside(node: LexborNode, others: Sequence[LexborNode]) -> bool:
    above = node.parent
    while above is not None:
        if any(above == other for other in others):
            return True
        above = above.parent
    return False


def _walk(node: LexborNode, found: _Outline) -> None:
    for child in node.iter(include_text=True):
        tag = child.tag or ""
        if tag == "-text":
            found.line.append(" ".join(child.text().split("\n")))
        elif tag in _HEADINGS:
            _heading(child, _HEADINGS[tag], found)
        elif tag == "br":
            found.line.append("\n")
        elif tag == "tr":
            _row(child, found)
        elif tag in _BLOCKS:
            found.end_line()
            _walk(child, found)
            found.end_line("- " if tag == "li" else "")
        else:
            _walk(child, found)


def _heading(node: LexborNode, depth: int, found: _Outline) -> None:
    title = " ".join(node.text(separator=" ").split())
    if title:
        found.end_section(depth, title)


def _row(node: LexborNode, found: _Outline) -> None:
    found.end_line()
    cells = [" ".join(cell.text(separator=" ").split()) for cell in node.css("td, th")]
    found.line.append(" | ".join([cell for cell in cells if cell]))
    found.end_line()
