"""What each form of document holds. Runs in the child only: parsers of what strangers wrote."""

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from actors.ports.documents import Piece, Reading, Unreadable
from integrations.documents.cutting import checked, cut, plain, sections
from integrations.documents.letters import decoded
from integrations.documents.markup import Markup, parsed

MOST_PAGES = 2_000
LONGEST = 5_000_000  # characters; three times "War and Peace"
_UNPACKED = 200 * 1024 * 1024  # bytes
_ENTRIES = 10_000
_SCANNED = 10  # characters a page; less is a picture with a page number
Said = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Form:
    """What is known of a document before it is read; see DocumentReader."""

    kind: str
    charset: str = ""
    whole: bool = True


def read(content: bytes, form: Form, said: Said) -> Reading:
    """Return what a document holds.

    Raises:
        Unreadable, InvalidInput: it cannot be used; the message says what to do.
        Exception: it is damaged.
    """
    match form.kind:
        case "pdf":
            return _pdf(content, said)
        case "docx":
            return _docx(content)
        case "html":
            return _of(parsed(_bounded(decoded(content, form.charset, html=True)), footer=form.whole))
        case "text" | "markdown" | "csv":
            text = _bounded(_clean(decoded(content, form.charset)))
            return Reading("", text, cut(form.kind, text))
    raise Unreadable("unsupported", f"files of the form {form.kind} are not read")


def _pdf(content: bytes, said: Said) -> Reading:
    from pypdf import PdfReader  # noqa: PLC0415  # each parser is loaded for its own files

    reader = PdfReader(io.BytesIO(content), strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable("encrypted", "it is protected by a password: save it without one and add it again")
    total = len(reader.pages)
    if total > MOST_PAGES:
        raise Unreadable("too-many-pages", f"it has {total} pages and at most {MOST_PAGES} are read: split it into several")
    headings, texts, size = _outline(reader), list[str](), 0
    for number in range(total):
        texts.append(_clean(reader.pages[number].extract_text()))
        if (size := size + len(texts[-1])) > LONGEST:
            raise _too_long()
        said(number + 1, total)
    if size < _SCANNED * max(total, 1):
        raise Unreadable("scanned", "its pages are pictures without text: recognise the text first (OCR), or add the text itself")
    title = _clean(str((reader.metadata and reader.metadata.title) or "")).strip()
    return Reading(title, "\n\n".join(texts), checked(_pages(texts, headings)))


def _pages(texts: Sequence[str], headings: dict[int, str]) -> Iterator[Piece]:
    heading = ""
    for number, text in enumerate(texts):
        heading = headings.get(number, heading)
        yield from plain(text, heading, number + 1)


def _outline(reader: Any) -> dict[int, str]:
    """Return the last entry of the table of contents that begins on each page; a broken one is none."""
    found: dict[int, str] = {}
    try:
        stack = list(reversed(reader.outline))
        while stack and len(found) < MOST_PAGES:
            entry = stack.pop()
            if isinstance(entry, list):
                stack.extend(reversed(entry))
            elif (page := reader.get_destination_page_number(entry)) is not None:
                found[page] = " ".join(_clean(str(entry.title)).split())
    except MemoryError:
        raise
    except Exception:  # it only names what is found without it, too
        return {}
    return found


def _docx(content: bytes) -> Reading:
    import mammoth  # noqa: PLC0415

    if content.startswith(b"\xd0\xcf\x11\xe0"):  # an OLE container: a protected DOCX, or the old DOC
        raise Unreadable("encrypted", "it is protected by a password or has the old form DOC: save it as DOCX without a password")
    _check_archive(content)
    ignored = mammoth.images.img_element(lambda _: {"src": ""})
    found = _of(parsed(_bounded(mammoth.convert_to_html(io.BytesIO(content), convert_image=ignored).value), footer=True))
    return replace(found, pieces=checked(found.pieces))


def _check_archive(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        if len(entries) > _ENTRIES or sum(entry.file_size for entry in entries) > _UNPACKED:
            raise Unreadable("bomb", "unpacked it is far too large: this is no ordinary document")
        if "word/document.xml" not in archive.namelist():
            raise Unreadable("unsupported", "this is no Word document: save it as DOCX and add it again")


def _of(page: Markup) -> Reading:
    return Reading(_clean(page.title), _clean(page.text), checked(sections(page.sections)) if page.sections else [], page.links)


def _bounded(text: str) -> str:
    if len(text) > LONGEST:
        raise _too_long()
    return text


def _too_long() -> Unreadable:
    return Unreadable("too-long", f"it has more than {LONGEST} characters: split it into several")


def _clean(text: str) -> str:
    """Return the text without what PostgreSQL refuses."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()
