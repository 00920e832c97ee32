"""Two stations, a broker and a collector, each of which fails: recall on the plant's store."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from agent.app.demo import READING
from agent.app.tracing import Trace, feed, known_name
from agent.demo import codes
from agent.demo.line import FILLER, PRESS, Line
from agent.demo.person import Person
from agent.demo.process import Child, python
from tests.journeys.plants import events

HAND_S = 0.02
PARTS = 8
HOUSINGS = ("H-1", "H-2", "H-3", "H-4")
FILLED = ("F-1", "F-2", "F-3")
RECORDED_S = 120.0
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


def failing(line: Line, child: Child) -> dict[tuple[str, int], Callable[[], Awaitable[None]]]:
    """Return what happens before which part of which lot; the filler changes its lot meanwhile."""
    broker = line.broker
    assert broker is not None

    async def restart_agent() -> None:
        await line.kill_agent()
        line.filler.lot("F-3")
        line.start_agent()

    async def start_collector() -> None:
        child.start()

    async def change_lot() -> None:
        line.filler.lot("F-2")

    return {
        ("H-2", 0): child.kill,
        ("H-2", 4): start_collector,
        ("H-3", 0): broker.stop,
        ("H-3", 2): change_lot,
        ("H-3", 4): broker.start,
        ("H-4", 2): restart_agent,
        ("H-4", 5): child.kill,
    }


async def work(line: Line, child: Child) -> dict[str, list[str]]:
    """Make parts of four lots of housings while things fail; return which parts got which."""
    truth: dict[str, list[str]] = defaultdict(list)
    person, faults = Person(line, hand_s=HAND_S), failing(line, child)
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
                truth[housing].append(codes.unit(made.serial))
    await line.filler.stop()
    await line.until(lambda: counted(line), "every piece is recorded", RECORDED_S)
    return truth


def counted(line: Line) -> bool:
    """Return whether the journal has every piece that was made."""
    line.look()
    return line.tallies[FILLER].pieces >= line.filler.truth.made


def neighbours(truth: dict[str, list[str]], housing: str) -> set[str]:
    """Return the last part before a lot of housings, and the first one after it."""
    parts = [part for each in HOUSINGS for part in truth[each]]
    first, last = (parts.index(truth[housing][at]) for at in (0, -1))
    return {*parts[max(0, first - 1) : first], *parts[last + 1 : last + 2]}


async def test_the_plants_store_recalls_what_two_stations_made(tmp_path: Path) -> None:
    """The broker restarts, collector and agent are killed: nothing lacks, and recall is right.

    Every unit that truly got a housing lot is in its recall, no other is certain, and none but the
    last one before it and the first one after it is possible. Of each lot that was filled the
    recall has all pieces. The answers are those of a store that was filled from the journals.
    """
    store, gateway = tmp_path / "plant.db", tmp_path / "gateway.db"
    async with (
        Line(tmp_path, READING, scan_ms=5, settle_ms=5) as line,
        collector(line, store) as child,
    ):
        child.start()
        truth = await work(line, child)
        await proven(child, line, store)
        filled = {lot: line.filler.truth.pieces(lot) for lot in FILLED}
        with Trace.open(str(gateway)) as own:
            feed(own.store, tmp_path / "stations", tmp_path / "state")
    with Trace.open(str(store)) as plant, Trace.open(str(gateway)) as own:
        whole = {each.station: each.is_whole for each in plant.completeness()}
        assert whole == {PRESS: True, FILLER: True}
        for housing in HOUSINGS:
            lot = known_name(plant, codes.component(housing)).name
            report, same = plant.recall(lot), own.recall(lot)
            certain, possible = ({one["unit"] for one in report[part]} for part in PARTED)
            units, near = (
                {known_name(plant, code).name for code in some}
                for some in (truth[housing], neighbours(truth, housing))
            )
            assert len(units) >= PARTS - 2
            assert units <= certain | possible
            assert certain <= units
            assert possible <= units | near
            assert [report[part] for part in PARTED] == [same[part] for part in PARTED]
        for lot, made in filled.items():
            (found,) = plant.recall(lot)["lots"]
            assert plant.recall(lot)["lots"] == own.recall(lot)["lots"]
            sure, unsure = pieces(tmp_path, lot)
            assert sure <= made <= sure + unsure == found["pieces"]
            assert made > 0


def pieces(directory: Path, lot: str) -> tuple[int, int]:
    """Return the pieces that are recorded as made of a lot, for certain and perhaps."""
    found: Counter[bool] = Counter()
    for event in events(directory / "stations" / "filler.yaml", directory / "state", "lot_counted"):
        if lot in {event.get("lot"), *event.get("lots", ())}:
            found[event["certainty"] == "certain"] += event["n"]
    return found[True], found[False]
