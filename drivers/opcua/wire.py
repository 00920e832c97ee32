"""The two answers that come thousands of times a second, read straight from their bytes.

The library builds some ten objects for each value (20 us); this builds a tuple (about 1 us). It
knows the plain case only: scalars of the fixed types and strings, no diagnostics. For anything
else it raises `UnusualError` and the caller has the library decode the message.

Source: OPC 10000-6, 5.2.2 (encodings), 5.2.2.16 (Variant), 5.2.2.17 (DataValue); OPC 10000-4,
5.14.5 (Publish), 5.11.2 (Read), 7.25 (notifications).
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct, error

from drivers.base import Scalar

Reading = tuple[Scalar | None, int, int, int]
"""(value, built-in type, status word, source time in 100 ns since 1601).

The value is None where there is none that a tag can hold; the type is 0 where there is no value and
ARRAY where there are several; the source time is 0 where there is none.
"""

STRING = 12
ARRAY = 256
"""A type that no scalar has."""

_PUBLISH_RESPONSE = b"\x01\x00" + (829).to_bytes(2, "little")
_READ_RESPONSE = b"\x01\x00" + (634).to_bytes(2, "little")
_DATA_CHANGE = b"\x01\x00" + (811).to_bytes(2, "little") + b"\x01"
_STATUS_CHANGE = b"\x01\x00" + (820).to_bytes(2, "little") + b"\x01"
_HEADER_SIZE = 28  # type id 4, time 8, handle 4, result 4, diagnostics 1, strings 4, extension 3
_NO_EXTRAS = (b"\x00\xff\xff\xff\xff\x00\x00\x00", b"\x00\x00\x00\x00\x00\x00\x00\x00")

_I32 = Struct("<i")
_U32 = Struct("<I")
_I64 = Struct("<q")
_FIXED = {
    1: Struct("<?"),
    2: Struct("<b"),
    3: Struct("<B"),
    4: Struct("<h"),
    5: Struct("<H"),
    6: Struct("<i"),
    7: Struct("<I"),
    8: Struct("<q"),
    9: Struct("<Q"),
    10: Struct("<f"),
    11: Struct("<d"),
}
_HAS_VALUE, _HAS_STATUS, _HAS_SOURCE, _HAS_SERVER = 1, 2, 4, 8
_HAS_SOURCE_PICO, _HAS_SERVER_PICO = 16, 32


def _tail(mask: int) -> tuple[int, int, int, int]:
    """Return where status, source and server time stand behind a value, and how long all is.

    What a value of this mask does not have stands nowhere: -1. Each time is followed by its own
    picoseconds; the library reads both times first, which is wrong where a server sends them.
    """
    places, at = [], 0
    for bit, size in (
        (_HAS_STATUS, 4),
        (_HAS_SOURCE, 8),
        (_HAS_SOURCE_PICO, 2),
        (_HAS_SERVER, 8),
        (_HAS_SERVER_PICO, 2),
    ):
        places.append(at if mask & bit else -1)
        at += size if mask & bit else 0
    return places[0], places[1], places[3], at


_TAILS = tuple(_tail(mask) for mask in range(64))


class UnusualError(Exception):
    """The bytes are not the plain case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What one publish response brought."""

    subscription: int
    sequence: int
    changes: list[tuple[int, Reading]]
    """(client handle, reading) in the server's order."""
    status: int | None = None
    """The subscription's own new status, if this message says so."""
    is_keep_alive: bool = False


def publish_response(raw: bytes, *, server_time: bool) -> Published:
    """Return what a publish response says.

    Args:
        raw: the message body, from its type id on.
        server_time: whether the server's timestamp stands in for a missing source timestamp.

    Raises:
        UnusualError: it is not the plain case.
    """
    try:
        at = _after_header(raw, _PUBLISH_RESPONSE)
        (subscription,) = _U32.unpack_from(raw, at)
        (available,) = _I32.unpack_from(raw, at + 4)
        at += 8 + 4 * max(available, 0) + 1  # more_notifications: we ask again in any case
        (sequence,) = _U32.unpack_from(raw, at)
        (parts,) = _I32.unpack_from(raw, at + 12)
        at += 16
        changes: list[tuple[int, Reading]] = []
        status = None
        for _ in range(parts):
            kind, body = raw[at : at + 5], at + 9
            at = body + _length(raw, at + 5)
            if kind == _DATA_CHANGE:
                _data_changes(raw, body, changes, server_time=server_time)
            elif kind == _STATUS_CHANGE:
                (status,) = _U32.unpack_from(raw, body)
            else:
                raise UnusualError("another notification")
    except (error, IndexError) as cut:
        raise UnusualError(str(cut)) from None
    return Published(
        subscription=subscription,
        sequence=sequence,
        changes=changes,
        status=status,
        is_keep_alive=parts <= 0,
    )


def read_response(raw: bytes, *, server_time: bool) -> list[Reading]:
    """Return the readings of a read response in the order in which they were asked for.

    Raises:
        UnusualError: it is not the plain case.
    """
    try:
        at = _after_header(raw, _READ_RESPONSE)
        (count,) = _I32.unpack_from(raw, at)
        at += 4
        readings = []
        for _ in range(count):
            reading, at = _data_value(raw, at, server_time=server_time)
            readings.append(reading)
    except (error, IndexError) as cut:
        raise UnusualError(str(cut)) from None
    return readings


def _after_header(raw: bytes, type_id: bytes) -> int:
    """Return where the parameters begin, if type and header are as expected."""
    if raw[:4] != type_id or raw[16:20] != b"\x00\x00\x00\x00" or raw[20:28] not in _NO_EXTRAS:
        raise UnusualError("another message, a fault, or one with diagnostics")
    return _HEADER_SIZE


def _length(raw: bytes, at: int) -> int:
    """Return a length that stays within the message."""
    (length,) = _I32.unpack_from(raw, at)
    if length < 0 or at + 4 + length > len(raw):
        raise UnusualError("a length that does not fit")
    return int(length)


def _data_changes(
    raw: bytes, at: int, changes: list[tuple[int, Reading]], *, server_time: bool
) -> None:
    """Append what one DataChangeNotification says."""
    (count,) = _I32.unpack_from(raw, at)
    at += 4
    handle_at = _U32.unpack_from
    for _ in range(count):
        (handle,) = handle_at(raw, at)
        reading, at = _data_value(raw, at + 4, server_time=server_time)
        changes.append((handle, reading))


def _data_value(raw: bytes, at: int, *, server_time: bool) -> tuple[Reading, int]:
    """Return one reading and where the next one begins."""
    mask = raw[at]
    at += 1
    value: Scalar | None = None
    kind = status = source = 0
    if mask & _HAS_VALUE:
        kind = raw[at]
        form = _FIXED.get(kind)
        if form is not None:
            (value,) = form.unpack_from(raw, at + 1)
            at += 1 + form.size
        elif kind == STRING:
            value, at = _text(raw, at + 1)
        elif kind == 0:  # said to have a value, which is null
            at += 1
        else:
            raise UnusualError("a type that has its own form")
    status_at, source_at, server_at, size = _TAILS[mask]
    if status_at >= 0:
        (status,) = _U32.unpack_from(raw, at + status_at)
    if source_at >= 0:
        (source,) = _I64.unpack_from(raw, at + source_at)
    if server_time and server_at >= 0 and not source:
        (source,) = _I64.unpack_from(raw, at + server_at)
    at += size
    if at > len(raw):
        raise UnusualError("a value that is cut")
    return (value, kind, status, source), at


def _text(raw: bytes, at: int) -> tuple[str | None, int]:
    """Return a string and where it ends; a null string is an empty one."""
    (length,) = _I32.unpack_from(raw, at)
    at += 4
    if length <= 0:
        return "", at
    end = at + length
    if end > len(raw):
        raise UnusualError("a length that does not fit")
    try:
        return raw[at:end].decode(), end
    except UnicodeDecodeError:
        return None, end  # BAD: a replaced character would be a wrong serial
