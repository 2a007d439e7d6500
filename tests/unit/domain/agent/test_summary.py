"""What is summed up, and when."""

from actors.domain.agent.summary import EVERY, LONGEST, Summary, mark, question, summed, unsummed

SAID = [("customer" if n % 2 == 0 else "agent", f"message {n}") for n in range(20)]


def test_only_what_is_shown_no_more_is_summed_up_and_not_each_message_by_itself() -> None:
    assert unsummed(None, SAID[:12], 12) == ()
    assert unsummed(None, SAID[: 12 + EVERY - 1], 12) == ()
    assert unsummed(None, SAID[: 12 + EVERY], 12) == SAID[:EVERY]
    assert unsummed(None, [*SAID[:12], ("agent", "")], 12) == ()


def test_what_a_summary_knows_of_is_not_summed_up_again() -> None:
    known = Summary("So far", mark(SAID[3]))
    assert unsummed(known, SAID[:16], 12) == ()
    assert unsummed(known, SAID, 12) == SAID[4:8]
    lost = Summary("So far", mark(("customer", "long ago")))  # more than a host remembers has been said since
    assert unsummed(lost, SAID, 12) == SAID[:8]


def test_what_it_is_made_of_is_data_and_it_stays_short() -> None:
    rules, asked = question(Summary("Wants wool", "x"), [("customer", 'A\n"b"')], "ru")
    assert ('"ru"' in rules, asked.splitlines()) == (
        True,
        ['{"summary so far": "Wants wool"}', '{"who": "customer", "text": "A\\n\\"b\\""}'],
    )
    assert summed("  ", SAID) is None
    assert summed("x" * 5_000, SAID) == Summary("x" * LONGEST, mark(SAID[-1]))
