"""The catalogue: what customers of small companies ask, in Russian and English. It is data, and this is its one place.

`question` is searched for. A passage answers only if its heading, or a sentence of it, has one of the `signs` (any form of these words)
and, if there is a `shape`, something of that shape. `phrases` are what a customer would say; a script listens to them. `places` are what
pages are called that answer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from actors.domain.stopwords import STOP_STEMS
from actors.domain.text import words

_TIME = re.compile(
    r"\d{1,2}[:.]\d{2}|\b\d{1,2}\s?(?:am|pm|a\.m|p\.m|час)|\b(?:с|до|from|till|until)\s\d{1,2}\b|24/7|круглосуточно", re.IGNORECASE
)
_REACHED = re.compile(r"\+?\d[\d\s()-]{6,}\d|[\w.+-]+@[\w-]+\.\w+|t\.me/|wa\.me/", re.IGNORECASE)
_MONEY = re.compile(r"\d[\d\s.,]*\s?(?:₽|р\b|руб|€|\$|eur|usd|евро|доллар|pounds?|roubles?|£)|[€$£]\s?\d|\bfree\b|бесплатн", re.IGNORECASE)
_LONGEST = 1_000  # characters of all that a topic says
_PLACE = re.compile(r"\d")
# Where to, and for how much: lists of tariffs say no more than that.
_TARIFF = re.compile(
    r"(?:\b[Пп]о [А-ЯЁ]|\b[Вв] [А-ЯЁ]|\bдо (?:пункт|двер|квартир)|\bрегион"
    r"|\b(?:to|in|[Ww]ithin|[Aa]cross) (?:the )?[A-Z]|\b[Aa]broad\b)"
    r".*(?:\d\s?(?:₽|р\b|руб|€|\$|eur|£)|[€$£]\s?\d|бесплатн|\bfree\b)"
)


@dataclass(frozen=True, slots=True)
class Said:
    """A topic in one language."""

    name: str
    question: str
    phrases: tuple[str, ...]
    signs: frozenset[str]
    stems: frozenset[str]  # all of its words
    places: frozenset[str]  # those that a page may be called which answers


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that customers ask about; `shape` is what an answer has to have in it, `detail` a sentence that goes with one."""

    id: str
    said: Mapping[str, Said]
    shape: re.Pattern[str] | None = None
    detail: re.Pattern[str] | None = None


def _said(name: str, question: str, signs: str, *phrases: str, places: str = "") -> Said:
    own, called = frozenset(words(signs).stems), frozenset(words(places).stems)
    stems = frozenset(words(" ".join([name, question, *phrases]), _LONGEST).stems)
    return Said(name, question, phrases, own, own | called | stems, own | called | (frozenset(words(name).stems) - STOP_STEMS))


TOPICS = (
    Topic("delivery", {
        "ru": _said("Доставка", "Сколько стоит доставка и как быстро вы доставляете?",
                    "доставка доставляем курьер привезём привозим отправляем",
                    "доставка", "сколько стоит доставка", "вы доставляете", "доставите", "привезёте"),
        "en": _said("Delivery", "How much does delivery cost and how long does it take?", "delivery deliver courier shipping ship",
                    "delivery", "do you deliver", "shipping", "do you ship"),
    }, detail=_TARIFF),
    Topic("payment", {
        "ru": _said("Оплата", "Как можно оплатить заказ?", "оплата оплатить оплачивать оплачивается картой наличными сбп счёт",
                    "оплата", "как оплатить", "можно картой", "оплатить картой", "наличными"),
        "en": _said("Payment", "How can I pay for an order?", "pay payment paid card cards cash invoice paypal",
                    "payment", "how can i pay", "how do i pay", "pay by card", "cash"),
    }),
    Topic("returns", {
        "ru": _said("Возврат и обмен", "Можно ли вернуть или обменять товар?", "возврат вернуть вернём возвращаем обмен обменять обменяем",
                    "возврат", "вернуть", "обмен", "обменять"),
        "en": _said("Returns", "Can I return or exchange something?", "return returns returned exchange exchanges refund refunds",
                    "returns", "return it", "refund", "exchange"),
    }),
    Topic("hours", {
        "ru": _said("Часы работы", "В какие часы вы работаете?", "работаем работает открыты открыт часы график режим ежедневно",
                    "часы работы", "до скольки", "во сколько открываетесь", "график работы", "режим работы",
                    "когда вы работаете", "вы открыты", places="контакты контактная"),
        "en": _said("Opening hours", "When are you open?", "open opening hours daily closed weekdays weekend",
                    "opening hours", "are you open", "when do you open", "when do you close", "working hours",
                    places="contact contacts visit"),
    }, _TIME),
    Topic("address", {
        "ru": _said("Адрес", "По какому адресу вы находитесь?", "адрес адресу улица ул проспект переулок набережная метро находимся шоссе",
                    "адрес", "где вы находитесь", "как до вас добраться", "как вас найти", "где магазин", places="контакты контактная"),
        "en": _said("Address", "What is your address?", "address street road avenue located lane find",
                    "address", "where are you", "how do i find you", "where is your shop", "located", places="contact contacts visit"),
    }, _PLACE),
    Topic("contact", {
        "ru": _said("Телефон и почта", "По какому телефону или адресу почты с вами связаться?",
                    "телефон позвоните звоните почта пишите связаться",
                    "телефон", "номер телефона", "как с вами связаться", "электронная почта", "позвонить", places="контакты контактная"),
        "en": _said("Phone and e-mail", "What is your phone number or e-mail address?", "phone telephone call email mail write contact",
                    "phone number", "your phone", "call you", "contact you", "email", "email address", places="contacts visit"),
    }, _REACHED),
    Topic("price", {
        "ru": _said("Цены", "Сколько это стоит, какие у вас цены?", "цена цены стоит стоят стоимость прайс рублей",
                    "цены", "прайс", "сколько это стоит", "какая цена"),
        "en": _said("Prices", "How much does it cost, what are your prices?", "price prices cost costs priced",
                    "prices", "price list", "how much is it", "how much does it cost"),
    }, _MONEY),
    Topic("warranty", {
        "ru": _said("Гарантия", "Есть ли гарантия на товар?", "гарантия гарантийный гарантируем",
                    "гарантия", "есть гарантия"),
        "en": _said("Warranty", "Is there a warranty?", "warranty guarantee guaranteed",
                    "warranty", "guarantee"),
    }),
    Topic("order", {
        "ru": _said("Как заказать", "Как сделать заказ?", "заказать закажите заказ заказы оформить оформите корзина",
                    "как заказать", "сделать заказ", "оформить заказ", "хочу заказать"),
        "en": _said("How to order", "How do I place an order?", "order orders ordering basket checkout cart",
                    "how do i order", "how to order", "place an order", "i want to order"),
    }),
    Topic("discounts", {
        "ru": _said("Скидки", "Есть ли у вас скидки, акции или промокоды?", "скидка скидки акция промокод распродажа бонусы",
                    "скидка", "промокод", "акции", "есть скидки"),
        "en": _said("Discounts", "Do you have discounts or promo codes?", "discount discounts promo sale coupon voucher",
                    "discount", "promo code", "on sale", "coupon"),
    }),
    Topic("pickup", {
        "ru": _said("Самовывоз", "Можно ли забрать заказ самому?", "самовывоз забрать заберите пункт",
                    "самовывоз", "забрать самому", "можно забрать", "пункт выдачи"),
        "en": _said("Pick-up", "Can I pick up the order myself?", "pickup pick collect collection",
                    "pick up", "pickup", "collect it", "click and collect"),
    }),
    Topic("sizes", {
        "ru": _said("Размеры", "Какие есть размеры и как подобрать свой?", "размер размеры размерная сантиметров см",
                    "размеры", "какой размер", "размерная сетка", "подобрать размер"),
        "en": _said("Sizes", "Which sizes are there and how do I find mine?", "size sizes sizing",
                    "sizes", "which size", "size chart", "what size"),
    }),
    Topic("stock", {
        "ru": _said("Наличие", "Есть ли товар в наличии?", "наличие наличии складе",
                    "в наличии", "есть на складе", "наличие"),
        "en": _said("Availability", "Is it in stock?", "stock available availability",
                    "in stock", "is it available", "availability"),
    }),
    Topic("wholesale", {
        "ru": _said("Опт и юрлица", "Работаете ли вы с организациями и оптом?",
                    "опт оптом оптовый оптовым юрлица юрлицами юридических организациями",
                    "оптом", "опт", "юридическое лицо", "юрлицо"),
        "en": _said("Wholesale", "Do you work with companies and wholesale?", "wholesale bulk business companies corporate",
                    "wholesale", "in bulk", "corporate order"),
    }),
)  # fmt: skip
