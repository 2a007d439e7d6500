"""Where requests come from: pages and networks."""

import pytest
from aiohttp.test_utils import make_mocked_request

from gateway.auth import no_session_cookie, session_cookie, session_token
from gateway.origin import Origins
from gateway.problems import Problem


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.test"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://chat.acme.test"}, False),
        ({"Origin": "https://chat.acme.test"}, True),
        ({"Origin": "https://CHAT.acme.test:443"}, True),
        ({"Origin": "http://chat.acme.test"}, False),
        ({"Origin": "https://chat.acme.test:444"}, False),
        ({"Origin": "http://inside:8080"}, True),
        ({"Origin": "http://inside:8081"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "https://chat.acme.test:99999"}, False),
        ({}, False),
    ],
)
def test_a_write_must_come_from_our_own_page(headers: dict[str, str], own: bool) -> None:
    origins = Origins("https://chat.acme.test/")
    request = make_mocked_request("POST", "/api/x", headers={"Host": "inside:8080", **headers})
    assert origins.is_own(request) is own
    if own:
        origins.require_own(request)
        origins.refuse_foreign(request)
        return
    with pytest.raises(Problem) as refused:
        origins.require_own(request)
    assert refused.value.status == 403
    origins.require_own(make_mocked_request("GET", "/api/x", headers={"Host": "inside:8080", **headers}))


def test_without_a_public_address_nothing_empty_is_ours() -> None:
    request = make_mocked_request("POST", "/api/x", headers={"Host": "inside:8080", "Origin": "null"})
    assert not Origins("").is_own(request)
    assert Origins("").is_own(make_mocked_request("POST", "/", headers={"Host": "inside", "Origin": "http://inside"}))


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.7", "unknown"),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "6.6.6.6, 203.0.113.7", "203.0.113.7"),
        (2, "6.6.6.6, 203.0.113.7, 10.0.0.1", "203.0.113.7"),
        (2, "203.0.113.7", "unknown"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "::ffff:203.0.113.7", "203.0.113.7"),
        (1, "garbage", "unknown"),
    ],
)
def test_the_network_address_is_what_a_trusted_proxy_wrote(proxies: int, forwarded: str, address: str) -> None:
    request = make_mocked_request("GET", "/", headers={"X-Forwarded-For": forwarded})
    assert Origins("", proxies).address(request) == address


def test_links_begin_with_the_public_address_or_the_host_that_was_asked() -> None:
    request = make_mocked_request("GET", "/", headers={"Host": "inside:8080"})
    assert Origins("https://chat.acme.test/").login_url(request, "t") == "https://chat.acme.test/login#token=t"
    assert Origins("").login_url(request, "t") == "http://inside:8080/login#token=t"


def test_cookies() -> None:
    token = "a" * 43
    assert session_cookie(token, secure=True) == f"callboard_session={token}; Path=/; Max-Age=7776000; HttpOnly; SameSite=Lax; Secure"
    assert no_session_cookie(secure=False) == "callboard_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
    for cookie, found in ((f"x=1; callboard_session={token}", token), ("callboard_session=short", ""), ("", ""), ("other=1", "")):
        assert session_token(make_mocked_request("GET", "/", headers={"Cookie": cookie})) == found
