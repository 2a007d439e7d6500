"""Files as people have them, and as nobody should send them: PDF, DOCX and archives made byte by byte."""

import io
import zipfile
import zlib
from collections.abc import Sequence

from pypdf import PdfReader, PdfWriter

_TYPES = """<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/word/document.xml"
ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"""
_RELATIONS = """<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1"
Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>
</Relationships>"""
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def pdf(pages: Sequence[str], *, title: str = "", outline: Sequence[tuple[str, int]] = (), password: str = "") -> bytes:
    """A PDF in Latin letters; lines end with a newline."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(_plain_pdf(pages))))
    if title:
        writer.add_metadata({"/Title": title})
    for name, page in outline:
        writer.add_outline_item(title=name, page_number=page)
    if password:
        writer.encrypt(password, algorithm="AES-256")
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def _plain_pdf(pages: Sequence[str]) -> bytes:
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, text in enumerate(pages):
        lines = " ".join(f"({line}) Tj T*" for line in text.split("\n"))
        stream = f"BT /F1 12 Tf 14 TL 50 800 Td {lines} ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * n} 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    body, places = "%PDF-1.7\n", []
    for number, value in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{value}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer << /Size {len(objects) + 1} /Root 1 0 R >>\n"
    return f"{body}{end}startxref\n{len(body)}\n%%EOF".encode("latin-1")


def endless_pdf() -> bytes:
    """A page a hundred thousand times over."""
    return _plain_pdf(["x"]).replace(b"/Kids [4 0 R] /Count 1", b"/Kids [" + b"4 0 R " * 100_000 + b"] /Count 100000")


def bomb_pdf() -> bytes:
    """A page whose content unpacks to two gigabytes of text."""
    packed = zlib.compressobj(9)
    stream = b"".join(packed.compress(b"(words without an end) Tj " * 40_000) for _ in range(2_000)) + packed.flush()
    plain = _plain_pdf(["x"])
    begin = plain.index(b"<< /Length")
    end = plain.index(b"endstream") + len(b"endstream")
    return plain[:begin] + b"<< /Filter /FlateDecode /Length %d >>\nstream\n" % len(stream) + stream + b"\nendstream" + plain[end:]


def docx(*paragraphs: tuple[str, str]) -> bytes:
    """A Word document of (style, text); the style `Heading1` makes a heading, an empty one a paragraph."""
    body = "".join(_paragraph(style, text) for style, text in paragraphs)
    return archive(
        {"word/document.xml": f'<?xml version="1.0"?><w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>'.encode()}
    )


def _paragraph(style: str, text: str) -> str:
    chosen = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{chosen}<w:r><w:t>{text}</w:t></w:r></w:p>"


def archive(files: dict[str, bytes]) -> bytes:
    """A Word document's archive with these files besides what each has."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("[Content_Types].xml", _TYPES)
        packed.writestr("_rels/.rels", _RELATIONS)
        for name, content in files.items():
            packed.writestr(name, content)
    return made.getvalue()
