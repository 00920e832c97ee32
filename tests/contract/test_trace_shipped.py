"""What left the house and what is in it still: by what was recorded, and never by a guess."""

from __future__ import annotations

from typing import Any

import pytest

from agent.trace.api import Trace
from agent.trace.interchange import Facts
from agent.trace.shipment import Shipment
from tests.trace_rig import Plant, derived, stored

pytestmark = pytest.mark.usefixtures("fresh")

GATE = "acme/gate"
SIX = 1_795_586_400.0
"""2026-11-25T06:00:00Z, in seconds: the plant's first event."""


def line(*units: str) -> Plant:
    """Return a plant whose press made units, and whose gate has shipped something before."""
    plant = Plant()
    for station in ("acme/press", GATE):
        plant.add("agent_started", station=station)
    plant.add("unit_completed", handshake="end", latest_ms=0, unit="U0", station=GATE)
    ship(plant, "U0")
    for unit in units:
        plant.unit(unit, "LOT")
    return plant


def ship(plant: Plant, unit: str, to: str = "ACME") -> str:
    """Let a unit or a parcel leave."""
    said = {"unit": unit, "destination": to, "document": "DN-1", "who": "k:1", "reason": "r"}
    return plant.add("unit_shipped", station=GATE, **said)


def back(plant: Plant, unit: str) -> str:
    """Let a unit or a parcel come back."""
    return plant.add("unit_returned", station=GATE, unit=unit, who="k:1", reason="r")


def pack(plant: Plant, child: str, parent: str, **members: Any) -> None:  # noqa: ANN401 - fields
    """Put a child into a parent."""
    plant.add("unit_packed", level="box", child=child, parent=parent, **members)


def end(plant: Plant) -> Plant:
    """Let the gate record something more: it was there until then."""
    plant.add("agent_stopped", station=GATE)
    return plant


def told(plant: Plant, of: str = "LOT", **lists: list[Shipment]) -> dict[str, tuple[str, str]]:
    """Return of each unit whether it was shipped, and the place or the reason; in any order."""
    with stored(end(plant).events) as store:
        for name, some in lists.items():
            store.take(name, Facts(shipments=some), b"")
        report, wanted = Trace(store).recall(of), None if lists else derived(store)
        store.rebuild()
        assert Trace(store).recall(of) == report
    if wanted is not None:
        with stored(*([event] for event in plant.events[::-1])) as store:
            assert derived(store) == wanted
            assert Trace(store).recall(of) == report
    return {
        each["unit"]: (each["shipped"], each["shipped_why"] or each["shipped_in"] or "")
        for part in ("certain", "possible", "scrapped", "cleared")
        for each in report[part]
    }


# ------------------------------------------------------------------ what is recorded


def test_what_was_shipped_is_said_with_where_to_and_by_what() -> None:
    """Time, party and document stand beside it; a unit that nobody shipped is in house."""
    plant = line("U1", "U2")
    ship(plant, "U1", "Berlin")
    with stored(end(plant).events) as store:
        report = Trace(store).recall("LOT")
    one, other = report["certain"]
    assert {name: one[name] for name in one if "ship" in name or name == "document"} == {
        "shipped": "shipped",
        "shipped_why": None,
        "shipped_at": "2026-11-25T06:00:06.000Z",
        "shipped_to": "Berlin",
        "shipped_in": "U1",
        "document": "DN-1",
    }
    assert (other["shipped"], other["shipped_to"]) == ("in_house", None)
    assert report["shipping"] == {
        "records": 2,
        "sources": [
            {
                "source": GATE,
                "since": "2026-11-25T06:00:03.000Z",
                "until": "2026-11-25T06:00:07.000Z",
                "is_whole": True,
            }
        ],
        "unmatched": [],
    }


def test_a_shipped_package_ships_what_is_in_it_then() -> None:
    """To any depth; what was taken out before stays, what was put in after was not in it."""
    plant = line("U1", "U2", "U3", "U4")
    for child in ("U1", "U2"):
        pack(plant, child, "BOX")
    pack(plant, "BOX", "PALLET")
    plant.add("unit_unpacked", child="U2", parent="BOX", how="scan")
    ship(plant, "PALLET")
    pack(plant, "U3", "BOX")
    assert told(plant) == {
        "U1": ("shipped", "PALLET"),
        "U2": ("in_house", ""),
        "U3": ("in_house", ""),
        "U4": ("in_house", ""),
    }


def test_what_was_not_certainly_in_it_is_not_known_to_have_left() -> None:
    """It may have been in another one (D-25)."""
    plant = line("U1")
    pack(plant, "U1", "BOX", certainty="possible")
    ship(plant, "BOX")
    assert told(plant) == {"U1": ("unknown", "may_be_in")}
    ship(plant, "U1")
    assert told(plant) == {"U1": ("shipped", "U1")}


def test_a_unit_is_shipped_under_every_name_that_it_had() -> None:
    """A new label is the same unit (D-37)."""
    plant = line("U1")
    ship(plant, "U1")
    plant.add("unit_reidentified", unit="U1", new="VIN-1")
    assert told(plant) == {"VIN-1": ("shipped", "U1")}


def test_what_is_in_a_unit_leaves_with_it() -> None:
    """A part of a unit that left is where that is."""
    plant = line("U1")
    plant.install("U9", "U1")
    ship(plant, "U9")
    assert told(plant, "LOT") == {"U9": ("shipped", "U9")}


def test_what_came_back_is_in_house_until_it_leaves_again() -> None:
    """By a word, with its package or alone; the newest counts."""
    plant = line("U1", "U2")
    pack(plant, "U1", "BOX")
    ship(plant, "BOX")
    back(plant, "BOX")
    ship(plant, "U2")
    assert told(plant) == {"U1": ("in_house", ""), "U2": ("shipped", "U2")}
    ship(plant, "U1")
    back(plant, "U2")
    assert told(plant) == {"U1": ("shipped", "U1"), "U2": ("in_house", "")}


def test_what_a_station_sees_is_in_the_house_again() -> None:
    """A unit that is worked on is here, whatever was said before."""
    plant = line("U1", "U2")
    for unit in ("U1", "U2"):
        ship(plant, unit)
    plant.unit("U1", "OTHER")
    assert told(plant) == {"U1": ("in_house", ""), "U2": ("shipped", "U2")}


def test_a_shipment_that_was_a_slip_is_taken_back() -> None:
    """Retracted it never was; corrected, it was another unit (D-143)."""
    plant = line("U1", "U2")
    one = ship(plant, "U1")
    at = plant.events[-1]
    plant.add(
        "event_corrected",
        station=GATE,
        supersedes=[one],
        replacement=[["unit", "U2"]],
        who="k:1",
        reason="slip",
        corrects="unit_shipped",
    )
    assert told(plant) == {"U1": ("in_house", ""), "U2": ("shipped", "U2")}
    plant.events[-2].pop("replacement")
    plant.events[-2]["retracted"] = True
    assert told(plant) == {"U1": ("in_house", ""), "U2": ("in_house", "")}
    assert at["kind"] == "unit_shipped"


# ------------------------------------------------------------------ what is not known


def test_without_any_record_of_shipping_nothing_is_said() -> None:
    """Nobody says that what is not recorded did not happen."""
    plant = Plant()
    plant.unit("U1", "LOT")
    assert told(plant) == {"U1": ("unknown", "no_records")}


def test_a_site_without_records_is_not_spoken_for_by_another() -> None:
    """The gate of Graz says nothing of what Berlin made."""
    plant = Plant()
    plant.add("unit_completed", handshake="end", latest_ms=0, unit="U0", station="acme/graz/x")
    said = {"unit": "U0", "destination": "X", "who": "k", "reason": "r"}
    plant.add("unit_shipped", station="acme/graz/gate", **said)
    use = {"position": "p", "candidates": ["LOT"], "certainty": "certain", "loads": []}
    for unit, station in (("U1", "acme/berlin/press"), ("U2", "acme/graz/press")):
        made: dict[str, Any] = {"handshake": "end", "latest_ms": 0, "components": [use]}
        plant.add("unit_completed", unit=unit, station=station, **made)
    plant.add("agent_stopped", station="acme/graz/gate")
    with stored(plant.events) as store:
        report = Trace(store).recall("LOT")
    assert [(each["unit"], each["shipped_why"]) for each in report["certain"]] == [
        ("U1", "no_records"),
        ("U2", "gap"),  # nothing proves that the gate's events are all here
    ]


def test_what_was_seen_before_or_after_the_records_is_not_spoken_for() -> None:
    """It may have left before anybody recorded it, or since the newest record."""
    plant = Plant()
    plant.unit("U1", "LOT")
    for station in ("acme/press", GATE):
        plant.add("agent_started", station=station)
    plant.add("unit_completed", handshake="end", latest_ms=0, unit="U0", station=GATE)
    ship(plant, "U0")
    plant.unit("U2", "LOT")
    with stored(plant.events) as store:
        report = Trace(store).recall("LOT")
    assert [(each["unit"], each["shipped_why"]) for each in report["certain"]] == [
        ("U1", "before_records"),
        ("U2", "after_records"),
    ]


def test_where_events_of_the_gate_lack_nothing_is_in_house() -> None:
    """What lacks may be the shipment."""
    plant = line("U1")
    ship(plant, "U9")
    end(plant)
    plant.events.remove(next(e for e in plant.events if e.get("unit") == "U9"))
    with stored(plant.events) as store:
        (entry,) = Trace(store).recall("LOT")["certain"]
    assert entry["shipped_why"] == "gap"


def test_a_parcel_of_which_nothing_is_known_may_hold_anything() -> None:
    """A unit that was seen before it left may be in it; one that was made later is not."""
    plant = line("U1")
    ship(plant, "SSCC-9")
    plant.unit("U2", "LOT")
    assert told(plant) == {"U1": ("unknown", "unmatched_shipment"), "U2": ("in_house", "")}
    with stored(plant.events) as store:
        assert Trace(store).recall("LOT")["shipping"]["unmatched"] == ["SSCC-9"]


# ------------------------------------------------------------------ lots


def lots(plant: Plant, of: str) -> list[tuple[str, str, str | None]]:
    """Return of each lot of a recall whether it was shipped, and how much."""
    with stored(end(plant).events) as store:
        found = Trace(store).recall(of)["lots"]
    return [(each["lot"], each["shipped"], each["shipped_quantity"]) for each in found]


def issue(plant: Plant, lot: str, quantity: str | None, remaining: str, **members: Any) -> str:  # noqa: ANN401 - fields
    """Let a part of a lot leave the house."""
    said: dict[str, Any] = {"lot": lot, "remaining": remaining, "destination": "X"}
    said |= {"shipped": True} | members | ({"quantity": quantity} if quantity else {})
    return plant.add("lot_issued", station=GATE, **said)


def test_a_lot_leaves_in_parts() -> None:
    """So much of it, until nothing is left; what comes back is taken off."""
    plant = line()
    plant.add("lot_counted", lot="L", n=100, first_ms=0, last_ms=1)
    assert lots(plant, "L") == [("L", "in_house", None)]
    issue(plant, "L", "40", "60")
    assert lots(plant, "L") == [("L", "in_part", "40")]
    plant.add("lot_returned", station=GATE, lot="L", quantity="10", shipped=True)
    assert lots(plant, "L") == [("L", "in_part", "30")]
    issue(plant, "L", "70", "0")
    assert lots(plant, "L") == [("L", "shipped", "100")]
    plant.add("lot_returned", station=GATE, lot="L", shipped=True)
    assert lots(plant, "L") == [("L", "in_house", None)]


def test_what_only_leaves_its_lot_says_nothing_of_the_house() -> None:
    """`issue-lot` may go to the next hall."""
    plant = line()
    plant.add("lot_counted", lot="L", n=100, first_ms=0, last_ms=1)
    issue(plant, "L", "40", "60", shipped=None)
    assert lots(plant, "L") == [("L", "in_house", None)]


def test_a_unit_of_a_lot_leaves_with_all_of_it_only() -> None:
    """Of a part nobody knows which; a component lot that is shipped takes no unit along."""
    plant = line()
    plant.unit("U1", "LOT", lot="L")
    plant.unit("U2", "LOT", lots=["L", "M"], lot_why=["boundary_uncertain"])
    plant.unit("U3", "LOT", lot="N")
    issue(plant, "L", "1", "9")
    issue(plant, "LOT", None, "0")
    assert told(plant) == {
        "U1": ("unknown", "part_of_lot"),
        "U2": ("unknown", "may_be_in"),
        "U3": ("in_house", ""),
    }
    issue(plant, "L", "9", "0")
    assert told(plant)["U1"] == ("shipped", "L")


def test_a_sub_lot_leaves_with_its_lot() -> None:
    """All of it; with a part of the lot it may have left."""
    plant = line()
    plant.add("lot_counted", lot="L/1", n=10, part_of="L", first_ms=0, last_ms=1)
    issue(plant, "L", "4", "6")
    assert lots(plant, "L/1") == [("L/1", "in_part", "4")]
    issue(plant, "L", "6", "0")
    assert [each[:2] for each in lots(plant, "L/1")] == [("L/1", "shipped")]


# ------------------------------------------------------------------ lists


def test_a_list_of_another_system_speaks_for_its_own_time() -> None:
    """From its first to its last line; without a time a line only says that it left."""
    plant = Plant()
    for unit in ("U1", "U2", "U3", "U4"):
        plant.unit(unit, "LOT")
    dated = [
        Shipment(thing="U0", at=SIX - 60, party="ACME"),
        Shipment(thing="U1", at=SIX + 2, party="ACME"),
    ]
    undated = Shipment(thing="U4", at=None)
    assert told(plant, erp=[*dated, undated]) == {
        "U1": ("shipped", "U1"),
        "U2": ("in_house", ""),
        "U3": ("in_house", ""),
        "U4": ("shipped", "U4"),
    }
    late = Shipment(thing="U1", at=SIX + 0.5, party="ACME")
    assert told(plant, erp=[dated[0], late])["U3"] == ("unknown", "after_records")
    assert told(plant, erp=[undated])["U3"] == ("unknown", "no_records")


def test_a_list_that_is_taken_again_replaces_itself() -> None:
    """What it no longer says was never so (D-137)."""
    plant = Plant()
    plant.unit("U1", "LOT")
    with stored(plant.events) as store:
        for thing in ("U1", "U2"):
            shipments = [Shipment(thing=thing, at=SIX + 9)]
            store.take("erp", Facts(shipments=shipments), b"")
        (entry,) = Trace(store).recall("LOT")["certain"]
    assert entry["shipped"] == "unknown"


def test_a_list_may_be_booked_before_the_goods_go() -> None:
    """Dated by the day, say: what a station saw later may have left all the same."""
    plant = Plant()
    for unit in ("U1", "U2", "U3"):
        plant.unit(unit, "LOT")
    pack(plant, "U2", "BOX")
    first = Shipment(thing="U3", at=SIX - 60)
    midnight = [Shipment(thing=thing, at=SIX - 30) for thing in ("U1", "BOX")]
    assert told(plant, erp=[first, *midnight]) == dict.fromkeys(
        ("U1", "U2", "U3"), ("unknown", "seen_after")
    )
    came = Shipment(thing="U1", at=SIX + 60, is_back=True)
    again = Shipment(thing="BOX", at=SIX + 60)
    assert told(plant, erp=[first, *midnight, came, again]) == {
        "U1": ("in_house", ""),
        "U2": ("shipped", "BOX"),
        "U3": ("unknown", "seen_after"),
    }
