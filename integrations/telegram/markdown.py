"""A model's Markdown as text with entities: nothing is escaped, so nothing can be escaped wrongly.

markdown-it-py reads it (CommonMark, every input has a meaning); what Telegram has no entity for is shown in characters.
"""

from collections.abc import Callable
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from integrations.telegram.entities import Entity, Piece, cut

_INLINE = {"strong": "bold", "em": "italic", "s": "strikethrough"}
_LINKS = ("http://", "https://", "mailto:", "tel:", "tg://")
_MARKS = frozenset("*_`~[#>|!-+\\.)&\t")  # a text without any of them is no Markdown


def formatted(markdown: str) -> Piece:
    """Return the text as it is to be shown and the entities over it."""
    if _MARKS.isdisjoint(markdown):
        return Piece(markdown.strip())
    writer = _Writer()
    for token in _parser().parse(markdown):
        writer.block(token)
    return cut(Piece(writer.text, tuple(sorted(writer.entities, key=lambda e: (e.start, -e.end)))), 0, len(writer.text))


@cache
def _parser() -> MarkdownIt:
    # Tags are shown as they are: a customer who asks about HTML gets an answer that shows it.
    return MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable(["strikethrough", "table"])


class _Writer:
    """Text and entities so far."""

    def __init__(self) -> None:
        self.text = ""
        self.entities: list[Entity] = []
        self._open: list[tuple[str, int, str]] = []  # kind, start, url
        self._lists: list[int | None] = []  # the next number; None: bullets
        self._quotes: list[int] = []
        self._blocks: dict[str, Callable[[Token], None]] = {
            "heading_open": self._heading,
            "heading_close": self._close,
            "paragraph_open": self._paragraph,
            "bullet_list_open": self._list,
            "ordered_list_open": self._list,
            "bullet_list_close": self._end_list,
            "ordered_list_close": self._end_list,
            "list_item_open": self._item,
            "blockquote_open": self._quote,
            "blockquote_close": self._end_quote,
            "fence": self._code,
            "code_block": self._code,
            "table_open": self._paragraph,
            "tr_open": self._row,
            "td_open": self._cell,
            "th_open": self._cell,
            "hr": self._rule,
        }

    def block(self, token: Token) -> None:
        """Write a block."""
        if token.type == "inline":
            for child in token.children or ():
                self._inline(child)
        elif write := self._blocks.get(token.type):
            write(token)

    def _inline(self, token: Token) -> None:
        name, _, side = token.type.rpartition("_")
        if name in _INLINE or name == "link":
            self._begin(_INLINE.get(name, "text_link"), str(token.attrs.get("href", ""))) if side == "open" else self._close(token)
        elif token.type in ("softbreak", "hardbreak"):
            self.text += "\n"
        elif token.type == "code_inline":
            self._marked("code", token.content)
        else:  # text, entities, and an image's description
            self.text += token.content

    def _begin(self, kind: str, url: str = "") -> None:
        self._open.append((kind, len(self.text), url))

    def _close(self, _: Token) -> None:
        kind, start, url = self._open.pop()
        if kind == "text_link" and not url.startswith(_LINKS):
            self.text += f" ({url})" if url and url != self.text[start:] else ""
        elif start < len(self.text):
            self.entities.append(Entity(kind, start, len(self.text), url))

    def _marked(self, kind: str, content: str, language: str = "") -> None:
        """Code takes no other formatting: what is open around it ends before it and goes on after it; a link wins over code."""
        if any(outer == "text_link" for outer, _, _ in self._open):
            self.text += content
            return
        for nth, (outer, start, url) in enumerate(self._open):
            if start < len(self.text):
                self.entities.append(Entity(outer, start, len(self.text), url))
            self._open[nth] = (outer, len(self.text) + len(content), url)
        if content:
            self.entities.append(Entity(kind, len(self.text), len(self.text) + len(content), language=language))
        self.text += content

    def _new_block(self, blank: str = "\n\n") -> None:
        """Begin on a new line, after a blank one between blocks; right after a mark or at the beginning of a quote it is there."""
        if not self.text or self.text.endswith(("• ", ". ")) or self._quotes[-1:] == [len(self.text)]:
            return
        self.text = self.text.rstrip("\n") + ("\n" if self._lists else blank)

    def _paragraph(self, _: Token) -> None:
        self._new_block()

    def _heading(self, _: Token) -> None:
        self._new_block()
        self._begin("bold")

    def _list(self, token: Token) -> None:
        if not self._lists:
            self._new_block("\n" if self.text.endswith(":") else "\n\n")
        self._lists.append(int(token.attrs.get("start", 1)) if token.type == "ordered_list_open" else None)

    def _end_list(self, _: Token) -> None:
        self._lists.pop()

    def _item(self, _: Token) -> None:
        number = self._lists[-1]
        if self.text and not self.text.endswith("\n"):
            self.text += "\n"
        self.text += "  " * (len(self._lists) - 1) + ("• " if number is None else f"{number}. ")
        self._lists[-1] = None if number is None else number + 1

    def _quote(self, _: Token) -> None:
        self._new_block()
        self._quotes.append(len(self.text))

    def _end_quote(self, _: Token) -> None:
        start = self._quotes.pop()
        if not self._quotes and start < len(self.text):  # Telegram nests no quotes
            self.entities.append(Entity("blockquote", start, len(self.text)))

    def _code(self, token: Token) -> None:
        self._new_block()
        if self._quotes:  # nor code within them
            self.text += token.content.rstrip("\n")
        else:
            self._marked("pre", token.content.rstrip("\n"), token.info.strip().partition(" ")[0][:32])

    def _row(self, _: Token) -> None:
        if not self.text.endswith("\n"):
            self.text += "\n"

    def _cell(self, _: Token) -> None:
        if not self.text.endswith("\n") and self.text:
            self.text += " | "

    def _rule(self, _: Token) -> None:
        self._new_block()
        self.text += "———"
