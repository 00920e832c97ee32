"""The rig of the Modbus driver: a small PLC on Modbus TCP, one address short of what is asked."""

import socket
import struct
from types import TracebackType
from typing import Any, Self

from drivers.base import Driver, Scalar, TagGroup, WriteGroup
from drivers.modbus import SPEC, ModbusOptions, ModbusTag
from drivers.options import Tag
from tests.contract.modbus_device import COILS, DISCRETES, HOLDING, TcpDevice
from tests.contract.rig import RealClock

GUARD_AT, RESULT_AT, ACK_AT = 0, 9, 0


def modbus_tag(name: str, *, write: bool = False, fast: bool = False, **options: Any) -> Tag:  # noqa: ANN401 - as YAML gives them
    """Return a tag as the station file would declare it."""
    return Tag(name=name, address=ModbusTag.model_validate(options), write=write, fast=fast)


def modbus_driver(tags: list[Tag], **options: object) -> Driver:
    """Return a driver of a device named `plc`, its options as the station file would give them."""
    settings = {"address_base": "wire", "byte_order": "ABCD", **options}
    return SPEC.build("plc", ModbusOptions.model_validate(settings), tags, RealClock())


def holding(tag: str, address: int, kind: str = "uint16", **options: Any) -> Tag:  # noqa: ANN401 - as YAML gives them
    """Return a tag in a holding register."""
    return modbus_tag(tag, table="holding", address=address, type=kind, **options)


def driver_of(plc: TcpDevice, *tags: Tag, **options: object) -> Driver:
    """Return a driver of that PLC that polls every 10 ms."""
    settings = {"poll": "10ms", "fast": "5ms", "timeout": "60s", **options}
    return modbus_driver(list(tags), host="127.0.0.1", port=plc.port, **settings)


def writing(*values: tuple[str, Scalar]) -> WriteGroup:
    """Return a group to be written to the device."""
    return WriteGroup(device="plc", values=values)


TAGS = [
    modbus_tag("seq", table="holding", address=GUARD_AT, type="uint16"),
    modbus_tag("serial", table="holding", address=1, type="string", length=8),
    modbus_tag("force", table="holding", address=5, type="float32"),
    modbus_tag("count", table="holding", address=7, type="uint32"),
    modbus_tag("result", table="holding", address=RESULT_AT, type="uint16", write=True),
    modbus_tag("ack", table="coil", address=ACK_AT, type="bool", write=True),
    modbus_tag("trigger", table="discrete", address=3, type="bool", fast=True),
    modbus_tag("missing", table="holding", address=12, type="uint16"),
]


class ModbusRig:
    """A PLC with a request counter, a part's values and a trigger, which is owed result and ack."""

    device = "plc"
    tags: tuple[str, ...] = ("seq", "serial", "force", "count", "result", "ack", "trigger")
    missing = "missing"
    group = TagGroup(name="cycle", guard=("seq",), tags=("serial", "force", "count"))
    result = WriteGroup(device="plc", values=(("result", 2),))
    ack = WriteGroup(device="plc", values=(("ack", True),))
    read_only = "count"

    def __init__(self) -> None:
        self._plc = TcpDevice()
        self._bound = socket.socket()
        self._tears = 0
        self._guard_reads = 0
        self.driver: Driver
        self.nowhere: Driver
        self.nowhere_endpoint = ""

    async def __aenter__(self) -> Self:
        """Bring the PLC up and build the drivers."""
        memory = self._plc.memory
        memory.set(HOLDING, 0, 41, *struct.unpack(">4H", b"SN-0001\0"))
        memory.set(HOLDING, 5, *struct.unpack(">2H2H", struct.pack(">fI", 12.5, 70_000)), 0)
        memory.set(COILS, 0, 0)
        memory.set(DISCRETES, 3, 1)
        memory.answered = self._program
        await self._plc.__aenter__()
        self._bound.bind(("127.0.0.1", 0))  # and nobody listens there
        port = self._bound.getsockname()[1]
        intervals = {"poll": "20ms", "fast": "5ms", "timeout": "60s"}
        self.driver = modbus_driver(TAGS, host="127.0.0.1", port=self._plc.port, **intervals)
        self.nowhere = modbus_driver(TAGS, host="127.0.0.1", port=port, **intervals)
        self.nowhere_endpoint = f"modbus://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Take the PLC down."""
        self._bound.close()
        await self._plc.__aexit__(kind, error, at)

    @property
    def connections_seen(self) -> int:
        """How often the driver connected."""
        return self._plc.connections_seen

    async def cut(self) -> None:
        """Cut the connection in the middle of an answer."""
        await self._plc.cut()

    async def released(self) -> None:
        """Return once the PLC sees no connection."""
        await self._plc.idle()

    @property
    def writes_seen(self) -> list[tuple[str, Scalar]]:
        """Return which tag was written with which value."""
        names = {(HOLDING, RESULT_AT): "result", (COILS, ACK_AT): "ack"}
        return [
            (names[table, start], bool(words[0]) if table == COILS else words[0])
            for table, start, words in self._plc.memory.writes
        ]

    def held(self, tag: str) -> Scalar:
        """Return what the PLC holds now."""
        memory = self._plc.memory
        if tag == "ack":
            return bool(memory.get(COILS, ACK_AT)[0])
        raw = struct.pack(">10H", *memory.get(HOLDING, 0, 10))
        seq, serial, force, count, result = struct.unpack(">H8sfIH", raw)
        values = {"seq": seq, "force": force, "count": count, "result": result}
        return str(serial.rstrip(b"\0"), "ascii") if tag == "serial" else values[tag]

    def tear(self, times: int) -> None:
        """Move the guard on behind the next that many first looks at it."""
        self._tears = times

    def hold_fast(self, tag: str) -> None:
        """Let the PLC's program overwrite the tag."""
        place = {"result": (HOLDING, RESULT_AT), "ack": (COILS, ACK_AT)}[tag]
        self._plc.memory.fast_held.add(place)

    def _program(self, function: int, start: int, count: int) -> None:
        """Begin a new cycle between a snapshot's first look at the guard and its second."""
        if (function, start, count) != (
            3,
            GUARD_AT,
            1,
        ):  # polls fetch the guard with its neighbours
            return
        self._guard_reads += 1
        if self._guard_reads % 2 and self._tears:
            self._tears -= 1
            self._plc.memory.set(HOLDING, GUARD_AT, self._plc.memory.get(HOLDING, GUARD_AT)[0] + 1)
