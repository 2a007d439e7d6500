"""The process that reads one document: `python -I -m integrations.documents.child KIND CHARSET WHOLE`, bytes in, lines of JSON out.

Lines are `{"done": 1, "total": 9}` while it reads, then one with `pieces`, or with `code` and `problem`.
"""

import sys
from typing import Any

import orjson

from actors.domain.errors import InvalidInput
from actors.ports.documents import Unreadable
from integrations.documents.confined import confine
from integrations.documents.cutting import Empty
from integrations.documents.formats import Form, read

TOO_MUCH = "it needs too much memory to be read: split it into several, or save it anew without pictures"


def main() -> None:
    """Read standard input and answer."""
    kind, charset, whole = sys.argv[1:]
    confine(kind)
    content = sys.stdin.buffer.read()
    say(_answer(content, Form(kind, charset, whole == "whole")))


def say(line: dict[str, Any]) -> None:
    """Write one line."""
    sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def _answer(content: bytes, form: Form) -> dict[str, Any]:
    try:
        found = read(content, form, lambda done, total: say({"done": done, "total": total}))
    except Unreadable as error:
        return {"code": error.code, "problem": str(error)}
    except Empty as error:
        return {"code": "empty", "problem": str(error)}
    except InvalidInput as error:
        return {"code": "unusable", "problem": str(error)}
    except MemoryError:
        return {"code": "too-much", "problem": TOO_MUCH}
    except Exception as error:  # whatever a broken file does to a parser
        return {"code": "broken", "problem": f"the file is damaged: open it, save it anew and add it again ({type(error).__name__})"}
    pieces = [(piece.heading, piece.text, piece.page, piece.row) for piece in found.pieces]
    return {"title": found.title, "text": found.text, "links": list(found.links), "pieces": pieces}


if __name__ == "__main__":
    main()
