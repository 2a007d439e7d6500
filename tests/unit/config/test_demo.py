"""The demo shop: its definition may be saved, and it answers what a customer would ask first."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from actors.domain.agent.models import AgentOutcome, AgentRequest
from actors.domain.catalogue import catalogue
from actors.domain.conversation import Control, ConversationState, ConversationView
from actors.domain.effects import SendMessage
from actors.domain.ids import AgentId, InboxId
from actors.domain.messages import InboundMessage
from actors.domain.turn import conclude, decide
from config.demo.definition import demo_definition

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SHOP = catalogue(AgentId(UUID(int=1)), 1, demo_definition())
VIEW = ConversationView(ConversationState(), Control.BOT, "test", "once")


def ask(text: str) -> tuple[str, str, str]:
    """Return mode, script or passage, and language of the answer to a first message."""
    decision = decide(VIEW, [InboundMessage(InboxId(1), NOW, text)], SHOP, NOW)
    if isinstance(decision, AgentRequest):
        findings = decision.index.search_words(decision.words, 5, decision.language)
        decision = conclude(VIEW, decision, AgentOutcome(findings), NOW)
    sent = next(effect for effect in decision.effects if isinstance(effect, SendMessage))
    winner = decision.trace.scripts.winner
    what = winner.script.id if winner else sent.sources[0].id if sent.mode == "extractive" else ""
    return sent.mode, what, decision.trace.language


def test_it_has_a_dozen_scripts_and_passages_in_both_languages() -> None:
    definition = demo_definition()
    assert len(definition["scripts"]) >= 12
    assert all(script["answer"].keys() == {"ru", "en"} for script in definition["scripts"])
    by_language = [sorted(p["id"][:-3] for p in definition["passages"] if p["language"] == language) for language in ("ru", "en")]
    assert by_language[0] == by_language[1]
    assert len(definition["passages"]) >= 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Здравствуйте, сколько стоит доставка в Казань?", ("script", "delivery", "ru")),
        ("How much is delivery?", ("script", "delivery", "en")),
        ("можно оплатить картой при получении", ("script", "payment", "ru")),
        ("How can I pay?", ("script", "payment", "en")),
        ("хочу вернуть плед", ("script", "returns", "ru")),
        ("где вы находитесь", ("script", "address", "ru")),
        ("Do you have a showroom?", ("script", "address", "en")),
        ("до скольки вы работаете?", ("script", "hours", "ru")),
        ("работаете ли вы в выходные", ("script", "hours", "ru")),
        ("сколько стоит плед", ("script", "price", "ru")),
        ("Where is my order 1234?", ("script", "order_status", "en")),
        ("есть ли скидки?", ("script", "discount", "ru")),
        ("What's your phone number", ("script", "contacts", "en")),
        ("какая гарантия на керамику", ("script", "warranty", "ru")),
        ("спасибо!", ("script", "thanks", "ru")),
        ("ок", ("script", "understood", "ru")),
        ("Hi", ("script", "greeting", "en")),
        ("до свидания", ("script", "goodbye", "ru")),
        ("позовите оператора", ("handoff", "human", "ru")),
        ("Can I speak to a human please", ("handoff", "human", "en")),
        ("пришла разбитая ваза", ("handoff", "complaint", "ru")),
        ("добрый день, как стирать шерстяной плед?", ("extractive", "wool-care-ru", "ru")),
        ("can I put mugs in the dishwasher?", ("extractive", "ceramics-en", "en")),
        ("какие размеры белья?", ("extractive", "sizes-ru", "ru")),
        ("do you have gift certificates?", ("extractive", "gift-en", "en")),
        ("я хочу отменить свой заказ", ("extractive", "change-ru", "ru")),
        ("отправляете в Казахстан?", ("extractive", "abroad-ru", "ru")),
        ("кто президент Франции", ("handoff", "", "ru")),
        ("do you repair phones?", ("handoff", "", "en")),
    ],
)
def test_it_answers(text: str, expected: tuple[str, str, str]) -> None:
    assert ask(text) == expected
