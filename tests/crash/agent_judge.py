"""The oracle of killed lives: one more life is led on what is left, then everything is compared.

The numbers are those of the oracle of the fault catalogue.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from agent.journal.chain import Proven, prove
from agent.journal.errors import JournalError
from agent.journal.opening import open_journal
from agent.journal.verify import verify
from agent.ports import Address, Row
from agent.publisher.quarantine import held_in
from tests.crash.agent_machine import Life, StuckError
from tests.crash.agent_work import CONFIG, live
from tests.crash.cuts import cut_rim
from tests.crash.told import Notes
from tests.sim.oracle import SCAN_KINDS, UNIT_KINDS, chain_faults, event_of


def judge_lives(directory: Path, notes: Notes, seed: int) -> str:
    """Return what is left of killed lives, by the classes of a `Tally`."""
    before = notes.acknowledged
    try:
        calm = Life(seed=seed, cycles=2, is_calm=True)
        asyncio.run(live(directory, calm, notes, lambda _kind, _text: None))
        rows = asyncio.run(_rows(directory / "journal"))
    except StuckError as error:
        return f"stuck: {error}"
    except JournalError as error:
        return f"unreadable: {error}"
    if not notes.acknowledged - before:  # the oracle's 6
        return "stuck: no fresh part passes"
    return next(_problems(directory, notes, rows), "ok")


async def _rows(journal: Path) -> list[Row]:
    opened, _ = await open_journal(journal, CONFIG.station.path, cut_rim())
    try:
        return await opened.read(None, 1_000_000)
    finally:
        await opened.close()


def _problems(directory: Path, notes: Notes, rows: list[Row]) -> Iterator[str]:
    report = verify(directory / "journal")
    if not report.is_whole:
        yield f"altered: 5: the journal does not prove itself: {report.text()}"
    events: dict[Address, Proven] = {}
    for body in _taken(directory, notes, "plant"):
        one = prove(body)
        if one is None:
            yield f"altered: 3: delivered and not whole: {body[:120]!r}"
            return
        known = events.setdefault(one.row.address, one)
        if known.row.body != body:
            yield f"doubled: 4: two events under {one.row.address}"
    yield from _stream(rows, events)
    bodies = {address: orjson.loads(one.row.body) for address, one in sorted(events.items())}
    yield from _requests(notes, bodies)
    yield from _codes(notes, bodies)
    units = {one.row.address for body in _taken(directory, notes, "units") if (one := prove(body))}
    wanted = {address for address, event in bodies.items() if event["kind"] in UNIT_KINDS}
    if missing := sorted(wanted - units):
        yield f"lost: 1: {missing[0]} is not on the filtered stream"


def _taken(directory: Path, notes: Notes, sink: str) -> list[bytes]:
    """Return the events that a sink got, or that are set aside for it."""
    held, _ = held_in(directory / f"quarantine-{sink}.jsonl")
    taken = [event_of(payload.encode()) for payload in notes.taken.get(sink, [])]
    return [*taken, *(one.row.body for one in held)]


def _stream(rows: list[Row], events: Mapping[Address, Proven]) -> Iterator[str]:
    """Say where journal and stream differ (1, 2, 3, 5)."""
    here = {row.address: row.body for row in rows}
    if missing := sorted(here.keys() - events.keys()):
        yield f"lost: 1: {len(missing)} events not delivered, the first {missing[0]}"
    oldest = min(here)
    if invented := sorted(one for one in events.keys() - here.keys() if one > oldest):
        yield f"invented: 2: delivered and in no journal: {invented[0]}"
    for address in sorted(here.keys() & events.keys()):
        if here[address] != events[address].row.body:
            yield f"altered: 3: {address} was delivered otherwise than it is recorded"
    for fault in chain_faults(sorted(events.values(), key=lambda one: one.place)):
        yield f"lost: {fault}"
    lost = [address for address, one in events.items() if one.row.kind == "history_lost"]
    if lost:
        yield f"lost: 1: history was lost, says {min(lost)}"


def _requests(notes: Notes, bodies: Mapping[Address, dict[str, Any]]) -> Iterator[str]:
    """Say where the machine's requests and the unit events differ (1, 2, 3, 4)."""
    made: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for address, event in bodies.items():
        if event["kind"] in UNIT_KINDS:
            force = next((v["value"] for v in event["values"] if v["name"] == "force"), None)
            request = int(force or 0)
            if request not in notes.offered:
                yield f"invented: 2: {address} is about no request: {event['values']}"
            made[request].append(event)
    for request, found in made.items():
        if len(found) > 1:
            yield f"doubled: 4: request {request} has {len(found)} events"
    for request in sorted(notes.acknowledged):
        if request not in made:
            yield f"lost: 1: request {request} was answered, and has no event"
            continue
        event = made[request][-1]
        unit = event.get("unit")
        if event["certainty"] == "certain" and unit not in {None, notes.offered[request][2:]}:
            yield f"altered: 3: request {request} was {notes.offered[request]}, is {unit}"
        answers = set(notes.answers[request]) - {"7"}
        if answers != {str(event["answer"])}:
            yield f"altered: 3: request {request} recorded {event['answer']}, read {answers}"


def _codes(notes: Notes, bodies: Mapping[Address, dict[str, Any]]) -> Iterator[str]:
    """Say which recorded codes nobody read (2), and which codes have disappeared (1)."""
    recorded = {
        bytes.fromhex(event["raw"]).decode()
        for event in bodies.values()
        if event["kind"] in SCAN_KINDS and event.get("raw")
    }
    if invented := recorded - notes.scanned:
        yield f"invented: 2: nobody read {min(invented)}"
    if lost := notes.beeped - recorded:
        yield f"lost: 1: the scan {min(lost)} has disappeared"
