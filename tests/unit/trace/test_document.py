"""The events of one JSON document, read one by one: as the library has them, or not at all."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.trace.document import Document, NoDocumentError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["events", "form", "stations", "a"])


@given(
    st.dictionaries(NAMES, VALUES),
    st.lists(VALUES, max_size=4),
    st.sampled_from([None, 0, 2]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_a_document_is_as_the_library_has_it(
    others: dict[str, Any], events: list[Any], indent: int | None, encoding: str
) -> None:
    """Its events in their order, as often as they are asked for, and all else beside them."""
    whole = {**others, "events": events}
    body = json.dumps(whole, indent=indent, ensure_ascii=False).encode(encoding, "surrogatepass")
    document = Document.of(body)
    assert list(document) == list(document) == events
    assert document.members == {name: value for name, value in others.items() if name != "events"}


@given(st.text(st.sampled_from(' {}[],:"\n1e-aevntsfalrNI\\'), max_size=30))
def test_what_is_taken_is_json(text: str) -> None:
    """Whatever it takes the library takes, with the same events."""
    body = ('{"events": [' + text).encode()
    try:
        document = Document.of(body)
    except NoDocumentError:
        return
    assert str(list(document)) == str(json.loads(body)["events"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"events": 5}',
        '{"events": [], "events": 5}',
        '{"events": [1,]}',
        '{"events": [1 2]}',
        '{"events": [1}',
        '{"events" [1]}',
        "{events: []}",
        '{"events": [],}',
        '{"events": []} x',
        '{"events": []',
        '{"events": [], "a": }',
        '{"events": [{"a": nope}]}',
        '\ufeff\ufeff{"events": []}',
        '{"events": [' + "[" * 100_000,
        '{"events": [' + "9" * 5_000 + "]}",
    ],
    ids=range(18),
)
def test_what_is_none_is_left_to_the_library(text: str) -> None:
    """No JSON, or no object with a list of events: the library says what is wrong with it."""
    with pytest.raises(NoDocumentError):
        Document.of(text.encode())


def test_what_is_no_text_is_left_to_the_library() -> None:
    """It says where."""
    with pytest.raises(NoDocumentError):
        Document.of(b'{"events": ["\xff"]}')


def test_the_last_list_counts_and_has_its_lines() -> None:
    """A member that is there twice is what it was said to be last, as everywhere in JSON."""
    text = '{"events": [1,\n2],\n "n": {"events": [7]}, "events":\n[ 3,\n\n4\n, 5]}'
    document = Document.of(text.encode())
    assert list(document) == json.loads(text)["events"]
    assert list(document.lines()) == [4, 6, 7]
