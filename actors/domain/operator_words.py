"""What Callboard says to operators in their own Telegram, in their language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from actors.domain.fields import pick
from actors.domain.operators import button

SHOWN = 6  # messages of a notice
_LONGEST_QUOTE = 400  # characters of one of them: all fit into one message of Telegram, to which one can reply
_NAMES = {"customer": "👤", "agent": "🤖", "operator": "🧑‍💼"}

_WORDS: Mapping[str, Mapping[str, str]] = {
    "handoff": {"en": "{name} waits for a person.", "ru": "{name} ждёт человека."},
    "again": {"en": "{name} still waits: nobody has taken over.", "ru": "{name} всё ещё ждёт: никто не взял диалог."},
    "dead_letter": {
        "en": "A message from {name} could not be handled. Please have a look.",
        "ru": "Сообщение от {name} не удалось обработать. Посмотрите, пожалуйста.",
    },
    "how": {
        "en": "Reply to this message to answer the customer.",
        "ru": "Чтобы ответить клиенту, ответьте на это сообщение.",
    },
    "take": {"en": "Take", "ru": "Взять"},
    "back": {"en": "Give back to the bot", "ru": "Вернуть боту"},
    "taken": {
        "en": "{name} is yours: the bot is silent. Reply to a message of this customer to answer.",
        "ru": "{name} теперь с вами: бот молчит. Чтобы ответить, отвечайте на сообщения этого клиента.",
    },
    "yours": {"en": "You have this conversation already.", "ru": "Этот диалог уже у вас."},
    "other": {"en": "{other} has this conversation.", "ru": "Этот диалог ведёт {other}."},
    "colleague": {"en": "a colleague", "ru": "коллега"},
    "given_back": {"en": "The bot answers {name} again.", "ru": "Клиенту {name} снова отвечает бот."},
    "bots": {"en": "The bot has this conversation already.", "ru": "Этот диалог уже у бота."},
    "gone": {"en": "There is no such conversation any more.", "ru": "Такого диалога больше нет."},
    "wordless": {
        "en": "Only text can be passed on to the customer from here. Please write it in words.",
        "ru": "Отсюда клиенту можно передать только текст. Напишите, пожалуйста, словами.",
    },
    "lost": {
        "en": "To answer a customer, reply to one of their messages here. /stop silences the bot, /go lets it speak again.",
        "ru": "Чтобы ответить клиенту, ответьте здесь на одно из его сообщений. /stop остановит бота, /go снова включит.",
    },
    "help": {
        "en": "Customers who wait for a person are shown to you here. Reply to such a message to answer. "
        "/stop silences the bot for everybody, /go lets it speak again.",
        "ru": "Здесь вы увидите клиентов, которые ждут человека. Чтобы ответить, ответьте на такое сообщение. "
        "/stop остановит бота для всех, /go снова включит.",
    },
    "linked": {
        "en": "Done, {name}: this chat is yours. Customers who wait for a person will be shown to you here.",
        "ru": "Готово, {name}: этот чат теперь ваш. Здесь вы увидите клиентов, которые ждут человека.",
    },
    "wrong_code": {
        "en": "This code does not work: it is wrong, was used, or is older than 10 minutes. Please make a new one in your profile.",
        "ru": "Код не подходит: он неверный, уже использован или ему больше 10 минут. Получите новый в своём профиле.",
    },
    "too_many": {
        "en": "Too many wrong codes. Please wait 10 minutes.",
        "ru": "Слишком много неверных кодов. Подождите, пожалуйста, 10 минут.",
    },
    "stranger": {
        "en": "This chat belongs to no operator (any more). An operator can link it in their profile.",
        "ru": "Этот чат не привязан к оператору. Оператор может привязать его в своём профиле.",
    },
    "ask_stop": {
        "en": "Silence the bot for all customers of {company}? Those who write are shown to operators.",
        "ru": "Остановить бота для всех клиентов «{company}»? Тех, кто напишет, увидят операторы.",
    },
    "ask_go": {"en": "Let the bot of {company} speak again?", "ru": "Снова включить бота «{company}»?"},
    "stop": {"en": "⛔ Stop the bot", "ru": "⛔ Остановить бота"},
    "go": {"en": "▶️ Let it speak", "ru": "▶️ Включить бота"},
    "stopped": {
        "en": "The bot is silent. Messages withdrawn: {count}. /go lets it speak again.",
        "ru": "Бот молчит. Отозвано сообщений: {count}. /go снова включит его.",
    },
    "stopped_already": {"en": "The bot is stopped already. /go lets it speak again.", "ru": "Бот уже остановлен. /go снова включит его."},
    "resumed": {"en": "The bot speaks again.", "ru": "Бот снова отвечает."},
    "not_stopped": {"en": "The bot is not stopped.", "ru": "Бот не остановлен."},
    "somebody": {"en": "A customer", "ru": "Клиент"},
}


@dataclass(frozen=True, slots=True)
class Said:
    """One utterance of a conversation, as a notice shows it."""

    role: Literal["customer", "agent", "operator"]
    text: str


def words(which: str, locale: str, /, **values: str) -> str:
    """Return a text in the language, English if there is none in it."""
    return pick(_WORDS[which], locale).format(**values)


def notice(kind: Literal["handoff", "again", "dead_letter"], locale: str, name: str, said: Sequence[Said]) -> str:
    """Return what an operator reads about a customer: who, why, and what was said last."""
    lines = [f"{_NAMES[item.role]} {_short(item.text)}" for item in said[-SHOWN:]]
    return "\n\n".join([words(kind, locale, name=name), "\n".join(lines) or "…", words("how", locale)])


def passed_on(name: str, text: str) -> str:
    """Return what a customer wrote, for the operator who has the conversation."""
    return f"👤 {name}: {text}"


def take_or_give_back(locale: str, conversation_id: int) -> list[list[Mapping[str, Any]]]:
    """Return the buttons of a notice."""
    return [
        [
            {"text": words("take", locale), "data": button("take", conversation_id)},
            {"text": words("back", locale), "data": button("back", conversation_id)},
        ]
    ]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE].rstrip()}…"
