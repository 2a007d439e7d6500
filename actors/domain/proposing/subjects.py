"""What headings and questions of a site are about: topics of the catalogue and nothing else, or something of their own. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from actors.domain.proposing.models import SitePassage
from actors.domain.proposing.topics import TOPICS, Said, Topic
from actors.domain.stopwords import STOP_STEMS
from actors.domain.text import words

TITLE_ENDS = re.compile(r"\s+[|—–·•-]\s+|\s*[|:•·]\s+")
LONGEST_QUESTION = 120
# Words that say nothing of their own in a heading about one of the topics.
_AROUND = """
заказ заказа товар товара товары товаров покупка покупки покупателям клиентам магазин магазина сайт сайте онлайн интернет условия условие
способ способы вариант варианты информация правила срок сроки порядок стоимость служба справка помощь
order orders item items goods product products purchase shop store online site terms conditions options methods method information policy
help costs info customer service
"""
_NOTHING = STOP_STEMS | frozenset(words(_AROUND, len(_AROUND)).stems)


def is_question(text: str) -> bool:
    """Return whether a line is a question that a site asks itself."""
    return text.endswith("?") and len(text) <= LONGEST_QUESTION and len(words(text).stems) > 1


def asks_only(text: str, said: Said, theme: frozenset[str] = frozenset()) -> bool:
    """Return whether a text is about a topic and nothing else; `theme` is what all of the site is about."""
    stems = set(words(text).stems)
    return bool(said.signs & stems) and not stems - said.stems - _NOTHING - theme


def topic_of(question: str, spoken: str, theme: frozenset[str]) -> Topic | None:
    """Return the topic that a question is about; None if it asks about something else, be it something besides."""
    stems = set(words(question).stems)
    about = [topic for topic in TOPICS if asks_only(question, topic.said[spoken], theme)]
    return max(about, key=lambda topic: len(topic.said[spoken].signs & stems), default=None)


def theme(passages: Sequence[SitePassage]) -> frozenset[str]:
    """Return the words of the site's own title: what it sells, most often."""
    return frozenset(words(passages[0].title).stems) if passages else frozenset()


@dataclass(frozen=True, slots=True)
class Headings:
    """What the headings and titles of a site say; `names` are those that stand for the whole site."""

    spoken: str
    names: frozenset[str]

    @classmethod
    def of(cls, passages: Sequence[SitePassage], spoken: str) -> "Headings":
        """Learn how a site calls itself: the title of its first page, and what most titles share."""
        titles = {passage.address: passage.title for passage in passages}
        shared = Counter(part for title in titles.values() for part in set(_parts(title)))
        most = [part for part, count in shared.items() if count >= 2 and count * 2 >= len(titles)]
        return cls(spoken, frozenset([*(_parts(passages[0].title) if passages else ()), *most]))

    def name(self, passage: SitePassage, said: Said) -> bool:
        """Return whether what stands over a passage names a topic, and says nothing but topics: no ware, no news."""
        above = [part for part in passage.heading.split(" / ") if part.casefold().strip() not in self.names]
        title = [part for part in _parts(passage.title) if part not in self.names]
        nearest = above[-1] if above else title[0] if title else ""
        return bool(said.places & set(words(nearest).stems)) and all(self._plain(part) for part in [*above, *title])

    def _plain(self, part: str) -> bool:
        return not is_question(part) and not set(words(part).stems) - _NOTHING - _all_words(self.spoken)


def _parts(title: str) -> list[str]:
    return [part.casefold().strip() for part in TITLE_ENDS.split(title.strip()) if part.strip()]


def _all_words(spoken: str) -> frozenset[str]:
    return frozenset().union(*[topic.said[spoken].places for topic in TOPICS])
