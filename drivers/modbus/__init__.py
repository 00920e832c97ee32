"""Modbus over TCP and over a serial line (RTU): options, and how the driver is built.

One device entry is one Modbus device (one `device_id`). Entries with the same `host` and `port`, or
the same `serial`, stand on one wire: they share its connection and ask one after the other, yet
each is up or down on its own, so that a dead device does not take its neighbours with it. How the
parts work together: codec and layout (pure) < link (the one user of pymodbus) < bus < driver.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from drivers.base import Clock, Driver, DriverConfigError, Scalar, TagFault
from drivers.modbus.codec import ByteOrder
from drivers.modbus.layout import MOST_REGISTERS, AddressBase, Table
from drivers.options import DriverSpec, Options, Seconds, Tag

_RENUMBERED = re.compile(r"^/dev/tty(USB|ACM)\d+$")


def _stable_name(path: str) -> str:
    """Return the path of a serial port, refusing names that change when adapters are replugged.

    Raises:
        ValueError: it is such a name (PITFALLS T5).
    """
    if _RENUMBERED.match(path):
        raise ValueError(
            f"{path} is renumbered when adapters are replugged; use its name in /dev/serial/by-id"
        )
    return path


def _text_encoding(name: str) -> str:
    """Return the name of an encoding in which a NUL byte can end a text.

    Raises:
        ValueError: there is no such encoding, or it puts NUL bytes into plain text.
    """
    try:
        plain = codecs.lookup(name).encode("A")[0] == b"A"
    except LookupError as error:
        raise ValueError(f"there is no encoding {name!r}") from error
    if not plain:
        raise ValueError(f"{name!r} does not write one byte per plain character")
    return name


def _number(value: object) -> object:
    """Return a filler that is a number; NaN is always one, and need not be named."""
    if isinstance(value, bool) or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
        raise ValueError(f"{value!r} need not be declared: only numbers can be fillers")
    return value


class ModbusOptions(Options):
    """A Modbus device: reached over TCP (`host`) or over a serial line (`serial`)."""

    host: str | None = None
    """Name or address of the device, or of the gateway in front of it."""

    port: Annotated[int, Field(ge=1, le=65535)] = 502
    """TCP port; 502 unless the device's manual says otherwise."""

    gateway: bool = False
    """Whether `host` is a gateway to a serial line. Set it for every such gateway: after an answer
    that did not come, the line is left quiet until a late one cannot be taken for the next."""

    serial: Annotated[str, AfterValidator(_stable_name)] | None = None
    """Serial port of an RS-485 or RS-232 adapter, by its stable name in /dev/serial/by-id."""

    baudrate: Annotated[int, Field(ge=300, le=4_000_000)] = 19200
    """Bits per second on the serial line; the same for all its devices."""

    parity: Literal["none", "even", "odd"] = "even"
    """Parity on the serial line. The standard says even; many devices leave the factory at none."""

    stop_bits: Literal[1, 2] = 1
    """Stop bits on the serial line; the standard asks for 2 where parity is none."""

    device_id: Annotated[int, Field(ge=0, le=255)] = 1
    """Which device behind this address (unit id, slave address): 1 to 247 on a serial line, where 0
    would address all of them and be answered by none. A device with its own network port often
    ignores it; some insist on 0 or 255."""

    address_base: AddressBase
    """What the addresses of the tags count from, as in the manual you copy them from: `wire` (the
    first register is 0), `one` (it is 1) or `modicon` (it is 40001). There is no default: a guess
    reads the neighbour."""

    byte_order: ByteOrder | None = None
    """How values of more than one register are stored; needed as soon as there is one. Prove it
    with a `test` value."""

    max_read: Annotated[int, Field(ge=1, le=MOST_REGISTERS)] = MOST_REGISTERS
    """Registers that the device gives in one answer. Lower it when the manual says so."""

    max_gap: Annotated[int, Field(ge=0, le=MOST_REGISTERS)] = 8
    """How many unused addresses between two tags may be read along to save a request. Set it to 0
    where reading a register has a side effect."""

    timeout: Annotated[Seconds, Field(gt=0, le=60)] = 0.5
    """How long an answer may take before the link is given up; longer than the slowest answer. On a
    serial line three times as long is kept quiet afterwards."""

    poll: Annotated[Seconds, Field(gt=0)] = 0.1
    """How often all tags are read."""

    fast: Annotated[Seconds, Field(gt=0)] = 0.01
    """How often the tags of a handshake (trigger, request) are read."""

    @model_validator(mode="after")
    def _one_way_there(self) -> Self:
        """Refuse options that do not name exactly one way to the device.

        Raises:
            ValueError: both or none of `host` and `serial`, or options of the other one.
        """
        if (self.host is None) == (self.serial is None):
            raise ValueError("give either host (TCP) or serial (RTU)")
        given = self.model_fields_set
        foreign = {"port", "gateway"} if self.serial else {"baudrate", "parity", "stop_bits"}
        if wrong := sorted(given & foreign):
            raise ValueError(
                f"{', '.join(wrong)}: not for a device with {'serial' if self.serial else 'host'}"
            )
        if self.serial and not 1 <= self.device_id <= 247:  # noqa: PLR2004 - the standard's range
            raise ValueError(f"device_id {self.device_id}: on a serial line 1 to 247")
        return self


TypeName = Literal[
    "bool", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64",
    "bcd16", "bcd32", "string",
]  # fmt: skip


class ModbusTag(Options):
    """Where a tag stands in a Modbus device, and how its registers are to be read."""

    table: Table | None = None
    """`coil` and `discrete` hold bits, `input` and `holding` registers; coils and holding registers
    can be written. Left out with `address_base: modicon`, where the address says it."""

    address: int | str
    """Counted as the device's `address_base` says. A six-digit coil of Modicon style is written in
    quotes ("010001"), or YAML drops its zero."""

    type: TypeName
    """What the registers hold. `bool` of a coil or discrete input is its bit; of a register without
    `bit` it is whether the register is other than 0, and then the register is the tag's own."""

    bit: Annotated[int, Field(ge=0, le=15)] | None = None
    """Bit of a register, for `bool`; 0 is the lowest."""

    mask: bool = False
    """Whether a `bit` may be written by mask write (function 22), which the device does in one
    step. Without it a bit of a register cannot be written: writing the word back would undo what
    the PLC's program set in between."""

    byte_order: ByteOrder | None = None
    """Other than the device's `byte_order`."""

    length: Annotated[int, Field(ge=1, le=2 * MOST_REGISTERS)] | None = None
    """Bytes of a `string`, two to a register."""

    encoding: Annotated[str, AfterValidator(_text_encoding)] = "ascii"
    """Encoding of a `string`. Bytes outside it make the value BAD; they are never replaced."""

    swapped: bool = False
    """Whether the first character of a `string` stands in the low byte."""

    counted: bool = False
    """Whether the first register of a `string` holds the number of its bytes."""

    null: tuple[Annotated[int | float, BeforeValidator(_number)], ...] = ()
    """Fillers by which the device says that it has no value, such as 0xFFFF or 0x8000: the value as
    read or its raw bits. Not a number (NaN) is always one."""

    test: Scalar | None = None
    """What the tag is known to hold, for proving type and byte order, or that it is this machine
    and no other at its address: read at each connect, and the device is refused when it differs."""

    copy_of: str | None = None
    """The tag of which the PLC keeps a second copy here, written after everything between the two.
    A block that begins with a guard and ends with its copy is read in one request."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Refuse options that the type has no use for.

        Raises:
            ValueError: an option is missing or belongs to another type.
        """
        if (self.type == "string") != (self.length is not None):
            raise ValueError("length goes with type string, and string needs it")
        if self.type != "string" and self.model_fields_set & {"encoding", "swapped", "counted"}:
            raise ValueError("encoding, swapped and counted are for type string")
        if self.type != "bool" and self.bit is not None:
            raise ValueError("bit is for type bool")
        if self.mask and self.bit is None:
            raise ValueError("mask is for writing a bit of a register")
        if self.null and self.type in {"bool", "string"}:
            raise ValueError("null is for numbers")
        if (
            self.table is not None
            and self.table.of_bits
            and (self.type != "bool" or self.bit is not None)
        ):
            raise ValueError(f"a {self.table} holds one bit: type bool, without bit")
        return self


def endpoint(options: ModbusOptions) -> str:
    """Return what two stations that share this device have in common.

    The device id belongs to it: devices on one wire are devices of their own.
    """
    if options.serial:
        return f"modbus:{options.serial}/{options.device_id}"
    return f"modbus://{options.host}:{options.port}/{options.device_id}"


def _build(name: str, options: ModbusOptions, tags: Sequence[Tag], clock: Clock) -> Driver:
    """Return the driver; the protocol library is loaded here and not before.

    Raises:
        DriverConfigError: a tag's address, type or use does not fit the device's options.
    """
    from drivers.modbus.driver import ModbusDriver  # noqa: PLC0415 - a station without Modbus does not pay for pymodbus

    return ModbusDriver(name, options, tags, clock)


def _faults(options: ModbusOptions, tags: Sequence[Tag]) -> Sequence[TagFault]:
    """Return the tags whose address, type or use does not fit the device's options."""
    from drivers.modbus.points import point_of  # noqa: PLC0415 - imports this module's options

    found = []
    for tag in tags:
        try:
            point_of(tag, options)
        except DriverConfigError as error:
            found.append(TagFault(tag=tag.name, cause=error.cause, hint=error.hint))
    return found


SPEC = DriverSpec(
    summary="Polls coils and registers over Modbus TCP or a serial line, and writes declared ones.",
    options=ModbusOptions,
    tag_options=ModbusTag,
    build=_build,
    endpoint=endpoint,
    faults=_faults,
)
