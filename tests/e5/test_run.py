"""`callboard run` with both models: a question that shares no word with its answer, in another language, finds it."""

import time
from collections.abc import Iterator

import pytest

from tests.integration.installation import Installation

WARRANTY = "На всю технику мы даём гарантию два года: сломается не по вашей вине, починим бесплатно."
PARKING = "Собственная стоянка для клиентов находится во дворе, въезд с улицы Садовой."


@pytest.fixture
def installation() -> Iterator[Installation]:
    made = Installation(env={"CALLBOARD_EMBEDDER": "e5+use"})
    try:
        made.start()
        yield made
    finally:
        made.remove()


def test_an_english_question_finds_a_russian_document(installation: Installation) -> None:
    agent = f"/api/agents/{installation.agent_id()}"
    knowledge = f"{agent}/knowledge"
    for title, text in (("Гарантия", WARRANTY), ("Стоянка", PARKING)):
        installation.post(f"{knowledge}/documents", {"title": title, "text": text})
    question, deadline = "Do you repair things for free if they break in the first two years?", time.monotonic() + 120
    while (best := installation.post(f"{knowledge}/search", {"text": question})["hits"][:1]) == [] or best[0]["text"] != WARRANTY:
        assert time.monotonic() < deadline, best
        time.sleep(0.5)
    assert best[0]["words"] == 0, best
    installation.post(f"{agent}/publish", {})
    reply = installation.chat(question)["reply"]
    assert WARRANTY in reply["text"], reply
