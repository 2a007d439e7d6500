"""Refusals of authoring in the API's form: definitions that may not be saved, versions that are stale."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from actors.domain.errors import InvalidDefinition
from gateway.problems import Flaw, Problem, stale
from storage.authoring.changes import InUse, Stale, Taken

_STEP = re.compile(r"[^.\[\]]+")
MOST_FLAWS = 100  # listed; a definition may hold thousands


@contextmanager
def refusals(root: str = "") -> Iterator[None]:
    """Turn what storage and domain refuse inside the block into problems.

    Args:
        root: the place in the domain's words that the body stands for, as `persona`.

    Raises:
        Problem: 409 taken or in use, 412 stale, 422 may not be saved.
    """
    try:
        yield
    except InvalidDefinition as error:
        raise invalid_definition(error, root) from None
    except Stale as error:
        raise stale(error.current) from None
    except Taken as error:
        raise Problem(409, str(error), reason="taken", errors=[Flaw(str(error), "taken", pointer="/key")]) from None
    except InUse as error:
        detail = f"customers reach this agent over {', '.join(error.channels)}: disconnect it first"
        raise Problem(409, detail, reason="in-use", extra={"channels": list(error.channels)}) from None


def invalid_definition(error: InvalidDefinition, root: str = "") -> Problem:
    """Return the 422 of a definition, with a pointer to the place of every fault."""
    flaws = [Flaw(problem.reason, "definition", pointer=pointer(problem.place, root)) for problem in error.problems[:MOST_FLAWS]]
    return Problem(422, "this may not be saved as it is", reason="definition", errors=flaws)


def pointer(place: str, root: str = "") -> str:
    """Return a place of the domain as a JSON pointer: `scripts[2].answer.ru` as `/scripts/2/answer/ru`."""
    steps = _STEP.findall(place)
    if root and steps[:1] == [root]:
        steps = steps[1:]
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)[:256]
