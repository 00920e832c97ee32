"""Canonical JSON: what orjson writes alike, what it does not, and what has no canonical form."""

import pytest
import rfc8785

from agent.formats.canonical import canonical, is_plain, plain


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [None, True, "é\n"]}, b'{"a":[null,true,"\xc3\xa9\\n"],"b":1}'),
        (1e16, b"10000000000000000"),
        (9007199254740992.0, b"9007199254740992"),
        (1e21, b"1e+21"),
        (1e-6, b"0.000001"),
        (1e-7, b"1e-7"),
        (5.0, b"5"),
        (-0.0, b"0"),
        ({"\ufb33": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ufb33":1}'.encode()),
    ],
)
def test_values_are_written_as_the_standard_says(value: object, text: bytes) -> None:
    """RFC 8785 3.2.2 and 3.2.3: numbers as ECMAScript writes them, keys by UTF-16 code units."""
    assert canonical(value) == text


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**53, {1: 2}, "\ud800", {"a": {3}}, [object()]]
)
def test_what_has_no_form_is_refused(value: object) -> None:
    """Numbers that JSON cannot hold, keys that are no text, lone surrogates: an error, no guess."""
    with pytest.raises(ValueError, match=r"."):
        canonical(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, True),
        (1, True),
        (2**53, False),
        (0.5, True),
        (0.0, False),
        (1e-6, False),
        (1e300, False),
        ({"é": 1}, False),
        ({"a": [1.5, {"b": "ü"}]}, True),
        ([2.0], False),
        (b"", False),
    ],
)
def test_plain_is_what_both_write_alike(value: object, *, expected: bool) -> None:
    """A value is plain only where orjson needs no second opinion."""
    assert is_plain(value) is expected


def test_a_plain_value_takes_the_fast_way() -> None:
    """Both ways give the same bytes."""
    inner: dict[str, str] = {"c": "1", "b": "text"}
    assert plain({"z": inner, "a": inner}) == rfc8785.dumps({"z": inner, "a": inner})
