"""How loads follow each other: splices, vessels, labels of several lots (D-47 to D-51, D-53)."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.candidates import component_use
from agent.core.events import (
    Certainty,
    CodeScanned,
    ComponentLoaded,
    ComponentUnloaded,
    LoadRefused,
    LoadUsedUp,
    MaterialReturned,
    PositionEmptied,
    QuantityLow,
    UnitCompleted,
    UnitRefused,
    Why,
)
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.parts import LONG_AGO, Load
from agent.core.station import Cavity, Component, Strategy, Until
from agent.core.vessels import lots_on
from tests.core_rig import PRESS
from tests.material_rig import FED, REEL_RULES, Fed, filler, press, use

SPLICED = replace(FED, until=Until.SPLICED, splice_pieces=3)
HOPPER = replace(FED, until=Until.EMPTIED)
FLOW = replace(HOPPER, use="1", plug_flow="1.5")


def hopper(component: Component = HOPPER) -> Fed:
    """Return a press with a hopper that was seen empty."""
    rig = press(component)
    rig.scan("EMPTY")
    return rig


def lots(rig: Fed, n: int) -> list[tuple[str, ...]]:
    """Make `n` parts and return the candidates of each."""
    return [use(rig.make()).candidates for _ in range(n)]


# ------------------------------------------------------------------ splice


def test_a_splice_counts_whole_cycles_of_several_cavities() -> None:
    """The pieces of the cycle that is judged may all be from before the scan (D-47)."""
    cavities = (Cavity(name="a", tag="code_a"), Cavity(name="b", tag="code_b"))
    mould = replace(
        PRESS,
        pairing=replace(PRESS.pairing, strategy=Strategy.MULTI_CAVITY),
        handshakes=(replace(PRESS.handshakes[0], cavities=cavities),),
    )
    rig = Fed(replace(mould, scans=REEL_RULES, components=(SPLICED,)))
    rig.tags |= {"code_a": "", "code_b": ""}
    rig.up()
    rig.scan("R1")
    rig.scan("R2")
    for request in (1, 2):
        codes = {f"code_{name}": f"SN-{request}{n}" for n, name in enumerate("ab")}
        rig.turn(1_200)
        rig.cycle(request, **codes)
    assert rig.state.material.loads[0].leaving == 1
    assert rig.of(ComponentUnloaded) == []


def test_pieces_beside_a_splice_may_be_of_both_reels() -> None:
    """Within k pieces after the splice both lots are possible, then the new is certain (D-47)."""
    rig = press(SPLICED)
    rig.scan("R1")
    rig.make(10)
    rig.scan("R2")
    assert rig.of(ComponentUnloaded) == []
    after = lots(rig, 8)
    assert after[:3] == [("1", "2")] * 3
    assert after[-2:] == [("2",)] * 2
    assert use(rig.units()[-1]).certainty is Certainty.CERTAIN
    (out,) = rig.of(ComponentUnloaded)
    assert (out.lot, out.reason, out.remaining) == ("1", "spliced_out", None)
    assert out.earliest_ms == rig.of(ComponentLoaded)[1].earliest_ms


def test_a_splice_reaches_back_by_its_pieces() -> None:
    """The k pieces before the scan meet the new load: a store that asks again finds both (D-47)."""
    rig = press(SPLICED)
    rig.scan("R1")
    rig.make(10)
    rises = [unit.earliest_ms for unit in rig.units()]
    rig.scan("R2")
    loaded = rig.of(ComponentLoaded)[1]
    assert loaded.earliest_ms == rises[-4]  # the last three began when the one before rose
    assert loaded.latest_ms == rig.ms


def test_a_splice_reaches_back_no_further_than_the_reel_before() -> None:
    """What was never on the machine before the reel was cannot be joined earlier."""
    rig = press(SPLICED)
    rig.scan("R1")
    rig.make(2)
    rig.scan("R2")
    first, second = rig.of(ComponentLoaded)
    assert second.earliest_ms == first.earliest_ms
    rig.make()
    rig.scan("R3")
    assert rig.of(ComponentLoaded)[2].earliest_ms == second.earliest_ms
    assert use(rig.make()).candidates == ("1", "2", "3")


def test_a_first_reel_begins_with_its_scan() -> None:
    """Nothing is joined to an empty position; a reel taken off by hand ends there."""
    rig = press(SPLICED)
    rig.make(5)
    rig.scan("R1")
    assert rig.of(ComponentLoaded)[0].earliest_ms == rig.ms - 20
    rig.scan("OFF")
    rig.make(2)
    assert use(rig.make()).why is Why.MATERIAL_UNKNOWN


def test_splices_are_counted_in_rows_too() -> None:
    """A row of pieces counts as many; the row in which the splice comes through has both."""
    rig = filler(SPLICED)
    rig.scan("R1")
    rig.count(2)
    before = rig.count(5)
    rig.scan("R2")
    assert rig.of(ComponentLoaded)[1].earliest_ms == before.first_ms
    assert use(rig.count(3)).candidates == ("1", "2")
    assert rig.of(ComponentUnloaded) == []
    rig.count(5)
    (out,) = rig.of(ComponentUnloaded)
    assert out.reason == "spliced_out"
    rig.turn(3_000)
    rig.count(1)
    assert use(rig.count(1)).candidates == ("2",)


def test_pieces_of_an_outage_bring_no_splice_nearer() -> None:
    """A row of many that crosses the scan may have been made before it: the old reel stays on."""
    rig = filler(SPLICED)
    rig.scan("R1")
    rig.count(5)
    rig.link("plc", up=False)
    rig.scan("R2")
    rig.turn(1_000)
    rig.link("plc", up=True)
    rig.plc(lot="LOT-1")
    rig.count(20)
    assert rig.of(ComponentUnloaded) == []
    assert use(rig.count(2)).candidates == ("1", "2")
    rig.count(2)
    assert rig.of(ComponentUnloaded)[0].reason == "spliced_out"


def test_a_repeat_that_is_possible_brings_no_splice_nearer() -> None:
    """Only pieces that were surely made count towards the end of a splice (D-20)."""
    station = replace(PRESS, handshakes=(replace(PRESS.handshakes[0], request=None, guard=()),))
    rig = Fed(replace(station, scans=REEL_RULES, components=(SPLICED,)))
    rig.link("scanner", up=True)
    rig.scan("R1")
    rig.scan("R2")
    rig.turn(1_200)
    rig.scan("SN-1")
    rig.tags["trigger"] = True
    rig.link("plc", up=True)
    rig.answer()
    assert Why.REPEAT_POSSIBLE in rig.units()[-1].why
    assert rig.state.material.loads[0].leaving == 4
    assert rig.state.material.made == ()


def test_a_spliced_stock_is_counted_as_one() -> None:
    """Joined reels are one stock: the new one is warned of in its turn, the old one is not."""
    rig = press(replace(SPLICED, use="1", low="2"))
    rig.scan("R1Q6")
    rig.make(4)
    assert [event.lot for event in rig.of(QuantityLow)] == ["1"]
    rig.scan("R2Q20")
    rig.make(8)
    assert rig.of(LoadUsedUp) == []
    assert [event.lot for event in rig.of(QuantityLow)] == ["1"]
    assert use(rig.make()).certainty is Certainty.CERTAIN


def test_a_boot_forgets_when_pieces_were_made() -> None:
    """After a boot the pieces before it were made long ago (D-91)."""
    rig = press(SPLICED)
    rig.scan("R1")
    rig.make(9)
    rig.restart(reboot=True)
    assert {made.since_ms for made in rig.state.material.made} == {LONG_AGO}


def loads_of(rig: Fed) -> tuple[Load, ...]:
    """Return every load as its events tell of it: what a store has that asks the rule again."""
    loads = {
        event.address: Load(
            position=event.position,
            lot=event.lot,
            address=event.address,
            from_lo_ms=event.earliest_ms,
            from_hi_ms=event.latest_ms,
        )
        for event in rig.of(ComponentLoaded)
    }
    for off in rig.of(ComponentUnloaded):
        on = loads[off.load]
        loads[off.load] = replace(on, to_lo_ms=off.earliest_ms, to_hi_ms=off.latest_ms)
    return tuple(loads.values())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 6), st.integers(0, 12), st.integers(-6, 6))
def test_the_truth_is_a_candidate_at_every_splice(k: int, before: int, offset: int) -> None:
    """Wherever within k pieces of its scan the splice truly came through, both sides hold (D-4)."""
    component = replace(SPLICED, splice_pieces=k)
    rig = press(component)
    rig.scan("R1")
    rig.make(before + 1)
    rig.scan("R2")
    rig.make(k + 8)
    first_of_two = before + 1 + max(-min(k, before), min(k, offset))
    units, loads = rig.units(), loads_of(rig)
    for index, (last, unit) in enumerate(pairwise(units), 1):
        true = "2" if index >= first_of_two else "1"
        again = component_use(component, loads, last.earliest_ms, unit.latest_ms)
        assert true in again.candidates
        if again.certainty is Certainty.CERTAIN:
            assert again.candidates == (true,)
        if index > before:
            assert true in use(unit).candidates
    assert use(units[-1]).certainty is Certainty.CERTAIN


# ------------------------------------------------------------------ vessel


def test_all_that_was_put_in_is_possible() -> None:
    """Possible is every lot since it was seen empty, whatever arithmetic says (D-48, D-49)."""
    rig = hopper(replace(HOPPER, use="1", measure="kg", tolerance="0"))
    rig.scan("R1Q8")
    assert use(rig.make(5)).certainty is Certainty.CERTAIN
    rig.scan("R2Q8")
    rig.make(9)
    rig.scan("R3Q8")
    got = use(rig.make())
    assert (got.candidates, got.why) == (("1", "2", "3"), Why.HOPPER_MIX)
    assert rig.of(ComponentUnloaded) == []
    assert rig.of(LoadUsedUp) == []


def test_seen_empty_it_starts_anew() -> None:
    """A verified empty ends what was in it (D-48)."""
    rig = hopper()
    rig.scan("R1")
    rig.scan("R2")
    rig.make()
    rig.scan("EMPTY")
    assert [(off.lot, off.reason) for off in rig.of(ComponentUnloaded)] == [
        ("1", "emptied"),
        ("2", "emptied"),
    ]
    emptied = rig.of(PositionEmptied)[-1]
    assert (emptied.position, emptied.latest_ms) == ("reel", rig.ms)
    rig.scan("R3")
    rig.make(2)
    assert use(rig.make()).candidates == ("3",)
    assert use(rig.units()[-1]).certainty is Certainty.CERTAIN


def test_a_vessel_that_nobody_saw_empty_may_hold_anything() -> None:
    """Before the first verified empty nobody knows what else is in it (D-4, D-48)."""
    rig = press(HOPPER)
    rig.scan("R1Q5")
    rig.make(2)
    got = use(rig.make())
    assert (got.candidates, got.why) == (("1",), Why.MATERIAL_UNKNOWN)
    assert rig.of(LoadUsedUp) == []
    rig.scan("EMPTY")
    rig.scan("R2")
    rig.make(2)
    assert use(rig.make()).certainty is Certainty.CERTAIN
    rig.start(lost=(("000001-aa", 3, 4, "damaged"),))
    assert rig.state.material.clean == ()


def test_the_same_lot_twice_in_a_vessel_is_certain() -> None:
    """A vessel that holds one lot only gives that lot, however often it was filled."""
    rig = hopper()
    rig.scan("R1")
    rig.turn(2_000)
    rig.scan("R1")
    rig.make(2)
    got = use(rig.make())
    assert (got.candidates, got.certainty) == (("1",), Certainty.CERTAIN)


def test_a_vessel_without_a_quantity_is_not_counted() -> None:
    """One load of unknown quantity makes the stock unknown."""
    rig = hopper(replace(HOPPER, use="1", low="100"))
    rig.scan("R1Q5")
    assert rig.of(QuantityLow)
    rig.scan("R2")
    rig.make(9)
    assert rig.of(LoadUsedUp) == []


def test_what_was_refused_stays_in_the_vessel_until_it_is_seen_empty() -> None:
    """Nobody knows whether the wrong part was poured in; or somebody says it was not (D-57)."""
    rig = hopper(replace(HOPPER, products=("CAP",)))
    rig.scan("R1PCAP")
    rig.scan("R2PNUT")
    rig.scan("R3PCAP")
    assert rig.of(LoadRefused)[0].reason is Why.WRONG_PART
    rig.make()
    assert isinstance(rig.units()[-1], UnitRefused)
    assert use(rig.make()).candidates == ("1", "2", "3")
    rig.scan("OFF")
    assert [off.lot for off in rig.of(ComponentUnloaded)] == ["2"]
    rig.make(2)
    assert isinstance(rig.make(), UnitCompleted)
    assert use(rig.units()[-1]).candidates == ("1", "3")


# ------------------------------------------------------------------ plug flow


def test_by_plug_flow_a_lot_passes() -> None:
    """Only a declared plug flow closes a lot, past the declared multiple of the contents (D-48)."""
    rig = hopper(FLOW)
    rig.scan("R1Q4")
    rig.make(2)
    rig.scan("R2Q20")
    assert use(rig.make()).why is Why.HOPPER_MIX
    rig.make(3)
    assert rig.of(ComponentUnloaded) == []  # six of six
    rig.make()
    (off,) = rig.of(ComponentUnloaded)
    assert (off.lot, off.reason, off.remaining) == ("1", "passed", None)
    rig.make(2)
    assert use(rig.make()).candidates == ("2",)


def test_without_quantities_nothing_passes() -> None:
    """Where the contents are not known, arithmetic closes nothing."""
    rig = hopper(FLOW)
    rig.scan("R1")
    rig.scan("R2Q3")
    rig.make(30)
    assert rig.of(ComponentUnloaded) == []


def test_pieces_of_what_was_emptied_pass_nothing() -> None:
    """Counted after the next filling, but drawn before it, they move no lot out of it (D-4, D-48).

    An outage: six pieces of lot 1, then the vessel was emptied and filled with four of lot 2.
    """
    rig = filler(replace(FLOW, plug_flow="1"))
    rig.scan("EMPTY")
    rig.scan("R1Q20")
    rig.count(2)
    rig.link("plc", up=False)
    rig.turn(5_000)
    rig.scan("EMPTY")
    rig.scan("R2Q4")
    rig.link("plc", up=True)
    rig.plc(lot="LOT-1")
    row = rig.count(6)
    assert use(row).candidates == ("1", "2")
    rig.scan("R3Q20")
    rig.count(2)
    assert [off.lot for off in rig.of(ComponentUnloaded)] == ["1"]
    assert use(rig.count(2)).candidates == ("2", "3")
    rig.count(2)
    assert [off.lot for off in rig.of(ComponentUnloaded)] == ["1"]  # four of four, and one more
    rig.count(1)
    assert [(off.lot, off.reason) for off in rig.of(ComponentUnloaded)][1:] == [("2", "passed")]


# ------------------------------------------------------------------ back from a vessel


def test_what_is_taken_back_is_a_mixed_lot() -> None:
    """Its parents are the whole possible set; the vessel goes on feeding (D-53)."""
    rig = hopper()
    rig.scan("R1")
    rig.scan("R2")
    rig.scan("BACK77Q3")
    (back,) = rig.of(MaterialReturned)
    assert (back.lot, back.parents, back.quantity) == ("77", ("1", "2"), "3")
    assert back.loads == tuple(event.address for event in rig.of(ComponentLoaded))
    assert (back.certainty, back.why) == (Certainty.CERTAIN, ())
    assert use(rig.make()).candidates == ("1", "2")


def test_what_is_taken_back_from_unknown_contents_says_so() -> None:
    """Before the first verified empty the parents may be more (D-4)."""
    rig = press(HOPPER)
    rig.scan("BACK77")
    (back,) = rig.of(MaterialReturned)
    assert (back.parents, back.certainty) == ((), Certainty.POSSIBLE)
    assert back.why == (Why.MATERIAL_UNKNOWN,)
    spent = hopper(replace(HOPPER, use="1"))
    spent.scan("R1Q1")
    spent.make(3)
    spent.scan("BACK77")
    assert spent.of(MaterialReturned)[0].why == (Why.MATERIAL_UNKNOWN,)


# ------------------------------------------------------------------ several lots on a label

SETS = replace(FED, several_lots="/")
SET_RULES = (
    *REEL_RULES,
    ScanRule(
        match=RegexMatch(pattern=r"SET(?P<lot>[A-Z0-9/]+)"), means=Means.COMPONENT, position="reel"
    ),
)


def test_a_label_of_several_lots_is_a_set() -> None:
    """Each unit has every lot of the label as possible (D-51)."""
    rig = Fed(replace(press(SETS).station, scans=SET_RULES))
    rig.up()
    rig.scan("SETA1/B2")
    assert rig.of(ComponentLoaded)[0].lots == ("SETA1", "SETB2")
    rig.make()
    got = use(rig.make())
    assert (got.candidates, got.why) == (("SETA1", "SETB2"), Why.MULTI_LOT_LABEL)
    rig.scan("SETC3")
    rig.make(2)
    assert use(rig.make()).certainty is Certainty.CERTAIN


def test_one_blocked_lot_blocks_its_label() -> None:
    """A set with a blocked lot in it must not be used (D-51, D-56)."""
    rig = Fed(replace(press(SETS, blocked=("SETB2",)).station, scans=SET_RULES))
    rig.up()
    rig.scan("SETA1/B2")
    assert rig.of(LoadRefused)[0].reason is Why.LOT_BLOCKED
    later = Fed(replace(press(SETS).station, scans=SET_RULES))
    later.up()
    later.scan("SETA1/B2")
    later.station = replace(later.station, blocked=("SETB2",))
    later.restart()
    later.up()
    later.make()
    assert later.of(UnitRefused)[0].reason is Why.LOT_BLOCKED


@pytest.mark.parametrize(
    ("code", "lot", "names"),
    [
        ("di:1P/X/1T/A%2FB", "A/B", ("di:1P/X/1T/A", "di:1P/X/1T/B")),
        ("A/B", "A/B", ("A", "B")),
        ("B-1", "A/B", ("A", "B")),
        ("A/A/", "A/A/", ("A",)),
        ("A/B+A/B", "A/B", ("A/B+A", "A/B+B")),
        ("A B/C D", "A B/C D", ("A B", "C D")),
        ("u/10/A%20B%2FC%25", "A B/C%", ("u/10/A%20B", "u/10/C%25")),
        ("A", "A", ()),
        ("A", None, ()),
    ],
)
def test_each_lot_of_a_label_has_its_own_name(
    code: str, lot: str | None, names: tuple[str, ...]
) -> None:
    """The identity of each is the label's with that lot in its place."""
    rig = press()
    rig.scan("R1")
    scan = replace(rig.of(CodeScanned)[0], code=code, lot=lot)
    assert lots_on(SETS, scan) == names
    assert lots_on(FED, scan) == ()
