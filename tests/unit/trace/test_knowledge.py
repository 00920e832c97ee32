"""What a station can know of a unit: its own look-up and those around it (D-37, D-41, D-42)."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from agent.core.events import (
    ComponentInstalled,
    ComponentRemoved,
    EventCorrected,
    LotBlocked,
    UnitPacked,
    UnitReidentified,
    UnitReworked,
    UnitScrapped,
)
from agent.ports import Address, PreviousSeen, StoreError
from agent.trace.asking import Contents, Place, Stay
from agent.trace.asking import History as Told
from agent.trace.knowledge import StationLookup
from agent.trace.lookup import Known
from tests.doubles import settled
from tests.histories import History, epoch
from tests.unit.trace.test_lookup import Bench

SAW, PRESS = "acme/saw", "acme/press"


class NoEvents:
    """A journal without events."""

    async def event_seen(self, address: Address) -> None:
        """Know no event."""
        del address


@asynccontextmanager
async def both(tmp_path: Path) -> AsyncIterator[tuple[dict[str, Bench], StationLookup]]:
    """Feed the look-ups of a saw and of a press after it; return what the press can know."""
    lines, stores = {}, {}
    async with AsyncExitStack() as undo:
        for path in (SAW, PRESS):
            (tmp_path / path).mkdir(parents=True)
            lines[path] = Bench(tmp_path / path)
            lines[path].history.start(1)
            stores[path] = await undo.enter_async_context(lines[path].fed())
        yield lines, StationLookup(stores[PRESS], stores, (SAW,), NoEvents())


async def test_a_unit_that_has_just_left_the_station_before_is_known(tmp_path: Path) -> None:
    """The station before is asked up to its newest durable event, whatever it has taken yet."""
    async with both(tmp_path) as (lines, press):
        lines[SAW].history.unit("SN-1")
        await lines[SAW].send()
        seen = await press.unit_seen("SN-1", "end")
        assert seen.previous == (
            PreviousSeen(
                station=SAW,
                known=True,
                address=f"{epoch(1)}-2",
                result="ok",
                as_of=f"{epoch(1)}-2",
            ),
        )
        assert (seen.visits, seen.address, seen.as_of) == (0, None, "")


async def test_a_unit_that_was_not_there(tmp_path: Path) -> None:
    """Never completed there, and known to be so."""
    async with both(tmp_path) as (lines, press):
        await lines[SAW].send()
        (said,) = (await press.unit_seen("SN-1", "end")).previous
        assert (said.known, said.address) == (True, None)


async def test_an_answer_holds_until_the_station_before_learns_more(tmp_path: Path) -> None:
    """What was asked at the scan is asked again if something was recorded there since."""
    async with both(tmp_path) as (lines, press):
        await lines[SAW].send()
        seen = await press.unit_seen("SN-1", "end")
        seen = await press.unit_seen("SN-1", "end")
        assert press.is_current(seen)
        lines[SAW].history.unit("SN-1")
        await lines[SAW].send()
        await press.unit_seen("SN-1", "end")
        assert not press.is_current(seen)


async def test_a_station_that_does_not_run_is_not_known(tmp_path: Path) -> None:
    """Neither one whose journal is away, nor one that is not of this process (D-41)."""
    async with both(tmp_path) as (lines, _):
        bench = lines[PRESS]
        own, idle = bench.store(), lines[SAW].store()
        feed = asyncio.create_task(own.feed(bench.journal, None))
        await settled()
        press = StationLookup(own, {PRESS: own, SAW: idle}, (SAW, "acme/drill"), NoEvents())
        seen = await press.unit_seen("SN-1", "end")
        assert [(each.station, each.known) for each in seen.previous] == [
            (SAW, False),
            ("acme/drill", False),
        ]
        assert press.is_current(seen)
        assert (await press.component_seen("ECU-1")).address is None
        assert (await press.contents_seen("SN-1")).names == ("SN-1",)
        feed.cancel()
        await asyncio.gather(feed, return_exceptions=True)
        await own.close()
        await idle.close()


async def test_the_newest_event_of_the_handshake_and_all_visits(tmp_path: Path) -> None:
    """What `begin` said of it is no word of `end`; every completion is a visit (D-35)."""
    async with both(tmp_path) as (lines, press):
        lines[PRESS].history.unit("SN-1")
        lines[PRESS].history.unit("SN-1", handshake="begin")
        await lines[PRESS].send()
        await press.reach(Address(epoch(1), 3))
        seen = await press.unit_seen("SN-1", "end")
        assert (seen.address, seen.kind, seen.result) == (f"{epoch(1)}-2", "unit_completed", "ok")
        assert (seen.visits, seen.as_of, seen.since) == (2, f"{epoch(1)}-3", "")


def rename(history: History, old: str, new: str) -> None:
    """Add that a unit has another identity from here on."""
    history.add(UnitReidentified, unit=old, new=new, who="k:1", reason="mark")


async def test_other_names_count_wherever_they_were_given(tmp_path: Path) -> None:
    """A unit that the saw knew by its paper and the press by its mark is one unit (D-37)."""
    async with both(tmp_path) as (lines, press):
        lines[SAW].history.unit("PAPER-1")
        await lines[SAW].send()
        lines[PRESS].history.unit("MARK-0")
        await lines[PRESS].send()
        await press.reach(Address(epoch(1), 2))
        rename(lines[SAW].history, "PAPER-1", "SN-1")
        await lines[SAW].send()
        rename(lines[PRESS].history, "MARK-0", "PAPER-1")
        await lines[PRESS].send()
        await press.reach(Address(epoch(1), 3))
        seen = await press.unit_seen("SN-1", "end")
        assert seen.names == ("MARK-0", "PAPER-1", "SN-1")
        assert seen.renamed_to is None
        assert (await press.unit_seen("PAPER-1", "end")).renamed_to == "SN-1"
        assert seen.visits == 1
        assert seen.previous[0].result == "ok"


async def test_a_component_is_where_the_newest_word_of_any_station_says(tmp_path: Path) -> None:
    """Installed at the saw, it is in that unit for the press too, until it is taken out (D-42)."""
    async with both(tmp_path) as (lines, press):
        for path, unit in ((PRESS, "SN-0"), (SAW, "SN-1")):
            history = lines[path].history
            history.ahead_ms = 1 if path == SAW else 0
            history.add(
                ComponentInstalled, position="ecu", component="ECU-1", unit=unit, cycle="c-1"
            )
            await lines[path].send()
        await press.reach(Address(epoch(1), 2))
        seen = await press.component_seen("ECU-1")
        assert (seen.unit, seen.position, seen.as_of) == ("SN-1", "ecu", f"{epoch(1)}-2")
        lines[PRESS].history.add(ComponentRemoved, component="ECU-1")
        await lines[PRESS].send()
        await press.reach(Address(epoch(1), 3))
        assert (await press.component_seen("ECU-1")).unit is None


async def test_what_any_station_blocks_is_blocked(tmp_path: Path) -> None:
    """A lot that was blocked at the saw must not be used at the press (D-56)."""
    async with both(tmp_path) as (lines, press):
        lines[SAW].history.add(LotBlocked, lot="L-1", source="scan")
        await lines[SAW].send()
        await press.unit_seen("SN-1", "end")
        assert press.blocked(("L-0", "L-1")) == ("L-1",)


async def test_scrap_anywhere_before_is_scrap(tmp_path: Path) -> None:
    """What the saw scrapped is scrap at the press too (D-36)."""
    async with both(tmp_path) as (lines, press):
        lines[SAW].history.add(UnitScrapped, unit="SN-1", who="k:1", reason="bent")
        await lines[SAW].send()
        assert (await press.unit_seen("SN-1", "end")).scrapped
        assert not (await press.unit_seen("SN-2", "end")).scrapped


async def test_a_release_holds_until_the_next_visit(tmp_path: Path) -> None:
    """Released for another visit, and completed since: it may not come again (D-35)."""
    async with both(tmp_path) as (lines, press):
        history, found = lines[PRESS].history, []
        history.unit("SN-1")
        history.add(UnitReworked, unit="SN-1", visit=2, who="k:1", reason="burr")
        for n in (3, 4):
            await lines[PRESS].send()
            await press.reach(Address(epoch(1), n))
            seen = await press.unit_seen("SN-1", "")
            found.append((seen.reworked, seen.visits, seen.kind))
            history.unit("SN-1", visit=2)
        assert found == [(True, 1, "unit_completed"), (False, 2, "unit_completed")]


async def test_events_are_the_journals_to_know(tmp_path: Path) -> None:
    """What one event says is asked of the journal that has it."""
    async with both(tmp_path) as (_lines, press):
        assert await press.event_seen(Address(epoch(1), 1)) is None


async def test_what_is_in_a_unit_whatever_put_it_in(tmp_path: Path) -> None:
    """By a cycle, an exchange or a correction, at any station, under each of its names (D-37)."""
    async with both(tmp_path) as (lines, press):
        saw, here = lines[SAW].history, lines[PRESS].history
        here.ahead_ms = 1
        put = partial(here.add, ComponentInstalled, position="ecu", cycle="c-1")
        saw.add(ComponentInstalled, position="saw", component="ECU-0", unit="SN-1", cycle="c-1")
        put(component="ECU-1", unit="SN-1")
        here.add(ComponentRemoved, component="ECU-1", unit="SN-1", who="k:1", reason="dead")
        put(component="ECU-2", unit="SN-1", who="k:1", reason="dead")
        wrong = put(component="ECU-3", unit="SN-2")
        here.add(
            EventCorrected,
            supersedes=(str(wrong.address),),
            reason="mixed up",
            who="k:1",
            corrects="component_installed",
            replacement=(("unit", "SN-1"),),
        )
        here.add(UnitPacked, level="box", child="SN-7", parent="BOX-1", n=1)
        here.add(UnitReidentified, unit="SN-1", new="SN-9", who="k:1", reason="label")
        put(component="ECU-4", unit="SN-9")
        for line in lines.values():
            await line.send()
        await press.reach(here.rows[-1].address)
        for name in ("SN-1", "SN-9"):
            seen = await press.contents_seen(name)
            assert set(seen.components) == {"ECU-0", "ECU-2", "ECU-3", "ECU-4"}
            assert (seen.children, seen.names) == ((), ("SN-1", "SN-9"))
        assert (await press.contents_seen("BOX-1")).children == ("SN-7",)
        assert (await press.component_seen("ECU-2")).unit == "SN-9"
        saw.ahead_ms = 2
        saw.add(ComponentRemoved, component="ECU-0")
        await lines[SAW].send()
        assert "ECU-0" not in (await press.contents_seen("SN-9")).components


class Followed:
    """A station of another gateway, and what it has said; None: it cannot be read."""

    def __init__(self, station: str, *stays: Stay, is_whole: bool = True) -> None:
        self.version = 7
        self.blocked = frozenset({"L-9"})
        self.place: Place | None = None
        self.is_readable = True
        self._known = Known(
            station=station,
            history=Told(names=("SN-1",), stays=stays),
            as_of=f"{epoch(1)}-9",
            since="",
            is_whole=is_whole,
        )

    def _read(self) -> None:
        if not self.is_readable:
            raise StoreError("no disk")

    async def reach(self) -> None:
        """Have nothing to wait for."""

    async def known(self, names: Collection[str], asked: str | None = None) -> Known:
        """Return what it has said."""
        self._read()
        del names, asked
        return self._known

    async def component(self, component: str) -> tuple[Place | None, str]:
        """Return where it has put a component."""
        self._read()
        del component
        return self.place, self._known.as_of

    async def contents(self, parent: Collection[str]) -> Contents:
        """Return what it has put into something."""
        self._read()
        return Contents(names=tuple(parent), children=(), components=("ECU-1",))


def stay(kind: str, result: str | None = None) -> Stay:
    """Return a word on a unit."""
    return Stay(
        address=f"{epoch(1)}-5", at_ms=1, kind=kind, handshake="", result=result, certain=True
    )


@asynccontextmanager
async def pressing(tmp_path: Path, *far: Followed) -> AsyncIterator[StationLookup]:
    """Return what a press can know that comes after a saw, which is the first of these."""
    (tmp_path / PRESS).mkdir(parents=True)
    line = Bench(tmp_path / PRESS)
    line.history.start(1)
    elsewhere = dict(zip((SAW, "acme/mill", "acme/drill"), far, strict=False))
    async with line.fed() as own:
        yield StationLookup(own, {PRESS: own}, (SAW,), NoEvents(), elsewhere)


async def test_a_station_elsewhere_is_asked_as_one_here(tmp_path: Path) -> None:
    """Its completion counts, with its address and up to where it is known."""
    saw = Followed(SAW, stay("unit_completed", "ok"))
    async with pressing(tmp_path, saw) as press:
        seen = await press.unit_seen("SN-1", "end")
        (said,) = seen.previous
        assert (said.known, said.result, said.as_of) == (True, "ok", f"{epoch(1)}-9")
        assert press.blocked(["L-8", "L-9"]) == ("L-9",)
        saw.version = 8
        assert not press.is_current(seen)


async def test_what_may_not_be_all_is_not_known_but_scrap_is_scrap(tmp_path: Path) -> None:
    """Of a station that is followed alone scrap counts as well, and it stands in no `previous`."""
    doubtful = Followed(SAW, stay("unit_completed", "ok"), is_whole=False)
    mill = Followed("acme/mill", stay("unit_scrapped"), is_whole=False)
    async with pressing(tmp_path, doubtful, mill) as press:
        seen = await press.unit_seen("SN-1", "end")
        assert seen.previous == (PreviousSeen(station=SAW, known=False, as_of=f"{epoch(1)}-9"),)
        assert seen.scrapped


async def test_one_that_cannot_be_read_is_as_one_that_is_away(tmp_path: Path) -> None:
    """Nothing of it is known, and nothing else stops."""
    saw = Followed(SAW, stay("unit_scrapped"))
    saw.is_readable = False
    async with pressing(tmp_path, saw) as press:
        seen = await press.unit_seen("SN-1", "end")
        assert (seen.previous, seen.scrapped) == ((PreviousSeen(station=SAW, known=False),), False)
        assert (await press.component_seen("ECU-1")).unit is None
        assert (await press.contents_seen("SN-1")).components == ()


async def test_a_component_is_where_a_station_elsewhere_has_put_it(tmp_path: Path) -> None:
    """By the newest word of any station, and that is what is in the unit too (D-42)."""
    saw = Followed(SAW)
    saw.place = Place(address=f"{epoch(1)}-5", at_ms=9, unit="SN-1", position="p")
    async with pressing(tmp_path, saw) as press:
        assert (await press.component_seen("ECU-1")).unit == "SN-1"
        assert (await press.contents_seen("SN-1")).components == ("ECU-1",)
