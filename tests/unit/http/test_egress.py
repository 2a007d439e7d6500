"""Where calls may lead."""

import pytest

from actors.domain.errors import TerminalError
from integrations.http.egress import check_url, is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
        "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2002:c0a8:101::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_private_addresses_are_told(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_told(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url", ["", "x", "//x", "ftp://x/", "file:///etc/passwd", "http://", "http://u:p@x/", "http://x:99999/", "http://[::1", "javascript:1"]
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(TerminalError):
        check_url(url)


def test_web_addresses_pass() -> None:
    for url in ("https://shop.example/hook?x=1", "http://shop.example:8080"):
        check_url(url)
