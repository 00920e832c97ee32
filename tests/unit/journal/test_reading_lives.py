"""What the journal knows of a unit's life, and of an event that somebody wants to correct."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from agent.core.events import (
    ComponentInstalled,
    ComponentRemoved,
    EventCorrected,
    LinkLost,
    UnitReidentified,
    UnitReworked,
    UnitScrapped,
)
from agent.journal.commits import Store
from agent.journal.reading import Lookup, Seen
from agent.journal.store import create
from agent.ports import Address, Row
from drivers.base import EventSeen
from tests.histories import STATION, History, epoch

BY = {"who": "k:1", "reason": "r"}


@contextmanager
def opened(directory: Path, history: History) -> Iterator[tuple[Lookup, apsw.Connection]]:
    """Store a history and look things up in it."""
    made = create(directory / "j", None, STATION)
    Store(made, directory / "j").commit(history.rows, {})
    try:
        yield Lookup(made), made
    finally:
        made.close()


@pytest.fixture
def history() -> History:
    """An epoch that has begun."""
    made = History()
    made.start(1)
    return made


def correct(history: History, *rows: Row, about: str | None = "unit-1", **fields: object) -> Row:
    """Correct some events; retracted where nothing else is said."""
    fields = fields or {"retracted": True, "corrects": "unit_completed"}
    supersedes = tuple(str(row.address) for row in rows)
    return history.add(EventCorrected, **BY, supersedes=supersedes, about=about, **fields)


def test_a_unit_is_scrapped_until_that_is_retracted(tmp_path: Path, history: History) -> None:
    """Scrap is final until a correction says otherwise, and that may be corrected too (D-36)."""
    scrapped = history.add(UnitScrapped, **BY, unit="unit-1")
    with opened(tmp_path, history) as (lookup, _):
        assert lookup.seen("unit-1", "end") == Seen(scrapped=True)
        assert lookup.seen("unit-2", "end") == Seen()
    (tmp_path / "two").mkdir()
    retracted = correct(history, scrapped)
    with opened(tmp_path / "two", history) as (lookup, _):
        assert not lookup.seen("unit-1", "end").scrapped
    (tmp_path / "three").mkdir()
    correct(history, retracted)
    with opened(tmp_path / "three", history) as (lookup, _):
        assert lookup.seen("unit-1", "end").scrapped


def test_a_release_counts_until_the_unit_has_come(tmp_path: Path, history: History) -> None:
    """One that is newer than every visit lets the unit in (D-35)."""
    history.unit("unit-1")
    history.add(UnitReworked, **BY, unit="unit-1", visit=2)
    history.add(UnitReworked, **BY, unit="unit-2", visit=2)
    history.unit("unit-2", visit=2)
    with opened(tmp_path, history) as (lookup, _):
        assert lookup.seen("unit-1", "end").reworked
        assert not lookup.seen("unit-2", "end").reworked


def test_an_identity_that_was_replaced_names_its_successor(
    tmp_path: Path, history: History
) -> None:
    """The newest word counts (D-37)."""
    history.add(UnitReidentified, **BY, unit="unit-1", new="unit-8")
    history.add(UnitReidentified, **BY, unit="unit-1", new="unit-9")
    with opened(tmp_path, history) as (lookup, _):
        assert lookup.seen("unit-1", "").renamed_to == "unit-9"
        assert lookup.seen("unit-9", "").renamed_to is None


def test_a_visit_that_a_person_corrected_is_none(tmp_path: Path, history: History) -> None:
    """The agent's own doubt is no exclusion: the unit may have been here all the same (D-8)."""
    first, second = history.unit("unit-1"), history.unit("unit-1", visit=2)
    correct(history, first, replacement=(("unit", "unit-2"),), corrects="unit_completed")
    correct(history, second, candidates=("unit-1", "unit-2"), corrects="unit_completed")
    with opened(tmp_path, history) as (lookup, _):
        assert lookup.seen("unit-1", "").visits == 1
        assert lookup.seen("unit-1", "").address == str(second.address)


def test_a_move_that_was_corrected_is_none(tmp_path: Path, history: History) -> None:
    """The component is where it was before (D-42, D-143)."""
    where = {"position": "ecu", "component": "ecu-1", "cycle": "c-1"}
    first = history.add(ComponentInstalled, unit="unit-1", **where)
    removed = history.add(ComponentRemoved, component="ecu-1", unit="unit-1")
    wrong = correct(history, removed, about="ecu-1")
    with opened(tmp_path, history) as (lookup, _):
        assert lookup.installed("ecu-1") == (str(first.address), "unit-1", "ecu")
    correct(history, wrong, about="ecu-1")
    correct(history, first, about="ecu-1")
    (tmp_path / "two").mkdir()
    with opened(tmp_path / "two", history) as (lookup, _):
        assert lookup.installed("ecu-1") == (str(removed.address), None, None)


# ------------------------------------------------------------------ events


def test_an_event_that_stands(tmp_path: Path, history: History) -> None:
    """By its address: its kind, and what it is about."""
    unit, link = history.unit("unit-1"), history.add(LinkLost, device="plc", reason="cut")
    with opened(tmp_path, history) as (lookup, _):
        assert lookup.event(unit.address) == EventSeen(
            address=str(unit.address), kind="unit_completed", about="unit-1"
        )
        assert lookup.event(link.address) == EventSeen(address=str(link.address), kind="link_lost")


@pytest.mark.parametrize("about", ["unit-1", None])
def test_an_event_that_is_superseded(tmp_path: Path, history: History, about: str | None) -> None:
    """The newest correction that stands itself is the end of the chain (D-143)."""
    wrong = history.unit("unit-1") if about else history.add(LinkLost, device="plc", reason="cut")
    first = correct(
        history, wrong, about=about, corrects="unit_completed", replacement=(("a", "b"),)
    )
    second = correct(history, first, wrong, about=about, corrects="unit_completed", retracted=True)
    history.unit("unit-1")
    with opened(tmp_path, history) as (lookup, _):
        found = [lookup.event(row.address) for row in (wrong, first, second)]
        end = str(second.address)
        assert [seen.superseded_by for seen in found if seen] == [end, end, None]
        last = found[2]
        assert last is not None
        assert (last.supersedes, last.corrects, last.about) == (
            (str(first.address), str(wrong.address)),
            "unit_completed",
            about,
        )


def test_a_correction_that_was_taken_back_supersedes_nothing(
    tmp_path: Path, history: History
) -> None:
    """What it corrected stands again."""
    unit = history.unit("unit-1")
    correct(history, correct(history, unit))
    with opened(tmp_path, history) as (lookup, _):
        seen = lookup.event(unit.address)
        assert seen is not None
        assert seen.superseded_by is None


def test_an_event_that_there_is_not(tmp_path: Path, history: History) -> None:
    """Of another epoch, too far on, beyond all numbers, or one that does not hold."""
    unit = history.unit("unit-1")
    with opened(tmp_path, history) as (lookup, connection):
        assert lookup.event(Address("000001-ffffffff", 1)) is None
        assert lookup.event(Address(epoch(1), 99)) is None
        assert lookup.event(Address("999999999-aaaaaaaa", 1)) is None
        connection.execute("UPDATE events SET body = x'00' WHERE unit = 'unit-1'")
        assert lookup.event(unit.address) is None
