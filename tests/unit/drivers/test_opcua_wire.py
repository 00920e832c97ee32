"""The fast decoding says the same as the library's, or that it does not know."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Scalar
from drivers.opcua import slow, wire
from drivers.opcua.wire import ARRAY, Published, Reading, UnusualError

RANGES = {2: 7, 4: 15, 6: 31, 8: 63}
STAMPS = st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1))  # noqa: DTZ001 - zones below


def variants() -> st.SearchStrategy[ua.Variant]:
    """Return values of the plain types, and none."""
    kinds: list[st.SearchStrategy[ua.Variant]] = [st.just(ua.Variant(None, ua.VariantType.Null))]
    for signed, bits in RANGES.items():
        kinds += [
            _of(signed, st.integers(-(2**bits), 2**bits - 1)),
            _of(signed + 1, st.integers(0, 2 ** (bits + 1) - 1)),
        ]
    kinds += [
        _of(1, st.booleans()),
        _of(10, st.floats(width=32, allow_nan=False)),
        _of(11, st.floats(allow_nan=False)),
        _of(12, st.none() | st.text()),
    ]
    return st.one_of(kinds)


def _of(kind: int, contents: st.SearchStrategy[Any]) -> st.SearchStrategy[ua.Variant]:
    return contents.map(lambda value: ua.Variant(value, ua.VariantType(kind)))


MORNING = ua.DateTime(2026, 11, 30, 7, tzinfo=UTC)


def stamp(time: datetime | None) -> ua.DateTime | None:
    """Return a time as the library has it."""
    if time is None:
        return None
    return ua.DateTime.fromtimestamp(time.replace(tzinfo=UTC).timestamp(), UTC)


data_values = st.builds(
    lambda value, word, source, server: ua.DataValue(
        Value=value,
        StatusCode=None if word is None else ua.StatusCode(ua.UInt32(word)),
        SourceTimestamp=stamp(source),
        ServerTimestamp=stamp(server),
    ),
    variants(),
    st.none() | st.integers(0, 2**32 - 1),
    STAMPS,
    STAMPS,
)


def published(values: list[ua.DataValue], *more: object, sequence: int = 7) -> bytes:
    """Return a publish response with these values, each for its place as handle."""
    changes = ua.DataChangeNotification(
        MonitoredItems=[ua.MonitoredItemNotification(i, one) for i, one in enumerate(values)]
    )
    answer = ua.PublishResponse()
    answer.ResponseHeader.Timestamp = MORNING
    answer.Parameters.SubscriptionId = 3
    answer.Parameters.AvailableSequenceNumbers = [5, 6, 7]
    answer.Parameters.NotificationMessage = ua.NotificationMessage(
        sequence,
        MORNING,
        [*([changes] if values else []), *more],
    )
    return struct_to_binary(answer)


@given(st.lists(data_values), st.booleans())
def test_publish_response_means_the_same_as_in_the_library(
    values: list[ua.DataValue],
    server_time: bool,  # noqa: FBT001 - drawn
) -> None:
    """Whatever scalars a message carries, both decodings give the same readings in order."""
    raw = published(values)
    fast = wire.publish_response(raw, server_time=server_time)
    assert fast == slow.publish_response(raw, server_time=server_time)
    assert (fast.subscription, fast.sequence, fast.is_keep_alive) == (3, 7, not values)
    assert len(fast.changes) == len(values)


@given(st.lists(data_values), st.booleans())
def test_read_response_means_the_same_as_in_the_library(
    values: list[ua.DataValue],
    server_time: bool,  # noqa: FBT001 - drawn
) -> None:
    """The same for the answer to a read."""
    answer = ua.ReadResponse()
    answer.Results = values
    raw = struct_to_binary(answer)
    assert wire.read_response(raw, server_time=server_time) == slow.read_response(
        raw, server_time=server_time
    )


@given(st.lists(data_values, min_size=1), st.data())
def test_cut_or_changed_bytes_are_unusual_or_a_message(
    values: list[ua.DataValue], data: st.DataObject
) -> None:
    """No bytes raise anything but UnusualError: they come from outside."""
    raw = bytearray(published(values))
    for _ in range(data.draw(st.integers(0, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    for decode in (wire.publish_response, wire.read_response):
        try:
            decode(cut, server_time=True)
        except UnusualError:
            continue


def test_end_of_a_subscription_is_told() -> None:
    """A status change of the subscription itself is part of the answer, in both decodings."""
    change = ua.StatusChangeNotification(Status=ua.StatusCode(ua.UInt32(0x800A0000)))
    raw = published([], change)
    told = wire.publish_response(raw, server_time=False)
    assert told == Published(subscription=3, sequence=7, changes=[], status=0x800A0000)
    assert slow.publish_response(raw, server_time=False) == told


@pytest.mark.parametrize(
    ("variant", "reading"),
    [
        (ua.Variant([1, 2], ua.VariantType.Int32), (None, ARRAY)),
        (ua.Variant(b"\x01", ua.VariantType.ByteString), (None, 15)),
        (ua.Variant(ua.LocalizedText("Teil"), ua.VariantType.LocalizedText), ("Teil", 21)),
        (ua.Variant(UUID(int=1), ua.VariantType.Guid), (str(UUID(int=1)), 14)),
        (
            ua.Variant(datetime(2026, 11, 30, 7, tzinfo=UTC), ua.VariantType.DateTime),
            ("2026-11-30T07:00:00+00:00", 13),
        ),
    ],
)
def test_unusual_type_is_left_to_the_library(
    variant: ua.Variant, reading: tuple[Scalar | None, int]
) -> None:
    """Types with a form of their own are unusual; decoded slowly they are text, or no value."""
    raw = published([ua.DataValue(Value=variant)])
    with pytest.raises(UnusualError):
        wire.publish_response(raw, server_time=False)
    ((_, found),) = slow.publish_response(raw, server_time=False).changes
    assert found[:2] == reading


def test_text_that_is_not_utf_8_has_no_value() -> None:
    """A byte that is no character makes the value bad; nothing stands in for it."""
    raw = published([ua.DataValue(Value=ua.Variant("SN-1", ua.VariantType.String))])
    ((_, found),) = wire.publish_response(
        raw.replace(b"SN-1", b"SN-\xff"), server_time=False
    ).changes
    assert found[:2] == (None, wire.STRING)


def test_missing_source_time_is_filled_only_when_told_to() -> None:
    """The server's timestamp stands in where the station file says whose clock it is (D-93)."""
    at = datetime(1601, 1, 1, tzinfo=UTC) + timedelta(seconds=1)
    late = ua.DataValue(Value=ua.Variant(1, ua.VariantType.Int32), ServerTimestamp=stamp(at))
    raw = published([late])

    def source(*, server_time: bool) -> int:
        ((_, found),) = wire.publish_response(raw, server_time=server_time).changes
        return found[3]

    assert source(server_time=False) == 0
    assert source(server_time=True) == 10_000_000


@pytest.mark.parametrize("server_time", [True, False])
def test_picoseconds_follow_their_own_time(server_time: bool) -> None:  # noqa: FBT001 - from the table
    """Source time, its picoseconds, server time, its picoseconds: the standard's order."""
    header = struct_to_binary(ua.ReadResponse())[:28]
    source = 0 if server_time else 5
    value = b"\x3d\x03\x2a" + source.to_bytes(8, "little") + b"\x11\x11"
    value += (6).to_bytes(8, "little") + b"\x22\x22"
    after = b"\x01\x01\x01"  # a second value: true
    raw = header + (2).to_bytes(4, "little") + value + after + b"\xff\xff\xff\xff"
    assert wire.read_response(raw, server_time=server_time) == [
        (42, 3, 0, 6 if server_time else 5),
        (True, 1, 0, 0),
    ]


def test_fault_is_unusual() -> None:
    """A service fault is no publish response; the library raises its status."""
    answer = ua.PublishResponse()
    answer.ResponseHeader.ServiceResult = ua.StatusCode(ua.UInt32(ua.StatusCodes.BadNoSubscription))
    raw = struct_to_binary(answer)
    with pytest.raises(UnusualError):
        wire.publish_response(raw, server_time=False)
    with pytest.raises(ua.uaerrors.BadNoSubscription):
        slow.publish_response(raw, server_time=False)


def test_reading_is_a_plain_tuple() -> None:
    """Value, type, status, source time: what stands in the module's own words."""
    data = ua.DataValue(Value=ua.Variant(5, ua.VariantType.UInt16))
    wanted: Reading = (5, 5, 0, 0)
    assert slow.reading_of(data, server_time=False) == wanted
