"""Which script a message means, on the questions of tests/data/retrieval: calibrates the levels of an embedder.

`python -m tests.bench.meanings [--embedder use]` prints one JSON object. Questions about one passage are sentences of one script; each is
asked as a message against all others of its half. Levels are tuned on the scripts of one half and reported on those of the other.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from actors.ports.embedding import Embedder
from integrations.embeddings.choose import chosen
from tests.bench.retrieval import KEPT, LANGUAGES, lines

# Of messages that mean no script: which part may wake one all the same.
WRONG = {"strict": 0.01, "normal": 0.05, "loose": 0.2}


@dataclass(frozen=True)
class Asked:
    """A message: how alike it is the nearest sentence of another script, and of its own if that has another one."""

    other: float
    own: float | None = None


def halves(embedder: Embedder) -> list[list[Asked]]:
    """Return the messages of every second script, and of the rest; those that nothing answers are shared out likewise."""
    rows = [line for kind in ("natural", "hard") for language in LANGUAGES for line in lines(f"{kind}_{language}")]
    outside = [line for language in LANGUAGES for line in lines(f"out_of_scope_{language}")]
    vectors = embedder.queries([line["q"] for line in rows])
    strangers = embedder.queries([line["q"] for line in outside])
    scripts = sorted({line["gold"][0] for line in rows})
    result = []
    for half in (0, 1):
        mine = [n for n, line in enumerate(rows) if scripts.index(line["gold"][0]) % 2 == half]
        asked = [_asked(n, mine, rows, vectors @ vectors[n]) for n in mine]
        near = strangers @ vectors[mine].T
        asked += [Asked(float(near[n].max())) for n, line in enumerate(outside) if line["qid"] % 2 == half]
        result.append(asked)
    return result


def _asked(number: int, mine: Sequence[int], rows: Sequence[Mapping[str, Any]], cosines: Any) -> Asked:
    script = rows[number]["gold"][0]
    own = [n for n in mine if n != number and rows[n]["gold"][0] == script]
    other = [n for n in mine if rows[n]["gold"][0] != script]
    return Asked(float(cosines[other].max()), float(cosines[own].max()) if own else None)


def tuned(asked: Sequence[Asked]) -> dict[str, float]:
    """Return the levels that let through the permitted part of what means no script: each message without its own script."""
    return {word: round(float(np.quantile([one.other for one in asked], 1 - wrong)), 3) for word, wrong in WRONG.items()}


def judged(asked: Sequence[Asked], level: float) -> dict[str, Any]:
    """Return what a level does: `wrong` of messages that mean no script, `right` and `mistaken` of those that mean one."""
    meaning = [(one.own, one.other) for one in asked if one.own is not None]
    return {
        "wrong": _share([one.other >= level for one in asked]),
        "right": _share([own >= max(level, other) for own, other in meaning]),
        "mistaken": _share([other >= level and other > own for own, other in meaning]),
        "n": [len(asked), len(meaning)],
    }


def _share(values: Sequence[bool]) -> float:
    return round(sum(values) / len(values), 3) if values else 0.0


def measure(choice: str) -> dict[str, Any]:
    """Return the levels of the first half with what they do to the second, and the other way round."""
    embedder = chosen(choice, "", KEPT)()  # type: ignore[arg-type]
    first, second = halves(embedder)
    own = {word: embedder.levels.of(word) for word in WRONG}  # type: ignore[arg-type]
    result: dict[str, Any] = {"embedder": embedder.id, "own": own}
    for name, tune, report in (("tuned_on_first", first, second), ("tuned_on_second", second, first)):
        result[name] = {word: {"level": level, **judged(report, level)} for word, level in tuned(tune).items()}
    return result


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--embedder", choices=["auto", "e5+use", "e5", "use"], default="auto")
    print(json.dumps(measure(parser.parse_args().embedder), indent=1))


if __name__ == "__main__":
    main()
