"""What a collector says of how far it is: that all is there only when it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.app.attached import Outside, Wanted
from agent.app.catching import Stage
from agent.app.collected import FAR, Status
from agent.app.collecting import Collector
from agent.sinks.mqtt import MqttOptions
from agent.telemetry import Notifier
from agent.trace.store import Store
from agent.trace.store_keep import StoreKeep
from tests.doubles import InlineWorker, ManualClock, SeededRandom, settled
from tests.histories import STATION
from tests.neighbour_rig import Broker, Elsewhere

WAIT_S = 60.0
STAGES = frozenset(stage.value for stage in Stage)


class Bench:
    """A collector, the broker, and one station that is elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.broker = ManualClock(), Broker()
        self.elsewhere = Elsewhere(self.broker)
        self.told: list[tuple[str, dict[str, object]]] = []
        self.shown: list[Status] = []
        where = str(folder / "trace.db")
        self._wanted = Wanted(
            options=MqttOptions.model_validate({"url": "mqtt://127.0.0.1"}),
            root="lineside",
            places=("#",),
            group=None,
            name="historian",
            open=lambda: StoreKeep(Store.open(where), "lineside", "historian"),
            wait_s=WAIT_S,
            session_s=3600,
            until_complete=False,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the collector, and end it as SIGTERM does."""
        outside = Outside(
            clock=self.clock,
            random=SeededRandom(),
            worker=InlineWorker(),
            tell=lambda event, **fields: self.told.append((event, fields)),
            show=self.shown.append,
            notify=Notifier({}),
            attach=self.broker.attach,
        )
        task = asyncio.create_task(Collector(self._wanted, outside).run())
        await self.elapse(10)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait((task,))

    async def elapse(self, seconds: int) -> None:
        """Let time pass, a tick at a time."""
        for _ in range(seconds):
            await self.clock.advance(1)
            await settled()

    async def record(self, units: int, *, lost: range = range(0)) -> None:
        """Let the station record units, of which the broker loses some."""
        self.elsewhere.history.links(units)
        await self.elsewhere.send(without=lost)

    def stages(self) -> list[str]:
        """Return the words for how far it is, as they were told."""
        return [event for event, _ in self.told if event in STAGES]

    def last(self) -> dict[str, object]:
        """Return the fields of the last of them."""
        return next(fields for event, fields in reversed(self.told) if event in STAGES)

    async def fall_behind(self, *, lost: range = range(0)) -> None:
        """Let a position come before the events that it speaks of, as after an outage."""
        self.elsewhere.history.links(2 * FAR)
        self.elsewhere.position()
        await self.elapse(2)
        await self.elsewhere.send(without=lost)


async def test_what_is_all_there_is_caught_up(tmp_path: Path) -> None:
    """At the start, and after each time that it was far behind; nothing lacks then."""
    bench = Bench(tmp_path)
    await bench.elsewhere.begin()
    async with bench.running():
        assert bench.stages() == ["caught_up"]
        await bench.fall_behind()
        await bench.elapse(5)
        assert bench.stages() == ["caught_up", "catching_up", "caught_up"]
        assert bench.last() == {
            "stations": 1,
            "events": 2 * FAR + 1,
            "rate": bench.last()["rate"],
            "behind": 0,
            "lacking": 0,
        }


async def test_of_nobody_nothing_is_said(tmp_path: Path) -> None:
    """No station is heard, as with a wrong filter: that everything is there would be a lie."""
    bench = Bench(tmp_path)
    async with bench.running():
        assert bench.stages() == []
        await bench.elsewhere.begin()
        await bench.elapse(5)
        assert bench.stages() == ["caught_up"]


async def test_what_a_resend_has_to_bring_is_told_before_it_is_caught_up(tmp_path: Path) -> None:
    """Newest events came and a hole is left: which station and how many, and what was asked for."""
    bench = Bench(tmp_path)
    await bench.elsewhere.begin()
    bench.elsewhere.answers = False
    async with bench.running():
        await bench.fall_behind(lost=range(100, 220))
        await bench.elapse(10)
        assert bench.stages() == ["caught_up", "catching_up", "resend_awaited"]
        assert bench.last()["lacking"] == 120
        assert bench.last()["asked"] == 0
        assert bench.last()["of"] == f"{STATION} 120"
        assert "120 lacking of 1 stations, awaited" in str(bench.shown[-1])
        await bench.elapse(2 * round(WAIT_S))
        assert [fields["events"] for event, fields in bench.told if event == "events_lack"] == [120]
        assert bench.shown[-1].asked == 120
        assert bench.shown[-1].lacks == {STATION: "120 (does not answer)"}
        assert bench.stages()[-1] == "resend_awaited"
        bench.elsewhere.answers = True
        bench.elsewhere.online(up=False)
        await bench.elapse(5)
        assert bench.shown[-1].lacks == {STATION: "120 (offline)"}
        bench.elsewhere.online(up=True)
        await bench.elapse(5)
        assert bench.stages() == ["caught_up", "catching_up", "resend_awaited", "caught_up"]
        assert (bench.last()["lacking"], bench.last()["events"]) == (0, 2 * FAR + 1)
        assert bench.told[-2][0] == "events_came"


async def test_a_hole_at_work_takes_the_word_back(tmp_path: Path) -> None:
    """Events lost while it was caught up: once they are asked for it is not, until they come."""
    bench = Bench(tmp_path)
    await bench.elsewhere.begin()
    async with bench.running():
        bench.elsewhere.answers = False
        await bench.record(30, lost=range(5, 8))
        await bench.elapse(round(WAIT_S) - 20)
        assert bench.stages() == ["caught_up"]
        await bench.elapse(2 * round(WAIT_S))
        assert bench.stages() == ["caught_up", "resend_awaited"]
        assert (bench.last()["lacking"], bench.last()["asked"]) == (3, 3)
        bench.elsewhere.answers = True
        bench.elsewhere.online(up=False)
        await bench.elapse(1)
        bench.elsewhere.online(up=True)
        await bench.elapse(5)
        assert bench.stages() == ["caught_up", "resend_awaited", "caught_up"]


async def test_what_is_on_its_way_is_not_lacking(tmp_path: Path) -> None:
    """A position that runs ahead of the events by a moment neither holds the word back nor asks."""
    bench = Bench(tmp_path)
    await bench.elsewhere.begin()
    async with bench.running():
        await bench.fall_behind()
        for _ in range(6):
            bench.elsewhere.history.links(1)
            bench.elsewhere.position()
            await bench.elapse(1)
            await bench.elsewhere.send()
        assert bench.stages() == ["caught_up", "catching_up", "caught_up"]


async def test_what_nobody_can_send_any_more_is_said(tmp_path: Path) -> None:
    """The station has deleted it: nothing is awaited, and `gone` says how many."""
    bench = Bench(tmp_path)
    await bench.elsewhere.begin()
    async with bench.running():
        bench.elsewhere.first_kept = 400
        await bench.fall_behind(lost=range(100, 220))
        await bench.elapse(400)
        assert bench.stages()[-1] == "caught_up"
        assert (bench.last()["lacking"], bench.last()["gone"]) == (0, 120)
