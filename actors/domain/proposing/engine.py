"""Proposals without a model: questions that the site itself asks, then the catalogue's, answered by sentences of the site. Pure.

Nothing is rephrased: an answer is a run of sentences as they stand on the page.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from actors.domain.knowledge.hybrid import Hit
from actors.domain.proposing.models import MOST_PROPOSALS, Looked, Near, Notice, Open, Proposal, Proposals, SitePassage, Way
from actors.domain.proposing.subjects import TITLE_ENDS, Headings, asks_only, is_question, theme, topic_of
from actors.domain.proposing.topics import TOPICS, Said, Topic
from actors.domain.text import language_of, words

LANGUAGES = ("ru", "en")
LONGEST_ANSWER = 500  # characters; a chat is read on a telephone
_LONGEST_NAME = 60
_LOOKED_AT = 3  # hits of a sure answer; what stands further behind is about something else
_SENTENCES = re.compile(r"(?<=[.!?…])(?<!\bул\.)(?<!\bд\.)(?<!\bг\.)(?<!\bт\.)(?<!\bруб\.)(?<!\bтел\.)\s+|\n+")
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
    return (TITLE_ENDS.split(title.strip(), 1)[0][:_LONGEST_NAME].strip() or otherwise)[:_LONGEST_NAME]


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
    headings = Headings.of(passages, spoken)
    for topic in TOPICS:
        if topic.id not in {one.id for one in found} and (made := _of_topic(topic, headings, looked.get(topic.id), fit)):
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
    hints = [(answer, passage) for _, passage in found if (answer := _hint(passage, said, topic))][:1]
    maybe = [passage for hit, passage in found if hit.verdict != "no"]
    near = dict.fromkeys([Near(passage.title, passage.address) for passage in [*(passage for _, passage in hints), *maybe]])
    return Open(topic.id, said.name, said.question, said.phrases, tuple(near)[:_LOOKED_AT], hints[0][0] if hints else "")


def _hint(passage: SitePassage, said: Said, topic: Topic) -> str:
    asked = is_question(passage.subject) and not said.signs & set(words(passage.subject).stems)
    return "" if asked else answering(_plain(passage), said, topic)


def _of_questions(passages: Sequence[SitePassage], spoken: str) -> list[Proposal]:
    """Return a proposal for each question that the site asks itself; one that is about a topic alone gets its phrases, too."""
    made: dict[str, Proposal] = {}
    sold = theme(passages)
    for number, asked in enumerate(_asked(passages), start=1):
        topic = topic_of(asked.question, spoken, sold)
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
    question, lines = (passage.subject if is_question(passage.subject) else ""), list[str]()
    for line in passage.text.split("\n"):
        if is_question(line.strip(" -*•")):
            if question and lines:
                yield question, "\n".join(lines)
            question, lines = line.strip(" -*•"), []
        elif line.strip():
            lines.append(line.strip())
    if question and lines:
        yield question, "\n".join(lines)


def _of_topic(topic: Topic, headings: Headings, looked: Looked | None, passages: Sequence[SitePassage]) -> Proposal | None:
    """Return a proposal of what stands where the site itself says that it is about the topic, or else of what the search is sure of."""
    said = topic.said[headings.spoken]
    told = [_plain(passage) for passage in passages if not is_question(passage.subject) or asks_only(passage.subject, said)]
    sure = list(_sure(looked.hits[:_LOOKED_AT] if looked else (), {passage.id: passage for passage in told}))
    named = [passage for passage in told if headings.name(passage, said) and _says(passage, said, topic)]
    for passage in [*(one for one in sure if one in named), *named, *sure]:
        if answer := answering(passage, said, topic):
            return Proposal(topic.id, said.name, said.phrases, answer, passage.address)
    return None


def _plain(passage: SitePassage) -> SitePassage:
    """Return a passage without a list of questions in it: their answers are to those questions only."""
    lines = passage.text.split("\n")
    asked = [number for number, line in enumerate(lines) if is_question(line.strip(" -*•"))]
    return replace(passage, text="\n".join(lines[: asked[0]])) if len(asked) > 1 else passage


def _sure(hits: Sequence[Hit], places: Mapping[int, SitePassage]) -> Iterator[SitePassage]:
    for hit in hits:
        if hit.verdict == "sure" and (passage := places.get(hit.chunk_id)):
            yield passage


def _says(passage: SitePassage, said: Said, topic: Topic) -> bool:
    said_so = bool(said.signs & set(words(passage.text, len(passage.text)).stems))
    return said_so or bool(topic.detail and topic.detail.search(passage.text))


def answering(passage: SitePassage, said: Said, topic: Topic) -> str:
    """Return the sentences of a passage that answer, as they stand there; empty if none does.

    They begin with the first that speaks of the topic and end with the last, as far as an answer may be long.
    """
    sentences = _sentences(passage.text)
    headed = _headed(passage, said)
    about = [bool(said.signs & set(words(one).stems)) and not one.endswith("?") for one in sentences]
    fits = [
        (it or headed) and (topic.shape is None or topic.shape.search(one) is not None) for it, one in zip(about, sentences, strict=True)
    ]
    if not any(fits):
        return ""
    if headed and len(passage.text) <= LONGEST_ANSWER:
        return within(sentences)
    details = [bool(topic.detail and topic.detail.search(one)) for one in sentences]
    return _run(sentences, _belonging(about, fits, details, headed=headed, shaped=topic.shape is not None))


def _belonging(about: Sequence[bool], fits: Sequence[bool], details: Sequence[bool], *, headed: bool, shaped: bool) -> list[int]:
    """Return the numbers of the sentences that an answer begins with, has in it, and may end with."""
    speaks = fits if shaped else [it or detail for it, detail in zip(about, details, strict=True)]
    first = next((number for number, it in enumerate(speaks if headed or shaped else about) if it), 0)
    while first and not headed and details[first - 1]:  # the tariffs stand before the sentence that says what they are for
        first -= 1
    last = max([number for number, it in enumerate(speaks) if it], default=len(speaks) - 1)
    while last + 1 < len(about) and about[last + 1]:
        last += 1
    return [number for number in range(first, last + 1) if number == first or speaks[number] or about[number] or not any(speaks)]


def _run(sentences: Sequence[str], belonging: Sequence[int]) -> str:
    """Return the sentences from the first that belongs to the last that fits, with those between them."""
    runs = [" ".join(sentences[belonging[0] : last + 1]) for last in belonging]
    return next((run for run in reversed(runs) if len(run) <= LONGEST_ANSWER), "")


def _headed(passage: SitePassage, said: Said) -> bool:
    """Return whether a passage stands under the topic's words; a question has to ask about nothing else."""
    subject = passage.subject or passage.title
    return asks_only(subject, said) if is_question(subject) else bool(said.signs & set(words(subject).stems))


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
