"""Passages: which is found, when it is sure."""

from hypothesis import given
from hypothesis import strategies as st

from actors.domain.knowledge.engine import PassageIndex
from actors.domain.knowledge.models import Findings, Passage

WOOL = Passage("wool", "Уход за пледом", "Шерстяной плед стирайте вручную при 30 градусах, сушите на полотенце.", "ru")
LINEN = Passage("linen", "Уход за бельём", "Льняное бельё стирайте при 40 градусах, гладить не нужно.", "ru")
GIFT = Passage("gift", "Подарочные сертификаты", "Сертификаты есть на три и пять тысяч рублей, действуют год.", "ru")
WOOL_EN = Passage("wool-en", "Caring for a blanket", "Wash a wool blanket by hand at 30 degrees, dry it on a towel.", "en")
INDEX = PassageIndex([WOOL, LINEN, GIFT, WOOL_EN])


def ids(findings: Findings) -> list[str]:
    return [item.passage.id for item in findings.found]


def test_two_rare_words_of_a_question_make_it_sure() -> None:
    findings = INDEX.search("Как стирать шерстяные пледы?", language="ru")
    assert findings.verdict == "sure"
    assert ids(findings)[0] == "wool"
    assert findings.found[0].matched == 3


def test_a_single_common_word_is_no_answer() -> None:
    assert INDEX.search("сколько градусов сейчас в Антарктиде, на полюсе и в тундре?", language="ru").verdict == "no"


def test_two_passages_alike_are_a_choice() -> None:
    findings = INDEX.search("что и при скольких градусах стирать", language="ru")
    assert findings.verdict == "maybe"
    assert set(ids(findings)) == {"wool", "linen"}


def test_naming_a_passage_is_sure_even_with_one_word() -> None:
    assert INDEX.search("сертификат", language="ru").verdict == "sure"
    assert INDEX.search("уход за пледом", language="ru").found[0].passage is WOOL


def test_a_word_of_two_titles_is_a_choice() -> None:
    assert INDEX.search("уход", language="ru").verdict == "maybe"


def test_passages_of_the_customers_language_are_searched() -> None:
    assert ids(INDEX.search("how to wash a wool blanket", language="en")) == ["wool-en"]
    assert ids(INDEX.search("how to wash a wool blanket", language="ru")) == []
    assert ids(INDEX.search("how to wash a wool blanket", language="de")) == ["wool-en"]


def test_stop_words_alone_find_nothing() -> None:
    assert INDEX.search("а что это у вас", language="ru") == Findings("no", ())


def test_the_limit_holds_and_ties_are_in_order() -> None:
    twins = PassageIndex([Passage(str(number), "", "одно и то же слово", "ru") for number in range(5)])
    assert ids(twins.search("слово", 3, "ru")) == ["0", "1", "2"]


def test_an_empty_index_finds_nothing() -> None:
    assert PassageIndex().search("плед").verdict == "no"


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=100))
def test_no_question_raises_and_coverage_is_a_share(text: str) -> None:
    findings = INDEX.search(f"{text} плед", language="ru")
    assert all(0 < item.coverage <= 1 and item.score > 0 for item in findings.found)
