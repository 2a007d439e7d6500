"""Files of every form are read in a process of their own; what does harm, or cannot be read, ends there with words."""

import subprocess
import sys
from typing import Any

import psutil
import pytest

from actors.ports.documents import FileKind, Piece, Reading, Unreadable
from integrations.documents.reader import ChildReader
from tests.fakes.files import archive, bomb_pdf, docx, endless_pdf, pdf

PAGE = """<html><head><title>Shop &amp; Co</title><style>p {}</style></head><body><header>Menu</header><nav><a href="/about">About</a></nav>
<main><h1>Delivery</h1><p>Within the <b>ci</b>ty 350 roubles.<br>By noon.</p><h2>Regions</h2><ul><li>By post<li>Nine days</ul>
<table><tr><th>Weight</th><th>Price</th></tr><tr><td>1 kg</td><td>500</td></tr></table><p>{}</p><script>alert(1)</script>
<a href="https://other.example/x" rel="nofollow">no</a></main><footer>+7 495 000</footer></body></html>""".replace("{}", "And more. " * 30)
PRICES = "Товар;Цена;Срок\nРоза;100;1 день\nТюльпан;50;\n"
NOISE = bytes(range(256)) * 40
MEGABYTE = b"<w:p>" + b" " * (1 << 20)


async def unheard(_: int, __: int) -> None:
    """Nobody wants to know how far it is."""


async def read(kind: FileKind, content: bytes, **more: Any) -> Reading:
    return await ChildReader().read(kind, content, unheard, **more)


async def test_every_form_keeps_headings_pages_and_rows() -> None:
    terms = pdf(["Delivery costs 350 roubles", "Goods are returned within 14 days"], title="Terms", outline=[("Money", 0), ("Back", 1)])
    word = docx(("Heading1", "Доставка"), ("", "По городу 350 рублей"), ("Heading2", "Регионы"), ("", "Почтой"))
    found = {
        "pdf": await read("pdf", terms),
        "docx": await read("docx", word),
        "csv": await read("csv", PRICES.encode("cp1251")),
        "html": await read("html", PAGE.encode()),
        "part": await read("html", PAGE.encode(), whole=False),
        "text": await read("text", "Самовывоз со склада бесплатно, заказ ждёт вас три дня".encode("cp1251")),
    }
    assert (found["pdf"].title, found["pdf"].pieces) == (
        "Terms",
        [Piece("Money", "Delivery costs 350 roubles", page=1), Piece("Back", "Goods are returned within 14 days", page=2)],
    )
    assert found["docx"].pieces == [Piece("Доставка", "По городу 350 рублей"), Piece("Доставка / Регионы", "Почтой")]
    assert found["csv"].pieces == [
        Piece("Роза", "Товар: Роза\nЦена: 100\nСрок: 1 день", row=2),
        Piece("Тюльпан", "Товар: Тюльпан\nЦена: 50", row=3),
    ]
    page, pieces = found["html"], found["html"].pieces
    assert (page.title, list(page.links)) == ("Shop & Co", ["/about"])
    assert pieces[0] == Piece("Delivery", "Within the city 350 roubles.\nBy noon.")
    assert pieces[1].heading == "Delivery / Regions"
    assert pieces[1].text.startswith("- By post\n\n- Nine days\n\nWeight | Price\n\n1 kg | 500\n\nAnd more.")
    assert "+7 495 000" in page.text
    assert not any(stray in page.text for stray in ("Menu", "alert", "p {}"))
    assert "+7 495 000" not in found["part"].text
    assert found["text"].pieces[0].text.startswith("Самовывоз со склада")


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        ("pdf", pdf(["Secret"], password="x"), "encrypted"),
        ("pdf", pdf(["", "1"]), "scanned"),
        ("pdf", b"%PDF-1.7\n" + NOISE, "broken"),
        ("pdf", pdf(["Delivery costs 350"])[:250], "broken"),
        ("pdf", endless_pdf(), "too-many-pages"),
        ("pdf", bomb_pdf(), "broken"),
        ("docx", b"\xd0\xcf\x11\xe0" + NOISE, "encrypted"),
        ("docx", archive({"word/document.xml": MEGABYTE * 250}), "bomb"),
        ("docx", archive({"xl/workbook.xml": b"<x/>"}), "unsupported"),
        ("docx", NOISE, "broken"),
        ("csv", b"question,answer\nHow much?,\n", "unusable"),
        ("text", b" \n ", "empty"),
        ("docx", docx(("", " ")), "empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_cannot_be_read_says_why(kind: FileKind, content: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        await read(kind, content)
    assert refused.value.code == code, str(refused.value)
    assert len(str(refused.value)) > 15


async def test_time_and_people_end_a_reading_and_its_process() -> None:
    slow = pdf(["word " * 3_000] * 1_500)
    with pytest.raises(Unreadable) as refused:
        await ChildReader(0.7).read("pdf", slow, unheard)
    assert refused.value.code == "too-slow"

    async def cancelled(done: int, total: int) -> None:
        raise InterruptedError(f"{done} of {total}")

    with pytest.raises(InterruptedError, match="1 of 1500"):
        await ChildReader().read("pdf", slow, cancelled)
    ours = psutil.Process().children(recursive=True)
    assert [process for process in ours if "integrations.documents.child" in process.cmdline()] == []


# Each is what a document might make a parser do. The first three reach the system past Python's own hook.
ESCAPES = {
    "socket": "_without_system_calls(); import socket; socket.socket()",
    "socket pair": "_without_system_calls(); import socket; socket.socketpair()",
    "program": "_without_system_calls(); import os; os.execv('/bin/true', ['true'])",
    "memory": "confine(); x = bytearray(2 << 30)",
    "hooked socket": "confine(); import socket; socket.socket()",
    "hooked program": "confine(); import subprocess; subprocess.run(['true'])",
    "read a file": "confine(); open('/etc/hostname').read()",
    "write a file": "confine(); open('/tmp/written-by-a-document', 'w')",
}


@pytest.mark.parametrize("what", ESCAPES)
def test_the_process_that_reads_has_given_up(what: str) -> None:
    code = f"import sys; from integrations.documents.confined import confine, _without_system_calls; {ESCAPES[what]}; print('escaped')"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert "escaped" not in done.stdout
    assert "PermissionError" in done.stderr or "MemoryError" in done.stderr, done.stderr


def test_endless_work_ends() -> None:
    code = "import resource; from integrations.documents.confined import *; CPU_S['']=1; confine()\nwhile True: pass"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=False, timeout=30)
    assert done.returncode == -24  # SIGXCPU
