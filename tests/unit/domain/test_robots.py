"""Two robots talking: what gives one away."""

from actors.domain.robots import MOST_ANSWERS, QUIET, WINDOW_S, Talk, answer, hear, why_robot

NOON = 1_772_366_400


def after_answers(count: int, gap_s: int) -> tuple[Talk, int]:
    """A talk in which the bot answered so often; and the moment of the last answer."""
    talk, now = QUIET, NOON
    for number in range(count):
        now = NOON + number * gap_s
        talk = answer(talk, now)
    return talk, now


def test_twenty_answers_in_ten_minutes_are_a_robots() -> None:
    few, now = after_answers(MOST_ANSWERS - 1, 2)
    assert why_robot(few, now) is None
    many, now = after_answers(MOST_ANSWERS, 2)
    assert why_robot(many, now) == "20 automatic answers in 10 minutes"
    assert why_robot(many, now + WINDOW_S) is None


def test_a_patient_customer_is_none() -> None:
    talk, now = after_answers(500, WINDOW_S // (MOST_ANSWERS - 1) + 1)
    assert why_robot(talk, now) is None
    assert len(talk.answered) <= MOST_ANSWERS


def test_the_same_text_three_times_in_a_row() -> None:
    assert why_robot(hear(QUIET, ["hi", "hi"], NOON), NOON) is None
    assert why_robot(hear(QUIET, ["hi", "hi", " hi\n"], NOON), NOON) == "the same text 3 times in a row"
    one_by_one = hear(hear(hear(QUIET, ["hi"], NOON), ["hi"], NOON + 60), ["hi"], NOON + 7_200)
    assert why_robot(one_by_one, NOON + 7_200) == "the same text 3 times in a row"
    assert why_robot(hear(QUIET, ["hi", "hi", "there", "hi", "hi"], NOON), NOON) is None
    assert why_robot(hear(QUIET, ["", " ", "\n"], NOON), NOON) is None


def test_who_says_the_same_every_other_day_is_none() -> None:
    talk = QUIET
    for day in range(0, 10, 2):
        talk = hear(talk, ["are you open?"], NOON + day * 86_400)
        assert why_robot(talk, NOON + day * 86_400) is None


def test_lone_surrogates_are_heard() -> None:
    assert hear(QUIET, ["\ud800"], NOON).times == 1


def test_it_is_stored_and_read_again() -> None:
    talk = Talk((NOON, NOON + 1), 17, 2, NOON, True)
    assert Talk.from_json(talk.to_json()) == talk
    assert QUIET.to_json() == {}
