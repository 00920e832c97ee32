"""Two gateways and a real Mosquitto: what is recorded at the saw decides at the press."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.journeys.daemon import WITHIN_S, daemon
from tests.journeys.plants import Event, events, recorded, write
from tests.peers.mosquitto import Mosquitto

BENCH = """\
station: test/{name}
machine: {name}
timezone: Europe/Vienna
operators: {{mode: none}}
devices:
  scanner: {{driver: scanner, host: 127.0.0.1, port_number: {reader}, framing: {{end: CR}}}}
scans:
  - {{match: {{regex: 'SN-[0-9]+'}}, means: unit}}
  - {{match: {{regex: 'NOK'}}, means: nok}}
track:
  by: serial
  pair: {{strategy: scan-only, window: 200ms, settle: 50ms}}
  repeat_window: 10ms
publish:
  plant: {{sink: mqtt, url: "mqtt://127.0.0.1:{broker}"}}
"""
AFTER_THE_SAW = (
    ("  by: serial\n", "  by: serial\n  previous: [test/saw]\n  unknown: refuse\n"),
    ("publish:\n", "neighbours: {stations: [test/saw]}\npublish:\n"),
)


class Reader:
    """A hand-held reader on the network, in this process: it reads what a test says."""

    def __init__(self) -> None:
        self.port = 0
        self._agent: asyncio.StreamWriter | None = None
        self._came = asyncio.Event()

    async def read(self, code: str) -> None:
        """Read a code, once somebody listens."""
        async with asyncio.timeout(WITHIN_S):
            await self._came.wait()
        assert self._agent is not None
        self._agent.write(f"{code}\r".encode())
        await self._agent.drain()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Have an agent listen until it goes."""
        self._agent = writer
        self._came.set()
        await reader.read()
        self._came.clear()
        writer.close()


@asynccontextmanager
async def reading() -> AsyncIterator[Reader]:
    """Switch a reader on until the test is done with it."""
    reader = Reader()
    server = await asyncio.start_server(reader.serve, "127.0.0.1", 0)
    reader.port = server.sockets[0].getsockname()[1]
    async with server:
        yield reader


async def seen(file: Path, state: Path, reader: Reader, unit: str) -> Event:
    """Return what a station records of a unit that is scanned now."""
    before = len(events(file, state, "unit_completed", "unit_refused"))
    await reader.read(unit)
    async with asyncio.timeout(WITHIN_S):
        while len(found := events(file, state, "unit_completed", "unit_refused")) <= before:  # noqa: ASYNC110 - a growing file tells nobody
            await asyncio.sleep(0.05)
    assert found[-1]["unit"] == unit
    return found[-1]


def outcome(event: Event) -> tuple[str, str | None, int]:
    """Return what became of a unit, why, and the answer."""
    return event["kind"], event.get("reason"), event["answer"]


async def test_the_saw_at_another_gateway_decides_at_the_press(tmp_path: Path) -> None:
    """NOK or not there: 5. Broker away: the policy. Back, after a kill too: what came meanwhile."""
    here, there = tmp_path / "here", tmp_path / "there"
    async with Mosquitto(tmp_path) as broker, reading() as at_saw, reading() as at_press:
        saw = write(there / "saw.yaml", BENCH, name="saw", reader=at_saw.port, broker=broker.port)
        press = write(
            here / "press.yaml",
            BENCH,
            *AFTER_THE_SAW,
            name="press",
            reader=at_press.port,
            broker=broker.port,
        )
        async with daemon(saw, there / "state"):
            async with daemon(press, here / "state") as agent:
                await agent.said("neighbour_known", neighbour="test/saw")
                await at_saw.read("NOK")
                bad = await seen(saw, there / "state", at_saw, "SN-1")
                good = await seen(saw, there / "state", at_saw, "SN-2")
                assert (bad["result"], good["result"]) == ("nok", "ok")
                refused = await seen(press, here / "state", at_press, "SN-1")
                assert outcome(refused) == ("unit_refused", "previous_nok", 5)
                done = await seen(press, here / "state", at_press, "SN-2")
                assert outcome(done) == ("unit_completed", None, 1)
                (said,) = done["previous"]
                assert said["address"] == f"{good['epoch']}-{good['seq']}"
                never = await seen(press, here / "state", at_press, "SN-3")
                assert outcome(never) == ("unit_refused", "previous_missing", 5)
                broker.kill()
                await agent.said("neighbours_lost")
                await seen(saw, there / "state", at_saw, "SN-4")
                unknown = await seen(press, here / "state", at_press, "SN-4")
                assert outcome(unknown) == ("unit_refused", "previous_unknown", 5)
                agent.process.kill()
                await agent.process.wait()
            await broker.start()
            async with daemon(press, here / "state") as agent:
                await agent.said("neighbour_known", neighbour="test/saw")
                late = await seen(press, here / "state", at_press, "SN-4")
                assert outcome(late) == ("unit_completed", None, 1)
                await recorded(press, here / "state", "link_restored", device="neighbour/test/saw")
