"""A plant of 200 stations on one collector: events a second into the store, and its memory.

A real Mosquitto, the real `lineside collect`, and events of all stations in turn, each confirmed to
the feeder by the broker; the collector takes them while they come. The bare rig is the store alone:
the same events, taken in without a broker.
"""

from __future__ import annotations

import asyncio
import re
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from agent.demo.process import Child, python
from agent.formats.cloudevents import envelope
from agent.trace.holdings import completeness
from agent.trace.store import Store
from tests.bench.result import Result
from tests.peers.mosquitto import Mosquitto
from tests.peers.mqtt_packets import PUBLISH, packet, text
from tests.peers.mqtt_reader import Reader
from tests.postgres import Postgres
from tests.streams import rows

STATIONS = 200
MOST_GROWTH_MIB = 30.0
PATIENCE_S = 600.0


async def main(quick: bool) -> list[Result]:  # noqa: FBT001 - every module's main is so
    """Measure 40,000 events on each database; `--quick`: 4,000 on SQLite."""
    each = 20 if quick else 200
    found: list[Result] = []
    with ExitStack() as undo:
        directory = Path(undo.enter_context(TemporaryDirectory()))
        places = {"SQLite": str(directory / "trace.db")}
        if not quick:
            places["PostgreSQL"] = undo.enter_context(Postgres()).fresh()
        for name, where in places.items():
            folder = directory / name
            folder.mkdir()
            found += await _plant(folder, name, where, each)
    return found


async def _plant(directory: Path, name: str, where: str, each: int) -> list[Result]:
    sent = list(_messages(each))
    async with Mosquitto(directory) as broker:
        url = f"mqtt://127.0.0.1:{broker.port}"
        command = python("agent", "collect", "--broker", url, "--store", where, "--name", "bench")
        collector = Child("collect", command, directory / "log")
        collector.start()
        try:
            await _until(lambda: b"broker_connected" in _log(collector))
            async with Reader(broker.port, "none", "plant") as plant:
                began_s, begins, most = time.perf_counter(), 0.0, 0.0
                for number, (topic, payload) in enumerate(sent):
                    body = text(topic) + struct.pack(">HB", number % 65_535 + 1, 0) + payload
                    plant.send_packet(packet(PUBLISH, body, flags=2))
                    if number % 500 == 0:
                        await plant.drain()
                        most = max(most, _rss_mib(collector))
                        begins = begins or (most if number >= len(sent) // 10 else 0.0)
                while _held(where) < len(sent):
                    most = max(most, _rss_mib(collector))
                    await asyncio.sleep(0.2)
                took_s = time.perf_counter() - began_s
        finally:
            await collector.stop()
    rate, bare = len(sent) / took_s, _bare(directory, sent)
    what = f"{STATIONS} stations, {len(sent):,} events, {name}"
    return [
        Result(
            goal="P-18",
            what=f"collected, {what}",
            figure=rate,
            unit="events/s",
            bare=bare,
            ratio=rate / bare,
            passed=None,
        ),
        Result(
            goal="P-18",
            what=f"memory of the collector, {what}",
            figure=most,
            unit="MiB",
            bare=None,
            ratio=None,
            passed=most - begins < MOST_GROWTH_MIB,
            note=f"{begins:.0f} MiB after the first tenth",
        ),
    ]


def _messages(each: int) -> Iterator[tuple[str, bytes]]:
    """Yield (topic, message) of all stations in turn."""
    streams = [rows([each], f"acme/hall-{n // 20}/press-{n:03}") for n in range(STATIONS)]
    names = [orjson.loads(stream[0].body)["station"] for stream in streams]
    for at in range(each):
        for name, stream in zip(names, streams, strict=True):
            row = stream[at]
            yield f"lineside/v1/{name}/events/{row.kind}", envelope(row.body)


def _bare(directory: Path, sent: list[tuple[str, bytes]]) -> float:
    documents = [orjson.loads(payload) for _, payload in sent]
    with Store.open(str(directory / "bare.db")) as store:
        began_s = time.perf_counter()
        store.take_events(documents)
        return len(sent) / (time.perf_counter() - began_s)


def _held(where: str) -> int:
    with Store.open(where) as store:
        return sum(station.events for station in completeness(store.archive))


def _log(collector: Child) -> bytes:
    return collector.log.read_bytes() if collector.log.exists() else b""


def _rss_mib(collector: Child) -> float:
    status = Path(f"/proc/{collector.pipes.pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) / 1024 if found else 0.0


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - a log has no event to wait for
            await asyncio.sleep(0.1)
