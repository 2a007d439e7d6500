"""Texts, Markdown and tables of questions with answers, cut into chunks. A chunk keeps the heading it stands under."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from typing import Literal

from markdown_it import MarkdownIt
from semantic_text_splitter import MarkdownSplitter, TextSplitter

from actors.domain.errors import InvalidInput
from actors.ports.documents import Piece

Kind = Literal["text", "markdown", "csv"]

# Characters: shorter ones say too little to be told apart, longer ones mix subjects. No overlap: it did not help and doubles what is found.
SIZE = (200, 700)
LONGEST_ANSWER = 3_500  # of a table: it is given to a customer as it stands, and Telegram takes 4,096
LONGEST_HEADING = 300
MOST_CHUNKS = 5_000
_QUESTION_AND_ANSWER = 2  # columns
_QUESTION = ("question", "questions", "q", "вопрос", "вопросы")
_ANSWER = ("answer", "answers", "a", "ответ", "ответы")
_DELIMITERS = ",;\t"
_SPACES = re.compile(r"\s+")
_CUT = MarkdownSplitter(SIZE)
_CUT_TEXT = TextSplitter(SIZE)
_MARKDOWN = MarkdownIt()


class Empty(InvalidInput):
    """There is nothing to be found in it."""


def cut(kind: Kind, text: str) -> list[Piece]:
    """Return the chunks of a document in their order.

    Raises:
        InvalidInput: nothing is in it, or it is too much, or no table; the message says what to do.
    """
    return checked({"text": plain, "markdown": _markdown, "csv": _table}[kind](text))


def checked(found: Iterable[Piece]) -> list[Piece]:
    """Return the chunks of a document unless there are none, or too many.

    Raises:
        InvalidInput: the message says what to do.
    """
    pieces = list(islice(found, MOST_CHUNKS + 1))
    if not pieces:
        raise Empty("there is no text in it")
    if len(pieces) > MOST_CHUNKS:
        raise InvalidInput(f"it has more than {MOST_CHUNKS} parts, and no more fit into a document: split it into several")
    return pieces


def chunks_of(kind: str, text: str) -> list[Piece]:
    """Return the chunks of a document of a kind that is only known by name.

    Raises:
        InvalidInput: as `cut`, or there is no such kind.
    """
    known: tuple[Kind, ...] = ("text", "markdown", "csv")
    found = next((one for one in known if one == kind), None)
    if found is None:
        raise InvalidInput(f"documents of the kind {kind} are not known")
    return cut(found, text)


def plain(text: str, heading: str = "", page: int | None = None) -> Iterator[Piece]:
    """Yield the chunks of a text without any structure."""
    for chunk in _CUT_TEXT.chunks(text):
        yield Piece(heading[:LONGEST_HEADING], chunk, page)


def sections(found: Iterable[tuple[Sequence[str], str]]) -> Iterator[Piece]:
    """Yield the chunks of texts that stand below headings, the outermost first."""
    for path, body in found:
        for chunk in _CUT.chunks(body):
            yield Piece(" / ".join([title for title in path if title])[:LONGEST_HEADING], chunk)


def _markdown(text: str) -> Iterator[Piece]:
    for heading, body in _sections(text):
        for chunk in _CUT.chunks(body):
            yield Piece(heading, chunk)


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield each heading with the headings above it, and what stands below it."""
    lines = text.splitlines()
    tokens = _MARKDOWN.parse(text)
    path: list[tuple[int, str]] = []
    begin = 0
    for number, token in enumerate(tokens):
        if token.type != "heading_open" or token.level or token.map is None:
            continue
        yield _heading(path), "\n".join(lines[begin : token.map[0]])
        depth, title = int(token.tag[1:]), _SPACES.sub(" ", tokens[number + 1].content).strip()
        path = [(above, name) for above, name in path if above < depth] + [(depth, title)]
        begin = token.map[1]
    yield _heading(path), "\n".join(lines[begin:])


def _heading(path: Sequence[tuple[int, str]]) -> str:
    return " / ".join([title for _, title in path if title])[:LONGEST_HEADING]


def _table(text: str) -> Iterator[Piece]:
    rows = [[cell.strip() for cell in row] for row in _rows(text)]
    rows = [row for row in rows if any(row)]
    if not rows:
        return
    asked, answered, skip = _columns(rows[0])
    if not skip and len(rows[0]) > _QUESTION_AND_ANSWER and len(rows) > 1:
        yield from _records(rows)
        return
    for number, row in enumerate(rows[skip:], start=skip + 1):
        question, answer = _cell(row, asked), _cell(row, answered)
        if not question or not answer:
            raise InvalidInput(f"row {number} needs a question and an answer")
        if len(answer) > LONGEST_ANSWER:
            raise InvalidInput(f"the answer of row {number} is longer than {LONGEST_ANSWER} characters")
        yield Piece(_SPACES.sub(" ", question)[:LONGEST_HEADING], answer, row=number)


def _records(rows: Sequence[Sequence[str]]) -> Iterator[Piece]:
    """Yield a chunk for each row of a table such as a price list: its first column is what the row is about."""
    names = rows[0]
    for number, row in enumerate(rows[1:], start=2):
        told = [f"{name}: {cell}" if name else cell for name, cell in zip_longest(names, row, fillvalue="") if cell]
        for chunk in _CUT_TEXT.chunks("\n".join(told)):
            yield Piece(_SPACES.sub(" ", row[0])[:LONGEST_HEADING], chunk, row=number)


def _rows(text: str) -> Iterator[list[str]]:
    first = text.lstrip("\ufeff\r\n").partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        yield from csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise InvalidInput(
            f"this is no CSV table: {error}. Save it from a spreadsheet as CSV, with a question and an answer in each row"
        ) from error


def _columns(first: Sequence[str]) -> tuple[int, int, int]:
    """Return where questions and answers stand, and whether the first row says so (1) or holds the first question (0)."""
    names = [cell.casefold() for cell in first]
    asked = next((n for n, name in enumerate(names) if name in _QUESTION), None)
    answered = next((n for n, name in enumerate(names) if name in _ANSWER), None)
    return (0, 1, 0) if asked is None or answered is None else (asked, answered, 1)


def _cell(row: Sequence[str], number: int) -> str:
    return row[number] if number < len(row) else ""
