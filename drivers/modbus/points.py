"""From the station file's tags to points in the device: what fits together, and what it means.

Pure; everything wrong is found when the driver is built, before any device is reached.
"""

from __future__ import annotations

from drivers.base import DriverConfigError
from drivers.modbus import ModbusOptions, ModbusTag
from drivers.modbus.codec import Bcd, Bit, ByteOrder, Codec, Flag, Number, Text
from drivers.modbus.layout import (
    LAST_ADDRESS,
    MOST_WRITTEN,
    AddressError,
    Point,
    Table,
    locate,
)
from drivers.modbus.wire import SerialWire, TcpWire, Wire
from drivers.options import Tag

_FORMS = {
    "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
    "float32": "f", "float64": "d",
}  # fmt: skip
_BCD_SIZES = {"bcd16": 1, "bcd32": 2}
_ONE_REGISTER = {"int16", "uint16", "bcd16"}


def wire_of(options: ModbusOptions) -> Wire:
    """Return the wire on which the device stands."""
    if options.serial is not None:
        return SerialWire(
            options.serial, options.baudrate, options.parity[0].upper(), options.stop_bits
        )
    assert options.host is not None  # noqa: S101 - the options' validator: one of the two
    return TcpWire(options.host, options.port, options.gateway)


def point_of(tag: Tag, options: ModbusOptions) -> Point:
    """Return where and what a tag is.

    Raises:
        DriverConfigError: address, type and use do not fit together or to the device's options.
    """
    settings: ModbusTag = tag.address
    try:
        table, start = locate(options.address_base, settings.table, settings.address)
    except AddressError as error:
        raise DriverConfigError(
            tag.name, str(error), "correct address, table or address_base"
        ) from error
    point = Point(
        tag.name, table, start, _codec(tag.name, settings, table, options), str(settings.address)
    )
    if point.end - 1 > LAST_ADDRESS:
        raise DriverConfigError(
            tag.name, f"{point} ends behind the last address", "correct address or length"
        )
    if point.codec.size > options.max_read and not table.of_bits:
        raise DriverConfigError(
            tag.name,
            f"takes {point.codec.size} registers, one answer brings {options.max_read} (max_read)",
            "a value is never read in two requests: shorten it or raise max_read",
        )
    if tag.write:
        _refuse_unsafe_write(point, settings)
    return point


def _codec(tag: str, settings: ModbusTag, table: Table, options: ModbusOptions) -> Codec:
    """Return what the tag's words mean.

    Raises:
        DriverConfigError: the table holds no such type, or no byte order is declared.
    """
    kind = settings.type
    if table.of_bits and (kind != "bool" or settings.bit is not None):
        raise DriverConfigError(
            tag, f"a {table} holds one bit, not {kind}", "use type bool without bit"
        )
    if kind == "bool":
        return Flag() if settings.bit is None else Bit(settings.bit)
    if kind == "string":
        assert settings.length is not None  # noqa: S101 - the options' validator: string needs it
        return Text(settings.length, settings.encoding, settings.swapped, settings.counted)
    order = settings.byte_order or options.byte_order
    if order is None and kind not in _ONE_REGISTER:
        raise DriverConfigError(
            tag,
            f"{kind} takes more than one register and no byte_order is declared",
            "give the device (or the tag) byte_order: ABCD, CDAB, BADC or DCBA, and prove it with"
            " a test value",
        )
    null = frozenset(settings.null)
    if kind in _BCD_SIZES:
        return Bcd(_BCD_SIZES[kind], null=null, order=order or ByteOrder.ABCD)
    return Number(_FORMS[kind], null=null, order=order or ByteOrder.ABCD)


def _refuse_unsafe_write(point: Point, settings: ModbusTag) -> None:
    """Return if the point can be written without touching anything else (PITFALLS M5).

    Raises:
        DriverConfigError: it cannot.
    """
    if not point.table.can_be_written:
        raise DriverConfigError(
            point.tag,
            f"table {point.table} cannot be written",
            "write to a coil or a holding register",
        )
    if settings.bit is not None and not settings.mask:
        raise DriverConfigError(
            point.tag,
            f"bit {settings.bit} shares its register with bits of the PLC's program",
            "give it a coil or a register of its own (leave out bit), or mask: true if the device"
            " knows function 22",
        )
    if point.codec.size > MOST_WRITTEN:
        raise DriverConfigError(
            point.tag,
            f"takes {point.codec.size} registers, one request writes {MOST_WRITTEN}",
            "shorten it",
        )
