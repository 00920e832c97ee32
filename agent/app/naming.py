"""What people call a unit or lot, and the canonical text under which the journal knows it.

At two in the morning somebody has a label, or half a line from a log. All of these name one unit:

    https://id.gs1.org/01/09521234000020/21/SN000007   as events have it
    01/09521234000020/21/SN000007                      as tables show it
    (01)09521234000020(21)SN000007                     as it is printed on the label
    ]C1010952123400002021SN000007                      as a scanner sends it
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from agent.core.identity.codes import parse
from agent.core.identity.digital_link import RESOLVER, canonical
from agent.core.identity.reading import CodeError, Profile
from agent.core.identity.rules import Identified, judge
from agent.core.identity.scan_rule import Gs1Match, Means, standard_identity
from agent.core.station import Station

_SHOWN = re.compile(r"\d{2,4}/\S+")
_PRINTED = re.compile(r"(?:\(\d{2,4}\)[^()]+)+")
_FIELD = re.compile(r"\((\d{2,4})\)([^()]+)")
_GS1 = Gs1Match(ais=frozenset())
_GS1_SYMBOL = b"]C1"
_GS1_SYMBOLS = (_GS1_SYMBOL, b"]d2", b"]Q3", b"]e0", b"]J1")
_SEPARATOR = b"\x1d"


def canonical_name(text: str, stations: Iterable[Station], day: date) -> str:
    """Return the canonical text of what somebody calls a unit or lot.

    Args:
        text: Canonical text with or without its resolver, a printed or scanned GS1 label, or a
            plain code.
        stations: Whose scan rules say what a label names; without any, the GS1 standard does.
        day: When the label is read.

    Raises:
        ValueError: it is a GS1 label, but a wrong one, or one that names nothing.
    """
    if _SHOWN.fullmatch(text):
        return f"{RESOLVER}/{text}"
    try:
        raw = _label(text)
    except UnicodeEncodeError:
        return text
    for station in stations:
        found = judge(raw, station.scans, reference_date=day)
        if isinstance(found, Identified):
            return found.code
    return _by_standard(raw, day) if raw.startswith(b"]") else text


def as_read(text: str, station: Station, day: date) -> bytes:
    """Return the bytes that a scanner would send for a label that somebody keys in.

    What is printed with brackets may stand in any of GS1's symbols: the first one that a rule of
    the station takes. A character that no scanner sends is a question mark.
    """
    raw = _label(text.encode("latin-1", "replace").decode("latin-1"))
    if not _PRINTED.fullmatch(text):
        return raw
    each = [symbol + raw.removeprefix(_GS1_SYMBOL) for symbol in _GS1_SYMBOLS]
    judged = (judge(raw, station.scans, reference_date=day) for raw in each)
    taken = [raw for raw, found in zip(each, judged, strict=True) if isinstance(found, Identified)]
    return (taken or each)[0]


def _label(text: str) -> bytes:
    """Return the bytes that a scanner sends for a label: what is printed has its brackets."""
    if not _PRINTED.fullmatch(text):
        return text.replace("<GS>", "\x1d").encode("latin-1")
    fields = (f"{code}{value}".encode("latin-1") for code, value in _FIELD.findall(text))
    return _GS1_SYMBOL + _SEPARATOR.join(fields)


def _by_standard(raw: bytes, day: date) -> str:
    try:
        reading = parse(raw, Profile(reference_date=day))
    except CodeError as error:
        raise ValueError(f"{raw.decode('latin-1')!r} is no right code: {error}") from error
    values = {field.identifier: field.value for field in reading.fields}
    for means in (Means.UNIT, Means.LOT, Means.COMPONENT, Means.CHILD, Means.PARENT):
        chosen = standard_identity(_GS1, means, frozenset(values))
        if chosen is not None:
            return canonical((code, values[code]) for code in chosen)
    raise ValueError(
        f"{raw.decode('latin-1')!r} names no unit or lot; it has ({')('.join(values)})"
    )
