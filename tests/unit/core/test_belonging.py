"""Which lot a unit is of, or was a piece of until it was marked (D-1, D-4, D-29)."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core.events import (
    Certainty,
    LotClosed,
    LotOpened,
    UnitCompleted,
    UnitStarted,
    UnitUnbound,
    Why,
)
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.parts import Tracked
from agent.core.products import names
from agent.core.station import By, Policy, Strategy
from tests.core_rig import BEGIN, END, PRESS, RULES, Rig
from tests.granular_rig import BY_TAG, MIXED, PUMP

BOX = ScanRule(match=RegexMatch(pattern=r"(?P<id>BOX-\d+)-(?P<quantity>\d+)"), means=Means.LOT)
LOT_END = ScanRule(match=RegexMatch(pattern="LOT END"), means=Means.LOT_END)
BOTH = replace(PRESS, by=By.BOTH, scans=(*RULES, BOX, LOT_END))
MARKING = replace(BOTH, by=By.SERIAL, from_lot=True)
TAGGED = replace(BOTH, lot="lot", lot_device="plc")


def rig_of(station: Any) -> Rig:  # noqa: ANN401 - a plan
    """Return a rig whose links are up."""
    rig = Rig(station)
    rig.up()
    return rig


def unit(rig: Rig, serial: int, **tags: Any) -> UnitCompleted:  # noqa: ANN401 - values
    """Make a unit and return its record."""
    rig.scan(f"SN-{serial}")
    rig.turn(50)
    rig.cycle(serial, **tags)
    return rig.of(UnitCompleted)[-1]


def test_unit_is_one_of_the_lot_that_is_open() -> None:
    """Tracked by both, each unit names its lot, and the lot counts its units."""
    rig = rig_of(BOTH)
    before = unit(rig, 1)
    assert (before.lot, before.lots, before.lot_why) == (None, (), (Why.NO_LOT_OPEN,))
    rig.scan("LOT-7")
    rig.turn(500)
    made = [unit(rig, 2), unit(rig, 3)]
    assert [(each.lot, each.from_lot, each.by) for each in made] == [("LOT-7", None, None)] * 2
    rig.scan("LOT END")
    (closed,) = rig.of(LotClosed)
    assert (closed.lot, closed.n, closed.n_possible, closed.remaining) == ("LOT-7", 2, 0, None)


def test_unit_without_a_code_is_one_of_its_lot() -> None:
    """The recall of a lot has its unidentified units, too (D-7)."""
    rig = rig_of(BOTH)
    rig.scan("LOT-7")
    rig.turn(500)
    rig.cycle(1)
    assert rig.of(UnitUnbound)[-1].lot == "LOT-7"
    rig.scan("LOT-8")
    assert rig.of(LotClosed)[-1].n == 1


def test_unit_that_comes_again_is_counted_once() -> None:
    """Another visit is no other piece, and a refused one is none that is made."""
    rig = rig_of(replace(BOTH, duplicates=Policy.RECORD))
    rig.scan("LOT-7")
    rig.turn(2_000)
    unit(rig, 1)
    rig.turn(2_000)
    rig.scan("SN-1")
    rig.turn(50)
    rig.cycle(2)
    assert rig.of(UnitCompleted)[-1].visit == 2
    rig.scan("LOT-8")
    assert rig.of(LotClosed)[-1].n == 1


def test_lot_that_changes_while_the_cycle_runs() -> None:
    """A trigger that rose before the scan is of the lot before; one that overlaps is of either."""
    rig = rig_of(BOTH)
    rig.scan("LOT-7")
    rig.turn(500)
    unit(rig, 1)
    rig.turn(500)
    rig.scan("SN-2")
    rig.turn(50)
    rig.plc(trigger=True, request=2)
    rig.turn(20)
    rig.scan("LOT-8")
    rig.answer()
    rig.due()
    rig.plc(trigger=False)
    assert rig.of(UnitCompleted)[-1].lot == "LOT-7"
    rig.turn(500)
    unit(rig, 3)
    rig.turn(500)
    rig.scan("SN-4")
    rig.turn(50)
    rig.plc(300, trigger=True, request=4)
    rig.ms -= 100
    rig.scan("LOT-9")
    rig.ms += 80
    rig.answer()
    rig.turn(300)
    rig.answer()
    last = rig.of(UnitCompleted)[-1]
    assert (last.lot, last.lots, last.lot_why) == (
        None,
        ("LOT-8", "LOT-9"),
        (Why.BOUNDARY_UNCERTAIN,),
    )
    assert last.certainty is Certainty.CERTAIN  # which unit it was is as sure as ever
    rig.due()
    rig.plc(trigger=False)
    rig.scan("LOT END")
    assert [(each.n, each.n_possible) for each in rig.of(LotClosed)][-1] == (0, 1)


def test_first_lot_that_is_named_during_a_cycle() -> None:
    """Before it, no lot was open: the unit may be of any (D-4)."""
    rig = rig_of(BOTH)
    rig.scan("LOT-7")
    rig.turn(500)
    unit(rig, 1)
    rig.scan("LOT END")
    rig.turn(500)
    unit(rig, 2)
    rig.turn(500)
    rig.scan("SN-3")
    rig.turn(50)
    rig.plc(300, trigger=True, request=3)
    rig.ms -= 100
    rig.scan("LOT END")
    rig.scan("LOT-9")
    rig.ms += 60
    rig.answer()
    rig.turn(300)
    rig.answer()
    last = rig.of(UnitCompleted)[-1]
    assert (last.lots, last.lot_why) == (("LOT-9",), (Why.BOUNDARY_UNCERTAIN,))


def test_lot_in_the_snapshot_is_that_of_its_cycle() -> None:
    """The PLC holds its data still from trigger to answer (D-18)."""
    rig = rig_of(TAGGED)
    assert unit(rig, 1, lot="LOT-3").lot == "LOT-3"
    rig.scan("SN-2")
    rig.turn(50)
    rig.tags["lot"] = "LOT-4"  # no poll has seen it yet
    rig.cycle(2)
    assert rig.of(UnitCompleted)[-1].lot == "LOT-4"
    assert rig.of(LotOpened)[-1].lot == "LOT-4"
    assert unit(rig, 3, lot="").lot_why == (Why.NO_LOT_OPEN,)


def test_marked_unit_names_the_lot_it_was_a_piece_of() -> None:
    """A recall of the lot finds its units; what is left of it is counted down."""
    rig = rig_of(MARKING)
    rig.scan("BOX-1-3")
    assert rig.of(LotOpened)[-1].quantity == "3"
    rig.turn(500)
    first = unit(rig, 1)
    assert (first.from_lot, first.lot) == ("BOX-1", None)
    unit(rig, 2)
    rig.scan("BOX-2-5")
    (closed,) = rig.of(LotClosed)
    assert (closed.n, closed.remaining) == (2, "1")


def test_more_pieces_than_the_lot_held_are_not_certainly_its_own() -> None:
    """Another box may not have been scanned: the lot is possible, and it says why (D-4)."""
    rig = rig_of(MARKING)
    rig.scan("BOX-1-1")
    rig.turn(500)
    assert unit(rig, 1).from_lot == "BOX-1"
    last = unit(rig, 2)
    assert (last.from_lot, last.from_lots, last.lot_why) == (
        None,
        ("BOX-1",),
        (Why.LOT_USED_UP,),
    )
    rig.scan("LOT END")
    (closed,) = rig.of(LotClosed)
    assert (closed.n, closed.n_possible, closed.remaining) == (1, 1, "0")


def test_code_that_a_tag_carries_marks_as_well() -> None:
    """The marking station's PLC hands on what the laser wrote."""
    by_tag = replace(MARKING.pairing, strategy=Strategy.TAG)
    rig = rig_of(replace(MARKING, pairing=by_tag, handshakes=(replace(END, unit="code"),)))
    rig.scan("LOT-7")
    rig.turn(500)
    rig.cycle(1, code="SN-1")
    assert rig.of(UnitCompleted)[-1].from_lot == "LOT-7"


@pytest.mark.parametrize("reboot", [False, True])
def test_lot_outlives_a_restart(*, reboot: bool) -> None:
    """The lot that is open is in the events, and so is how much was made of it."""
    rig = rig_of(MARKING)
    rig.scan("BOX-1-2")
    rig.turn(500)
    unit(rig, 1)
    rig.restart(reboot=reboot)
    rig.up()
    assert unit(rig, 2).from_lot == "BOX-1"
    assert unit(rig, 3).lot_why == (Why.LOT_USED_UP,)


def test_lot_of_another_boot_was_long_ago() -> None:
    """Times of two boots do not compare: a cycle after it is of the lot that is open (D-91)."""
    rig = rig_of(BOTH)
    rig.scan("LOT-7")
    rig.turn(60_000)
    unit(rig, 1)
    rig.scan("LOT-8")
    rig.restart(reboot=True)
    rig.up()
    assert unit(rig, 2).lot == "LOT-8"


def test_marked_and_one_of_a_lot() -> None:
    """Per product: a pump is marked here and stays one of its lot; a valve never was of any."""
    pump = replace(PUMP, from_lot=True)
    plan = replace(BY_TAG, products=(BY_TAG.products[0], pump))
    rig = rig_of(replace(MIXED, products=plan))
    rig.scan("LOT-7")
    rig.turn(500)
    rig.plc(recipe="P-1")
    made = unit(rig, 1, count=1)
    assert (made.lot, made.from_lot, made.by) == ("LOT-7", "LOT-7", "both")
    rig.plc(recipe="V-1")
    made = unit(rig, 2, count=2)
    assert (made.lot, made.from_lot, made.by) == (None, None, "serial")


@pytest.mark.parametrize("changes", [False, True])
def test_product_that_changes_between_begin_and_end(*, changes: bool) -> None:
    """A unit is of the product that it began as, or of either where that changed (D-29)."""
    rig = rig_of(replace(MIXED, handshakes=(BEGIN, MIXED.handshakes[0])))
    rig.plc(recipe="V-1")
    rig.turn(500)
    rig.scan("SN-1")
    rig.turn(50)
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    rig.due()
    rig.plc(b_trigger=False)
    assert rig.of(UnitStarted)[-1].product == "valve"
    if changes:
        rig.turn(500)
        rig.plc(recipe="S-1")
        rig.turn(500)
    assert rig.cycle(1, count=1) == 1
    made = rig.of(UnitCompleted)[-1]
    assert made.unit == "SN-1"
    if changes:
        assert (made.product, made.products, made.by) == (None, ("valve", "screw"), "serial")
        assert made.certainty is Certainty.POSSIBLE
    else:
        assert (made.product, made.products, made.certainty) == ("valve", (), Certainty.CERTAIN)


def test_products_are_named_as_the_file_names_them() -> None:
    """Else as their source does; one without any name is left out."""
    known = Tracked(named="V-1", product="valve", by=By.SERIAL)
    unknown = Tracked(named="X", product=None, by=By.BOTH)
    nameless = Tracked(named=None, product=None, by=By.BOTH)
    assert names((known, unknown, nameless, known)) == ("valve", "X")
