"""What recorded data says of how it is recorded: each planted mistake, and no other.

(D-14; recalls that are swept too wide: D-10, D-44, D-55.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from agent.demo import worked_example as line
from agent.demo.worked_example import Shift
from agent.formats.codec import wall_ms
from agent.trace.doctor import Finding, Mistake, Period, examine
from tests.trace_rig import Plant, documents, stored

SHIFT = Shift(units=500, faulty=14, place=301)


def found(*batches: Iterable[dict[str, Any]], period: Period | None = None) -> list[Finding]:
    """Return what is found in these events."""
    with stored(*batches) as store:
        return examine(store, period)


def loaded(plant: Plant, lot: str) -> str:
    """Load a lot."""
    at = len(plant.events) * 1000
    return plant.add("component_loaded", lot=lot, position="p0", earliest_ms=at, latest_ms=at)


def clean() -> Plant:
    """Forty units, each linked to its lot, and a code read for each; a slip now and then."""
    plant = Plant()
    plant.add("agent_started")
    for n in range(40):
        if n % 8 == 0:
            loaded(plant, f"LOT-{n // 8}")
        plant.add("code_scanned", device="r", means="unit", code=f"SN-{n}")
        plant.unit(f"SN-{n}", f"LOT-{n // 8}")
    plant.add("no_read", device="r")
    plant.add("code_refused", device="r", reason="bad_check_digit")
    plant.add("scan_expired", code="SN-99", reason="window")
    plant.unit(None, "LOT-4", why=["no_scan"], candidates=[])
    return plant


def test_a_clean_plant_has_no_finding() -> None:
    """Linked units, sub-lots of a fitting size, a slip now and then: nothing is found."""
    assert found(clean().events) == []
    assert found(documents(line.bound(SHIFT))) == []
    assert found(documents(line.counted(SHIFT, 100))) == []
    assert found([]) == []


def unlinked() -> Iterable[dict[str, Any]]:
    """Units with serials, and nobody recorded what went into them."""
    return documents(line.bound(SHIFT, linked=False))


def uncut() -> Iterable[dict[str, Any]]:
    """A lot that is not cut."""
    return documents(line.counted(SHIFT))


def spelt_twice() -> Iterable[dict[str, Any]]:
    """One serial is there as SN-7 and as sn7."""
    plant = clean()
    plant.unit("sn7", "LOT-0")
    return plant.events


def failing() -> Iterable[dict[str, Any]]:
    """A reader that reads nothing half of the time."""
    plant = clean()
    for n in range(24):
        plant.add("no_read", device="r" if n % 3 else "s")
    return plant.events


def lagging() -> Iterable[dict[str, Any]]:
    """Codes that come when the cycle has gone."""
    plant = clean()
    for n in range(25):
        plant.unit(None, "LOT-4", why=["no_scan"], candidates=[])
        plant.add("code_scanned", device="r", means="unit", code=f"SN-4{n}")
        plant.add("scan_expired", code=f"SN-4{n}", reason="cycle_refused")
    return plant.events


def keyed() -> Iterable[dict[str, Any]]:
    """A label that a reader cannot read; some come by a keyboard wedge, which types by itself."""
    plant = clean()
    hand = {"entry": "keyed", "who": "k:OP-7", "entry_reason": "torn"}
    for n in range(22):
        about = {"means": "unit", "code": f"SN-{n}", "device": "r" if n % 4 else "s"}
        plant.add("code_scanned", **about, **hand)
        plant.add("code_scanned", **about, entry="wedge")
    plant.add("code_scanned", means="operator", code="k:OP-7", device="r", **hand)
    return plant.events


def unsure() -> Iterable[dict[str, Any]]:
    """Changes of material of which nobody knows when they were."""
    plant = clean()
    for n in range(30):
        if n % 8 == 0:
            loaded(plant, f"LOT-{5 + n // 8}")
        lots = [f"LOT-{4 + n // 8}", f"LOT-{5 + n // 8}"]
        use = {"position": "p0", "candidates": lots, "why": "boundary_uncertain"}
        uses = [use | {"certainty": "possible", "loads": []}]
        at: dict[str, Any] = {"handshake": "end", "latest_ms": len(plant.events) * 1000}
        plant.add("unit_completed", unit=f"SM-{n}", components=uses, **at)
    return plant.events


def unchanged() -> Iterable[dict[str, Any]]:
    """A lot that fed four times as many as the others: was a change not scanned?"""
    plant = clean()
    loaded(plant, "LOT-5")
    for n in range(36):
        plant.unit(f"SM-{n}", "LOT-5")
    return plant.events


def judged_blindly() -> Iterable[dict[str, Any]]:
    """A station before that was often not known, by its silence or for what may lack."""
    plant = clean()
    for n in range(24):
        silent: dict[str, Any] = {"station": "acme/saw"}
        partial = silent | {"knowledge_as_of": "000001-00000001-9", "incomplete": True}
        known = {"station": "acme/mill", "knowledge_as_of": "000001-00000001-4"}
        why = ["previous_unknown"] if n < 22 else []
        before = [known, (silent, partial, known)[n % 3 if n < 22 else 2]]
        if n % 8 == 0:
            loaded(plant, f"LOT-{5 + n // 8}")
        plant.unit(f"SU-{n}", f"LOT-{5 + n // 8}", why=why, previous=before)
    refused: dict[str, Any] = {"reason": "previous_unknown"}
    plant.add("unit_refused", unit="SU-23", previous=[{"station": "acme/saw"}], **refused)
    return plant.events


@pytest.mark.parametrize(
    ("plant", "mistake"),
    [
        (unlinked, Mistake.UNLINKED_SERIALS),
        (uncut, Mistake.LOTS_TOO_WIDE),
        (spelt_twice, Mistake.TWO_SPELLINGS),
        (failing, Mistake.SCANS_FAIL),
        (lagging, Mistake.SCANS_LAG),
        (keyed, Mistake.SCANS_KEYED),
        (unsure, Mistake.LINKS_UNSURE),
        (unchanged, Mistake.LOAD_NOT_CHANGED),
        (judged_blindly, Mistake.PREVIOUS_UNKNOWN),
    ],
)
def test_each_planted_mistake_is_found_and_no_other(
    plant: Callable[[], Iterable[dict[str, Any]]], mistake: Mistake
) -> None:
    """It is found once, at its station, with a time, evidence, what it costs and what to do."""
    (finding,) = found(plant())
    assert finding.mistake is mistake
    assert finding.place.station
    assert finding.place.since is not None
    assert finding.place.until is not None
    assert finding.place.since <= finding.place.until
    assert all((finding.shown_by, finding.counts, finding.costs, finding.do))


def test_the_evidence_is_counted() -> None:
    """The numbers of a finding are those of the events."""
    (loose,) = found(unlinked())
    assert (loose.counts["serials"], loose.counts["unjoined"]) == (500, 500)
    (wide,) = found(uncut())
    assert wide.counts == {"component_lots": 3, "swept_wide": 1, "fed": 15, "recalled": 500}
    assert wide.examples == ("CL-BAD fed 15, its recall takes 500",)
    assert "every: 10" in wide.do
    (blind,) = found(judged_blindly())
    assert blind.counts == {"units": 25, "unknown": 23, "refused": 1}
    assert blind.examples == ("16 x acme/saw",)
    (fail,) = found(failing())
    assert fail.counts == {"reads": 66, "no_read": 25, "code_refused": 1, "scan_truncated": 0}
    assert fail.examples[0] == "17 x no_read at r"
    (lag,) = found(lagging())
    assert lag.counts == {"cycles": 66, "without_code": 26, "scans": 65, "expired": 26}
    (hand,) = found(keyed())
    assert hand.counts == {"codes": 85, "keyed": 22}
    assert hand.examples == ("16 x torn at r", "6 x torn at s")
    (spelt,) = found(spelt_twice())
    assert spelt.examples == ("SN-7 and sn7",)
    (long,) = found(unchanged())
    assert long.counts == {"loads": 6, "usual": 8, "long": 1, "most": 36}
    assert long.examples == ("LOT-5 fed 36",)
    (possible,) = found(unsure())
    assert possible.counts["boundary_uncertain"] == 30


def test_whatever_order_events_come_in_the_findings_are_the_same() -> None:
    """What is found depends on which events are held, not on when they came (D-136)."""
    for plant in (failing, lagging, unchanged, unsure):
        events = list(plant())
        assert found(events[::-1]) == found(events, events)


def test_a_serial_that_a_second_station_knows_is_of_use() -> None:
    """Two stations that know a unit join what they recorded, with nothing in it (D-38)."""
    plant = Plant()
    for n in range(40):
        plant.unit(f"SN-{n}")
        plant.unit(f"SN-{n}", station="acme/oven")
    assert found(plant.events) == []


def test_a_new_name_is_the_same_unit() -> None:
    """A unit whose older name has a component is linked, and two names are no two spellings."""
    plant = Plant()
    for n in range(30):
        plant.unit(f"SN-{n}", "LOT")
        plant.add("unit_reidentified", unit=f"SN-{n}", new=f"sn{n}")
        plant.unit(f"sn{n}")
    assert found(plant.events) == []


def test_cycles_that_are_no_production_are_no_lag() -> None:
    """What is not bound because it is not made automatically says nothing of scans."""
    plant = clean()
    for _ in range(40):
        plant.unit(None, "LOT-4", why=["not_production"], candidates=[])
        plant.add("scan_expired", code="SN-1", reason="superseded")
    assert found(plant.events) == []


def test_only_what_is_within_the_period_counts() -> None:
    """With a time given, what was recorded before and after it is left out."""
    with stored(failing()) as store:
        times = [event["time"]["received"] for event in failing()]
        assert examine(store, Period(until_ms=wall_ms(times[60]))) == []
        assert examine(store, Period(since_ms=wall_ms(times[-1]) + 1)) == []
        assert (
            len(examine(store, Period(since_ms=wall_ms(times[0]), until_ms=wall_ms(times[-1]))))
            == 1
        )
