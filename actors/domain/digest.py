"""The daily digest: what an owner is told of a day in their own Telegram, in their language. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from actors.domain.fields import pick
from actors.domain.rollups import Tally, quantile

_MICROS = 1_000_000
_MINUTE_S = 60.0
_DAY_AS: Mapping[str, str] = {"en": "%d %b %Y", "ru": "%d.%m.%Y"}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "title": {"en": "{company}, {day}", "ru": "{company}, {day}"},
    "nobody": {"en": "Nobody wrote.", "ru": "Никто не писал."},
    "messages": {"en": "Messages: {messages}", "ru": "Сообщений: {messages}"},
    "answered": {
        "en": "Answered without a person: {answered} ({share} %)",
        "ru": "Отвечено без участия человека: {answered} ({share} %)",
    },
    "times": {"en": "Time to answer: {median}, 95 % within {p95}", "ru": "Время ответа: {median}, 95 % за {p95}"},
    "handoffs": {"en": "Handed over to people: {handoffs}", "ru": "Передано людям: {handoffs}"},
    "errors": {"en": "Errors: {errors}, jobs that failed: {jobs}", "ru": "Ошибок: {errors}, заданий не выполнено: {jobs}"},
    "spend": {"en": "Models: ${spend}", "ru": "Модели: {spend} $"},
    "attention": {"en": "Needs you now:", "ru": "Сейчас нужны вы:"},
    "waiting": {"en": "• wait for a person: {count}", "ru": "• ждут человека: {count}"},
    "unanswered": {"en": "• were not answered: {count}", "ru": "• остались без ответа: {count}"},
    "broken": {"en": "• connections that do not work: {count}", "ru": "• подключения, которые не работают: {count}"},
    "stopped": {"en": "• agents that are stopped: {count}", "ru": "• остановленные агенты: {count}"},
    "well": {"en": "Nothing needs you now.", "ru": "Сейчас ничего не требует вашего внимания."},
    "seconds": {"en": "{number} s", "ru": "{number} с"},
    "minutes": {"en": "{number} min", "ru": "{number} мин"},
}


@dataclass(frozen=True, slots=True)
class DigestFacts:
    """What happened on a day, and what needs people now."""

    company: str
    day: date
    tally: Tally
    failed_jobs: int
    waiting: int
    unanswered: int
    broken: int
    stopped: int


def day_before(now: datetime, zone: tzinfo) -> date:
    """Return the last day that is over."""
    return now.astimezone(zone).date() - timedelta(days=1)


def hours_of(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return when a day begins and ends; where the clock is set, it is longer or shorter."""
    begin, end = (datetime.combine(date_, time(), zone).astimezone(UTC) for date_ in (day, day + timedelta(days=1)))
    return begin, end


def digest(facts: DigestFacts, locale: str, link: str) -> str:
    """Return the text; `link` leads to the console, empty: nobody knows its address."""
    title = _say("title", locale, company=facts.company, day=facts.day.strftime(_DAY_AS.get(locale, _DAY_AS["en"])))
    parts = [title, "\n".join(_happened(facts, locale)), "\n".join(_attention(facts, locale)), link]
    return "\n\n".join(part for part in parts if part)


def _happened(facts: DigestFacts, locale: str) -> Sequence[str]:
    tally = facts.tally
    lines = [_say("nobody", locale)]
    if tally.messages:
        share = round(100 * tally.answered / tally.messages)
        lines = [
            _say("messages", locale, messages=str(tally.messages)),
            _say("answered", locale, answered=str(tally.answered), share=str(share)),
            *_times(tally, locale),
            _say("handoffs", locale, handoffs=str(tally.handoffs)),
        ]
    lines.append(_say("errors", locale, errors=str(tally.errors), jobs=str(facts.failed_jobs)))
    if tally.micros:
        lines.append(_say("spend", locale, spend=_number(tally.micros / _MICROS, 2, locale)))
    return lines


def _times(tally: Tally, locale: str) -> Sequence[str]:
    median, p95 = quantile(tally.times, 0.5), quantile(tally.times, 0.95)
    if median is None or p95 is None:
        return ()
    return (_say("times", locale, median=_spoken(median, locale), p95=_spoken(p95, locale)),)


def _attention(facts: DigestFacts, locale: str) -> Sequence[str]:
    counts = {name: getattr(facts, name) for name in ("waiting", "unanswered", "broken", "stopped")}
    lines = [_say(name, locale, count=str(count)) for name, count in counts.items() if count]
    return [_say("attention", locale), *lines] if lines else [_say("well", locale)]


def _spoken(seconds: float, locale: str) -> str:
    if seconds < _MINUTE_S:
        return _say("seconds", locale, number=_number(seconds, 1, locale))
    return _say("minutes", locale, number=_number(seconds / _MINUTE_S, 0, locale))


def _number(value: float, digits: int, locale: str) -> str:
    written = f"{value:.{digits}f}"
    return written.replace(".", ",") if locale == "ru" else written


def _say(which: str, locale: str, /, **values: str) -> str:
    return pick(_WORDS[which], locale).format(**values)
