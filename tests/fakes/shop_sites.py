"""Two small shops with a site each, written for the tests: pages as small companies have them, navigation, foot and all.

Some customers' questions are answered there, some only seemingly, some not at all; `RIGHT` says which.
"""

from collections.abc import Mapping, Sequence


def _site(name: str, pages: Mapping[str, tuple[str, str]], foot: str) -> dict[str, str | bytes | int]:
    around = "".join(f'<a href="{path}">{title}</a> ' for path, (title, _) in pages.items())
    return {
        path: f"<html><head><title>{title if path != '/' else f'{name} — {title}'}</title></head>"
        f"<body><nav>{around}</nav><main>{body}</main><footer>{foot}</footer></body></html>"
        for path, (title, body) in pages.items()
    }


RUSSIAN = _site(
    "Пряничный дом",
    {
        "/": (
            "мастерская пряников в Туле",
            "<h1>Пряничный дом</h1><p>Печём тульские пряники по рецепту 1893 года: печатные, расписные и на заказ. В мастерской "
            "работают шесть пекарей, каждый пряник расписан вручную. Мы любим своё дело и рады гостям.</p>"
            "<p>Приходите на мастер-класс по росписи: он идёт полтора часа, материалы мы даём.</p>",
        ),
        "/dostavka": (
            "Доставка и оплата",
            "<h1>Доставка и оплата</h1><h2>Доставка</h2><p>Доставка по Туле стоит 250 рублей, при заказе от 3000 рублей — "
            "бесплатно. Курьер привезёт заказ на следующий день с 12 до 18 часов. В другие города отправляем транспортной "
            "компанией, это занимает от трёх до семи дней.</p>"
            "<h2>Самовывоз</h2><p>Забрать заказ можно в мастерской на улице Металлистов через два часа после оформления.</p>"
            "<h2>Оплата</h2><p>Оплатить заказ можно картой на сайте, через СБП или наличными курьеру. Юридическим лицам "
            "выставляем счёт.</p>",
        ),
        "/kontakty": (
            "Контакты",
            "<h1>Контакты</h1><p>Адрес мастерской: Тула, улица Металлистов, дом 14. Вход со двора, рядом музей оружия.</p>"
            "<p>Телефон: +7 4872 55-01-93. Пишите на почту hello@pryanik.example, отвечаем в течение часа.</p>"
            "<p>Часы работы: ежедневно с 9:00 до 20:00, без перерыва.</p>",
        ),
        "/voprosy": (
            "Вопросы и ответы",
            "<h1>Вопросы и ответы</h1><h2>Сколько хранятся пряники?</h2><p>Пряники хранятся 60 дней при комнатной "
            "температуре в закрытой коробке.</p><h2>Можно ли вернуть пряники?</h2><p>Вернуть можно только брак: пришлите фото в день "
            "получения, и мы испечём заново или отдадим деньги.</p>"
            "<h2>Делаете ли вы пряники с логотипом?</h2><p>Да, от 30 штук. Макет согласуем за день, печём за неделю.</p>",
        ),
        "/o-nas": (
            "О нас",
            "<h1>О нас</h1><p>Мастерскую основала Вера Лапина в 2011 году. За это время мы отправили пряники в сорок стран, получили "
            "медаль ярмарки и выучили двадцать учеников. Наш принцип: мёд, мука, терпение и ничего лишнего.</p>",
        ),
    },
    "Пряничный дом, Тула. Все права защищены.",
)

ENGLISH = _site(
    "Harbour Kites",
    {
        "/": (
            "kites made by hand",
            "<h1>Harbour Kites</h1><p>We sew single-line and stunt kites in a boat shed by the harbour. Each kite is flown once before "
            "it leaves us. The wind here is reliable, and so are our seams.</p>"
            "<p>Beginners are welcome to our flying lesson on the beach; it takes two hours.</p>",
        ),
        "/prices": (
            "Prices",
            "<h1>Prices</h1><table><tr><th>Kite</th><th>Price</th></tr><tr><td>Gull, single-line</td><td>£38</td></tr>"
            "<tr><td>Petrel, stunt</td><td>£84</td></tr></table><p>Repairs cost £15 an hour.</p>",
        ),
        "/shipping": (
            "Shipping and returns",
            "<h1>Shipping and returns</h1><h2>Shipping</h2><p>Shipping within the country costs £4.50 and takes two working days. "
            "Orders over £60 ship free. We ship abroad by tracked post, from £12.</p>"
            "<h2>Returns</h2><p>You can return an unused kite within 30 days for a full refund. Please write to us first.</p>"
            "<h2>Guarantee</h2><p>Seams and spars are guaranteed for two years. Storm damage is not covered.</p>",
        ),
        "/visit": (
            "Visit us",
            "<h1>Visit us</h1><p>Our address is The Boat Shed, 3 Quay Street, Whitby. There is parking behind the fish market.</p>"
            "<p>Opening hours: Tuesday to Saturday, 10:00 to 17:00. On Sundays and Mondays we are flying.</p>"
            "<p>Phone +44 1947 555 018 or write to ahoy@kites.example.</p>",
        ),
        "/faq": (
            "Questions",
            "<h1>Questions</h1><h3>Which kite is best for a beginner?</h3><p>The Gull: it flies from a light breeze on and needs no "
            "practice.</p><h3>How can I pay?</h3><p>By card or PayPal on this site, by card or cash in the shed.</p>"
            "<h3>Do you repair kites of other makers?</h3><p>Yes, if we can get the cloth. Bring it in or post it to us.</p>",
        ),
    },
    "Harbour Kites, Whitby. All rights reserved.",
)

# What an answer to a topic has to hold to be right; topics that are not named have no answer on the site.
RIGHT: Mapping[str, Mapping[str, Sequence[str]]] = {
    "ru": {
        "delivery": ("250 рублей",),
        "payment": ("СБП",),
        "returns": ("брак",),
        "hours": ("9:00 до 20:00",),
        "address": ("Металлистов, дом 14",),
        "contact": ("55-01-93",),
        "pickup": ("через два часа",),
        "wholesale": ("счёт",),
    },
    "en": {
        "delivery": ("£4.50",),
        "payment": ("PayPal",),
        "returns": ("30 days",),
        "hours": ("10:00 to 17:00",),
        "address": ("3 Quay Street",),
        "contact": ("555 018",),
        "price": ("£38", "£84"),
        "warranty": ("two years",),
    },
}
