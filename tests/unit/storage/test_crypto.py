"""Secrets at rest."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.crypto import KEY_FILE, SecretBox, SecretKeyError, load_or_create_key, parse_key


def test_a_secret_opens_with_its_key_and_for_its_purpose_only() -> None:
    box = SecretBox(bytes(32))
    stored = box.encrypt("42:token", "integration-1")
    assert box.decrypt(stored, "integration-1") == "42:token"
    assert b"token" not in stored
    assert box.encrypt("42:token", "integration-1") != stored
    with pytest.raises(SecretKeyError, match="does not open"):
        box.decrypt(stored, "integration-2")
    with pytest.raises(SecretKeyError, match=r"secret\.key"):
        SecretBox(bytes([1]) * 32).decrypt(stored, "integration-1")


@pytest.mark.parametrize("position", [0, 1, 13, -1])
def test_a_changed_secret_does_not_open(position: int) -> None:
    box = SecretBox(bytes(32))
    stored = bytearray(box.encrypt("42:token", "x"))
    stored[position] ^= 1
    with pytest.raises(SecretKeyError):
        box.decrypt(bytes(stored), "x")


def test_what_is_too_short_does_not_open() -> None:
    for stored in (b"", b"\x01", b"\x01" + bytes(12)):
        with pytest.raises(SecretKeyError):
            SecretBox(bytes(32)).decrypt(stored, "x")


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_or_create_key(tmp_path), range(32)))
    assert len(keys) == 1
    assert load_or_create_key(tmp_path) in keys
    assert [p.name for p in tmp_path.iterdir()] == [KEY_FILE]
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "short", "not base64 !!", "A" * 43, "кириллица"])
def test_a_malformed_key_says_so(text: str, tmp_path: Path) -> None:
    with pytest.raises(SecretKeyError):
        parse_key(text)
    (tmp_path / KEY_FILE).write_text(text)
    with pytest.raises(SecretKeyError):
        load_or_create_key(tmp_path)
