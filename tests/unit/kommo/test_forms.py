"""Bracket forms: every trap of the documentation, anything at all, and what the worst costs."""

import time
from typing import Any
from urllib.parse import quote_plus, urlencode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.kommo.forms import MAX_BODY, MAX_FIELDS, Form, Tree, branch, items, parse_form, text
from tests.unit.kommo.samples import SAMPLES, SHAPES


def test_a_form_becomes_a_tree() -> None:
    assert parse_form(b"leads%5Badd%5D%5B0%5D%5Bname%5D=A+B%26%3D%0A%F0%9F%98%80&x=1") == Form(
        {"leads": {"add": {"0": {"name": "A B&=\n😀"}}}, "x": "1"}
    )


def test_every_sample_is_read_whole() -> None:
    for name, body in SAMPLES.items():
        form = parse_form(body)
        assert not form.cut, name
        assert sum(1 for _ in _leaves(form.fields)) == body.count(b"&") + 1, name


@pytest.mark.parametrize(
    ("body", "path", "value"),
    [
        (b"f[0][values][0][value]=A", ("f", "0", "values", "0", "value"), "A"),
        (b"f[0][values][0]=1725915600", ("f", "0", "values", "0"), "1725915600"),
        (b"f[0][values][value]=2&f[0][values][enum]=5", ("f", "0", "values", "enum"), "5"),
        (b"f[0][id]=2", ("f", "0", "values", "0"), ""),
        (b"n[type]=3&n[type][uuid]=u", ("n", "type"), "3"),
        (b"n[type]=3&n[type][uuid]=u", ("n", "type", "uuid"), "u"),
        (b"n[type][uuid]=u&n[type]=3", ("n", "type"), "3"),
        (b"n[type][uuid]=u&n[type]=3", ("n", "type", "uuid"), "u"),
        (b"a[]=x&a[]=y", ("a", "1"), "y"),
        (b"a[1]=x&a[]=y&a[]=z", ("a", "3"), "z"),
        (b"a[999999999]=x", ("a", "999999999"), "x"),
        (b"__proto__[a]=x", ("__proto__", "a"), "x"),
        (b"a=1&a=2", ("a",), "2"),
        (b"a=%00b%ED%A0%80", ("a",), "b\ufffd\ufffd\ufffd"),
        (b"a=100%&b=50%+off", ("a",), "100%"),
        (b"a=100%&b=50%+off", ("b",), "50% off"),
        (b"a=b=c%3Dd", ("a",), "b=c=d"),
        (b"a=%3d%0D%0a=%", ("a",), "=\r\n=%"),
        (b"\xef\xbb\xbfa=1", ("a",), "1"),
        (b"a[b=1", ("a[b",), "1"),
        (b"a[b]c=1", ("a[b]c",), "1"),
        ("a=имя".encode(), ("a",), "имя"),
    ],
)
def test_traps(body: bytes, path: tuple[str, ...], value: str) -> None:
    assert text(parse_form(body).fields, *path) == value


@pytest.mark.parametrize("body", [b"=x", b"[a]=1", b"&&&", b"&=&=", b""])
def test_keys_without_a_name_are_nothing(body: bytes) -> None:
    assert parse_form(body).fields == {}


def test_ids_as_keys_stay_a_map_and_lists_keep_their_order() -> None:
    form = parse_form(b"c[linked][15319601][ID]=15319601&c[linked][7][ID]=7&c[linked][x][ID]=9&c[linked][8]=8")
    assert [text(item, "ID") for item in items(branch(form.fields, "c", "linked"))] == ["7", "15319601", "9"]
    assert items("scalar") == []


@pytest.mark.parametrize(
    "body",
    [
        b"a" + b"[x]" * 12 + b"=1",
        b"[" * 100_000 + b"=1",
        b"a[" + b"b" * 300 + b"]=1",
        b"&".join(b"k%d=1" % n for n in range(MAX_FIELDS + 1)),
        b"a=" + b"x" * MAX_BODY,
    ],
)
def test_what_is_beyond_a_cap_is_cut_and_says_so(body: bytes) -> None:
    form = parse_form(body)
    assert form.cut
    assert len(list(_leaves(form.fields))) <= MAX_FIELDS


JUNK = {
    "a&": b"a&" * (MAX_BODY // 2),
    "escapes": b"a=" + b"%41" * (MAX_BODY // 3),
    "escapes in many fields": b"&".join([b"a=" + b"%41x" * 260] * 1_000),
    "broken escapes": b"a=" + b"%" * (MAX_BODY - 2),
    "broken escapes in many fields": b"&".join([b"a=" + b"%" * 1_040] * 1_000),
    "broken and good": b"a=" + b"%41%" * (MAX_BODY // 4),
    "invalid utf-8": b"a=" + b"%FF" * (MAX_BODY // 3),
    "brackets": b"[" * MAX_BODY,
    "nested": b"a" + b"[x]" * (MAX_BODY // 3),
    "appended": b"a[]=1&" * (MAX_BODY // 6),
    "long keys": (b"a[" + b"b" * 250 + b"]=1&") * (MAX_BODY // 256),
    "equals": b"=" * MAX_BODY,
}


@pytest.mark.parametrize("name", JUNK)
def test_a_megabyte_of_junk_costs_less_than_50_ms(name: str) -> None:
    """By the process's own time: others use the machine, too."""
    costs = []
    for _ in range(5):
        started = time.process_time()
        parse_form(JUNK[name])
        costs.append(time.process_time() - started)
    assert min(costs) < 0.05, costs


@given(st.binary(max_size=2_000))
def test_any_bytes_give_a_tree_that_can_be_stored(body: bytes) -> None:
    form = parse_form(body)
    assert b"\\u0000" not in orjson.dumps(form.fields)  # no NUL, no lone surrogate


@given(st.lists(st.tuples(st.text("[]a0%=+ \x00é", max_size=12), st.text(max_size=12)), max_size=40))
def test_any_keys_give_a_tree_that_can_be_stored(pairs: list[tuple[str, str]]) -> None:
    encoded = urlencode(pairs, errors="replace").encode()
    raw = "&".join(f"{key}={value}" for key, value in pairs).encode("utf-8", "replace")
    for body in (encoded, raw):
        orjson.dumps(parse_form(body).fields)


_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="[]\x00"), min_size=1, max_size=8)
_VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
_TREES: Any = st.recursive(
    st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=4),
    lambda inner: st.dictionaries(_NAMES, _VALUES | inner, min_size=1, max_size=4),
    max_leaves=30,
)


@given(_TREES)
def test_what_php_writes_is_read_as_it_was(tree: Tree) -> None:
    body = "&".join(f"{quote_plus(_key(path))}={quote_plus(value)}" for path, value in _leaves(tree)).encode()
    assert parse_form(body) == Form(tree)


def _key(path: tuple[str, ...]) -> str:
    return path[0] + "".join(f"[{name}]" for name in path[1:])


def _leaves(tree: Tree, path: tuple[str, ...] = ()) -> Any:
    for name, node in tree.items():
        if isinstance(node, dict):
            yield from _leaves(node, (*path, name))
        else:
            yield (*path, name), node


def test_every_shape_is_read_whole() -> None:
    assert not [name for name, body in SHAPES.items() if parse_form(body).cut]
