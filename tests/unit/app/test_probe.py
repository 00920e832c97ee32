"""A look at devices that are there, half there, or not."""

from pathlib import Path

from agent.app.probe import ProbedDevice, Watch, probe
from agent.app.registries import registries
from agent.config.load import load
from agent.demo.process import free_port
from drivers.base import CodeScanned, Quality
from tests.contract.modbus_device import HOLDING, Memory, TcpDevice
from tests.doubles import ManualClock
from tests.opcua_plc import PRESS_VARIABLES, Plc
from tests.peers.scanner_rig import plugged
from tests.unit.config.stations import CELL, edited, write

WITHIN_S = 60.0
TWO = """
station: acme/reader
machine: reader
timezone: Europe/Vienna
operators: {{mode: none}}
devices:
  plc: {{driver: opcua, url: "{url}"}}
  scanner: {{driver: scanner, port: {port}}}
tags:
  serial: {{device: plc, node: "nsu=urn:acme:press;s=Serial"}}
  count: {{device: plc, node: "nsu=urn:acme:press;s=Count", modulus: 2^32}}
  gone: {{device: plc, node: "nsu=urn:acme:press;s=Gone"}}
scans:
  - {{match: {{regex: 'LOT-[0-9]+'}}, means: lot}}
track:
  by: lot
  pair: {{strategy: count-only}}
  counter: {{tag: count, max_step: 50, fastest: 100ms}}
  lot: scan
"""


async def looked(path: Path, *, listen_s: float = 0.3) -> dict[str, ProbedDevice]:
    """Return what is found of each device."""
    found = probe(path, within_s=WITHIN_S, listen_s=listen_s)
    return {device.name: device async for device in found}


async def test_values_faults_and_codes(tmp_path: Path) -> None:
    """Each tag with value, quality and time, or with what is wrong with it; a scan as it came."""
    file = tmp_path / "two.yaml"
    async with Plc(PRESS_VARIABLES) as plc:
        with plugged() as scanner:
            file.write_text(TWO.format(url=plc.url, port=scanner.path))
            await scanner.send(b"before anybody looked\r")
            found = await looked(file)
        serial, count, gone = found["plc"].tags
        writes = plc.writes
    assert serial.seen is not None
    assert (serial.seen.value, serial.seen.quality) == ("SN-0001", Quality.GOOD)
    assert serial.place == f"{file}:10:3"
    assert count.seen is not None
    assert count.seen.value == 41
    assert gone.fault is not None
    assert gone.fault.cause == "BadNodeIdUnknown (0x80340000)"
    assert not found["plc"].is_fine
    assert found["plc"].round_trip_ms is not None
    assert found["scanner"].is_reader
    assert found["scanner"].is_fine
    assert writes == []


async def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    """The endpoint and what to look at; the others are looked at all the same."""
    url = f"opc.tcp://127.0.0.1:{free_port()}"
    (tmp_path / "two.yaml").write_text(TWO.format(url=url, port="/dev/serial/by-id/none"))
    found = await looked(tmp_path / "two.yaml")
    assert found["plc"].error == (
        f"{url}: connection refused; is the OPC UA server switched on, and the port right?"
    )
    assert found["scanner"].error == (
        "/dev/serial/by-id/none: no such port: plug the scanner in, or find its name in "
        "/dev/serial/by-id"
    )
    assert found["plc"].tags[0].seen is None


async def test_a_device_that_goes_while_it_is_looked_at(tmp_path: Path) -> None:
    """A scanner that is pulled out is not fine, whatever it sent before."""
    async with Plc(PRESS_VARIABLES) as plc:
        with plugged() as scanner:
            (tmp_path / "two.yaml").write_text(TWO.format(url=plc.url, port=scanner.path))
            found: list[ProbedDevice] = []
            async for device in probe(tmp_path / "two.yaml", within_s=WITHIN_S, listen_s=WITHIN_S):
                found.append(device)
                scanner.unplug()  # after the first one: the scanner is next
    assert [device.is_fine for device in found] == [False, False]
    assert found[1].error is not None


async def test_a_device_that_is_silent(tmp_path: Path) -> None:
    """A port that takes connections and answers nothing is not up."""
    memory = Memory()
    memory.set(HOLDING, 0, *([0] * 40))
    async with TcpDevice(memory) as device:
        device.latency_s = lambda _number: 30.0
        write(
            tmp_path,
            cell=edited(CELL, ("host: 127.0.0.1", f"host: 127.0.0.1, port: {device.port}")),
        )
        found = [one async for one in probe(tmp_path / "cell.yaml", within_s=0.3, listen_s=0)]
    assert found[0].error == f"modbus://127.0.0.1:{device.port}/1: no link within 0.3 s"


async def test_a_badge_is_counted_and_never_shown(tmp_path: Path) -> None:
    """Of a badge, or of what begins like one, nothing is kept but that it came (D-64)."""
    badge = r"  - {match: {regex: 'OP-(?P<operator>[0-9]{4})'}, means: operator}"
    text = TWO.format(url="opc.tcp://127.0.0.1:4840", port="/dev/ttyS0")
    (tmp_path / "two.yaml").write_text(text.replace("scans:\n", f"scans:\n{badge}\n"))
    watch = Watch(load(tmp_path / "two.yaml", registries()).station)
    now = ManualClock().now()
    for number, raw in enumerate((b"OP-4711", b"OP-47", b"LOT-1")):
        seen = CodeScanned(
            id=f"s{number}", device="scanner", earliest_ms=1, latest_ms=1, received=now, raw=raw
        )
        await watch.emit(seen)
    assert (watch.codes, watch.badges) == ([b"LOT-1"], 2)
