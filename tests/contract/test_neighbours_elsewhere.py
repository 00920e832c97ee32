"""A press whose saw is at another gateway, run as the agent runs it: what the broker brings counts.

The press is a manual bench, so that the scan is the cycle; a real journal, look-up and files of
what the saw said, by a manual clock, and a broker in memory.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.app.reading import Query, read_events
from agent.app.registries import registries
from agent.app.station import StationRun
from agent.config.load import load_folder
from agent.config.loaded import StationConfig
from agent.core.events import (
    EventCorrected,
    LotBlocked,
    LotUnblocked,
    Result,
    UnitReidentified,
    UnitScrapped,
)
from agent.formats.cloudevents import envelope
from agent.trace.neighbour_keep import DIRECTORY
from tests.contract.test_neighbours import BENCH, Floor, outcome
from tests.doubles import settled
from tests.histories import STATION, epoch
from tests.neighbour_rig import ROOT, Broker, Elsewhere
from tests.streams import hashed

FOLLOWS = f"""
neighbours:
  stations: [{STATION}]
  broker: {{url: "mqtt://127.0.0.1:1"}}
"""
OK = ("unit_completed", None, 1)
MISSING = ("unit_refused", "previous_missing", 5)
NOK = ("unit_refused", "previous_nok", 5)
UNKNOWN = ("unit_refused", "previous_unknown", 5)


@dataclass
class FarFloor(Floor):
    """A press, and a saw that it hears of through a broker alone."""

    broker: Broker = field(default_factory=Broker)

    def __post_init__(self) -> None:
        self.attach = self.broker.attach
        self.saw = Elsewhere(self.broker)

    def configs(self, more: str = "") -> tuple[StationConfig, ...]:
        """Return what the press's file says."""
        folder = self.directory / "stations"
        folder.mkdir(exist_ok=True)
        previous = f"previous: [{STATION}]\n  {more or 'unknown: refuse'}"
        text = BENCH.format(name="press", previous=previous) + FOLLOWS
        (folder / "press.yaml").write_text(text, encoding="utf-8")
        found = load_folder(folder, registries())
        assert found.refused == {}
        return found.stations

    @asynccontextmanager
    async def pressing(self, more: str = "") -> AsyncIterator[StationRun]:
        """Run the press."""
        async with self.running(more) as at:
            await settled()
            yield at["press"]

    async def answer(self, press: StationRun, unit: str) -> tuple[str, str | None, int]:
        """Return what becomes of a unit at the press."""
        return outcome(await self.scan(press, unit))

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the press's events of some kinds, oldest first."""
        rows = read_events(self.directory / "press" / "journal", Query(kinds=kinds))
        return [json.loads(row.body) for row in reversed(list(rows))]

    def lines(self, event: str) -> list[dict[str, object]]:
        """Return what was told under a name."""
        return [fields for name, fields in self.told.lines if name == event]


@pytest.fixture
async def floor(tmp_path: Path) -> FarFloor:
    """Return a press and a saw of their own for each test."""
    return FarFloor(tmp_path)


async def test_a_unit_passes_after_the_station_elsewhere_only(floor: FarFloor) -> None:
    """Not there: 5; NOK there: 5; OK there: recorded, with the event over there as evidence."""
    async with floor.pressing() as press:
        await floor.saw.begin()
        assert await floor.answer(press, "SN-1") == MISSING
        floor.saw.history.unit("SN-1", result=Result.NOK)
        floor.saw.history.unit("SN-2")
        await floor.saw.send()
        assert await floor.answer(press, "SN-1") == NOK
        done = await floor.scan(press, "SN-2")
        assert outcome(done) == OK
        (said,) = done["previous"]
        assert said == {
            "station": STATION,
            "address": floor.saw.address(1, 3),
            "result": "ok",
            "knowledge_as_of": floor.saw.address(1, 3),
        }
    assert floor.broker.unconfirmed == {}


@pytest.mark.parametrize(
    ("more", "expected"), [("unknown: refuse", UNKNOWN), ("unknown: record", OK)]
)
async def test_without_the_broker_the_policy_decides(
    floor: FarFloor, more: str, expected: tuple[str, str | None, int]
) -> None:
    """Even of a unit that was OK: up to where it is known is said, and nothing guessed (D-41)."""
    async with floor.pressing(more) as press:
        await floor.saw.begin()
        floor.saw.history.unit("SN-1")
        await floor.saw.send()
        await floor.broker.go(up=False)
        event = await floor.scan(press, "SN-1")
        assert outcome(event) == expected
        assert event["why"] == ["previous_unknown"]
        assert event["previous"] == [
            {"station": STATION, "knowledge_as_of": floor.saw.address(1, 2), "incomplete": True}
        ]
        floor.saw.history.unit("SN-2", result=Result.NOK)
        await floor.saw.send()
        await floor.broker.go(up=True)
        assert await floor.answer(press, "SN-2") == NOK


async def test_a_station_that_is_not_online_is_not_known(floor: FarFloor) -> None:
    """It may record what does not come: until it is back, and all of it is here."""
    async with floor.pressing() as press:
        await floor.saw.begin()
        floor.saw.history.unit("SN-1")
        await floor.saw.send()
        floor.saw.online(up=False)
        assert await floor.answer(press, "SN-1") == UNKNOWN
        floor.saw.online(up=True)
        assert await floor.answer(press, "SN-1") == OK


async def test_what_comes_after_the_scan_counts(floor: FarFloor) -> None:
    """The unit is here before its event is, by a moment: what was looked up at the scan is over."""
    async with floor.pressing() as press:
        await floor.saw.begin()
        await floor.emit(press, "SN-1")
        await floor.clock.advance(0.8)
        floor.saw.history.unit("SN-1")
        await floor.saw.send()
        await floor.clock.advance(1)
        assert outcome(floor.events("unit_completed", "unit_refused")[-1]) == OK


async def test_a_hole_is_unknown_until_it_is_filled(floor: FarFloor) -> None:
    """What lacks is asked for on `control`, and meanwhile the policy decides (D-138)."""
    floor.saw.answers = False
    async with floor.pressing() as press:
        await floor.saw.begin()
        for unit in ("SN-1", "SN-2", "SN-3"):
            floor.saw.history.unit(unit)
        await floor.saw.send(without=[1])
        assert await floor.answer(press, "SN-1") == UNKNOWN
        assert await floor.answer(press, "SN-2") == UNKNOWN
        floor.saw.answers = True
        await floor.clock.advance(60)
        topic, request = floor.broker.asked[-1]
        assert topic == f"{ROOT}/control"
        wanted = {name: request["resend"][name] for name in ("epoch", "from", "to")}
        assert wanted == {"epoch": epoch(1), "from": 3, "to": 3}
        assert await floor.answer(press, "SN-1") == OK
        assert await floor.answer(press, "SN-2") == OK


async def test_what_is_behind_is_unknown(floor: FarFloor) -> None:
    """The station says that it stands further than what has come."""
    async with floor.pressing() as press:
        await floor.saw.begin()
        floor.saw.history.unit("SN-1")
        floor.saw.history.unit("SN-1", result=Result.NOK)
        await floor.saw.send(last=1)
        assert await floor.answer(press, "SN-1") == UNKNOWN
        await floor.saw.send()
        assert await floor.answer(press, "SN-1") == NOK


async def test_corrections_scrap_and_other_names_count(floor: FarFloor) -> None:
    """What a person says over there changes the answer here (D-36, D-37, D-143)."""
    async with floor.pressing() as press:
        await floor.saw.begin()
        wrong = floor.saw.history.unit("SN-1", result=Result.NOK)
        floor.saw.history.unit("SN-2")
        floor.saw.history.unit("SN-3")
        await floor.saw.send()
        assert await floor.answer(press, "SN-1") == NOK
        floor.saw.history.add(
            EventCorrected,
            supersedes=(str(wrong.address),),
            reason="gauge",
            who="k:1",
            corrects="unit_completed",
            about="SN-1",
            replacement=(("result", "ok"),),
        )
        floor.saw.history.add(UnitScrapped, unit="SN-2", who="k:1", reason="dropped")
        floor.saw.history.add(UnitReidentified, unit="SN-3", new="SN-4", who="k:1", reason="mark")
        await floor.saw.send()
        assert await floor.answer(press, "SN-1") == OK
        assert await floor.answer(press, "SN-2") == ("unit_refused", "scrapped", 6)
        assert await floor.answer(press, "SN-4") == OK
        await floor.broker.go(up=False)
        assert await floor.answer(press, "SN-2") == ("unit_refused", "scrapped", 6)


async def test_what_is_blocked_over_there_is_blocked_here(floor: FarFloor) -> None:
    """Until it is released over there, and over a restart of this agent too (D-56)."""
    block = {"lot": "SN-1", "source": "scan", "who": "k:1", "reason": "odd"}
    async with floor.pressing() as press:
        await floor.saw.begin()
        floor.saw.history.unit("SN-1")
        floor.saw.history.add(LotBlocked, **block)
        await floor.saw.send()
        assert await floor.answer(press, "SN-1") == ("unit_refused", "unit_blocked", 6)
    async with floor.pressing() as press:
        assert await floor.answer(press, "SN-1") == ("unit_refused", "unit_blocked", 6)
        floor.saw.history.add(LotUnblocked, **block)
        await floor.saw.send()
        assert await floor.answer(press, "SN-1") == OK


async def test_a_restart_knows_what_it_knew_and_gets_what_came(floor: FarFloor) -> None:
    """What was confirmed is on disk; the broker has kept the rest; the other's new run goes on."""
    async with floor.pressing() as press:
        await floor.saw.begin()
        floor.saw.history.unit("SN-1")
        await floor.saw.send()
    floor.saw.history.unit("SN-2")
    await floor.saw.send()
    await floor.saw.begin(2)
    floor.saw.history.unit("SN-3", result=Result.NOK)
    await floor.saw.send()
    assert len(floor.broker.unconfirmed) == 3
    async with floor.pressing() as press:
        assert await floor.answer(press, "SN-1") == OK
        assert await floor.answer(press, "SN-2") == OK
        assert await floor.answer(press, "SN-3") == NOK
        assert await floor.answer(press, "SN-9") == MISSING
    assert floor.broker.asked == []


async def test_duplicates_and_disorder_change_nothing(floor: FarFloor) -> None:
    """The events stand under their addresses, whenever and how often they come (D-120, D-136)."""
    async with floor.pressing() as press:
        await floor.saw.begin()
        history = floor.saw.history
        history.unit("SN-1")
        history.unit("SN-1", result=Result.NOK)
        history.unit("SN-2", result=Result.NOK)
        history.unit("SN-2")
        for row in [*history.rows[::-1], *history.rows[1:3], history.rows[4]]:
            floor.saw.publish(row)
        floor.saw.position()
        await settled()
        assert await floor.answer(press, "SN-1") == NOK
        assert await floor.answer(press, "SN-2") == OK
    assert floor.lines("neighbour_message_refused") == []


async def test_what_began_in_the_middle_knows_who_was_there_alone(floor: FarFloor) -> None:
    """A unit that is found counts; one that is not may have been there before (`within`)."""
    floor.saw.answers = False
    floor.saw.history.start(1)
    floor.saw.history.unit("SN-1")
    floor.saw.history.unit("SN-2")
    async with floor.pressing() as press:
        floor.saw.online(up=True)
        await floor.saw.send(without=[0, 1])
        assert await floor.answer(press, "SN-2") == OK
        assert await floor.answer(press, "SN-1") == UNKNOWN
        assert await floor.answer(press, "SN-9") == UNKNOWN
        floor.saw.answers = True  # it was not, for a while: it is asked again in a minute
        await floor.clock.advance(90)
        assert await floor.answer(press, "SN-1") == OK
        assert await floor.answer(press, "SN-9") == MISSING


async def test_a_clone_and_a_filtered_stream_are_unknown(floor: FarFloor) -> None:
    """What two agents say under one name, and what leaves out kinds, is not all (D-41)."""
    async with floor.pressing() as press:
        await floor.saw.begin()
        row = floor.saw.history.unit("SN-1")
        await floor.saw.send()
        clone = hashed({**json.loads(row.body), "result": "nok"})
        floor.saw.publish(row, clone)
        assert await floor.answer(press, "SN-1") == UNKNOWN
        assert [line["reason"] for line in floor.lines("neighbour_unknown")] == []
        await floor.clock.advance(10)
        assert [line["reason"] for line in floor.lines("neighbour_unknown")] == ["twin"]
        (refused,) = floor.lines("neighbour_message_refused")
        assert "held with another content" in str(refused["error"])
    filtered = FarFloor(floor.directory / "filtered")
    filtered.directory.mkdir()
    async with filtered.pressing() as press:
        await filtered.saw.begin()
        row = filtered.saw.history.unit("SN-1")
        filtered.saw.publish(row, envelope(row.body, after=filtered.saw.address(1, 1)))
        filtered.saw.position()
        assert await filtered.answer(press, "SN-1") == UNKNOWN


async def test_poison_is_confirmed_named_and_decides_nothing(floor: FarFloor) -> None:
    """It never comes again and holds up nobody; a position that is none is no word on anything."""
    async with floor.pressing() as press:
        await floor.saw.begin()
        row = floor.saw.history.unit("SN-1")
        for payload in (b"\xff", b"{}", envelope(row.body).replace(b"SN-1", b"SN-2")):
            floor.saw.publish(row, payload)
        await settled()
        assert floor.broker.unconfirmed == {}
        assert len(floor.lines("neighbour_message_refused")) == 3
        floor.saw.history.unit("SN-3")
        await floor.saw.send()
        assert await floor.answer(press, "SN-2") == MISSING
        assert await floor.answer(press, "SN-1") == OK
        await floor.broker.go(up=False)
        floor.broker.retain(f"{ROOT}/position", b"[]")
        await floor.broker.go(up=True)
        assert await floor.answer(press, "SN-3") == UNKNOWN
        floor.saw.position()
        assert await floor.answer(press, "SN-3") == OK


async def test_a_lost_file_is_filled_anew(floor: FarFloor) -> None:
    """It is set aside, told, and everything that the station still keeps is asked for."""
    async with floor.pressing() as press:
        await floor.saw.begin()
        floor.saw.history.unit("SN-1")
        await floor.saw.send()
        assert await floor.answer(press, "SN-1") == OK
    (file,) = (floor.directory / "press" / DIRECTORY).glob("*.db")
    file.write_bytes(b"\0" * 4096 + b"rot")
    async with floor.pressing() as press:
        await floor.clock.advance(60)
        assert await floor.answer(press, "SN-1") == ("unit_refused", "duplicate", 3)
        floor.saw.history.unit("SN-2")
        await floor.saw.send()
        assert await floor.answer(press, "SN-2") == OK
    assert len(floor.lines("neighbour_damaged")) == 1
    assert [request["resend"]["from"] for _, request in floor.broker.asked] == [1]


async def test_a_disk_that_refuses_is_a_doubt_and_confirms_nothing(floor: FarFloor) -> None:
    """What is not on disk stays the broker's; once there is room all of it is taken."""
    place = floor.directory / "press" / DIRECTORY
    place.parent.mkdir(parents=True)
    place.write_text("in the way", encoding="utf-8")
    async with floor.pressing() as press:
        await floor.saw.begin()
        floor.saw.history.unit("SN-1")
        await floor.saw.send()
        assert await floor.answer(press, "SN-1") == UNKNOWN
        assert len(floor.broker.unconfirmed) == 2
        place.unlink()
        await floor.clock.advance(30)
        assert await floor.answer(press, "SN-1") == OK
        assert floor.broker.unconfirmed == {}


async def test_a_doubt_is_told_and_recorded_once(floor: FarFloor) -> None:
    """In the log, in the retained `state`, and as a link that was lost and came back."""
    async with floor.pressing() as press:
        await floor.saw.begin()
        await floor.clock.advance(2)
        known = {"station": STATION, "known": True, "as_of": floor.saw.address(1, 1)}
        assert press.status()["neighbours"] == [known]
        floor.saw.online(up=False)
        await floor.clock.advance(20)
        says = "it is not connected to the broker"
        unknown = {**known, "known": False, "reason": "offline", "error": says}
        assert press.status()["neighbours"] == [unknown]
        assert press.unknown() == (STATION,)
        floor.saw.online(up=True)
        await floor.clock.advance(20)
    links = floor.events("link_lost", "link_restored")
    of_saw = [each for each in links if each["device"] == f"neighbour/{STATION}"]
    assert [each["kind"] for each in of_saw] == ["link_restored", "link_lost", "link_restored"]
    (told,) = floor.lines("neighbour_unknown")
    assert (told["neighbour"], told["reason"]) == (STATION, "offline")
    assert str(told["at"]).endswith("press.yaml:18:1")
