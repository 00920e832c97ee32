"""Canonical JSON (RFC 8785): one value, one sequence of bytes, so that a hash means something.

orjson with sorted keys writes that form for nearly everything and is twenty times faster than the
`rfc8785` package. Where the two differ, the package decides:
    - floats outside [1e-5, 2**53), integral floats and negative zero;
    - keys beyond ASCII: RFC 8785 sorts by UTF-16 code units, orjson by bytes of UTF-8.
"""

from __future__ import annotations

from typing import cast

import orjson
import rfc8785

EXACT = 2**53
"""Below it every integer is exact in a JSON number (RFC 8785, 3.2.2.3)."""

_SMALLEST_PLAIN = 1e-5


def canonical(value: object) -> bytes:
    """Return the canonical JSON of a value made of dict, list, tuple, str, int, float, bool, None.

    Raises:
        ValueError: an integer beyond 2**53, NaN, an infinity, a lone surrogate or a key that is no
            text: none of them has a canonical form.
    """
    if is_plain(value):
        return plain(value)
    return rfc8785.dumps(cast("dict[str, None]", value))  # it checks the types itself


def plain(value: object) -> bytes:
    """Return the canonical JSON of a value of which `is_plain` is known to be true.

    Raises:
        ValueError: a lone surrogate.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise ValueError(f"no canonical JSON: {error}") from error


def is_plain(value: object) -> bool:
    """Return whether orjson and RFC 8785 write the value alike."""
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return True
    if kind is int:
        return -EXACT < cast("int", value) < EXACT
    if kind is float:
        number = cast("float", value)
        return _SMALLEST_PLAIN <= abs(number) < EXACT and not number.is_integer()
    if kind is dict:
        members = cast("dict[object, object]", value)
        return all(
            type(key) is str and key.isascii() and is_plain(member)
            for key, member in members.items()
        )
    if kind is list or kind is tuple:
        return all(map(is_plain, cast("list[object]", value)))
    return False
