"""The Modbus driver against servers that nobody here wrote: libmodbus (C) and pymodbus.

TCP and RTU; the serial line is a pair of ptys by socat. Both servers hold the same: input register
n is 1000 + n, discrete input n is set where n is even, coils and holding registers begin at 0.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.base import LinkChanged, LinkDownError, Quality, Scalar, TagGroup, WriteGroup
from drivers.modbus import bus
from tests.contract.rig import Recorder, ended, run_of
from tests.contract.rig_modbus import modbus_driver, modbus_tag

SIZE = 64

Endpoint = dict[str, object]
"""The driver's options that lead to a server."""


@pytest.fixture(autouse=True)
def _no_reply_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open a line at once: these servers leave no late reply on it."""
    monkeypatch.setattr(bus, "QUIET", 0)


@pytest.fixture(scope="session")
def libmodbus_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the C server."""
    binary = tmp_path_factory.mktemp("libmodbus") / "server"
    source = Path(__file__).with_name("libmodbus_server.c")
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libmodbus"],
        check=True,
        capture_output=True,
        text=True,
    )
    subprocess.run(
        ["gcc", "-Wall", "-Wextra", "-Werror", "-O1", "-o", binary, source, *flags.stdout.split()],
        check=True,
    )
    return binary


@contextmanager
def process(*command: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Run a program; kill it at the end."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


def said(started: subprocess.Popen[str], what: str) -> str:
    """Return the first line in which a program says what it is expected to say."""
    assert started.stdout is not None
    assert started.stderr is not None
    lines = started.stderr if "socat" in str(started.args) else started.stdout
    return next(line.strip() for line in lines if what in line)


@contextmanager
def line(folder: Path) -> Iterator[tuple[str, str]]:
    """Give the two ends of a serial line."""
    ends = (folder / "master", folder / "device")
    ptys = (f"pty,raw,echo=0,link={end}" for end in ends)
    with process("socat", "-d", "-d", *ptys) as pair:
        said(pair, "starting data transfer loop")
        yield str(ends[0]), str(ends[1])
    for end in ends:  # it is killed and leaves them, and another's terminal may get that number
        end.unlink(missing_ok=True)


def registers() -> SimDevice:
    """Return what pymodbus's server holds."""
    tables = [
        [SimData(0, values=[False] * SIZE, datatype=DataType.BITS)],
        [SimData(0, values=[at % 2 == 0 for at in range(SIZE)], datatype=DataType.BITS)],
        [SimData(0, values=[0] * SIZE, datatype=DataType.REGISTERS)],
        [SimData(0, values=[1000 + at for at in range(SIZE)], datatype=DataType.REGISTERS)],
    ]
    return SimDevice(1, simdata=(tables[0], tables[1], tables[2], tables[3]))


@asynccontextmanager
async def libmodbus_tcp(binary: Path, _folder: Path) -> AsyncIterator[Endpoint]:
    """Serve by libmodbus over TCP."""
    with process(binary, "tcp") as server:
        yield {"host": "127.0.0.1", "port": int(said(server, ""))}


@asynccontextmanager
async def libmodbus_rtu(binary: Path, folder: Path) -> AsyncIterator[Endpoint]:
    """Serve by libmodbus on a serial line."""
    with line(folder) as (master, device), process(binary, "rtu", device) as server:
        said(server, "ready")
        yield {"serial": master, "parity": "none"}


@asynccontextmanager
async def pymodbus_tcp(_binary: Path, _folder: Path) -> AsyncIterator[Endpoint]:
    """Serve by pymodbus over TCP."""
    server = ModbusTcpServer(registers(), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    assert isinstance(server.transport, asyncio.Server)
    try:
        yield {"host": "127.0.0.1", "port": server.transport.sockets[0].getsockname()[1]}
    finally:
        server.close()


@asynccontextmanager
async def pymodbus_rtu(_binary: Path, folder: Path) -> AsyncIterator[Endpoint]:
    """Serve by pymodbus on a serial line."""
    with line(folder) as (master, device):
        server = ModbusSerialServer(registers(), port=device, baudrate=19_200, reconnect_delay=0)
        await server.serve_forever(background=True)
        try:
            yield {"serial": master, "parity": "none"}
        finally:
            server.close()


Server = Callable[[Path, Path], AbstractAsyncContextManager[Endpoint]]
SERVERS: dict[str, Server] = {
    "libmodbus tcp": libmodbus_tcp,
    "libmodbus rtu": libmodbus_rtu,
    "pymodbus tcp": pymodbus_tcp,
    "pymodbus rtu": pymodbus_rtu,
}


@pytest.fixture(params=SERVERS)
async def server(
    request: pytest.FixtureRequest, libmodbus_server: Path, tmp_path: Path
) -> AsyncIterator[Endpoint]:
    """Give one server after the other."""
    async with SERVERS[request.param](libmodbus_server, tmp_path) as endpoint:
        yield endpoint


VALUES: dict[str, tuple[dict[str, Any], Scalar]] = {
    "coil": ({"table": "coil", "address": 11, "type": "bool"}, True),
    "own": ({"table": "holding", "address": 0, "type": "bool"}, True),
    "i16": ({"table": "holding", "address": 1, "type": "int16"}, -2),
    "u16": ({"table": "holding", "address": 2, "type": "uint16"}, 65_534),
    "i32": ({"table": "holding", "address": 3, "type": "int32"}, -70_000),
    "u32": ({"table": "holding", "address": 5, "type": "uint32"}, 4_000_000_000),
    "i64": ({"table": "holding", "address": 7, "type": "int64"}, -(2**60)),
    "u64": ({"table": "holding", "address": 11, "type": "uint64"}, 2**63 + 1),
    "f32": ({"table": "holding", "address": 15, "type": "float32"}, 12.5),
    "f64": ({"table": "holding", "address": 17, "type": "float64"}, 0.1),
    "bcd": ({"table": "holding", "address": 21, "type": "bcd32"}, 12_345_678),
    "text": ({"table": "holding", "address": 23, "type": "string", "length": 9}, "SN-00042"),
    "bit": ({"table": "holding", "address": 28, "type": "bool", "bit": 6, "mask": True}, True),
}
READ_ONLY: dict[str, tuple[dict[str, Any], Scalar]] = {
    "input": ({"table": "input", "address": 7, "type": "uint16"}, 1007),
    "even": ({"table": "discrete", "address": 8, "type": "bool"}, True),
    "odd": ({"table": "discrete", "address": 9, "type": "bool"}, False),
}


@pytest.mark.parametrize("order", ["ABCD", "CDAB", "BADC", "DCBA"])
async def test_every_type_is_written_and_read(server: Endpoint, order: str) -> None:
    """What is written comes back, in every type and word order, by polls and by snapshot."""
    tags = [modbus_tag(name, write=True, **options) for name, (options, _) in VALUES.items()]
    tags += [modbus_tag(name, **options) for name, (options, _) in READ_ONLY.items()]
    wanted = {name: value for name, (_, value) in (VALUES | READ_ONLY).items()}
    driver = modbus_driver(tags, byte_order=order, poll="20ms", timeout="10s", **server)
    async with run_of(driver, wanted) as (recorder, _):
        pairs = tuple((name, value) for name, (_, value) in VALUES.items())
        await driver.write([WriteGroup(device="plc", values=pairs)])
        await recorder.until(
            lambda seen: {tag: value.value for tag, value in seen.values().items()} == wanted
        )
        group = TagGroup(name="all", guard=("u32",), tags=tuple(wanted))
        snapshot = await driver.read(group)
        assert snapshot.coherent
        assert {value.tag: value.value for value in snapshot.values} == wanted


async def test_address_that_is_not_there_is_named(server: Endpoint) -> None:
    """An address behind the last one is a fault of that tag alone, on every server."""
    tags = [
        modbus_tag("there", table="holding", address=SIZE - 1, type="uint16"),
        modbus_tag("behind", table="holding", address=SIZE + 2, type="uint16"),
    ]
    driver = modbus_driver(tags, poll="20ms", timeout="10s", **server)
    async with run_of(driver, ["there", "behind"]) as (recorder, _):
        link = await recorder.first(LinkChanged)
        assert [(fault.tag, fault.cause) for fault in link.faults] == [
            (
                "behind",
                "address 66 (holding, on the wire 66): there is no such address (exception 2)",
            )
        ]
        assert recorder.values()["there"].quality is Quality.GOOD
        assert recorder.values()["behind"].code == "exception 2"


async def test_killed_server_ends_the_run(libmodbus_server: Path) -> None:
    """A PLC that goes away under polls and writes ends the run, and says who has closed."""
    tags = [modbus_tag("a", table="holding", address=0, type="uint16", write=True)]
    with process(libmodbus_server, "tcp") as server:
        port = int(said(server, ""))
        driver = modbus_driver(tags, host="127.0.0.1", port=port, poll="1h", timeout="10s")
        async with run_of(driver, ["a"]) as (_, task):
            server.kill()
            with pytest.raises(LinkDownError, match=f"modbus://127.0.0.1:{port}/1: .*other end"):
                await ended(task)


async def test_adapter_that_is_pulled_ends_the_run(libmodbus_server: Path, tmp_path: Path) -> None:
    """A serial port that hangs up ends the run; while it is gone its absence is named."""
    tags = [modbus_tag("a", table="holding", address=0, type="uint16")]
    master = f"{tmp_path}/master"
    driver = modbus_driver(tags, serial=master, parity="none", poll="20ms", timeout="10s")
    with ExitStack() as adapter:
        _, device = adapter.enter_context(line(tmp_path))
        said(adapter.enter_context(process(libmodbus_server, "rtu", device)), "ready")
        async with run_of(driver, ["a"]) as (_, task):
            adapter.close()
            with pytest.raises(LinkDownError, match=f"modbus:{master}/1: "):
                await ended(task)
    with pytest.raises(LinkDownError, match=r"No such file.*check that the adapter is plugged"):
        await driver.run(Recorder())


async def test_port_in_use_is_named(tmp_path: Path) -> None:
    """A serial port that another program holds is not shared: the run ends, saying so."""
    tags = [modbus_tag("a", table="holding", address=0, type="uint16")]
    with line(tmp_path) as (master, _):
        server = ModbusSerialServer(registers(), port=master, baudrate=19_200, reconnect_delay=0)
        await server.serve_forever(background=True)
        driver = modbus_driver(tags, serial=master, parity="none", timeout="50ms")
        try:
            with pytest.raises(LinkDownError, match=r"exclusively lock port.*its port is free"):
                await driver.run(Recorder())
        finally:
            server.close()
