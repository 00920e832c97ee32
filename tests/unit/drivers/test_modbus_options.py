"""Modbus in the station file: what is refused when it is loaded, and with which words."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from drivers.base import DriverConfigError
from drivers.modbus import SPEC, ModbusOptions, ModbusTag, endpoint
from drivers.modbus.codec import Bcd, Bit, ByteOrder, Flag, Number, Text
from drivers.modbus.layout import Point, Table
from drivers.modbus.points import point_of, wire_of
from drivers.modbus.wire import SerialWire, TcpWire
from drivers.options import Tag

BY_ID = "/dev/serial/by-id/usb-FTDI_USB-RS485_A1-if00-port0"


def options(**given: object) -> ModbusOptions:
    """Return device options over TCP as a station file gives them."""
    return ModbusOptions.model_validate({"host": "10.0.3.9", "address_base": "wire", **given})


def tag(*, write: bool = False, **given: object) -> Tag:
    """Return a tag as a station file gives it."""
    settings = {"table": "holding", "address": 0, "type": "uint16", **given}
    return Tag(name="t", address=ModbusTag.model_validate(settings), write=write)


def test_sketch_of_the_station_file_is_valid() -> None:
    """The device of the design's sketch loads, with a device's usual settings as defaults."""
    loaded = ModbusOptions.model_validate(
        {"host": "10.0.3.9", "device_id": 1, "address_base": "one", "byte_order": "ABCD"}
    )
    assert (loaded.port, loaded.max_read, loaded.max_gap) == (502, 125, 8)
    assert (loaded.timeout, loaded.poll, loaded.fast) == (0.5, 0.1, 0.01)
    assert endpoint(loaded) == "modbus://10.0.3.9:502/1"
    assert wire_of(loaded) == TcpWire("10.0.3.9", 502, gateway=False)


def test_serial_line() -> None:
    """A device on a serial line is named by its port and its id on the line."""
    loaded = ModbusOptions.model_validate(
        {"serial": BY_ID, "device_id": 17, "parity": "none", "stop_bits": 2, "address_base": "wire"}
    )
    assert endpoint(loaded) == f"modbus:{BY_ID}/17"
    assert wire_of(loaded) == SerialWire(BY_ID, 19_200, "N", 2)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"address_base": "wire"}, "give either host (TCP) or serial (RTU)"),
        (
            {"host": "a", "serial": BY_ID, "address_base": "wire"},
            "give either host (TCP) or serial (RTU)",
        ),
        (
            {"host": "a", "baudrate": 9600, "parity": "even", "address_base": "wire"},
            "baudrate, parity: not for a device with host",
        ),
        (
            {"serial": BY_ID, "gateway": True, "address_base": "wire"},
            "gateway: not for a device with serial",
        ),
        (
            {"serial": BY_ID, "device_id": 0, "address_base": "wire"},
            "device_id 0: on a serial line 1 to 247",
        ),
        (
            {"serial": "/dev/ttyUSB0", "address_base": "wire"},
            "/dev/ttyUSB0 is renumbered when adapters are replugged",
        ),
        ({"host": "a"}, "address_base"),
        ({"host": "a", "address_base": "wire", "timeout": 1}, "1 is not a duration"),
        ({"host": "a", "address_base": "wire", "retries": 3}, "retries"),
    ],
)
def test_device_is_refused(given: dict[str, object], why: str) -> None:
    """Options that leave open how to reach the device, or what an address means, are refused."""
    with pytest.raises(ValidationError) as refused:
        ModbusOptions.model_validate(given)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"type": "string"}, "length goes with type string, and string needs it"),
        ({"type": "uint16", "length": 4}, "length goes with type string, and string needs it"),
        ({"type": "uint16", "swapped": True}, "encoding, swapped and counted are for type string"),
        ({"type": "uint16", "bit": 3}, "bit is for type bool"),
        ({"type": "bool", "mask": True}, "mask is for writing a bit of a register"),
        ({"type": "bool", "null": [0]}, "null is for numbers"),
        ({"type": "uint16", "null": [True]}, "True need not be declared"),
        ({"type": "float32", "null": [float("nan")]}, "nan need not be declared"),
        ({"type": "uint16", "table": "coil"}, "a coil holds one bit: type bool, without bit"),
        ({"type": "bool", "bit": 0, "table": "coil"}, "a coil holds one bit: type bool"),
        ({"type": "string", "length": 4, "encoding": "latin-99"}, "no encoding 'latin-99'"),
        ({"type": "string", "length": 4, "encoding": "utf-16"}, "one byte per plain character"),
        ({"type": "word"}, "type"),
    ],
)
def test_tag_is_refused(given: dict[str, object], why: str) -> None:
    """Options that do not go together are refused when the file is loaded."""
    with pytest.raises(ValidationError) as refused:
        ModbusTag.model_validate({"address": 1, **given})
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("given", "codec"),
    [
        ({"type": "uint16", "null": [0xFFFF]}, Number("H", null=frozenset({0xFFFF}))),
        ({"type": "int64"}, Number("q", ByteOrder.CDAB)),
        ({"type": "float32", "byte_order": "DCBA"}, Number("f", ByteOrder.DCBA)),
        ({"type": "bcd32"}, Bcd(2, ByteOrder.CDAB)),
        ({"type": "bool"}, Flag()),
        ({"type": "bool", "bit": 4}, Bit(4)),
        (
            {"type": "string", "length": 7, "encoding": "utf-8", "swapped": True, "counted": True},
            Text(7, "utf-8", swapped=True, counted=True),
        ),
    ],
)
def test_tag_is_a_point(given: dict[str, object], codec: object) -> None:
    """A tag becomes a place with a type; its own byte order goes before the device's."""
    point = point_of(tag(write=False, address=5, **given), options(byte_order="CDAB"))
    assert (point.tag, point.table, point.start, point.written) == ("t", Table.HOLDING, 5, "5")
    if isinstance(codec, Number) and codec.size == 1:
        codec = Number(codec.form, ByteOrder.CDAB, codec.null)
    assert point.codec == codec


def test_one_register_needs_no_byte_order() -> None:
    """A device with single registers only loads without a byte order."""
    assert point_of(tag(type="int16"), options()) == Point("t", Table.HOLDING, 0, Number("h"), "0")


@pytest.mark.parametrize(
    ("device", "given", "write", "error"),
    [
        (
            {},
            {"type": "float32"},
            False,
            (
                "tag 't': float32 takes more than one register and no byte_order is declared;"
                " give the device (or the tag) byte_order: ABCD, CDAB, BADC or DCBA, and prove it"
                " with a test value"
            ),
        ),
        (
            {"address_base": "modicon"},
            {"address": 50_001, "table": None},
            False,
            (
                "tag 't': 50001 does not begin with 0, 1, 3 or 4; correct address, table or"
                " address_base"
            ),
        ),
        (
            {"address_base": "modicon"},
            {"address": 17, "table": None, "type": "uint16"},
            False,
            "tag 't': a coil holds one bit, not uint16; use type bool without bit",
        ),
        (
            {"byte_order": "ABCD"},
            {"address": 65_535, "type": "uint32"},
            False,
            (
                "tag 't': address 65535 (holding, on the wire 65535) ends behind the last address;"
                " correct address or length"
            ),
        ),
        (
            {"max_read": 4},
            {"type": "string", "length": 10},
            False,
            (
                "tag 't': takes 5 registers, one answer brings 4 (max_read); a value is never"
                " read in two requests: shorten it or raise max_read"
            ),
        ),
        (
            {},
            {"table": "input"},
            True,
            "tag 't': table input cannot be written; write to a coil or a holding register",
        ),
        (
            {},
            {"type": "bool", "bit": 3},
            True,
            (
                "tag 't': bit 3 shares its register with bits of the PLC's program; give it a"
                " coil or a register of its own (leave out bit), or mask: true if the device knows"
                " function 22"
            ),
        ),
        (
            {},
            {"type": "string", "length": 248},
            True,
            "tag 't': takes 124 registers, one request writes 123; shorten it",
        ),
    ],
)
def test_tag_does_not_fit_the_device(
    device: dict[str, object], given: dict[str, object], *, write: bool, error: str
) -> None:
    """A tag that the device's options leave undefined, or that is unsafe to write, is refused."""
    with pytest.raises(DriverConfigError) as refused:
        point_of(tag(write=write, **given), options(**device))
    assert str(refused.value) == error


def test_bit_can_be_written_by_mask() -> None:
    """A bit of a shared register can be written where the device itself masks it in."""
    assert point_of(tag(type="bool", bit=3, mask=True, write=True), options()).codec == Bit(3)


def test_every_option_says_what_it_is_for() -> None:
    """Each option of device and tag carries the text that its page in docs/ is made from."""
    fields = {**ModbusOptions.model_fields, **ModbusTag.model_fields}
    assert [name for name, field in fields.items() if not field.description] == []
    assert SPEC.tag_options is ModbusTag


def test_faults_are_found_on_paper() -> None:
    """Every tag that cannot work is found without a device and without the protocol library."""
    tags = [tag(type="float32"), tag()]
    assert [fault.tag for fault in SPEC.faults(options(), tags)] == ["t"]
    loaded = "import sys, drivers.modbus.points; print('pymodbus' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", loaded], text=True) == "False\n"
