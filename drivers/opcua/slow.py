"""The same two answers as `wire`, decoded by the library: for whatever is not the plain case."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary

from drivers.base import Scalar
from drivers.opcua.wire import ARRAY, Published, Reading

_TICKS_PER_US = 10
_OPC_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def publish_response(raw: bytes, *, server_time: bool) -> Published:
    """Return what a publish response says.

    Raises:
        UaStatusCodeError: it is a fault.
    """
    answer = struct_from_binary(ua.PublishResponse, Buffer(raw))
    answer.ResponseHeader.ServiceResult.check()
    message = answer.Parameters.NotificationMessage
    parts = message.NotificationData or []
    changes = [
        (int(item.ClientHandle), reading_of(item.Value, server_time=server_time))
        for part in parts
        if isinstance(part, ua.DataChangeNotification)
        for item in part.MonitoredItems
    ]
    return Published(
        subscription=int(answer.Parameters.SubscriptionId),
        sequence=int(message.SequenceNumber),
        changes=changes,
        status=next(_new_status(parts), None),
        is_keep_alive=not parts,
    )


def _new_status(parts: list[object]) -> Iterator[int]:
    """Yield the status words of the subscription itself."""
    for part in parts:
        if isinstance(part, ua.StatusChangeNotification):
            yield int(part.Status.value)


def read_response(raw: bytes, *, server_time: bool) -> list[Reading]:
    """Return the readings of a read response in the order in which they were asked for.

    Raises:
        UaStatusCodeError: it is a fault.
    """
    answer = struct_from_binary(ua.ReadResponse, Buffer(raw))
    answer.ResponseHeader.ServiceResult.check()
    return [reading_of(value, server_time=server_time) for value in answer.Results]


def reading_of(data: ua.DataValue, *, server_time: bool) -> Reading:
    """Return the reading in a value that the library decoded."""
    stamp = data.SourceTimestamp
    if stamp is None and server_time:
        stamp = data.ServerTimestamp
    status = 0 if data.StatusCode is None else int(data.StatusCode.value)
    value, kind = scalar_of(data.Value)
    return value, kind, status, 0 if stamp is None else _ticks(stamp)


def scalar_of(variant: ua.Variant | None) -> tuple[Scalar | None, int]:
    """Return what a tag can hold of a variant, and its built-in type (ARRAY for several)."""
    if variant is None or variant.VariantType is None:
        return None, 0
    if variant.is_array or isinstance(variant.Value, list):
        return None, ARRAY
    return _as_scalar(variant.Value, variant.VariantType), int(variant.VariantType.value)


def _as_scalar(value: object, kind: ua.VariantType) -> Scalar | None:
    """Return the value, as text where it has no plain form, or None."""
    match value:
        case bool() | int() | float() | str():
            return value
        case datetime():
            return value.replace(tzinfo=UTC).isoformat()
        case UUID():
            return str(value)
        case ua.LocalizedText():
            return value.Text or ""
        case _:
            return "" if kind is ua.VariantType.String else None


def _ticks(stamp: datetime) -> int:
    """Return a time in 100 ns since 1601."""
    elapsed = stamp.replace(tzinfo=UTC) - _OPC_EPOCH
    return (elapsed.days * 86_400_000_000 + elapsed.seconds * 1_000_000 + elapsed.microseconds) * (
        _TICKS_PER_US
    )
