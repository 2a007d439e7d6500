"""Which pages of a site are read."""

import pytest

from actors.domain.knowledge.crawling import beginnings, locations, normal, read_robots, worth_following

ROBOTS = """
# comment
User-agent: Other
Disallow: /

User-agent: *
Crawl-delay: 2
Disallow: /admin
Disallow: /*?
Disallow: /*.pdf$
Disallow: /shop/
Allow: /shop/delivery
Sitemap: https://shop.example/map.xml
Disallow:
"""


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", True),
        ("/admin", False),
        ("/administration", False),
        ("/Admin", True),
        ("/page?x=1", False),
        ("/terms.pdf", False),
        ("/terms.pdf.html", True),
        ("/shop/cart", False),
        ("/shop/delivery/city", True),
    ],
)
def test_the_longest_rule_counts(path: str, allowed: bool) -> None:
    assert read_robots(ROBOTS).allows(f"https://shop.example{path}") is allowed


def test_what_else_a_robots_txt_says() -> None:
    robots = read_robots(ROBOTS)
    assert (robots.delay_s, list(robots.site_maps)) == (2.0, ["https://shop.example/map.xml"])
    ours = read_robots("User-agent: a\nUser-agent: Callboard\nDisallow: /x\n\nUser-agent: *\nDisallow: /\nCrawl-delay: 9999")
    assert (ours.allows("https://s.example/y"), ours.allows("https://s.example/x"), ours.delay_s) == (True, False, 0.0)
    assert read_robots("nonsense\n\0: 1\nDisallow: /").allows("https://s.example/")
    hostile = read_robots("User-agent: *\nDisallow: /" + "*a" * 9 + "$")
    assert hostile.allows("https://s.example/" + "a" * 100_000 + "b")


@pytest.mark.parametrize(
    ("address", "base", "known"),
    [
        ("HTTPS://Shop.Example:443/a#part", "", "https://shop.example/a"),
        ("../b", "https://shop.example/a/c", "https://shop.example/b"),
        ("//other.example", "https://shop.example/", "https://other.example/"),
        ("mailto:a@shop.example", "https://shop.example/", None),
        ("javascript:void(0)", "https://shop.example/", None),
        ("https://user:secret@shop.example/", "", None),
        ("https://[::1", "", None),
        ("https://shop.example/" + "x" * 3_000, "", None),
    ],
)
def test_an_address_has_one_form(address: str, base: str, known: str | None) -> None:
    assert normal(address, base) == known


def test_links_and_maps() -> None:
    assert [worth_following(f"https://s.example{path}") for path in ("/a", "/a.pdf", "/a.JPG", "/a?page=2")] == [True, True, False, False]
    site_map = "<urlset><url><loc> https://s.example/a?b=1&amp;c=2 </loc></url><loc><![CDATA[https://s.example/d]]></loc>"
    assert locations(site_map, 9) == ["https://s.example/a?b=1&c=2", "https://s.example/d"]
    assert locations(site_map, 1) == ["https://s.example/a?b=1&c=2"]


def test_what_strangers_write_takes_no_time_and_no_memory() -> None:
    hostile = "user-agent: bot\n" * 12_000 + "allow: /\n" * 20_000
    assert read_robots(hostile).rules == ()
    assert len(read_robots("user-agent: *\n" + "allow: /a\n" * 20_000).rules) == 2_000
    assert locations("<loc>" + " " * 500_000, 9) == []
    assert locations(("<loc>" + " " * 100) * 40_000, 9) == []


@pytest.mark.parametrize(
    ("typed", "tried"),
    [
        (" shop.example ", ["https://shop.example/", "http://shop.example/"]),
        ("shop.example:8080/a?u=https://x", ["https://shop.example:8080/a?u=https://x", "http://shop.example:8080/a?u=https://x"]),
        ("HTTP://Shop.example", ["http://shop.example/"]),
        ("https://shop.example/a", ["https://shop.example/a"]),
        ("чай.рф", ["https://чай.рф/", "http://чай.рф/"]),
        ("ftp://shop.example", []),
        ("user:secret@shop.example", []),
    ],
)
def test_without_a_scheme_https_is_tried_first(typed: str, tried: list[str]) -> None:
    assert beginnings(typed) == tried
