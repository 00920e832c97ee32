"""What vessels and splices record and remember, to the last field (D-47, D-48, D-53)."""

from dataclasses import replace

from agent.core import binder, vessels
from agent.core.draft import Draft
from agent.core.events import (
    CodeScanned,
    ComponentLoaded,
    ComponentUnloaded,
    LotCounted,
    MaterialReturned,
    PositionEmptied,
)
from agent.core.parts import Made
from agent.core.station import Until
from tests.material_rig import FED, Fed, filler, press, use
from tests.whole import whole

SPLICED = replace(FED, until=Until.SPLICED, splice_pieces=3)
HOPPER = replace(FED, until=Until.EMPTIED)
FLOW = replace(HOPPER, use="1", plug_flow="1.5")


def scanned(rig: Fed) -> CodeScanned:
    """Return the newest scan."""
    return rig.of(CodeScanned)[-1]


def test_the_end_of_a_vessels_load_names_its_scan_and_its_load() -> None:
    """Each load ends within the scan that saw it empty, and nothing is said to remain (D-48)."""
    rig = press(replace(HOPPER, use="1", measure="kg"))
    rig.scan("R1Q9")
    rig.scan("R2Q9")
    rig.scan("EMPTY", took_ms=70)
    scan, loads = scanned(rig), rig.of(ComponentLoaded)
    interval = {"earliest_ms": rig.ms - 70, "latest_ms": rig.ms}
    assert [whole(event) for event in rig.of(ComponentUnloaded)] == [
        {
            "because": (scan.address, load.address),
            "position": "reel",
            "lot": load.lot,
            "load": load.address,
            "reason": "emptied",
            **interval,
        }
        for load in loads
    ]
    (emptied,) = rig.of(PositionEmptied)
    assert whole(emptied) == {"because": (scan.address,), "position": "reel", **interval}


def test_the_next_package_ends_the_one_before_within_its_scan() -> None:
    """It names both, and says what is left of the one before by count (D-46)."""
    rig = press(replace(FED, until=Until.REPLACED, use="2", measure="pcs"))
    rig.scan("R1Q9")
    rig.make(3)
    rig.scan("R2Q9", took_ms=70)
    (off,) = rig.of(ComponentUnloaded)
    load = rig.of(ComponentLoaded)[0]
    assert whole(off) == {
        "because": (scanned(rig).address, load.address),
        "position": "reel",
        "lot": "1",
        "load": load.address,
        "reason": "replaced",
        "remaining": "3",
        "measure": "pcs",
        "earliest_ms": rig.ms - 70,
        "latest_ms": rig.ms,
    }


def test_what_is_spliced_out_went_between_the_splice_and_now() -> None:
    """Its end names the load that was joined behind it; what is on the core is nothing (D-47)."""
    rig = filler(replace(SPLICED, use="1"))
    rig.scan("R1Q99")
    rig.count(9)
    rig.scan("R2Q99")
    rig.count(1)
    rig.count(3)
    (off,) = rig.of(ComponentUnloaded)
    old, new = rig.of(ComponentLoaded)
    assert whole(off) == {
        "order": "WO-1",
        "because": (new.address, old.address),
        "position": "reel",
        "lot": "1",
        "load": old.address,
        "reason": "spliced_out",
        "earliest_ms": new.earliest_ms,
        "latest_ms": off.time.boottime_ms,
    }


def test_what_has_passed_went_since_it_was_put_in() -> None:
    """By plug flow nobody saw it go: any moment since its own scan is possible (D-48)."""
    rig = press(FLOW)
    rig.scan("EMPTY")
    rig.scan("R1Q4")
    rig.make(7)
    (off,) = rig.of(ComponentUnloaded)
    (load,) = rig.of(ComponentLoaded)
    assert whole(off) == {
        "because": (load.address,),
        "position": "reel",
        "lot": "1",
        "load": load.address,
        "reason": "passed",
        "earliest_ms": load.earliest_ms,
        "latest_ms": off.time.boottime_ms,
    }


def test_each_filling_may_be_more_than_its_label_says() -> None:
    """What lies ahead of a load has the tolerance of every load that is in the vessel with it."""
    rig = press(replace(FLOW, tolerance="1"))
    rig.scan("EMPTY")
    rig.scan("R1Q4")
    rig.scan("R2Q20")
    assert [load.ahead for load in rig.state.material.loads] == ["5", "26"]


def test_so_many_pieces_are_kept_as_a_splice_reaches_back() -> None:
    """The newest rows that together have them, and no row more; where nothing is spliced, none."""
    rig = filler(SPLICED)
    rig.scan("R1")
    rows = [rig.count(n) for n in (2, 5)]
    assert rig.state.material.made == (Made(n=5, since_ms=rows[1].first_ms),)
    rows += [rig.count(n) for n in (1, 3)]
    kept = tuple(Made(n=row.n, since_ms=row.first_ms) for row in rows[2:])
    assert rig.state.material.made == kept
    plain = filler(HOPPER)
    plain.scan("R1")
    plain.count(2)
    assert plain.state.material.made == ()


def test_pieces_leave_the_reel_from_the_splice_on() -> None:
    """After the scan so many pieces are its, one cycle's more; each that is made is one less."""
    rig = filler(SPLICED)
    rig.scan("R1")
    rig.count(5)
    assert [load.leaving for load in rig.state.material.loads] == [None]
    rig.scan("R2")
    assert [load.leaving for load in rig.state.material.loads] == [4, None]
    rig.count(1)
    assert [load.leaving for load in rig.state.material.loads] == [3, None]
    rig.scan("R3")  # the one that leaves already goes on counting
    assert [load.leaving for load in rig.state.material.loads] == [3, 4, None]


def test_rows_of_exactly_as_many_pieces_are_kept_without_the_one_before() -> None:
    """So many are enough, one less is not (D-47)."""
    rig = filler(SPLICED)
    rig.scan("R1")
    rows = [rig.count(n) for n in (1, 3, 1)]
    assert [made.n for made in rig.state.material.made] == [3, 1]
    rows.append(rig.count(2))
    assert [made.n for made in rig.state.material.made] == [3, 1, 2]
    rig.scan("R2")
    assert rig.of(ComponentLoaded)[1].earliest_ms == rows[1].first_ms


def test_a_row_of_two_that_crosses_the_splice_may_be_from_before_it() -> None:
    """One that began with it is from after it; a single piece counts in any case (D-47)."""
    rig = filler(SPLICED)
    rig.scan("R1")
    rig.count(5)
    rig.scan("R2")
    row = rig.count(2)
    joined = rig.of(ComponentLoaded)[1]
    assert row.first_ms < joined.latest_ms
    assert rig.state.material.loads[0].leaving == 4
    state = rig.state
    for first_ms, leaving in ((joined.latest_ms - 1, 4), (joined.latest_ms, 2)):
        later = binder.evolve(state, replace(row, seq=state.seq + 1, first_ms=first_ms))
        assert later.material.loads[0].leaving == leaving


def test_what_is_taken_back_is_told_with_its_quantity() -> None:
    """Its loads, its parents, how much and in which measure, within the scan (D-53)."""
    rig = press(HOPPER)
    rig.scan("EMPTY")
    rig.scan("R1")
    rig.scan("BACK77Q3")
    (load,) = rig.of(ComponentLoaded)
    scan = replace(scanned(rig), measure="kg")
    assert whole(rig.of(MaterialReturned)[0]) == {
        "because": (scan.address,),
        "position": "reel",
        "lot": "77",
        "parents": ("1",),
        "loads": (load.address,),
        "quantity": "3",
    }
    draft = Draft(rig.state, rig.working, rig.now, binder.evolve)
    vessels.returned_scanned(draft, scan)
    (back,) = draft.events
    assert isinstance(back, MaterialReturned)
    assert (back.quantity, back.measure) == ("3", "kg")


def test_a_reel_that_went_does_not_hold_up_the_next_one() -> None:
    """Two splices one after the other: each reel is out after its own pieces (D-47)."""
    rig = filler(SPLICED)
    rig.scan("R1")
    rig.count(5)
    rig.scan("R2")
    rig.count(1)
    rig.scan("R3")
    for _ in range(8):
        rig.count(1)
    second, third = rig.of(ComponentLoaded)[1:]
    offs = rig.of(ComponentUnloaded)
    assert [(off.lot, off.because[0]) for off in offs] == [
        ("1", second.address),
        ("2", third.address),
    ]
    assert [off.time.boottime_ms for off in offs] == [
        rig.of(LotCounted)[n].time.boottime_ms for n in (-6, -5)
    ]


def test_what_is_drawn_beside_a_lot_that_passed_counts_for_those_after_it() -> None:
    """By plug flow the vessel is one stock: along the feed path a lot may come after it passed.

    Only what was drawn before the vessel was emptied moves nothing in it (D-48).
    """
    rig = press(replace(FLOW, plug_flow="1", lag_max_ms=4_000))
    rig.scan("EMPTY")
    rig.scan("R1Q2")
    rig.scan("R2Q6")
    rig.make(3)
    assert [off.lot for off in rig.of(ComponentUnloaded)] == ["1"]
    assert [use(rig.make()).candidates for _ in range(3)] == [("1", "2"), ("1", "2"), ("2",)]
    assert {load.lot: load.passed for load in rig.state.material.loads}["2"] == "6"
    rig.make(2)
    assert [off.lot for off in rig.of(ComponentUnloaded)] == ["1"]
    rig.make()  # nine of eight
    assert [off.lot for off in rig.of(ComponentUnloaded)] == ["1", "2"]


def test_a_row_counts_what_was_drawn_beside_a_lot_that_it_is_the_last_of() -> None:
    """A row that reaches back to a passed lot, and forgets it, moves those after it on (D-48)."""
    rig = filler(replace(FLOW, plug_flow="1"))
    rig.scan("EMPTY")
    rig.scan("R1Q2")
    rig.scan("R2Q6")
    rig.count(3)
    assert [off.lot for off in rig.of(ComponentUnloaded)] == ["1"]
    assert use(rig.count(3)).candidates == ("1", "2")
    assert {load.lot: load.passed for load in rig.state.material.loads} == {"2": "6"}
    rig.count(3)  # nine of eight
    assert [off.lot for off in rig.of(ComponentUnloaded)] == ["1", "2"]


def test_a_load_that_is_out_counts_no_more() -> None:
    """Its pieces are history: what is made later changes nothing that is known of it."""
    rig = filler(SPLICED)
    rig.scan("R1")
    rig.count(5)
    rig.scan("R2")
    for _ in range(4):
        rig.count(1)
    rig.scan("R3")
    out = next(load for load in rig.state.material.loads if load.lot == "1")
    assert (out.leaving, out.to_hi_ms is None) == (0, False)
    rig.count(1)
    later = {load.lot: load.leaving for load in rig.state.material.loads}
    assert (later["2"], later["3"], later.get("1", 0)) == (3, None, 0)
