"""What a customer's words answer to a question of a dialogue. Pure, and never raises."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from actors.domain.rules.conditions import pattern
from actors.domain.scripts.days import day_of
from actors.domain.scripts.steps import Expects, Option, Step
from actors.domain.text import MATCHED_CHARACTERS, words

LONGEST_ANSWER = 500  # characters that are kept, as of every variable
_LONGEST_EMAIL = 254  # RFC 5321
_NUMBER = re.compile(r"(?<![0-9.,])[-+]?[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})+(?:[.,][0-9]{1,6})?|[-+]?[0-9]{1,15}(?:[.,][0-9]{1,6})?")
_PHONE = re.compile(r"\+?[0-9][0-9 ().\u00a0-]{4,}[0-9]")
_DIGITS = range(7, 16)  # of a phone number; E.164 has at most 15
_EMAIL = re.compile(r"[^\s@<>,;:()]+@[^\s@<>,;:()]+\.[^\s@<>,;:().]{2,}")
_YES = frozenset({"да", "ага", "конечно", "верно", "хорошо", "ок", "окей", "yes", "yep", "yeah", "sure", "ok", "okay", "y"})
_NO = frozenset({"нет", "неа", "no", "nope", "n"})
_TURNS = frozenset({"не", "not"})  # a yes into something else: "not sure"
_GAPS = re.compile("[ \u00a0\u202f]")


def understood(step: Step, text: str, now: datetime) -> tuple[str, str]:
    """Return the answer in the form that is remembered, or an empty one and why the text is none.

    Numbers are written with a point, phone numbers with digits alone behind a `+` if there was one, dates as 2026-03-01, options
    by their value, yes and no as such. Days are those of the calendar where `now` is local.
    """
    text = text[:MATCHED_CHARACTERS].strip()
    return _READ[step.expects](step, text, now) if text else ("", "nothing was said")


def _text(step: Step, text: str, _: datetime) -> tuple[str, str]:
    if step.pattern and pattern(step.pattern).search(text) is None:
        return "", "it does not match the expression"
    return text[:LONGEST_ANSWER].strip(), ""


def _number(step: Step, text: str, _: datetime) -> tuple[str, str]:
    found = _NUMBER.findall(text)
    if len(found) != 1:
        return "", "it is no number" if not found else "there are several numbers"
    written = _GAPS.sub("", found[0]).replace(",", ".")
    value = float(written)
    if step.least is not None and value < step.least:
        return "", f"it is below {step.least:g}"
    if step.most is not None and value > step.most:
        return "", f"it is above {step.most:g}"
    return f"{int(value)}" if value.is_integer() else f"{value:.6f}".rstrip("0"), ""


def _phone(_: Step, text: str, __: datetime) -> tuple[str, str]:
    found = _PHONE.findall(text)
    digits = re.sub("[^0-9]", "", found[0]) if len(found) == 1 else ""
    return ("+" * found[0].startswith("+") + digits, "") if len(digits) in _DIGITS else ("", "it is no phone number")


def _email(_: Step, text: str, __: datetime) -> tuple[str, str]:
    found = _EMAIL.findall(text)
    return (found[0], "") if len(found) == 1 and len(found[0]) <= _LONGEST_EMAIL else ("", "it is no e-mail address")


def _date(_: Step, text: str, now: datetime) -> tuple[str, str]:
    day = day_of(text, now.date())
    return (day.isoformat(), "") if day else ("", "it is no date")


def _choice(step: Step, text: str, _: datetime) -> tuple[str, str]:
    said = words(text)
    alike = [option for option in step.options if any(words(name).folded == said.folded for name in _names(option))]
    number = text.rstrip(" .)")
    if not alike and number.isascii() and number.isdigit() and len(number) <= 2 and 1 <= int(number) <= len(step.options):
        alike = [step.options[int(number) - 1]]
    if not alike:  # "the second one, please": an option whose words are all there
        alike = [option for option in step.options if any(_within(name, said.stems) for name in _names(option))]
    return (alike[0].value, "") if len(alike) == 1 else ("", "it is none of the options" if not alike else "it is several of the options")


def _names(option: Option) -> tuple[str, ...]:
    return (option.value, *option.label.values())


def _within(name: str, stems: tuple[str, ...]) -> bool:
    wanted = words(name).stems
    return bool(wanted) and set(wanted) <= set(stems)


def _yes_no(_: Step, text: str, __: datetime) -> tuple[str, str]:
    said = frozenset(words(text).folded)
    yes, no = not said.isdisjoint(_YES) and said.isdisjoint(_TURNS), not said.isdisjoint(_NO)
    return ("yes" if yes else "no", "") if yes != no else ("", "it is neither yes nor no")


_READ: Mapping[Expects, Callable[[Step, str, datetime], tuple[str, str]]] = {
    "text": _text,
    "number": _number,
    "phone": _phone,
    "email": _email,
    "date": _date,
    "choice": _choice,
    "yes_no": _yes_no,
}
