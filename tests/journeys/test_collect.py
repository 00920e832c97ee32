"""Two stations, a broker and a collector, each of which fails: recall on the plant's store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from agent.app.demo import READING
from agent.app.tracing import Trace, feed, known_name
from agent.demo import codes
from agent.demo.line import FILLER, PRESS, Line
from agent.demo.person import Person
from agent.demo.process import Child, python

HAND_S = 0.02
PARTS = 8
HOUSINGS = ("H-1", "H-2", "H-3", "H-4")
PARTED = ("certain", "possible")
STORED = {1, 2}
"""Answers that say that the unit's record is stored."""


@asynccontextmanager
async def collector(line: Line, store: Path) -> AsyncIterator[Child]:
    """Have a collector's command at hand; whatever is left of it is killed."""
    assert line.broker is not None, "mosquitto is not installed: `make setup` does that"
    url = f"mqtt://127.0.0.1:{line.broker.port}"
    command = python("agent", "collect", "--broker", url, "--store", str(store), "--wait", "2")
    child = Child("collect", [*command, "--name", "plant"], line.directory / "collect.log")
    try:
        yield child
    finally:
        await child.kill()


async def proven(child: Child, line: Line, store: Path) -> None:
    """Return when a collector has proven that the store has everything, and has ended by itself."""
    await child.kill()
    assert line.broker is not None
    url = f"mqtt://127.0.0.1:{line.broker.port}"
    words = ("--store", str(store), "--wait", "1", "--name", "plant", "--until-complete")
    last = Child("last", python("agent", "collect", "--broker", url, *words), child.log)
    last.start()
    try:
        assert await last.ended() == 0, last.last_words()
    finally:
        await last.kill()


async def work(line: Line, child: Child) -> dict[str, set[str]]:
    """Make parts of four lots of housings while things fail; return which parts got which."""
    broker = line.broker
    assert broker is not None
    truth: dict[str, set[str]] = defaultdict(set)
    person = Person(line, hand_s=HAND_S)

    async def restart_agent() -> None:
        await line.kill_agent()
        line.start_agent()

    async def start_collector() -> None:
        child.start()

    faults: dict[tuple[str, int], Callable[[], Awaitable[None]]] = {
        ("H-2", 0): child.kill,
        ("H-2", 4): start_collector,
        ("H-3", 0): broker.stop,
        ("H-3", 4): broker.start,
        ("H-4", 2): restart_agent,
        ("H-4", 5): child.kill,
    }
    await person.sign_on()
    await person.scan(codes.ORDER)
    line.filler.lot("F-1")
    line.filler.run(20)
    for housing in HOUSINGS:
        await person.scan(codes.component(housing))
        for part in range(PARTS):
            if (housing, part) in faults:
                await faults[housing, part]()
            made = await person.part()
            if made.answer in STORED:
                truth[housing].add(codes.unit(made.serial))
    return truth


async def test_the_plants_store_recalls_what_two_stations_made(tmp_path: Path) -> None:
    """The broker restarts, collector and agent are killed: nothing lacks, and recall is right.

    Every unit that truly got a housing lot is in its recall, no other is certain, and the answers
    are those of a store that was filled from the journals themselves.
    """
    store, gateway = tmp_path / "plant.db", tmp_path / "gateway.db"
    async with (
        Line(tmp_path, READING, scan_ms=5, settle_ms=5) as line,
        collector(line, store) as child,
    ):
        child.start()
        truth = await work(line, child)
        await proven(child, line, store)
        with Trace.open(str(gateway)) as own:
            feed(own.store, tmp_path / "stations", tmp_path / "state")
    with Trace.open(str(store)) as plant, Trace.open(str(gateway)) as own:
        whole = {each.station: each.is_whole for each in plant.completeness()}
        assert whole == {PRESS: True, FILLER: True}
        for housing in HOUSINGS:
            lot = known_name(plant, codes.component(housing)).name
            report, same = plant.recall(lot), own.recall(lot)
            certain, possible = ({one["unit"] for one in report[part]} for part in PARTED)
            units = {known_name(plant, code).name for code in truth[housing]}
            assert len(units) >= PARTS - 2
            assert units <= certain | possible
            assert certain <= units
            assert [report[part] for part in PARTED] == [same[part] for part in PARTED]
