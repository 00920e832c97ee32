"""A recall as a document: by what happened, what it rests on, and that nobody changed it since."""

import pytest

from agent.trace.api import Selection, Trace, content_hash
from agent.trace.said import UNIDENTIFIED
from tests.trace_rig import Plant, stored

pytestmark = pytest.mark.usefixtures("fresh")

UNTIL_MS = 1_795_586_402_000
"""2026-11-25T06:00:02Z."""


def line() -> Plant:
    """Two stations, an order, an operator, forces, a cycle without a name and a missed one."""
    plant = Plant()
    plant.add("agent_started")
    for n, force in enumerate((12.0, 8.0, None, 11.0), 1):
        value = {"name": "force", "value": force, "verdict": "low" if force == 8.0 else "ok"}
        plant.unit(
            f"U{n}",
            "LOT",
            order="WO-1" if n < 3 else "WO-2",
            operators=[{"ref": "k:1"} if n == 1 else {"ref": "k:1", "certainty": "possible"}],
            values=[value],
        )
    plant.unit(None, "LOT", candidates=[])
    plant.add("cycle_missed", n=2, reason="counter")
    plant.unit("U1", "OTHER", station="acme/oven")
    return plant


def units(report: dict[str, list[dict[str, str]]], part: str) -> list[str]:
    """Return the units of a part of a report."""
    return [entry["unit"] for entry in report[part]]


def test_recall_by_lot_lists_reasons_places_and_what_has_no_name() -> None:
    """Each unit with why, when and where; those without a name are counted (D-5, D-7)."""
    with stored(line().events) as store:
        report = Trace(store).recall("LOT")
    assert units(report, "certain") == ["U1", "U2", "U3", "U4"]
    assert report["certain"][0] == {
        "unit": "U1",
        "reasons": ["load_interval"],
        "first_seen": "2026-11-25T06:00:01.000Z",
        "last_seen": "2026-11-25T06:00:07.000Z",
        "last_station": "acme/oven",
        "in": None,
        "left": None,
    }
    assert [(u["station"], u["up_to"]) for u in report["unidentified"]] == [("acme/press", 1)]
    assert report["scopes"] == {"by_links": 4, "by_station_and_time": 4, "by_order": 4}
    assert not any(name.startswith(UNIDENTIFIED) for name in units(report, "possible"))


def test_recall_by_what_happened() -> None:
    """By value, order, operator, place and time; what is not known to be otherwise is possible."""
    with stored(line().events) as store:
        trace = Trace(store)
        low = trace.recall(Selection(value="force", below=10.0))
        assert (units(low, "certain"), units(low, "possible")) == (["U2"], ["U3"])
        breached = trace.recall(Selection(value="force"))
        assert units(breached, "certain") == ["U2"]
        order = trace.recall(Selection(order="WO-2"))
        assert units(order, "certain") == ["U3", "U4"]
        person = trace.recall(Selection(operator="k:1"))
        assert units(person, "certain") == ["U1"]
        assert units(person, "possible") == ["U2", "U3", "U4"]
        oven = trace.recall(Selection(station="oven"))
        assert units(oven, "certain") == ["U1"]
        assert units(trace.recall(Selection(station="ove_")), "certain") == []
        press = trace.recall(
            Selection(machine="press", until_ms=1_795_932_002_000, station="press")
        )
        assert press["recall"] == {
            "station": "press",
            "machine": "press",
            "until_ms": 1_795_932_002_000,
        }


def test_the_hash_is_over_everything_else() -> None:
    """The same facts give the same hash, and no entry can be taken out unseen."""
    with stored(line().events) as store, stored(line().events[::-1]) as other:
        report, same = Trace(store).recall("LOT"), Trace(other).recall("LOT")
    assert report == same
    assert content_hash(report) == report["content_hash"]
    report["certain"].pop()
    assert content_hash(report) != report["content_hash"]


def test_what_it_rests_on_names_every_gap() -> None:
    """Stations with runs and times; what lacks lies between moments; a lot that was never seen."""
    plant = line()
    with stored(plant.events) as store:
        report = Trace(store).recall("LOT")
        assert report["is_complete"] is False  # the oven's start is not here
        press = next(s for s in report["rests_on"] if s["station"] == "acme/press")
        assert (press["is_whole"], press["gaps"], press["events"]) == (True, (), 7)
    del plant.events[3]
    with stored(plant.events) as store:
        press = Trace(store).completeness()[1]
        assert [(gap.first, gap.last, gap.why) for gap in press.gaps] == [(4, 4, "missing")]
        assert press.gaps[0].since == "2026-11-25T06:00:02.000Z"
        assert press.upto == "000001-aa-3"
        assert Trace(store).recall("NEVER")["is_known"] is False


def test_a_unit_with_a_new_name_was_seen_under_the_old_one() -> None:
    """First seen, and where, is over all names that it had (D-37)."""
    plant = line()
    plant.add("unit_reidentified", unit="U2", new="VIN-2")
    with stored(plant.events) as store:
        report = Trace(store).recall("LOT")
    entry = next(entry for entry in report["certain"] if entry["unit"] == "VIN-2")
    assert entry["first_seen"] == "2026-11-25T06:00:02.000Z"
    assert entry["last_seen"] == "2026-11-25T06:00:08.000Z"
    assert entry["reasons"] == ["alias", "load_interval"]


def test_a_code_that_was_keyed_is_no_sight_of_its_unit() -> None:
    """Somebody wrote its name: a slip of the fingers makes another unit's of it (D-85)."""
    plant = line()
    plant.add("code_scanned", device="r", means="unit", code="U2", entry="keyed")
    with stored(plant.events) as store:
        report = Trace(store).recall("LOT")
    entry = next(entry for entry in report["certain"] if entry["unit"] == "U2")
    assert entry["last_seen"] == "2026-11-25T06:00:02.000Z"
