"""Decides over three kept ledgers what a run lost, doubled, reordered, computed on stale state, or said out of turn.

A separate program that imports nothing of ours:
    python tests/chaos/checker.py --generator G --database D --channel C [--expected N] [--in-flight N] [--ambiguous N]

The ledgers are JSON lines, each written by its own process. A conversation is judged for the worst thing that happened to it
and only for that (lost, doubled, order, state, in this order), so that one defect is never counted under two names.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]
STUCK_S = 60.0  # an acknowledged input must be settled within this, faults included
EXAMPLES = 5  # enough to start looking, few enough to read


def read(path: Path) -> list[Row]:
    """Return the rows of a ledger; a last line cut off by a kill is not a row."""
    rows = []
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


@dataclass(slots=True)
class Verdict:
    """What was found: counts by name and a few examples each."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def found(self, name: str, example: str) -> None:
        """Count one defect."""
        self.counts[name] += 1
        if len(self.examples[name]) < EXAMPLES:
            self.examples[name].append(example)


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which a person had the conversation: bounds as acknowledged, and as asked for."""

    asked: float
    acked: float
    back_asked: float
    back_acked: float


@dataclass(slots=True)
class Ledgers:
    """The three ledgers, indexed by chat (`account/key`) and conversation."""

    sent: dict[str, Row]
    acked: dict[str, Row]
    controls: dict[str, list[Row]]
    inbox: list[Row]
    messages: dict[int, list[Row]]
    outbox: list[Row]
    conversations: dict[str, Row]
    attempts: Counter[str]
    stats: Row
    copies: Counter[tuple[str, str]]

    @classmethod
    def load(cls, generator: list[Row], database: list[Row], channel: list[Row]) -> "Ledgers":
        """Index the rows."""
        tables: dict[str, list[Row]] = defaultdict(list)
        for row in database:
            tables[row["table"]].append(row)
        messages: dict[int, list[Row]] = defaultdict(list)
        for row in sorted(tables["messages"], key=lambda m: int(m["id"])):  # the order of the commits
            messages[row["conversation"]].append(row)
        controls: dict[str, list[Row]] = defaultdict(list)
        for row in generator:
            if row["e"] == "control":
                controls[row["chat"]].append(row)
        return cls(
            sent={r["key"]: r for r in generator if r["e"] == "sent"},
            acked={r["key"]: r for r in generator if r["e"] == "acked"},
            controls=controls,
            inbox=tables["inbox"],
            messages=messages,
            outbox=tables["outbox"],
            conversations={f"{r['account']}/{r['key']}": r for r in tables["conversations"]},
            attempts=Counter(r["chat"] for r in generator if r["e"] == "control_try"),
            stats=tables["stats"][-1] if tables["stats"] else {},
            copies=Counter((f"{r['token'].split(':')[0]}/{r['chat_id']}", r["text"]) for r in channel),
        )

    def windows(self, chat: str) -> list[Window]:
        """Return when a person had the chat."""
        found, open_row = [], None
        for row in sorted(self.controls[chat], key=lambda r: float(r["t"])):
            if row["what"] in ("takeover", "reply") and open_row is None:
                open_row = row
            elif row["what"] == "give_back" and open_row is not None:
                found.append(Window(open_row["t"], open_row["t_acked"], row["t"], row["t_acked"]))
                open_row = None
        if open_row is not None:
            found.append(Window(open_row["t"], open_row["t_acked"], float("inf"), float("inf")))
        return found


def check_inputs(book: Ledgers, verdict: Verdict) -> set[str]:
    """Every acknowledged webhook has one inbox row, done, in one turn, as one message. Returns the chats with a defect."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in book.inbox:
        rows[row["dedupe_key"]].append(row)
    bodies = {chat: Counter(m["body"] for m in book.messages[c["id"]] if m["role"] == "customer") for chat, c in book.conversations.items()}
    bad = set()
    for key, ack in book.acked.items():
        message = book.sent[key]
        chat, text = message["chat"], message["text"]
        settled = [r for r in rows[key] if r["state"] == "done"]
        times = bodies.get(chat, Counter())[text]
        poison = message.get("poison", False)
        if poison and {r["state"] for r in rows[key]} == {"dead"}:
            verdict.counts["dead_as_expected"] += 1
        elif not settled or times == 0:
            verdict.found("lost", f"{key} {chat} acked {ack['t']:.3f} rows {[(r['id'], r['state']) for r in rows[key]]} messages {times}")
            bad.add(chat)
        if len(settled) > 1 or times > 1:
            verdict.found("doubled", f"{key} {chat} rows {len(rows[key])} messages {times}")
            bad.add(chat)
    return bad


def check_answers(book: Ledgers, verdict: Verdict) -> None:
    """One reply per turn that speaks; a turn is silent only while a person has the conversation."""
    for chat, conversation in book.conversations.items():
        turns: dict[str, list[Row]] = defaultdict(list)
        for message in book.messages[conversation["id"]]:
            turns[message["turn"]].append(message)
        windows = book.windows(chat)
        for turn, messages in turns.items():
            replies = [m for m in messages if m["role"] == "agent"]
            at = messages[0]["created_at"]
            if len(replies) > 1:
                verdict.found("doubled", f"turn {turn} of {chat} replied {len(replies)} times")
            silent_allowed = any(w.asked <= at <= w.back_acked for w in windows) or messages[0]["role"] == "operator"
            if not replies and not silent_allowed:
                verdict.found("lost", f"turn {turn} of {chat} has no reply")


def check_order(book: Ledgers, verdict: Verdict, skip: set[str]) -> set[str]:
    """The turns of a conversation, concatenated, are its acknowledged order. Returns the chats with a defect."""
    bad = set()
    by_chat: dict[str, list[Row]] = defaultdict(list)
    for key in book.acked:
        if not book.sent[key].get("poison", False):
            by_chat[book.sent[key]["chat"]].append(book.sent[key])
    for chat, sent in by_chat.items():
        if chat in skip or chat not in book.conversations:
            continue
        wanted = [m["text"] for m in sorted(sent, key=lambda m: int(m["seq"]))]
        known = set(wanted)
        got = [m["body"] for m in book.messages[book.conversations[chat]["id"]] if m["role"] == "customer" and m["body"] in known]
        if got != wanted:
            place = next((i for i, (a, b) in enumerate(zip(got, wanted, strict=False)) if a != b), min(len(got), len(wanted)))
            verdict.found("out_of_order", f"{chat} at {place}: {got[place : place + 2]} instead of {wanted[place : place + 2]}")
            bad.add(chat)
    return bad


def check_state(book: Ledgers, verdict: Verdict, skip: set[str]) -> set[str]:
    """Recompute the chain h(n) = sha256(h(n-1) + message): a turn computed on a stale state breaks it. Returns the broken chats."""
    bad = set()
    for chat, conversation in book.conversations.items():
        if chat not in skip and (why := _broken(book.messages[conversation["id"]], conversation["chain"])):
            verdict.found("broken_chains", f"{chat} {why}")
            bad.add(chat)
    return bad


def _broken(messages: list[Row], final: str) -> str:
    chain, texts = "", list[str]()
    for message in messages:
        if message["role"] == "customer":
            chain = hashlib.sha256((chain + message["body"]).encode()).hexdigest()
            texts = [message["body"]] if message["seq"] == 0 else [*texts, message["body"]]
        elif message["mode"] == "diagnostic":
            said = json.loads(message["body"])
            if said["chain"] != chain or said["texts"] != texts:
                return f"version {message['version']}"
    return "" if final == chain else "final state"


def check_versions(book: Ledgers, verdict: Verdict, skip: set[str]) -> None:
    """A version rises by one with every turn and every control change, and with nothing else; no two turns share one."""
    turns: dict[str, set[str]] = defaultdict(set)
    for row in book.inbox:
        if row["turn"]:
            turns[f"{row['account']}/{row['key']}"].add(row["turn"])
    for chat, conversation in book.conversations.items():
        if chat in skip:
            continue
        # A control call whose answer was lost may have counted.
        least, most = len(turns[chat]) + len(book.controls[chat]), len(turns[chat]) + book.attempts[chat]
        if not least <= conversation["version"] <= max(least, most):
            verdict.found("version_gaps", f"{chat} has version {conversation['version']}, turns and control changes {least}..{most}")
        owners: dict[int, str] = {}
        for message in book.messages[conversation["id"]]:
            if owners.setdefault(message["version"], message["turn"]) != message["turn"]:
                verdict.found("version_gaps", f"{chat} has two turns of version {message['version']}")
                break


def check_silence(book: Ledgers, verdict: Verdict) -> None:
    """No bot message claimed while a person had the chat; no step claimed while an acknowledged reply waited."""
    waiting: dict[str, list[tuple[float, float]]] = defaultdict(list)
    handled = {m["inbox"]: m["created_at"] for rows in book.messages.values() for m in rows if m["inbox"] is not None}
    for row in book.inbox:
        if ack := book.acked.get(row["dedupe_key"]):
            waiting[f"{row['account']}/{row['key']}"].append((ack["t"], handled.get(row["id"], float("inf"))))
    windows = {chat: book.windows(chat) for chat in book.conversations}
    for row in book.outbox:
        chat, at = f"{row['account']}/{row['key']}", row["claimed_at"]
        if at is None or row["class"] == "operator":
            continue
        if any(w.acked < at < w.back_asked for w in windows.get(chat, [])):
            verdict.found("silence_broken", f"outbox {row['id']} of {chat} claimed while a person had it")
        if row["class"] == "step" and any(acked < at < done for acked, done in waiting[chat]):
            verdict.found("silence_broken", f"step {row['id']} of {chat} claimed while a reply waited")


def check_channel(book: Ledgers, verdict: Verdict, in_flight: int, ambiguous: int) -> None:
    """The channel saw exactly one copy of every row with uncertain = 0, at most two with 1; none that was withdrawn or unknown to us."""
    known = set()
    for row in book.outbox:
        name = (f"{row['account']}/{row['key']}", row["text"])
        known.add(name)
        copies, uncertain = book.copies[name], row["uncertain"]
        verdict.counts["uncertain"] += uncertain > 0
        if copies > (2 if uncertain and row["policy"] == "repeat_once" else 1):
            verdict.found("doubled", f"outbox {row['id']} ({row['class']}) seen {copies} times, uncertain {uncertain}")
        if row["state"] == "sent" and copies == 0:
            verdict.found("lost", f"outbox {row['id']} is sent, never seen")
        if row["state"] == "failed":
            verdict.found("lost", f"outbox {row['id']} failed: {row['error']}")
        if row["state"] == "withdrawn" and copies:
            verdict.found("silence_broken", f"outbox {row['id']} was withdrawn, seen {copies} times")
    for name in book.copies:
        if name not in known:
            verdict.found("doubled", f"the channel saw a message nobody stored: {name}")
    if verdict.counts["uncertain"] > in_flight + ambiguous:
        verdict.found(
            "uncertain_unexplained", f"{verdict.counts['uncertain']} uncertain, {in_flight} in flight at faults, {ambiguous} injected"
        )


def check_progress(book: Ledgers, verdict: Verdict, expected: int) -> None:
    """Nothing is stuck, nothing deadlocked, and the work expected was done."""
    handled = {m["inbox"]: m["created_at"] for rows in book.messages.values() for m in rows if m["inbox"] is not None}
    for row in book.inbox:
        ack = book.acked.get(row["dedupe_key"])
        if row["state"] == "pending" or (ack and handled.get(row["id"], 0.0) - ack["t"] > STUCK_S):
            verdict.found("stuck", f"inbox {row['id']} {row['state']}")
    for row in book.outbox:
        if row["state"] in ("pending", "claimed", "sending"):
            verdict.found("stuck", f"outbox {row['id']} {row['state']} {row['class']}")
    for key in book.sent.keys() - book.acked.keys():
        verdict.found("stuck", f"{key} was never acknowledged")
    if deadlocks := int(book.stats.get("deadlocks", 0)):
        verdict.counts["deadlocks"] = deadlocks
    if len(book.acked) < 0.9 * expected:
        verdict.found("too_little_work", f"{len(book.acked)} of {expected}")


JUDGED_BY_CHAT = ("lost", "doubled", "out_of_order", "broken_chains")
INVARIANTS = (*JUDGED_BY_CHAT, "version_gaps", "silence_broken", "uncertain_unexplained", "stuck", "deadlocks", "too_little_work")


def check(generator: list[Row], database: list[Row], channel: list[Row], expected: int = 0, in_flight: int = 0, ambiguous: int = 0) -> Row:
    """Return the verdict: counts, which invariants are red, examples."""
    book, verdict = Ledgers.load(generator, database, channel), Verdict()
    bad = check_inputs(book, verdict)
    bad |= check_order(book, verdict, bad)
    bad |= check_state(book, verdict, bad)
    check_answers(book, verdict)
    check_versions(book, verdict, bad)
    check_silence(book, verdict)
    check_channel(book, verdict, in_flight, ambiguous)
    check_progress(book, verdict, expected)
    counts = {name: verdict.counts[name] for name in (*INVARIANTS, "uncertain", "dead_as_expected")}
    red = [name for name in INVARIANTS if counts[name]]
    return {"messages": len(book.acked), **counts, "in_flight": in_flight, "ok": not red, "red": red, "examples": dict(verdict.examples)}


def main() -> int:
    """Check the ledgers named on the command line; 0 only if every invariant holds."""
    parser = argparse.ArgumentParser()
    for name in ("generator", "database", "channel"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("expected", "in-flight", "ambiguous"):
        parser.add_argument(f"--{name}", type=int, default=0)
    args = parser.parse_args()
    verdict = check(read(args.generator), read(args.database), read(args.channel), args.expected, args.in_flight, args.ambiguous)
    print(json.dumps(verdict, ensure_ascii=False, indent=1))
    return 0 if verdict["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
