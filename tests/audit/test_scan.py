"""Finding values in text that is cut, deep or hostile."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekswatch.audit.scan import MAX_PARTS, Found, Member, TooLongError, elements, members, values

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=6), JSON, max_size=5))
def test_the_members_of_an_object_are_found(document: dict[str, object]) -> None:
    """Strings may hold any bracket, quote or comma."""
    found, closed = members(json.dumps(document, indent=1, ensure_ascii=False).encode())

    assert closed
    assert [json.loads(one.value) for one in found] == list(document.values())


@given(st.lists(JSON, max_size=5))
def test_the_elements_of_an_array_are_found(document: list[object]) -> None:
    """As for objects."""
    found, closed = elements(json.dumps(document).encode())

    assert closed
    assert [json.loads(one) for one in found] == document


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"a": 1, "b": "x', [Member("a", b"1", True), Member("b", b'"x', False)]),
        (b'{"a": 12', [Member("a", b"12", False)]),
        (b'{"a": {"b": [1', [Member("a", b'{"b": [1', False)]),
        (b'{"a": "\\', [Member("a", b'"\\', False)]),
        (b'{"a"', []),
        (b'{"a": }', []),
        (b"[1]", []),
        (b"", []),
    ],
)
def test_a_cut_object_keeps_what_came_before(raw: bytes, expected: list[Member]) -> None:
    """A value that may go on in what was cut is marked as not whole."""
    found, closed = members(raw)

    assert not closed
    assert [(one.key, one.whole) for one in found] == [(one.key, one.whole) for one in expected]
    assert [one.value for one in found if one.whole] == [o.value for o in expected if o.whole]


def test_a_hundred_thousand_brackets_need_no_recursion() -> None:
    """Attackers choose the nesting."""
    deep = b"[" * 100_000 + b"]" * 100_000

    assert elements(deep)[0] == [deep[1:-1]]
    assert members(b'{"a":' + deep + b"}")[0][0].value == deep


@given(
    st.lists(JSON.filter(lambda one: not isinstance(one, list)), max_size=6),
    st.booleans(),
    st.data(),
)
def test_a_stream_gives_its_values_however_it_is_chunked(
    documents: list[object], as_array: bool, data: st.DataObject
) -> None:
    """Documents one after the other, or in an array; the chunks fall anywhere."""
    texts = [json.dumps(one, indent=1) for one in documents]
    raw = (f"[{','.join(texts)}]" if as_array else "\n".join(texts)).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=5)))
    chunks = [raw[start:end] for start, end in pairwise([0, *cuts, len(raw)])]

    found = list(values(chunks))

    assert [json.loads(one.value) for one in found] == documents
    assert all(one.whole for one in found)


def test_a_value_is_found_with_the_line_it_begins_on() -> None:
    """A report can say where to look."""
    raw = b'[\n {"a":\n 1},\n\n {"b": 2},\n {"c"'

    found = list(values([raw[:9], raw[9:]]))

    assert found == [
        Found(2, b'{"a":\n 1}'),
        Found(5, b'{"b": 2}'),
        Found(6, b'{"c"', whole=False),
    ]


def test_a_value_over_the_limit_is_named() -> None:
    """What came before it is kept; the limit itself passes."""
    fits, too_long = b'"' + b"x" * 18, b'"' + b"x" * 20
    found: list[Found] = []

    assert [one.value for one in values([fits, b'"'], limit_bytes=20)] == [fits + b'"']
    with pytest.raises(TooLongError) as raised:
        found.extend(values([b"{}\n", too_long, b"x"], limit_bytes=20))

    assert [one.value for one in found] == [b"{}"]
    assert raised.value.line == 2


def test_parts_over_the_limit_are_left_out_as_if_cut() -> None:
    """A few kilobytes of gzip must not become millions of objects; the limit itself passes."""
    at_limit, over = b"1," * (MAX_PARTS - 1) + b"1", b"1," * MAX_PARTS + b"1"

    assert elements(b"[" + at_limit + b"]") == ([b"1"] * MAX_PARTS, True)
    assert elements(b"[" + over + b"]") == ([b"1"] * MAX_PARTS, False)


def test_members_over_the_limit_are_left_out_as_if_cut() -> None:
    """As with elements."""
    member = b'"a":1,'

    found, closed = members(b"{" + member * MAX_PARTS + b"}")
    fewer, open_ = members(b"{" + member * (MAX_PARTS + 1) + b"}")

    assert (len(found), closed) == (MAX_PARTS, True)
    assert (len(fewer), open_) == (MAX_PARTS, False)
