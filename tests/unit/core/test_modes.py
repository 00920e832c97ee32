"""Only what is made automatically is production; the rest is recorded as what it is."""

from dataclasses import replace

import pytest

from agent.core.events import (
    Certainty,
    ExpiryReason,
    ScanExpired,
    UnitCompleted,
    UnitUnbound,
    Why,
)
from agent.core.state import SnapshotAsk
from agent.core.station import Mode, ModeTag, Station
from drivers.base import Scalar
from tests.core_rig import INTERLOCK, PRESS, Rig

MODE = ModeTag(tag="mode", values={1: Mode.AUTOMATIC, 4: Mode.DRY_CYCLE, 5: Mode.GOLDEN_PART})
RECORDS = replace(PRESS, mode=MODE)
BINDS = replace(PRESS, mode=replace(MODE, bind=True))


def up(station: Station) -> Rig:
    """Return a press in operation."""
    rig = Rig(station)
    rig.up()
    return rig


def test_an_automatic_cycle_has_no_mode() -> None:
    """Nor has one of a station that knows no modes."""
    for station in (PRESS, RECORDS):
        rig = up(station)
        rig.scan("SN-1")
        assert rig.cycle(1, mode=1) == 1
        assert [unit.mode for unit in rig.units()] == [None]


@pytest.mark.parametrize(("ok", "answer"), [(True, 1), (False, 2)])
def test_a_dry_cycle_is_recorded_and_the_machine_goes_on(ok: bool, answer: int) -> None:  # noqa: FBT001 - a case
    """Bound to no unit; it does not wait for a scan, and one that waited is spent with it."""
    rig = up(RECORDS)
    rig.scan("SN-1")
    assert rig.cycle(1, mode=4, ok=ok) == answer
    (unit,) = rig.units()
    assert isinstance(unit, UnitUnbound)
    assert (unit.mode, unit.unit, unit.why) == ("dry_cycle", None, (Why.NOT_PRODUCTION,))
    assert [scan.reason for scan in rig.of(ScanExpired)] == [ExpiryReason.CYCLE_REFUSED]
    assert rig.cycle(2, mode=1) == 8, "the scan does not shift to the next cycle"


def test_a_dry_begin_lets_the_machine_run() -> None:
    """And its end, in the same mode, is recorded as well."""
    rig = up(replace(INTERLOCK, mode=MODE))
    rig.plc(b_trigger=True, b_request=1, mode=4, ok=False)
    rig.answer()
    rig.due()
    assert (rig.device["b_result"], rig.device["b_ack"]) == (1, True)
    rig.plc(b_trigger=False)
    assert rig.cycle(1) == 2
    assert [unit.mode for unit in rig.units()] == ["dry_cycle", "dry_cycle"]


def test_a_bound_golden_part_may_come_again() -> None:
    """It is no duplicate: that is what it is for."""
    rig = up(BINDS)
    for request in (1, 2):
        rig.scan("SN-1")
        rig.turn(500)
        assert rig.cycle(request, mode=5) == 1
    assert [(u.mode, u.unit) for u in rig.of(UnitCompleted)] == [("golden_part", "SN-1")] * 2


@pytest.mark.parametrize("station", [RECORDS, BINDS])
@pytest.mark.parametrize("value", [9, "x", None])
def test_an_unknown_mode_leaves_the_unit_as_sure_as_it_is(
    station: Station, value: Scalar | None
) -> None:
    """A number that is not declared, or none at all; the record says so."""
    rig = up(station)
    rig.scan("SN-1")
    rig.turn(500)
    rig.bad = {"mode"} if value is None else set()
    assert rig.cycle(1, mode=value or 0) == 1
    (unit,) = rig.units()
    assert (unit.mode, unit.why) == ("unknown", (Why.MODE_UNKNOWN,))
    assert unit.certainty is Certainty.CERTAIN


def test_a_snapshot_without_the_mode_is_of_unknown_mode() -> None:
    """The device may have lost the tag."""
    rig = up(RECORDS)
    rig.scan("SN-1")
    rig.plc(trigger=True, request=1)
    ask = rig.open_ask()
    assert isinstance(ask, SnapshotAsk)
    rig.read(replace(ask, tags=tuple(tag for tag in ask.tags if tag != "mode")))
    rig.answer()
    assert [unit.mode for unit in rig.units()] == ["unknown"]
