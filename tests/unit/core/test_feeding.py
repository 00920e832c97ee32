"""How much is left in a load, and what follows when it should be empty (D-55)."""

from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import feeding
from agent.core.amounts import text
from agent.core.events import (
    Certainty,
    ComponentLoaded,
    ComponentUnloaded,
    CounterReset,
    CycleAborted,
    CycleMissed,
    LoadUsedUp,
    QuantityLow,
    QuantityOverrun,
    UnitRefused,
    UnitUnbound,
    Why,
)
from agent.core.parts import Load
from tests.core_rig import PRESS
from tests.material_rig import FED, Fed, filler, press, use

REEL = replace(FED, use="1", measure="pcs", low="3", tolerance="0")
SLACK = replace(REEL, tolerance="2")
PLAIN = partial(replace, REEL, low=None)


def load(rig: Fed) -> Load:
    """Return the newest load."""
    return rig.state.material.loads[-1]


def used(rig: Fed) -> tuple[str, str]:
    """Return what was drawn from the newest load: by count, at the most."""
    return load(rig).used, load(rig).used_most


# ------------------------------------------------------------------ counting down


def test_each_unit_takes_its_use() -> None:
    """Remaining = quantity - use, per unit; it is warned once, then predicted empty (D-55)."""
    rig = press(REEL)
    rig.scan("R1Q5")
    assert rig.make().why == ()
    assert used(rig) == ("1", "1")
    assert rig.of(QuantityLow) == []
    rig.make(2)
    (low,) = rig.of(QuantityLow)
    assert (low.position, low.lot, low.remaining, low.measure) == ("reel", "1", "3", "pcs")
    assert low.load == rig.of(ComponentLoaded)[-1].address
    last = rig.make(2)
    assert use(last).certainty is Certainty.CERTAIN
    (empty,) = rig.of(LoadUsedUp)
    assert (empty.remaining, empty.earliest_ms) == ("0", last.latest_ms)
    after = use(rig.make())
    assert (after.candidates, after.why) == (("1",), Why.MATERIAL_UNKNOWN)
    assert len(rig.of(QuantityLow)) == len(rig.of(LoadUsedUp)) == 1


def test_the_tolerance_is_kept_from_the_quantity() -> None:
    """From predicted empty minus the tolerance on, the material is not known for certain (D-55)."""
    rig = press(SLACK)
    rig.scan("R1Q5")
    assert use(rig.make(3)).certainty is Certainty.CERTAIN
    assert use(rig.make()).why is Why.MATERIAL_UNKNOWN


def test_more_than_can_be_in_it_is_evidence() -> None:
    """A remaining amount below zero beyond the tolerance is told once, and nothing is clipped."""
    rig = press(SLACK)
    rig.scan("R1Q5")
    rig.make(7)
    assert rig.of(QuantityOverrun) == []
    rig.make(2)
    (overrun,) = rig.of(QuantityOverrun)
    assert (overrun.load, overrun.remaining, overrun.measure) == (load(rig).address, "-3", "pcs")
    assert use(rig.units()[-1]).candidates == ("1",)
    rig.scan("OFF")
    assert rig.of(ComponentUnloaded)[-1].remaining == "-4"
    assert [event.remaining for event in rig.of(QuantityLow)] == ["3"]


def test_the_next_load_starts_anew() -> None:
    """Until the next load: it is certain again, and the old one is closed with what is left."""
    rig = press(REEL)
    rig.scan("R1Q2")
    rig.make(3)
    rig.scan("R2Q9")
    (off,) = rig.of(ComponentUnloaded)
    assert (off.lot, off.reason, off.remaining, off.measure) == ("1", "replaced", "-1", "pcs")
    assert use(rig.make(2)) == replace(
        use(rig.make()), candidates=("2",), certainty=Certainty.CERTAIN, why=None
    )


def test_a_unit_at_the_change_draws_from_both_at_the_most() -> None:
    """A possible use is drawn at the most from each candidate, by count from none."""
    rig = press(REEL)
    rig.scan("R1Q9")
    rig.turn(1_200)
    rig.scan("SN-77")
    rig.scan("R2Q9")
    rig.cycle(77)
    assert use(rig.units()[-1]).candidates == ("1", "2")
    assert [(each.used, each.used_most) for each in rig.state.material.loads] == [
        ("0", "1"),
        ("0", "1"),
    ]


# ------------------------------------------------------------------ what is in a load


def test_a_label_without_quantity_holds_what_the_file_says() -> None:
    """The declared quantity stands in where the code gives none."""
    rig = press(PLAIN(quantity="7"))
    rig.scan("R1")
    assert load(rig).amount == "7"


def test_without_any_quantity_nothing_is_counted() -> None:
    """Nothing is predicted for a load of which nobody knows what is in it."""
    rig = press(REEL)
    rig.scan("R1")
    assert load(rig).amount is None
    assert use(rig.make(5)).certainty is Certainty.CERTAIN
    rig.plc(trigger=True, request=99)
    rig.plc(trigger=False)
    assert load(rig).empty_ms is None


def test_without_use_nothing_is_counted() -> None:
    """The quantity on a label is kept in the event, and means nothing to this position."""
    rig = press(FED)
    rig.scan("R1Q1")
    assert rig.of(ComponentLoaded)[0].quantity == "1"
    assert use(rig.make(3)).certainty is Certainty.CERTAIN


@pytest.mark.parametrize(
    ("quantity", "unit", "inside"),
    [
        ("12", None, "12"),
        ("12.50", "pcs", "12.5"),
        ("12", "PCS", "12"),
        ("12", "kg", None),
        ("many", None, None),
    ],
)
def test_a_quantity_in_another_unit_is_not_counted(
    quantity: str, unit: str | None, inside: str | None
) -> None:
    """Nothing is converted, and what is no number is no amount."""
    rig = press(REEL)
    rig.scan("R1Q5")
    event = replace(rig.of(ComponentLoaded)[0], quantity=quantity, measure=unit)
    assert feeding.loaded_amount(REEL, event) == inside


# ------------------------------------------------------------------ rows of many pieces


def test_a_row_that_crosses_the_end_is_not_certain() -> None:
    """Ten pieces from a box with seven: the row itself is of unknown material (D-55)."""
    rig = filler(REEL)
    rig.scan("R1Q10")
    rig.count(1)
    assert use(rig.count(2)).certainty is Certainty.CERTAIN
    row = rig.count(10)
    assert (use(row).candidates, use(row).why) == (("1",), Why.MATERIAL_UNKNOWN)
    (empty,) = rig.of(LoadUsedUp)
    assert (empty.remaining, empty.earliest_ms) == ("-3", row.first_ms)


def test_a_row_that_ends_with_the_box_is_certain() -> None:
    """The last pieces of a box are its own; what follows is not known."""
    rig = filler(REEL)
    rig.scan("R1Q10")
    rig.count(3)
    row = rig.count(7)
    assert use(row).certainty is Certainty.CERTAIN
    assert rig.of(LoadUsedUp)[0].earliest_ms == row.last_ms
    assert use(rig.count(1)).why is Why.MATERIAL_UNKNOWN


def test_piece_begun_before_the_change_may_be_of_the_lot_before() -> None:
    """A piece is made before it is counted: since the count before, whatever the poll (D-44)."""
    rig = filler(FED)
    rig.scan("R1")
    rig.count(2)
    rig.scan("R2")
    assert use(rig.count(1)).candidates == ("1", "2")
    assert (use(rig.count(1)).candidates, use(rig.count(1)).certainty) == (
        ("2",),
        Certainty.CERTAIN,
    )


def test_pieces_before_a_late_scan_count_against_the_load() -> None:
    """A box of three, scanned late: the piece before its scan may have been its first (D-55)."""
    rig = press(replace(REEL, uncertainty_ms=5_000))
    rig.scan("R1Q50")
    rig.turn(60_000)
    rig.make()
    rig.scan("R2Q3")
    rig.turn(6_000)
    rig.make()
    assert use(rig.make()).why is None
    assert use(rig.make()).why is Why.MATERIAL_UNKNOWN


def test_pieces_long_before_a_scan_do_not_count() -> None:
    """What was made earlier than the scan can be late is of the box before."""
    rig = press(replace(REEL, uncertainty_ms=1_000))
    rig.scan("R1Q50")
    rig.turn(60_000)
    rig.make(3)
    rig.turn(10_000)
    rig.scan("R2Q3")
    rig.turn(6_000)
    assert [use(rig.make()).why for _ in range(3)] == [None, None, None]


# ------------------------------------------------------------------ cycles without a record


def test_a_declined_cycle_draws_at_the_most() -> None:
    """The machine has worked, and perhaps the same part comes again (D-39)."""
    rig = press(REEL)
    rig.scan("R1Q9")
    rig.cycle(1)
    assert rig.of(UnitUnbound)
    assert used(rig) == ("0", "1")
    rig.made = 1
    rig.make()
    rig.turn(1_200)
    rig.scan("SN-2")
    rig.turn(100)
    rig.cycle(3)
    assert rig.of(UnitRefused)
    assert used(rig) == ("1", "3")


def test_a_repeat_that_is_possible_draws_at_the_most() -> None:
    """A unit that may have been recorded before has perhaps taken nothing more (D-20)."""
    station = replace(PRESS, handshakes=(replace(PRESS.handshakes[0], request=None, guard=()),))
    rig = Fed(replace(station, scans=press().station.scans, components=(REEL,)), start=False)
    rig.start()
    rig.link("scanner", up=True)
    rig.scan("R1Q9")
    rig.turn(1_200)
    rig.scan("SN-1")
    rig.tags["trigger"] = True
    rig.link("plc", up=True)
    rig.answer()
    assert Why.REPEAT_POSSIBLE in rig.units()[-1].why
    assert used(rig) == ("0", "1")


def test_an_aborted_cycle_draws_at_the_most() -> None:
    """A cycle that ended without an answer may have made a part (D-33)."""
    rig = press(REEL)
    rig.scan("R1Q9")
    rig.turn(100)
    rig.plc(trigger=True, request=1)
    rig.plc(trigger=False)
    assert rig.of(CycleAborted)
    assert used(rig) == ("0", "1")


def test_missed_cycles_draw_at_the_most() -> None:
    """Each cycle that no unit event stands for may have taken its use (D-29)."""
    rig = press(REEL)
    rig.scan("R1Q9")
    rig.make()
    rig.made = 4
    rig.make()
    (missed,) = rig.of(CycleMissed)
    assert missed.n == 3
    assert used(rig) == ("2", "5")


def test_cycles_without_number_leave_nothing_certain() -> None:
    """When nobody knows how many were missed, nobody knows what is left."""
    rig = press(REEL)
    rig.scan("R1Q9")
    rig.make()
    rig.made = 40_000
    rig.make()
    (missed,) = rig.of(CycleMissed)
    assert missed.n is None
    assert load(rig).empty_ms == missed.first_ms
    assert use(rig.make()).why is Why.MATERIAL_UNKNOWN


def test_a_torn_snapshot_draws_at_the_most() -> None:
    """A torn cycle was a cycle (D-21)."""
    rig = press(REEL)
    rig.scan("R1Q9")
    rig.plc(trigger=True, request=1)
    rig.read(coherent=False)
    assert used(rig) == ("0", "1")


def test_a_reset_draws_as_much_as_the_machine_can_have_made() -> None:
    """Lost pieces are unknown, but not more than fit between the two readings (D-31)."""
    counter = filler().station.counter
    assert counter is not None
    rig = filler(REEL, replace(counter, fastest_ms=20))
    rig.count(40)
    rig.scan("R1Q5000")
    rig.count(1)
    rig.turn(200)
    rig.plc(60, count=2)
    (reset,) = rig.of(CounterReset)
    assert reset.first_ms is not None
    assert (reset.first_ms, reset.last_ms) == (rig.ms - 60, rig.ms)
    assert used(rig) == ("1", "5")  # 60 ms at 20 ms a piece, and one that was nearly done


def test_a_reset_over_a_boot_leaves_nothing_certain() -> None:
    """Nobody knows how long ago the counter was last read (D-91)."""
    rig = filler(REEL)
    rig.count(40)
    rig.scan("R1Q5000")
    rig.count(1)
    rig.restart(reboot=True)
    rig.link("plc", up=True)
    rig.plc(lot="LOT-1", order="WO-1", count=2)
    assert rig.of(CounterReset)
    assert use(rig.count(1)).why is Why.MATERIAL_UNKNOWN
    rig.restart(reboot=True)
    assert load(rig).empty_ms is not None


def test_a_reset_at_a_press_draws_too() -> None:
    """Where cycles are recorded, the counter's reset says that some may be lost."""
    counter = filler().station.counter
    assert counter is not None
    station = replace(press(REEL).station, counter=replace(counter, fastest_ms=1_000))
    rig = Fed(station)
    rig.up()
    rig.scan("R1Q5000")
    rig.make(2)
    rig.turn(1_200)
    rig.scan("SN-3")
    rig.turn(100)
    rig.cycle(3, count=1_000)
    (reset,) = rig.of(CounterReset)
    assert (reset.reason, reset.first_ms is not None) == ("jump", True)
    assert int(used(rig)[1]) > 3


# ------------------------------------------------------------------ the law


@given(st.integers(0, 400), st.integers(0, 50), st.lists(st.integers(1, 60), max_size=12))
def test_no_row_beyond_the_label_is_certain(
    hundredths: int, tolerance: int, rows: list[int]
) -> None:
    """Certain rows together never take more than the label says, less the tolerance (D-55)."""
    component = replace(REEL, low=None, use="0.25", tolerance=text(Decimal(tolerance) / 100))
    rig = filler(component)
    rig.scan(f"R1Q{hundredths}")
    certain = 0
    for n in rows:
        if use(rig.count(n)).certainty is Certainty.CERTAIN:
            certain += n
    assert Decimal(certain) / 4 <= max(Decimal(0), hundredths - Decimal(tolerance) / 100)
    assert load(rig).used_most == text(Decimal(sum(rows)) / 4)


@pytest.mark.parametrize(
    ("amount", "between_ms", "empty_ms"),
    [
        ("0", (2_000, 3_000), 1_800),
        ("1", (2_000, 3_000), 2_900),
        ("2", (2_000, 3_000), None),
        ("0", (None, None), 8_800),
        ("1", (None, None), 8_900),
    ],
)
def test_a_missed_cycle_may_have_used_up_what_was_left(
    amount: str, between_ms: tuple[int | None, int | None], empty_ms: int | None
) -> None:
    """Within it, or from its end on; where its time is not known, when it was told (D-55)."""
    component = replace(PLAIN(), lag_min_ms=100, lag_max_ms=200)
    rig = press(component)
    on = Load(position="reel", lot="R1", address="e-1", from_lo_ms=1, from_hi_ms=2, amount=amount)
    other = replace(on, position="gone", address="e-2")
    material = replace(rig.state.material, loads=(on, other))
    time = replace(rig.events[-1].time, boottime_ms=9_000)
    first_ms, last_ms = between_ms
    envelope = {"epoch": "e", "seq": 9, "station": "s", "config": "c", "machine": "m"}
    missed = CycleMissed(
        **envelope,  # type: ignore[arg-type]  # the envelope
        time=time,
        n=1,
        reason="counter",
        first_ms=first_ms,
        last_ms=last_ms,
    )
    state = replace(rig.state, material=material)
    found = feeding.EVOLVES[CycleMissed](state, missed).material.loads
    assert (found[0].empty_ms, found[0].used_most) == (empty_ms, "1")
    assert found[1] == other
