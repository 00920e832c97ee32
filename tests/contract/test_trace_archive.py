"""What events of stations come down to: parts, names, lots, packages, and corrections of each."""

import random

import pytest

from agent.trace.archive import DocumentError
from agent.trace.genealogy import Recall, recall, where_from, where_used
from agent.trace.history import history, newest_name, tree
from agent.trace.report import recall_report
from tests.trace_rig import Plant, derived, stored

pytestmark = pytest.mark.usefixtures("fresh")


def recalled(plant: Plant, of: str) -> Recall:
    """Return a recall; events in any order, and each twice, must give the same."""
    with stored(plant.events) as store:
        found, wanted = recall(store, of), derived(store)
    backwards = [*plant.events[::-1], *plant.events]
    with stored(*([event] for event in backwards)) as store:
        assert derived(store) == wanted
    return found


def test_a_part_is_in_its_unit_until_it_is_taken_out() -> None:
    """From its removal on the unit is cleared, and the next unit has it (D-42)."""
    plant = Plant()
    plant.install("U1", "ECU")
    plant.unit("U1", "LOT")
    assert recalled(plant, "ECU").certain == ["U1"]
    plant.add("component_removed", component="ECU", unit="U1")
    plant.install("U2", "ECU")
    found = recalled(plant, "ECU")
    assert (found.certain, found.possible, found.cleared) == (["U2"], [], ["U1"])


def test_a_removal_that_names_the_new_identity_ends_what_the_old_one_began() -> None:
    """A unit that was given another name is one thing, removals included (D-37)."""
    plant = Plant()
    plant.install("U1", "ECU")
    plant.add("unit_reidentified", unit="U1", new="VIN-1")
    assert recalled(plant, "ECU").certain == ["VIN-1"]
    plant.add("component_removed", component="ECU", unit="VIN-1")
    assert recalled(plant, "ECU").certain == ["ECU"]


def test_a_part_that_was_given_a_new_name_is_taken_out_by_that() -> None:
    """It is one thing under all its names, whichever was read when it went in, moved, came out.

    In any order: what is heard late of a name, or of a removal, changes what is known of all.
    """
    plant = Plant()
    plant.install("U1", "ECU")
    for old, new in (("ECU", "ECU-a"), ("ECU-a", "ECU-b")):
        plant.add("unit_reidentified", unit=old, new=new)
    plant.add("component_removed", component="ECU-b", unit="U1")
    plant.add("unit_reidentified", unit="U1", new="U2")
    plant.add("unit_packed", level="box", child="ECU-b", parent="BOX")
    plant.add("unit_reidentified", unit="ECU-b", new="ECU-c")
    plant.add("unit_unpacked", child="ECU-c", parent="BOX", how="scan")
    for name in ("ECU", "ECU-a", "ECU-b", "ECU-c"):
        found = recalled(plant, name)
        assert (found.certain, found.possible, found.cleared) == (["ECU-c"], [], ["U2"])
    with stored(plant.events) as store:
        wanted = derived(store)
    for seed in range(20):
        shuffled = random.Random(seed).sample(plant.events, len(plant.events))  # noqa: S311 - an order
        with stored(*([event] for event in shuffled)) as store:
            assert derived(store) == wanted, seed


def test_what_got_a_new_name_in_its_unit_is_in_it_still() -> None:
    """The unit is taken back, and not the part beside it, until that comes out (D-37)."""
    plant = Plant()
    plant.unit("ECU", "LOT")
    plant.install("U1", "ECU")
    for old, new in (("ECU", "ECU-a"), ("ECU-a", "ECU-b")):
        plant.add("unit_reidentified", unit=old, new=new)
    plant.unit("ECU-b", "L-2")
    for name in ("LOT", "L-2", "ECU", "ECU-b"):
        assert recalled(plant, name).certain == ["U1"]
    plant.add("component_removed", component="ECU-b", unit="U1")
    for name in ("LOT", "L-2", "ECU", "ECU-b"):
        assert recalled(plant, name).certain == ["ECU-b"]


def test_a_new_identity_after_a_removal_is_no_second_bearer() -> None:
    """What was taken out, or unpacked, and then given a new name stays one history (D-37)."""
    plant = Plant()
    plant.unit("ECU", "LOT")
    plant.install("U1", "ECU")
    plant.add("component_removed", component="ECU", unit="U1")
    plant.add("unit_reidentified", unit="ECU", new="ECU-a")
    plant.unit("SN-1", "LOT")
    plant.add("unit_packed", level="box", child="SN-1", parent="BOX")
    plant.add("unit_unpacked", child="SN-1", parent="BOX", how="scan")
    plant.add("unit_reidentified", unit="SN-1", new="SN-2")
    found = recalled(plant, "LOT")
    assert (found.certain, found.possible) == (["ECU-a", "SN-2"], [])


def test_a_part_that_is_found_in_two_units_is_possible_in_both() -> None:
    """Nothing says which of the two has it (D-42, D-5)."""
    plant = Plant()
    plant.install("U1", "ECU")
    use = {"position": "ecu", "candidates": ["ECU"], "certainty": "possible", "why": "conflict"}
    plant.add("unit_completed", handshake="end", latest_ms=9_000, unit="U2", components=[use])
    plant.add("component_conflict", component="ECU", unit="U2", other="U1", position="ecu")
    found = recalled(plant, "ECU")
    assert [name for name in found.certain if name != "ECU"] == []
    assert {"U1", "U2"} <= {*found.possible}


def test_a_corrected_cycle_takes_its_parts_along() -> None:
    """It was another unit: its parts are in that one, and the first is free of them (D-143)."""
    plant = Plant()
    cycle = plant.install("U1", "ECU")
    fix = plant.correct(cycle, unit="U2")
    assert recalled(plant, "ECU").certain == ["U2"]
    plant.correct(fix)
    assert recalled(plant, "ECU").certain == ["U1"]


def test_a_corrected_part_is_the_right_one() -> None:
    """The installation names another part; the cycle's own words do not bring the first back."""
    plant = Plant()
    plant.install("U1", "ECU")
    plant.correct("000001-aa-2", component="ECU-2")
    assert recalled(plant, "ECU-2").certain == ["U1"]
    assert "U1" not in {*recalled(plant, "ECU").certain, *recalled(plant, "ECU").possible}


def test_a_corrected_load_goes_for_all_that_drew_from_it() -> None:
    """Each unit has the right lot for certain; of a load that never was, nothing is certain."""
    plant = Plant()
    load = plant.add("component_loaded", position="p0", lot="A", earliest_ms=0, latest_ms=0)
    use = {"position": "p0", "candidates": ["A"], "certainty": "certain", "loads": [load]}
    plant.add("unit_completed", handshake="end", latest_ms=1_000, unit="U1", components=[use])
    fix = plant.correct(load, lot="B")
    assert recalled(plant, "B").certain == ["U1"]
    assert recalled(plant, "A").possible == []
    again = plant.correct(fix, lot="C")
    plant.events[-1]["supersedes"] = [fix, load]
    assert recalled(plant, "C").certain == ["U1"]
    plant.correct(again)
    plant.correct(fix)
    assert recalled(plant, "A").certain == ["U1"]
    plant.correct(load)
    assert recalled(plant, "A").certain == []


def test_a_unit_in_doubt_is_possible_with_every_candidate() -> None:
    """A second scan came: it was one or the other, and until a person says which, both (D-25)."""
    plant = Plant()
    cycle = plant.unit("U1", "LOT")
    plant.add(
        "event_corrected",
        supersedes=[cycle],
        who="lineside",
        reason="second_scan",
        candidates=["U1", "U2"],
    )
    found = recalled(plant, "LOT")
    assert [n for n in found.certain if not n.startswith("unidentified:")] == []
    assert {"U1", "U2"} <= {*found.possible}
    plant.correct(cycle, unit="U2")
    assert "U2" in recalled(plant, "LOT").certain


def test_units_of_a_queue_that_was_lost_may_each_be_another() -> None:
    """All that was bound since the last sync point may have each other's material (D-26)."""
    plant = Plant()
    cycles = [plant.unit("U1", "A"), plant.unit("U2", "B")]
    plant.add("event_corrected", supersedes=cycles, who="lineside", reason="queue_mismatch")
    assert {"U1", "U2"} <= {*recalled(plant, "A").possible}
    assert {"U1", "U2"} <= {*recalled(plant, "B").possible}


def test_scrap_counts_until_it_is_retracted() -> None:
    """A scrapped unit is told apart, under its later name too (D-36)."""
    plant = Plant()
    plant.unit("U1", "LOT")
    scrap = plant.add("unit_scrapped", unit="U1")
    plant.add("unit_reidentified", unit="U1", new="U1b")
    assert recalled(plant, "LOT").scrapped == ["U1b"]
    plant.correct(scrap)
    assert recalled(plant, "LOT").certain == ["U1b"]


def test_an_identity_that_comes_again_is_certain_of_neither() -> None:
    """Both bearers of the old name are possible for what either has (D-37)."""
    plant = Plant()
    plant.unit("U1", "A")
    plant.add("unit_reidentified", unit="U1", new="U9")
    plant.add("identity_conflict", unit="U1", new="U9", cycle="c")
    plant.unit("U1", "B")
    assert "U9" in recalled(plant, "B").possible
    assert "U9" in recalled(plant, "A").possible


def test_splits_merges_and_pieces_of_lots() -> None:
    """A child is all of its parent, a blend all of its parents; pieces are of a lot (D-52)."""
    plant = Plant()
    plant.add("lot_split", lot="L", children=[{"lot": "L1"}, {"lot": "L2"}])
    plant.add("lot_merged", lot="M", parents=[{"lot": "L1"}, {"lot": "X"}], blended=True)
    plant.add("lot_relabelled", lot="M", new_lot="M2")
    plant.add("unit_completed", handshake="end", latest_ms=0, unit="U1", lot="M2")
    with stored(plant.events) as store:
        assert recall(store, "L").certain == ["U1"]
        assert recall(store, "X").certain == ["U1"]
        assert {"L", "L1", "M", "M2", "X"} <= {*where_from(store, "U1").certain}


def test_a_piece_of_lots_that_were_put_together_is_of_one_of_them() -> None:
    """Not blended, nobody knows of which: it may be of each, and is of none for certain (D-52)."""
    plant = Plant()
    plant.add("lot_merged", lot="M", parents=[{"lot": "A"}, {"lot": "B"}])
    plant.add("lot_merged", lot="ONE", parents=[{"lot": "A"}])
    plant.unit("U1", "M")
    plant.unit("U2", "ONE")
    with stored(plant.events) as store:
        for lot, surely in (("A", ["U2"]), ("B", [])):
            found = recall(store, lot)
            assert (found.certain, found.possible) == (surely, ["U1"])
        assert where_from(store, "U1").possible == ["A", "B"]


def test_a_package_is_where_a_unit_is_and_not_what_is_recalled() -> None:
    """The unit is listed, with the package for its place, until it is unpacked."""
    plant = Plant()
    plant.unit("U1", "LOT")
    plant.add("unit_packed", level="box", child="U1", parent="BOX")
    assert recalled(plant, "LOT").certain == ["U1"]
    with stored(plant.events) as store:
        assert "BOX" in where_used(store, "LOT").certain
    plant.add("unit_unpacked", child="U1", parent="BOX", how="scan")
    with stored(plant.events) as store:
        assert "BOX" not in where_used(store, "LOT").certain


def test_a_serial_that_was_never_read_may_be_wherever_something_is_unknown() -> None:
    """No record is no exclusion (D-6, D-44)."""
    plant = Plant()
    use = {"position": "ecu", "candidates": [], "certainty": "possible", "why": "material_unknown"}
    plant.add("unit_completed", handshake="end", latest_ms=0, unit="U1", components=[use])
    plant.install("U2", "SEEN")
    with stored(plant.events) as store:
        assert recall(store.widened("NEVER"), "NEVER").possible == ["U1"]
        assert recall(store.widened("SEEN"), "SEEN").possible == []


def test_history_is_one_under_all_names_and_says_what_was_corrected() -> None:
    """Old and new name have the same lines; a corrected one names its correction (D-37, D-143)."""
    plant = Plant()
    cycle = plant.unit("U1", "LOT", result="ok")
    plant.add("unit_reidentified", unit="U1", new="U9")
    fix = plant.correct(cycle, result="nok")
    with stored(plant.events) as store:
        lines = history(store, "U1")
        assert lines == history(store, "U9")
        assert newest_name(store, "U1") == "U9"
        assert [line["kind"] for line in lines] == ["unit_completed", "unit_reidentified"]
        assert lines[0]["corrected_by"] == [fix]
        names = [child.name for child in tree(store, "U9").children]
        assert names == ["U1"]


def test_history_shows_a_code_that_was_keyed_and_by_whom() -> None:
    """A keyed code, or one that a reader typed, is a line of what it names; no other (D-85)."""
    plant = Plant()
    hand = {"device": "r", "entry": "keyed", "who": "k:OP-7", "entry_reason": "torn"}
    plant.add("code_scanned", means="unit", code="U1", **hand)
    plant.add("code_scanned", device="r", means="component", code="LOT", entry="wedge")
    plant.add("code_scanned", device="r", means="unit", code="U1")
    for means in ("operator", "order", "cancel", "scrap", "emptied"):
        plant.add("code_scanned", means=means, code="U1", **hand)
    plant.unit("U1", "LOT")
    with stored(plant.events) as store:
        scan, unit = history(store, "U1")
        assert (scan["event"]["entry"], scan["event"]["who"]) == ("keyed", "k:OP-7")
        assert (scan["kind"], unit["kind"]) == ("code_scanned", "unit_completed")
        assert [line["event"]["entry"] for line in history(store, "LOT")] == ["wedge"]
        assert not store.units({"LOT"})


def test_what_is_no_event_is_refused() -> None:
    """The text says what it lacks; nothing is taken."""
    for document in ({"a": 1}, {"specversion": "1.0", "data": 7}):
        with pytest.raises(DocumentError, match="no event"), stored([document]):
            pass


@pytest.mark.parametrize("kind", ["carrier_loaded", "unit_started"])
def test_what_was_bound_by_a_slip_may_be_either_until_it_is_corrected_itself(kind: str) -> None:
    """The carrier bore another unit, `begin` let another in: the cycle named the first (D-28)."""
    plant = Plant()
    ground = plant.add(kind, carrier="C-1", unit="U1", handshake="begin", because=[], latest_ms=0)
    cycle = plant.unit("U1", "LOT", because=["000001-aa-9", ground])
    other = plant.unit("U3", "LOT", because=["000001-aa-9"])
    fix = plant.correct(ground, unit="U2")
    later = plant.unit("U2", "LOT", because=[ground])
    found = recalled(plant, "LOT")
    assert [name for name in found.certain if name.startswith("U")] == ["U2", "U3"]
    assert {"U1"} <= {*found.possible}
    plant.correct(later)
    found = recalled(plant, "LOT")
    assert [name for name in found.certain if name.startswith("U")] == ["U3"]
    assert {"U1", "U2"} <= {*found.possible}
    plant.correct(fix)
    plant.correct(ground)
    found = recalled(plant, "LOT")
    assert [name for name in found.certain if name.startswith("U")] == ["U3"]
    assert {"U1"} <= {*found.possible}
    plant.correct(cycle, unit="U1")
    plant.correct(other, unit="U4")
    found = recalled(plant, "LOT")
    assert [name for name in found.certain if name.startswith("U")] == ["U1", "U4"]


def test_a_new_identity_that_never_was_ends_nothing() -> None:
    """What came out under the wrong name is in the first unit still, in whatever order it came."""
    plant = Plant()
    plant.install("U1", "ECU")
    named = plant.add("unit_reidentified", unit="U1", new="VIN-1")
    plant.add("component_removed", component="ECU", unit="VIN-1")
    assert "U1" not in {*recalled(plant, "ECU").certain, *recalled(plant, "ECU").possible}
    plant.correct(named)
    assert recalled(plant, "ECU").certain == ["U1"]


@pytest.mark.parametrize("old", ["ECU", "U1"])
@pytest.mark.parametrize("right", [{}, {"new": "OTHER"}])
def test_a_new_identity_that_is_corrected_last_of_all_is_corrected(
    old: str, right: dict[str, str]
) -> None:
    """What rested on it is read anew: what came out, under that name, was something else."""
    plant = Plant()
    plant.install("U1", "ECU")
    named = plant.add("unit_reidentified", unit=old, new="NEW")
    component, unit = ("NEW", "U1") if old == "ECU" else ("ECU", "NEW")
    plant.add("component_removed", component=component, unit=unit)
    assert recalled(plant, "ECU").certain == [component]
    plant.correct(named, **right)
    holder = right.get("new", "U1") if old == "U1" else "U1"
    assert holder in recalled(plant, "ECU").certain
    with stored(plant.events) as store:
        wanted = derived(store)
    with stored(*([event] for event in plant.events)) as store:
        assert derived(store) == wanted


def test_a_lot_that_was_opened_under_a_wrong_name_is_found_by_both() -> None:
    """The pieces were counted under the wrong one: they may be the right one's (D-143)."""
    plant = Plant()
    opened = plant.add("lot_opened", lot="L", earliest_ms=0, latest_ms=0)
    plant.add("lot_counted", lot="L", n=10, first_ms=0, last_ms=9)
    plant.correct(opened, lot="M")
    with stored(plant.events) as store:
        for name in ("L", "M"):
            lots = recall_report(store, name)["lots"]
            assert [(each["lot"], each["pieces"]) for each in lots] == [("L", 10)], name
    recalled(plant, "M")
