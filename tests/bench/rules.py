"""What a message costs an agent with 10,000 rules, a hundred of them woken by messages. Prints one JSON object.

Its own process: python -m tests.bench.rules
"""

import gc
import json
import time
from datetime import UTC, datetime
from typing import Any

from actors.domain.rules.engine import RuleIndex, Wake
from actors.domain.rules.facts import Facts
from actors.domain.rules.models import Rule, read_rule

RULES = 10_000
WOKEN = 100
ROUNDS = 1_000
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACTS: dict[str, Any] = {
    "message.text": "Здравствуйте, сколько стоит доставка пледа в Казань завтра утром?",
    "message.length": 66,
    "conversation.tags": ["vip"],
    "conversation.channel": "telegram",
}


def rule(number: int, on: str) -> Rule:
    """Return a rule of four questions of different kinds; one in ten fires."""
    word = "доставка" if number % 10 == 0 else f"слово{number}"
    when = {
        "all": [
            {"fact": "message.length", "op": "more", "value": 3},
            {"not": {"fact": "conversation.tags", "op": "has", "value": "stop"}},
            {
                "any": [
                    {"fact": "message.text", "op": "contains", "value": word},
                    {"fact": "message.text", "op": "matches", "value": f"{word}\\s+\\d+"},
                ]
            },
            {"fact": "time.clock", "op": "between", "value": ["08:00", "22:00"]},
        ]
    }
    raw = {"id": f"r{number}", "trigger": {"on": on}, "when": when, "actions": [{"do": "add_tag", "tag": "x"}]}
    return read_rule(raw, "", [])


def durations_ms(index: RuleIndex) -> list[float]:
    """Return how long evaluating one message took each time, sorted, in CPU time: what else the machine does is no cost of rules."""
    durations = []
    for _ in range(ROUNDS):
        started = time.thread_time()
        found = index.evaluate(Wake("message_received"), Facts(FACTS, NOW), {}, NOW)
        durations.append(time.thread_time() - started)
        assert len(found.fired) == WOKEN // 10
    return [duration * 1e3 for duration in sorted(durations)]


def main() -> None:
    """Measure with the hundred rules alone, then among ten thousand; `rules_10k_vs_100` is the ratio of their medians: flat is 1."""
    woken = [rule(number, "message_received") for number in range(WOKEN)]
    alone = durations_ms(RuleIndex(woken))
    index = RuleIndex([*woken, *(rule(number, "tag_set") for number in range(WOKEN, RULES))])
    gc.freeze()  # as a host does once it is set up
    among, p99, p50 = durations_ms(index), int(ROUNDS * 0.99), ROUNDS // 2
    told = {"rules_10k_p99_ms": among[p99], "rules_100_p99_ms": alone[p99], "rules_10k_vs_100": among[p50] / alone[p50]}
    print(json.dumps({name: round(value, 2) for name, value in told.items()}))


if __name__ == "__main__":
    main()
