"""Proposals without a model: questions that the site itself asks, then the catalogue's, answered by sentences of the site. Pure.

Nothing is rephrased: an answer is a run of sentences as they stand on the page.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from actors.domain.knowledge.hybrid import Hit
from actors.domain.proposing.models import MOST_PROPOSALS, Looked, Near, Notice, Open, Proposal, Proposals, SitePassage, Way
from actors.domain.proposing.topics import TOPICS, Said, Topic
from actors.domain.text import language_of, words

LANGUAGES = ("ru", "en")
LONGEST_ANSWER = 500  # characters; a chat is read on a telephone
_LONGEST_QUESTION = 120
_LONGEST_NAME = 60
_LOOKED_AT = 3  # hits of a sure answer; what stands further behind is about something else
_SENTENCES = re.compile(r"(?<=[.!?…])(?<!\bул\.)(?<!\bд\.)(?<!\bг\.)(?<!\bт\.)(?<!\bруб\.)(?<!\bтел\.)\s+|\n+")
_TITLE_ENDS = re.compile(r"\s+[|—–·•-]\s+|\s*[|:•·]\s+")
_LOGIN = re.compile(r"\b(?:log ?in|sign ?in|password|войти|вход|авториз\w*|пароль)\b", re.IGNORECASE)
# What speaks to a program instead of customers. Such a passage is no answer, whoever put it on the page.
_PROGRAM = r"(?:ai|assistant|chat ?bot|language model)"
_PROGRAM_RU = r"(?:ии|ассистент|чат-?бот|языковая модель)"
_INSTRUCTS = re.compile(
    r"(?:ignore|disregard|forget)\b.{0,40}\b(?:instructions?|rules|prompt|above|previous)|system prompt"
    rf"|you are (?:now )?(?:an? )?{_PROGRAM}\b|\b{_PROGRAM}s?\b.{{0,30}}\bmust\b"
    r"|(?:игнорируй|забудь|не обращай внимания)\w*.{0,40}(?:инструкци|правил|указани|промпт|выше|предыдущ)|системн\w+ промпт"
    rf"|\bты (?:теперь )?(?:— ?)?{_PROGRAM_RU}\b|\b{_PROGRAM_RU}\w*.{{0,30}}\bдолж",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that stands on the site, with the text below it."""

    question: str
    answer: str
    source: str


def instructs(text: str) -> bool:
    """Return whether a text tells a program what to do."""
    return _INSTRUCTS.search(text) is not None


def usable(passages: Iterable[SitePassage]) -> list[SitePassage]:
    """Return the passages that may become answers."""
    return [passage for passage in passages if not instructs(f"{passage.title} {passage.heading} {passage.text}")]


def language(passages: Sequence[SitePassage]) -> str:
    """Return the language of a site by its letters: Russian or English."""
    said = " ".join([passage.text for passage in passages[:50]])
    return language_of(words(said, len(said)).folded, "en", LANGUAGES)


def name(passages: Sequence[SitePassage], otherwise: str) -> str:
    """Return what the site calls itself: the beginning of its first page's title."""
    title = passages[0].title if passages else ""
    return (_TITLE_ENDS.split(title.strip(), 1)[0][:_LONGEST_NAME].strip() or otherwise)[:_LONGEST_NAME]


def notice(passages: Sequence[SitePassage]) -> Notice:
    """Return what the owner should know of a site of which little was found."""
    pages = {passage.address for passage in passages}
    if not passages:
        return "nothing"
    if len(pages) > 1:
        return ""
    said = " ".join([passage.title + " " + passage.heading + " " + passage.text for passage in passages])
    return "login" if len(said) < 2 * LONGEST_ANSWER and _LOGIN.search(said) else "one-page"


def extractive(passages: Sequence[SitePassage], looked: Mapping[str, Looked]) -> list[Proposal]:
    """Return proposals made of the site's own sentences.

    Args:
        passages: of the whole site, in the order of its pages.
        looked: what the search said to each topic of the catalogue, by id.
    """
    spoken, fit = language(passages), usable(passages)
    found = _of_questions(fit, spoken)
    for topic in TOPICS:
        if topic.id not in {one.id for one in found} and (made := _of_topic(topic, spoken, looked.get(topic.id), fit)):
            found.append(made)
    return found[:MOST_PROPOSALS]


def described(
    way: Way, passages: Sequence[SitePassage], kept: Sequence[Proposal], looked: Mapping[str, Looked], host: str, why: str = ""
) -> Proposals:
    """Return proposals with all that belongs to them: the agent's name and language, and what is left open.

    Args:
        way: how they were made.
        passages: of the whole site, in the order of its pages.
        kept: the proposals.
        looked: what the search said to each topic of the catalogue, by id.
        host: the name of a site without a title.
        why: why no model wrote them, where one was asked.
    """
    spoken, pages = language(passages), len({passage.address for passage in passages})
    answered, fit = {one.id for one in kept}, {passage.id: passage for passage in usable(passages)}
    left = tuple([_open(topic, spoken, looked.get(topic.id), fit) for topic in TOPICS if topic.id not in answered])
    return Proposals(way, spoken, name(passages, host), pages, len(passages), notice(passages), tuple(kept), left, why)


def _open(topic: Topic, spoken: str, looked: Looked | None, passages: Mapping[int, SitePassage]) -> Open:
    said, found = topic.said[spoken], [(hit, passages[hit.chunk_id]) for hit in (looked.hits if looked else ()) if hit.chunk_id in passages]
    hints = [(answer, passage) for _, passage in found if (answer := answering(passage, said, topic.shape))][:1]
    maybe = [passage for hit, passage in found if hit.verdict != "no"]
    near = dict.fromkeys([Near(passage.title, passage.address) for passage in [*(passage for _, passage in hints), *maybe]])
    return Open(topic.id, said.name, said.question, said.phrases, tuple(near)[:_LOOKED_AT], hints[0][0] if hints else "")


def _of_questions(passages: Sequence[SitePassage], spoken: str) -> list[Proposal]:
    """Return a proposal for each question that the site asks itself; one that is about a topic gets the topic's phrases, too."""
    made: dict[str, Proposal] = {}
    for number, asked in enumerate(_asked(passages), start=1):
        topic = _topic_of(asked.question, spoken)
        phrase = asked.question.rstrip("?！？ ")
        if topic is None or topic.id in made:
            made[f"faq-{number}"] = Proposal(f"faq-{number}", asked.question, (phrase,), asked.answer, asked.source)
        else:
            phrases = tuple(dict.fromkeys([phrase, *topic.said[spoken].phrases]))
            made[topic.id] = Proposal(topic.id, asked.question, phrases, asked.answer, asked.source)
    return list(made.values())


def _asked(passages: Sequence[SitePassage]) -> Iterator[Asked]:
    seen: set[tuple[str, ...]] = set()
    for passage in passages:
        for question, text in _pairs(passage):
            key = words(question).stems
            answer = within(_sentences(text))
            if key and key not in seen and answer and not answer.endswith("?"):
                seen.add(key)
                yield Asked(question, answer, passage.address)


def _pairs(passage: SitePassage) -> Iterator[tuple[str, str]]:
    """Yield questions with their answers: a heading that is a question, or lines that are, as lists of questions have them."""
    question, lines = (passage.subject if _is_question(passage.subject) else ""), list[str]()
    for line in passage.text.split("\n"):
        if _is_question(line.strip(" -*•")):
            if question and lines:
                yield question, "\n".join(lines)
            question, lines = line.strip(" -*•"), []
        elif line.strip():
            lines.append(line.strip())
    if question and lines:
        yield question, "\n".join(lines)


def _is_question(text: str) -> bool:
    return text.endswith("?") and len(text) <= _LONGEST_QUESTION and len(words(text).stems) > 1


def _topic_of(question: str, spoken: str) -> Topic | None:
    """Return the topic that a question has most signs of."""
    stems = set(words(question).stems)
    best = max(TOPICS, key=lambda topic: len(topic.said[spoken].signs & stems))
    return best if best.said[spoken].signs & stems else None


def _of_topic(topic: Topic, spoken: str, looked: Looked | None, passages: Sequence[SitePassage]) -> Proposal | None:
    if looked is None:
        return None
    said, places = topic.said[spoken], {passage.id: passage for passage in passages}
    for passage in _sure(looked.hits[:_LOOKED_AT], places):
        if answer := answering(passage, said, topic.shape):
            return Proposal(topic.id, said.name, said.phrases, answer, passage.address)
    return None


def _sure(hits: Sequence[Hit], places: Mapping[int, SitePassage]) -> Iterator[SitePassage]:
    for hit in hits:
        if hit.verdict == "sure" and (passage := places.get(hit.chunk_id)):
            yield passage


def answering(passage: SitePassage, said: Said, shape: re.Pattern[str] | None) -> str:
    """Return the sentences of a passage that answer, as they stand there; empty if none does."""
    sentences = _sentences(passage.text)
    headed = bool(said.signs & set(words(passage.subject).stems))
    about = [bool(said.signs & set(words(sentence).stems)) for sentence in sentences]
    fits = [(it or headed) and (shape is None or shape.search(sentence) is not None) for it, sentence in zip(about, sentences, strict=True)]
    if not any(fits):
        return ""
    if headed and len(passage.text) <= LONGEST_ANSWER:
        return within(sentences)
    first = fits.index(True)
    end = first + 1
    while end < len(sentences) and (about[end] or headed):
        end += 1
    return within(sentences[first:end])


def within(sentences: Sequence[str]) -> str:
    """Return as many sentences as an answer may have; empty if not even one fits."""
    kept: list[str] = []
    for sentence in sentences:
        if len(" ".join([*kept, sentence])) > LONGEST_ANSWER:
            break
        kept.append(sentence)
    return " ".join(kept)


def _sentences(text: str) -> list[str]:
    return [sentence for part in _SENTENCES.split(text) if (sentence := " ".join(part.split()).lstrip("-*• "))]
