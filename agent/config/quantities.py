"""The small words of a station file: durations, sizes, counts that wrap, names, zones, secrets.

Each refuses with a sentence `what is wrong; what to do`. Every quantity is written with its unit:
a bare number would be a guess (STYLE 4).
"""

from __future__ import annotations

import re
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from agent.config.problems import did_you_mean, shown
from drivers.options import DURATION_SCHEMA, seconds

_SIZE = re.compile(r"\s*(\d+)\s*(MB|GB|MiB|GiB|TiB)\s*")
_SIZES = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_POWER = re.compile(r"\s*(2|10)\s*\^\s*(\d{1,3})\s*")
_LEAST_MODULUS, _MOST_MODULUS = 2, 2**64
NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"
_SEGMENT = re.compile(r"[a-z0-9_-]{1,64}")
_MOST_PATH = 200
REFERENCE = r"^(credential|file|env):.+$"


def duration_text(length_ms: float) -> str:
    """Return a duration as a station file writes it.

    >>> duration_text(200), duration_text(30_000), duration_text(2_592_000_000)
    ('200ms', '30s', '30d')
    """
    for unit, unit_ms in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000)):
        if length_ms >= unit_ms and length_ms % unit_ms == 0:
            return f"{length_ms // unit_ms:g}{unit}"
    return f"{length_ms:g}ms"


def size_text(size_bytes: int) -> str:
    """Return a size as a station file writes it.

    >>> size_text(4 * 2**30), size_text(64 * 2**20)
    ('4GiB', '64MiB')
    """
    for unit in ("TiB", "GiB", "MiB"):
        if size_bytes >= _SIZES[unit] and size_bytes % _SIZES[unit] == 0:
            return f"{size_bytes // _SIZES[unit]}{unit}"
    return f"{size_bytes} bytes"


def is_reference(text: object) -> bool:
    """Return whether the text says where a secret is, as far as its form goes."""
    return isinstance(text, str) and re.match(REFERENCE, text) is not None


def _milliseconds(value: object) -> int:
    length_s = seconds(value)
    if not isinstance(length_s, float):  # `seconds` answers with a float or raises
        raise TypeError(f"{length_s!r} is not a number of seconds")
    return round(length_s * 1000)


def _size(value: object) -> int:
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{shown(value)} is not a size; write a whole number with MiB or GiB")
    return int(match[1]) * _SIZES[match[2]]


def _modulus(value: object) -> int:
    power = _POWER.fullmatch(value) if isinstance(value, str) else None
    number = int(power[1]) ** int(power[2]) if power else value
    if (
        isinstance(number, bool)
        or not isinstance(number, int)
        or not _LEAST_MODULUS <= number <= _MOST_MODULUS
    ):
        raise ValueError(f"{shown(value)} is not a modulus; write 65536, 2^16, 2^32 or 10^4")
    return number


def _name(text: str) -> str:
    if re.fullmatch(NAME, text) is None:
        raise ValueError(
            f"{shown(text)} is no name; begin with a letter, go on with letters, digits, _ and -"
        )
    return text


def _station_path(text: str) -> str:
    for segment in text.split("/"):
        if _SEGMENT.fullmatch(segment) is None:
            raise ValueError(
                f"the segment {shown(segment)} of {shown(text)} cannot stand in a topic; "
                "write a-z, 0-9, _ and -, joined by /"
            )
    if len(text) > _MOST_PATH:
        raise ValueError(f"the path is longer than {_MOST_PATH} characters; shorten it")
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # no zone, no path, a folder
        hint = did_you_mean(text, available_timezones()) if "/" in text else ""
        hint = hint if hint.startswith("did") else "write an IANA name such as Europe/Vienna"
        raise ValueError(f"there is no time zone {shown(text)}; {hint}") from None
    return text


def _time_of_day(value: object) -> int:
    """Return the minute of the day that `06:00` is."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'{shown(value)} is no time of day; write it in quotes, "06:00"')
    return int(match[1]) * 60 + int(match[2])


def _in_order(times: tuple[int, ...]) -> tuple[int, ...]:
    """Return times of day in the order of the day, each once."""
    if len(set(times)) < len(times):
        raise ValueError("the same time stands there twice; remove one")
    return tuple(sorted(times))


def _reference(text: str) -> str:
    if not is_reference(text):
        raise ValueError(
            "a secret is named, never written here; write credential:NAME, file:PATH or env:NAME"
        )
    return text


Millis = Annotated[
    int,
    BeforeValidator(_milliseconds),
    WithJsonSchema(DURATION_SCHEMA),
]
"""A duration, held in milliseconds."""

Size = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema({"type": "string", "pattern": f"^{_SIZE.pattern}$", "examples": ["4GiB"]}),
]
"""A size, held in bytes."""

Modulus = Annotated[
    int,
    BeforeValidator(_modulus),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 2},
                {"type": "string", "pattern": _POWER.pattern},
            ]
        }
    ),
]
"""Where a counter or request number wraps to 0: one more than its highest value."""

Name = Annotated[str, AfterValidator(_name), WithJsonSchema({"type": "string", "pattern": NAME})]
"""A name that the file gives to a device, tag, sink or position."""

StationPath = Annotated[
    str,
    AfterValidator(_station_path),
    WithJsonSchema({"type": "string", "pattern": r"^[a-z0-9_-]+(/[a-z0-9_-]+)*$"}),
]
"""An ISA-95 equipment path, any depth."""

Zone = Annotated[str, AfterValidator(_zone), WithJsonSchema({"type": "string"})]
"""An IANA time zone (D-104)."""

TimesOfDay = Annotated[
    tuple[
        Annotated[
            int,
            BeforeValidator(_time_of_day),
            WithJsonSchema({"type": "string", "pattern": f"^{_TIME.pattern}$"}),
        ],
        ...,
    ],
    AfterValidator(_in_order),
]
"""Times of the local day, held in minutes from midnight, in order."""

Reference = Annotated[
    str, AfterValidator(_reference), WithJsonSchema({"type": "string", "pattern": REFERENCE})
]
"""Where a secret is: `credential:NAME`, `file:PATH` or `env:NAME`."""
