"""A recall as a document: by what happened, what it rests on, and that nobody changed it since."""

from typing import Any

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
        "shipped": "unknown",
        "shipped_why": "no_records",
        "shipped_at": None,
        "shipped_to": None,
        "shipped_in": None,
        "document": None,
    }
    assert report["shipping"] == {"records": 0, "sources": [], "unmatched": []}
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


def test_cycles_that_were_missed_belong_to_the_time_in_which_they_may_have_been() -> None:
    """They were told later than they were; a recall of that time has them (D-4, D-7)."""
    plant = line()
    hour_ms = 3_600_000
    plant.add("cycle_missed", n=5, reason="counter", first_ms=8_000, last_ms=hour_ms)
    plant.events[-1]["time"] |= {
        "received": "2026-11-25T07:00:00.000Z",
        "boottime_ms": hour_ms,
    }
    plant.add("history_lost", lost_epoch="000000-aa", first_seq=1, last_seq=2)
    plant.add("lot_counted", lot="L-9", n=100, first_ms=9_000, last_ms=hour_ms)
    plant.events[-1]["time"] |= plant.events[-3]["time"]
    at_ms = UNTIL_MS + 10 * 60_000
    with stored(plant.events) as store:
        trace = Trace(store)
        within = trace.recall(Selection(since_ms=at_ms, until_ms=at_ms + 1_000))
        assert [(u["station"], u["up_to"]) for u in within["unidentified"]] == [("acme/press", 5)]
        assert [lot["lot"] for lot in within["lots"]] == ["L-9"]
        before = trace.recall(Selection(until_ms=UNTIL_MS))
        assert before["unidentified"][0]["unknown_more"]  # of what was lost nobody knows when
        assert before["unidentified"][0]["up_to"] == 2  # one missed cycle says no interval
        assert before["lots"] == []
        after = trace.recall(Selection(since_ms=at_ms + hour_ms))
        assert after["unidentified"] == []


def test_a_value_beyond_its_limits_is_found_where_only_pieces_are_counted() -> None:
    """The lot whose piece it was is in the recall; another station's lots are not (D-4)."""
    plant = line()
    value = {"name": "torque", "value": 3.0, "verdict": "low"}
    plant.add("cycle_counted", station="acme/oven", lot="L-5", latest_ms=0, values=[value])
    plant.add("lot_counted", station="acme/oven", lot="L-5", n=7, last_ms=0)
    plant.add("lot_counted", lot="L-6", n=7, last_ms=0)
    with stored(plant.events) as store:
        found = Trace(store).recall(Selection(value="torque", below=5.0))
        assert [(lot["lot"], lot["pieces"]) for lot in found["lots"]] == [("L-5", 7)]


def test_what_a_store_has_never_heard_of_is_said_with_what_there_is() -> None:
    """An empty list for a mistyped name would be read as nothing to take back."""
    with stored(line().events) as store:
        trace = Trace(store)
        asked = Selection(station="pres", machine="prss", operator="k:2", order="WO", value="f")
        report = trace.recall(asked)
        assert not report["is_known"]
        assert report["unknown"] == [
            "no station 'pres' is known to this store; there are: acme/oven, acme/press",
            "no machine 'prss' is known to this store; there are: press",
            "no order 'WO' is known to this store; there are: WO-1, WO-2",
            "no operator 'k:2' is known to this store; there are: k:1",
            "no value 'f' is known to this store; there are: force",
        ]
        asked = Selection(station="acme/press", machine="press", order="WO-1", value="force")
        assert trace.recall(asked)["unknown"] == []
        assert trace.recall("LT")["unknown"] == ["'LT' is not known to this store"]
    with stored([]) as store:
        told = Trace(store).recall(Selection(station="x"))["unknown"]
        assert told == ["no station 'x' is known to this store"]


def test_a_corrected_order_and_operator_change_who_is_recalled() -> None:
    """By order and by operator a recall goes by what is right, whatever came first (D-143)."""
    plant = line()
    fix = plant.correct("000001-aa-2", order="WO-9", operator="k:7")
    lost = plant.correct("000001-aa-4")
    for events in (plant.events, plant.events[::-1]):
        with stored(events) as store:
            trace = Trace(store)
            assert units(trace.recall(Selection(order="WO-9")), "certain") == ["U1"]
            assert units(trace.recall(Selection(order="WO-1")), "certain") == ["U2"]
            assert units(trace.recall(Selection(order="WO-2")), "certain") == ["U4"]
            assert units(trace.recall(Selection(operator="k:7")), "certain") == ["U1"]
            assert units(trace.recall(Selection(operator="k:1")), "possible") == ["U2", "U4"]
            store.rebuild()
            assert units(trace.recall(Selection(order="WO-9")), "certain") == ["U1"]
    plant.correct(fix)
    plant.correct(lost)
    with stored(plant.events) as store:
        assert units(Trace(store).recall(Selection(order="WO-1")), "certain") == ["U1", "U2"]
        assert units(Trace(store).recall(Selection(order="WO-2")), "certain") == ["U3", "U4"]


def test_the_beginning_of_a_pseudonym_is_enough_where_it_is_one_persons() -> None:
    """As much as a history shows; of two with one beginning, and of less, none is taken (D-63)."""
    plant, key = Plant(), "7e027332:028e5953"
    for n, end in enumerate(("aa", "bb")):
        plant.unit(f"U{n}", operators=[{"ref": f"{key}{end}"}])
    with stored(plant.events[:1]) as store:
        report = Trace(store).recall(Selection(operator=key))
        assert (units(report, "certain"), report["recall"]) == (["U0"], {"operator": f"{key}aa"})
        assert Trace(store).recall(Selection(operator=key[:9]))["is_known"] is False
    with stored(plant.events) as store:
        assert Trace(store).recall(Selection(operator=key))["is_known"] is False
        assert units(Trace(store).recall(Selection(operator=f"{key}b")), "certain") == ["U1"]


def test_a_unit_that_was_made_for_no_order_is_in_the_recall_of_none() -> None:
    """What was wrongly on is gone, and said to be by that correction; a later one may name it."""
    plant = line()
    fix = plant.correct("000001-aa-2", order="", operator="")
    for events in (plant.events, plant.events[::-1]):
        with stored(events) as store:
            report = Trace(store).recall(Selection(order="WO-1"))
            assert units(report, "certain") == ["U2"]
            assert [each["address"] for each in report["corrections"]] == [fix]
            assert [fix] in [each["corrected_by"] for each in Trace(store).history("U1")]
    plant.correct(fix, order="WO-1", operator="k:1")
    with stored(plant.events) as store:
        assert units(Trace(store).recall(Selection(order="WO-1")), "certain") == ["U1", "U2"]


def test_an_answer_names_the_runs_that_it_rests_on() -> None:
    """Each epoch with what is held of it, so that it can be compared with the station's own."""
    plant = line()
    with stored(plant.events[:3], plant.events[4:]) as store:
        report = Trace(store).recall("LOT")
        for each in report["rests_on"]:
            (epoch,) = each["epochs"]
            newest = max(mine_of(plant, each["station"]))
            assert (epoch["epoch"], epoch["last"]) == ("000001-aa", newest)
            assert epoch["events"] == each["events"]
        press = next(each for each in report["rests_on"] if each["station"] == "acme/press")
        assert press["epochs"][0]["events"] == len(mine_of(plant, "acme/press")) - 1


def mine_of(plant: Plant, station: str) -> list[int]:
    """Return the numbers of a station's events."""
    return [event["seq"] for event in plant.events if event["station"] == station]


def test_half_a_code_is_enough_where_one_thing_is_called_so() -> None:
    """The serial of a label names its unit; of several, and of none, what is like it is told."""
    plant = Plant()
    root = "https://id.gs1.org/01"
    plant.unit(f"{root}/0952/21/SN%2F1", f"{root}/0953/10/L-1")
    plant.unit(f"{root}/0952/21/SN-2", f"{root}/0954/10/L-1")
    plant.unit("a%b_c", "P")
    with stored(plant.events) as store:
        trace = Trace(store)
        assert trace.ending("SN/1") == [f"{root}/0952/21/SN%2F1"]
        assert trace.ending("L-1") == [f"{root}/0953/10/L-1", f"{root}/0954/10/L-1"]
        assert (trace.ending("sn-2"), trace.ending("N-2"), trace.ending("")) == ([], [], [])
        assert trace.similar("sn-2") == [f"{root}/0952/21/SN-2"]
        assert (trace.similar("%b_"), trace.similar("ab")) == (["a%b_c"], [])


def test_coarser_records_would_never_take_fewer() -> None:
    """Who was refused or has a new name is in them all, as is who was made between (D-10)."""
    plant = Plant()
    plant.unit("U1", "LOT", order="WO-1")
    plant.unit("U2", "OTHER", order="WO-1")
    plant.add("unit_reidentified", unit="U1", new="VIN-1")
    use = {"position": "p0", "candidates": ["LOT"], "certainty": "certain", "loads": []}
    made: dict[str, Any] = {"handshake": "end", "latest_ms": 3_000, "components": [use]}
    plant.add("unit_refused", unit="U3", reason="duplicate", **made)
    plant.unit("U4", "LOT", order="WO-2")
    plant.unit("U5", "OTHER", order="WO-2")
    with stored(plant.events) as store:
        report = Trace(store).recall("LOT")
    assert (units(report, "certain"), units(report, "possible")) == (["U4", "VIN-1"], ["U3"])
    assert report["scopes"] == {"by_links": 3, "by_station_and_time": 4, "by_order": 5}


def test_a_recall_names_every_correction_that_it_rests_on() -> None:
    """By one alone a unit may be left out: of a load, a unit, a part, and of corrections (D-8)."""
    plant = Plant()
    load = plant.add("component_loaded", position="p", lot="LOT", earliest_ms=0, latest_ms=0)
    use = {"position": "p", "candidates": ["LOT"], "certainty": "certain", "loads": [load]}
    made: dict[str, Any] = {"handshake": "end", "latest_ms": 0, "components": [use]}
    cycle = plant.add("unit_completed", unit="U1", **made)
    plant.unit("U2", "OTHER")
    fix = plant.correct(load, lot="LOT-2")
    again = plant.correct(fix, lot="LOT-3")
    result = plant.correct(cycle, result="nok")
    plant.add(
        "event_corrected", supersedes=[cycle], who="lineside", reason="second_scan", candidates=[]
    )
    plant.correct("000001-aa-3", result="nok")
    for events in (plant.events, plant.events[::-1]):
        with stored(events) as store:
            trace = Trace(store)
            named = [each["address"] for each in trace.recall("LOT")["corrections"]]
            assert named == [fix, again]
            assert trace.recall("LOT")["possible"] == []
            named = [each["address"] for each in trace.recall("LOT-3")["corrections"]]
            assert named == [fix, again, result]
            assert trace.recall("LOT-3")["corrections"][0] == {
                "time": "2026-11-25T06:00:03.000Z",
                "station": "acme/press",
                "address": fix,
                "corrects": "component_loaded",
                "about": None,
                "supersedes": [load],
                "replacement": [["lot", "LOT-2"]],
                "retracted": False,
                "who": "k:1",
                "reason": "wrong",
            }


def test_what_a_cycle_was_taken_for_was_not_there() -> None:
    """By place and time, and where it was seen last, a unit goes by what is right (D-143)."""
    plant = line()
    never = plant.unit("U7", "LOT", order="WO-7")
    other = plant.unit("U8", "LOT")
    plant.unit("U8", "LOT", station="acme/oven")
    gone = plant.correct(never)
    named = plant.correct(other, unit="U9")
    fixed = plant.correct("000001-aa-2", order="WO-9")
    for events in (plant.events, plant.events[::-1]):
        with stored(events) as store:
            trace = Trace(store)
            press = trace.recall(Selection(station="press"))
            assert units(press, "certain") == ["U1", "U2", "U3", "U4", "U9"]
            assert {"U7", "U8"}.isdisjoint(units(press, "possible"))
            assert [each["address"] for each in press["corrections"]] == [gone, named, fixed]
            oven = trace.recall(Selection(station="oven"))
            assert oven["corrections"][-1:] == [
                each for each in press["corrections"] if each["address"] == fixed
            ]  # U1 was there, and one of its cycles is corrected
            order = trace.recall(Selection(order="WO-1"))
            assert (units(order, "certain"), order["corrections"][-1]["address"]) == (["U2"], fixed)
            lot = trace.recall("LOT")
            entry = next(entry for entry in lot["certain"] if entry["unit"] == "U8")
            assert entry["first_seen"] == entry["last_seen"] == "2026-11-25T06:00:10.000Z"
            kinds = [each["kind"] for each in trace.history("U7")]
            assert kinds == ["unit_completed"]
