"""Strategy `carrier`: the carrier is read at the machine, and says which unit it bears (D-28)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import carriers
from agent.core.events import (
    CarrierConflict,
    CarrierLoaded,
    CarrierUnloaded,
    Certainty,
    CodeScanned,
    ExpiryReason,
    ScanExpired,
    UnitCompleted,
    UnitRefused,
    UnitStarted,
    UnitUnbound,
    Why,
)
from agent.core.station import Pairing, Policy, Strategy
from drivers.base import CodeScanned as CodeSeen
from drivers.base import FrameStatus, SamplesLost
from tests.core_rig import BEGIN, END, PRESS, Rig

PALLETS = Pairing(
    strategy=Strategy.CARRIER,
    window_ms=5_000,
    settle_ms=200,
    load=("loader",),
    unload=("unloader",),
)
BY_TAG = replace(PRESS, pairing=PALLETS, handshakes=(replace(END, unit="code"),))
BY_SCAN = replace(PRESS, pairing=PALLETS)
INTERLOCK = replace(BY_TAG, handshakes=(replace(BEGIN, unit="code"), replace(END, unit="code")))
INTERLOCK_BY_SCAN = replace(BY_SCAN, handshakes=(BEGIN, END))


def rig_of(station: Any = BY_TAG, **changes: Any) -> Rig:  # noqa: ANN401 - fields of Station
    """Return a pallet line with its links up."""
    rig = Rig(replace(station, duplicates=Policy.RECORD, **changes))
    for reader in ("loader", "unloader"):
        rig.link(reader, up=True)
    rig.up()
    return rig


def read(rig: Rig, reader: str, code: str, *, took_ms: int = 20) -> None:
    """Let a reader send a code."""
    rig.ms += took_ms
    rig.observe(CodeSeen, device=reader, earliest_ms=rig.ms - took_ms, raw=code.encode())


def load(rig: Rig, carrier: str, unit: str) -> None:
    """Put a unit on a carrier, as it should be."""
    read(rig, "loader", carrier)
    rig.turn(500)
    read(rig, "loader", unit)
    rig.turn(500)


def weld(rig: Rig, request: int, carrier: str) -> int | None:
    """Run a cycle on the carrier that the PLC names, and return the answer."""
    return rig.cycle(request, code=carrier)


def last(rig: Rig) -> Any:  # noqa: ANN401 - whichever unit event it is
    """Return the newest answer."""
    return rig.units()[-1]


# ------------------------------------------------------------------ married


def test_carrier_stands_for_its_unit() -> None:
    """A cycle is bound through the one open association, which it names (D-23, D-28)."""
    rig = rig_of()
    load(rig, "CAR-1", "SN-1")
    (loaded,) = rig.of(CarrierLoaded)
    assert (loaded.carrier, loaded.unit, loaded.certainty) == ("CAR-1", "SN-1", Certainty.CERTAIN)
    assert loaded.because == tuple(scan.address for scan in rig.of(CodeScanned))
    assert weld(rig, 1, "CAR-1") == 1
    unit = last(rig)
    assert (unit.unit, unit.certainty) == ("SN-1", Certainty.CERTAIN)
    assert unit.because[0] == loaded.address
    assert weld(rig, 2, "CAR-1") == 1
    assert last(rig).visit == 2


def test_carrier_bears_another_unit_after_it_was_unloaded() -> None:
    """Its id names a unit only between load and unload (D-28)."""
    rig = rig_of()
    for number, point in ((1, "CAR-1"), (2, "SN-2")):
        load(rig, "CAR-1", f"SN-{number}")
        weld(rig, number, "CAR-1")
        read(rig, "unloader", point)
        rig.turn(6_000)
    assert [unit.unit for unit in rig.of(UnitCompleted)] == ["SN-1", "SN-2"]
    assert [event.unit for event in rig.of(CarrierUnloaded)] == ["SN-1", "SN-2"]
    assert [event.load for event in rig.of(CarrierUnloaded)] == [
        event.address for event in rig.of(CarrierLoaded)
    ]
    assert rig.of(CarrierConflict) == []


def test_empty_carrier_is_a_state() -> None:
    """A cycle on it is recorded as such; at the unload point it says nothing (D-28)."""
    rig = rig_of()
    read(rig, "unloader", "CAR-1")
    assert rig.new() == ["code_scanned"]
    assert weld(rig, 1, "CAR-1") == 8
    assert (last(rig).why, last(rig).candidates) == ((Why.CARRIER_EMPTY,), ())
    load(rig, "CAR-1", "SN-1")
    read(rig, "unloader", "CAR-1")
    rig.turn(10)
    assert weld(rig, 2, "CAR-1") == 8
    assert last(rig).why == (Why.CARRIER_EMPTY,)


# ------------------------------------------------------------------ conflicts


def test_loading_a_loaded_carrier_makes_both_units_possible() -> None:
    """Nothing is closed by itself: told, and unbound with both until it is unloaded (D-28)."""
    rig = rig_of()
    load(rig, "CAR-1", "SN-1")
    rig.turn(6_000)
    load(rig, "CAR-1", "SN-2")
    (conflict,) = rig.of(CarrierConflict)
    assert (conflict.carrier, conflict.units) == ("CAR-1", ("SN-1", "SN-2"))
    assert conflict.loads == tuple(event.address for event in rig.of(CarrierLoaded))
    assert weld(rig, 1, "CAR-1") == 8
    assert (last(rig).candidates, last(rig).why) == (("SN-1", "SN-2"), (Why.CARRIER_CONFLICT,))
    read(rig, "unloader", "CAR-1")
    assert len(rig.of(CarrierUnloaded)) == 2
    rig.turn(6_000)
    load(rig, "CAR-1", "SN-3")
    assert weld(rig, 2, "CAR-1") == 1


def test_two_units_after_one_carrier_are_a_conflict() -> None:
    """Two candidates are never a choice, and the next carrier gets its own unit (D-25)."""
    rig = rig_of()
    load(rig, "CAR-1", "SN-1")
    read(rig, "loader", "SN-2")
    load(rig, "CAR-2", "SN-3")
    assert weld(rig, 1, "CAR-1") == 8
    assert last(rig).candidates == ("SN-1", "SN-2")
    assert weld(rig, 2, "CAR-2") == 1
    assert last(rig).unit == "SN-3"


def test_unit_on_two_carriers_is_on_neither_for_certain() -> None:
    """A unit that was moved by hand contradicts where it was (D-28)."""
    rig = rig_of()
    load(rig, "CAR-1", "SN-1")
    load(rig, "CAR-2", "SN-1")
    assert rig.of(CarrierConflict)[0].units == ("SN-1",)
    for request, carrier in ((1, "CAR-1"), (2, "CAR-2")):
        assert weld(rig, request, carrier) == 8
        assert (last(rig).candidates, last(rig).why) == (("SN-1",), (Why.CARRIER_CONFLICT,))


# ------------------------------------------------------------------ at the load point


def test_unit_without_a_carrier_before_it_is_on_none() -> None:
    """Too late after its carrier, or at another reader, it expires (D-24)."""
    rig = rig_of()
    read(rig, "loader", "SN-1")
    read(rig, "loader", "CAR-1")
    rig.turn(5_001)
    read(rig, "loader", "SN-2", took_ms=1)
    read(rig, "scanner", "SN-3")
    assert rig.of(CarrierLoaded) == []
    assert [event.reason for event in rig.of(ScanExpired)] == [ExpiryReason.WINDOW] * 3


def test_same_codes_again_change_nothing() -> None:
    """Carrier and unit read again, at whatever pace, are the same association (D-34)."""
    rig = rig_of()
    load(rig, "CAR-1", "SN-1")
    rig.turn(1_000)
    load(rig, "CAR-1", "SN-1")
    assert len(rig.of(CarrierLoaded)) == 1
    assert rig.of(CarrierConflict) == []
    assert [event.reason for event in rig.of(ScanExpired)] == [ExpiryReason.SUPERSEDED]


def test_unit_that_overlaps_its_carrier_is_possible() -> None:
    """It may have been read before the carrier came (D-24)."""
    rig = rig_of()
    read(rig, "loader", "CAR-1")
    rig.observe(CodeSeen, device="loader", earliest_ms=rig.ms - 30, raw=b"SN-1")
    rig.turn(10)
    (loaded,) = rig.of(CarrierLoaded)
    assert (loaded.certainty, loaded.why) == (Certainty.POSSIBLE, (Why.ORDER_OF_FACTS,))
    assert weld(rig, 1, "CAR-1") == 1
    assert (last(rig).certainty, last(rig).why) == (Certainty.POSSIBLE, (Why.ORDER_OF_FACTS,))


@pytest.mark.parametrize(
    ("raw", "status"),
    [(b"NOREAD", FrameStatus.NO_READ), (b"junk", None), (b"CAR", FrameStatus.PARTIAL)],
)
def test_what_was_not_read_may_have_been_the_next_carrier(
    raw: bytes, status: FrameStatus | None
) -> None:
    """After a failed read a unit is on no carrier, not on the one before (D-25).

    At the unload point it may have been any carrier: what they bear is possible from then on.
    """
    rig = rig_of()
    load(rig, "CAR-9", "SN-9")
    read(rig, "loader", "CAR-1")
    members = {} if status is None else {"status": status}
    rig.observe(CodeSeen, device="unloader", raw=raw, **members)
    assert rig.state.carriers.loading is not None
    assert rig.state.carriers.mounted[0].doubts == (Why.READER_AWAY,)
    rig.observe(CodeSeen, device="loader", raw=raw, **members)
    rig.observe(CodeSeen, device="scanner", raw=raw, **members)
    read(rig, "loader", "SN-1")
    assert len(rig.of(CarrierLoaded)) == 1


def test_failed_read_after_a_loaded_carrier_leaves_it_possible() -> None:
    """It may have been its new unit (D-28)."""
    rig = rig_of()
    load(rig, "CAR-1", "SN-1")
    load(rig, "CAR-2", "SN-2")
    read(rig, "loader", "CAR-1")
    read(rig, "loader", "NOREAD")
    assert [each.doubts for each in rig.state.carriers.mounted] == [(Why.READER_AWAY,), ()]


# ------------------------------------------------------------------ at the machine


@pytest.mark.parametrize(
    ("code", "kind", "why"),
    [
        ("", UnitUnbound, Why.NO_SCAN),
        ("SN-1", UnitRefused, Why.BAD_CODE),
        ("junk", UnitRefused, Why.BAD_CODE),
    ],
)
def test_tag_without_a_carriers_code(code: str, kind: type, why: Why) -> None:
    """An empty tag is unbound; what is no carrier is refused (D-23)."""
    rig = rig_of()
    load(rig, "CAR-1", "SN-1")
    weld(rig, 1, code)
    event = last(rig)
    assert (type(event), event.why) == (kind, (why,))
    if isinstance(event, UnitRefused):
        assert (event.unit, event.raw) == (None, code.encode().hex())


def test_association_that_changes_during_the_cycle_binds_nothing() -> None:
    """Unloaded after the trigger rose: whether it was there cannot be told (D-23)."""
    rig = rig_of()
    load(rig, "CAR-1", "SN-1")
    rig.plc(trigger=True, request=1, count=1, code="CAR-1")
    read(rig, "unloader", "CAR-1")
    rig.answer()
    assert isinstance(last(rig), UnitUnbound)
    assert (last(rig).candidates, last(rig).why) == (("SN-1",), (Why.CARRIER_CHANGED,))


def test_association_that_changes_during_the_look_up_binds_nothing() -> None:
    """The unit that was about to be bound is sought again (D-23)."""
    rig = rig_of()
    load(rig, "CAR-1", "SN-1")
    rig.plc(trigger=True, request=1, count=1, code="CAR-1")
    rig.read()
    read(rig, "unloader", "SN-1")
    rig.look_up()
    assert isinstance(last(rig), UnitUnbound)
    assert last(rig).why == (Why.CARRIER_CHANGED,)
    assert len(rig.units()) == 1


def test_other_carriers_may_change_during_the_look_up() -> None:
    """What happens to another carrier takes nothing from this one."""
    rig = rig_of(lookup_within_ms=5_000)
    load(rig, "CAR-1", "SN-1")
    rig.plc(trigger=True, request=1, count=1, code="CAR-1")
    rig.read()
    load(rig, "CAR-2", "SN-2")
    rig.answer()
    assert (last(rig).unit, last(rig).certainty) == ("SN-1", Certainty.CERTAIN)


def test_changed_between_begin_and_end() -> None:
    """The cycle runs from `begin`: a carrier unloaded and loaded since binds nothing (D-23)."""
    rig = rig_of(INTERLOCK)
    load(rig, "CAR-1", "SN-1")
    rig.plc(b_trigger=True, b_request=1, code="CAR-1")
    rig.answer()
    rig.due()
    rig.plc(b_trigger=False)
    read(rig, "unloader", "CAR-1")
    load(rig, "CAR-1", "SN-2")
    assert weld(rig, 1, "CAR-1") == 8
    assert (last(rig).candidates, last(rig).why) == (("SN-1", "SN-2"), (Why.CARRIER_CHANGED,))


def test_steady_between_begin_and_end() -> None:
    """Begin and end of one cycle name the same unit (D-59)."""
    rig = rig_of(INTERLOCK)
    load(rig, "CAR-1", "SN-1")
    rig.plc(b_trigger=True, b_request=1, code="CAR-1")
    rig.answer()
    rig.due()
    rig.plc(b_trigger=False)
    assert weld(rig, 1, "CAR-1") == 1
    started, completed = rig.units()
    assert isinstance(started, UnitStarted)
    assert (started.cycle, started.unit) == (completed.cycle, completed.unit)


# ------------------------------------------------------------------ carriers by scan


def scanned_cycle(rig: Rig, request: int, *carriers_: str) -> None:
    """Scan carriers at the machine, then run a cycle."""
    for carrier in carriers_:
        read(rig, "scanner", carrier)
    rig.turn(100)
    rig.cycle(request)


def test_scanned_carrier_stands_for_its_unit() -> None:
    """The scan and the association led to it; the scan is spent (D-17)."""
    rig = rig_of(BY_SCAN)
    load(rig, "CAR-1", "SN-1")
    scanned_cycle(rig, 1, "CAR-1")
    assert last(rig).unit == "SN-1"
    scan, loaded = rig.of(CodeScanned)[-1], rig.of(CarrierLoaded)[0]
    assert last(rig).because[:2] == (scan.address, loaded.address)
    assert rig.state.pairing.pending == ()


def test_no_carrier_and_two_are_unbound() -> None:
    """Two carriers are never a choice: both units are candidates (D-25)."""
    rig = rig_of(BY_SCAN)
    load(rig, "CAR-1", "SN-1")
    load(rig, "CAR-2", "SN-2")
    scanned_cycle(rig, 1)
    assert last(rig).why == (Why.NO_SCAN,)
    scanned_cycle(rig, 2, "CAR-1", "CAR-2")
    assert (last(rig).candidates, last(rig).why) == (("SN-1", "SN-2"), (Why.TWO_CANDIDATES,))
    assert rig.state.pairing.pending == ()


def test_scanned_empty_carrier_spends_its_scan() -> None:
    """The scan of an empty carrier is named by the cycle that it led to (D-17)."""
    rig = rig_of(BY_SCAN)
    scanned_cycle(rig, 1, "CAR-1")
    assert last(rig).why == (Why.CARRIER_EMPTY,)
    assert last(rig).because[0] == rig.of(CodeScanned)[-1].address
    assert rig.state.pairing.pending == ()


def test_scanned_carrier_that_changes_during_the_look_up() -> None:
    """Also by scan the unit is sought again (D-23)."""
    rig = rig_of(BY_SCAN)
    load(rig, "CAR-1", "SN-1")
    read(rig, "scanner", "CAR-1")
    rig.turn(50)
    rig.plc(trigger=True, request=1, count=1)
    rig.read()
    read(rig, "unloader", "CAR-1")
    assert last(rig).why == (Why.CARRIER_CHANGED,)


@pytest.mark.parametrize("leaves", [True, False])
def test_scanned_at_begin_and_changed_until_end(leaves: bool) -> None:  # noqa: FBT001 - a case
    """`end` takes the unit of `begin` unless it left its carrier since, or another came (D-23)."""
    rig = rig_of(INTERLOCK_BY_SCAN)
    load(rig, "CAR-1", "SN-1")
    read(rig, "scanner", "CAR-1")
    rig.turn(50)
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    rig.due()
    rig.plc(b_trigger=False)
    if leaves:
        read(rig, "unloader", "CAR-1")
    else:
        load(rig, "CAR-1", "SN-2")
    rig.cycle(1)
    assert last(rig).why == (Why.CARRIER_CHANGED,)
    assert last(rig).candidates == (("SN-1",) if leaves else ("SN-1", "SN-2"))


def test_scanned_at_begin_and_steady_until_end() -> None:
    """`end` takes the unit of `begin`, and none where there was none (D-23)."""
    rig = rig_of(INTERLOCK_BY_SCAN)
    rig.cycle(1)
    assert last(rig).why == (Why.NO_SCAN,)
    load(rig, "CAR-1", "SN-1")
    read(rig, "scanner", "CAR-1")
    rig.turn(50)
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    rig.due()
    rig.plc(b_trigger=False)
    rig.cycle(2)
    assert (last(rig).unit, last(rig).certainty) == ("SN-1", Certainty.CERTAIN)


# ------------------------------------------------------------------ links and restarts


def test_association_before_a_restart_is_possible() -> None:
    """It may have been unloaded and loaded anew while the agent was away (D-24)."""
    rig = rig_of()
    load(rig, "CAR-1", "SN-1")
    rig.restart()
    rig.up()
    weld(rig, 1, "CAR-1")
    assert (last(rig).unit, last(rig).why) == ("SN-1", (Why.SCAN_BEFORE_RESTART,))
    assert last(rig).certainty is Certainty.POSSIBLE


def test_association_outlives_a_boot() -> None:
    """Carriers stay where they are; what was loaded is possible, what was unloaded is gone."""
    rig = rig_of()
    load(rig, "CAR-1", "SN-1")
    load(rig, "CAR-2", "SN-2")
    read(rig, "unloader", "CAR-2")
    rig.restart(reboot=True)
    rig.up()
    assert [each.unit for each in rig.state.carriers.mounted] == ["SN-1"]
    weld(rig, 1, "CAR-1")
    assert (last(rig).unit, last(rig).certainty) == ("SN-1", Certainty.POSSIBLE)


def test_begin_before_a_boot_is_taken_as_possible() -> None:
    """Since when the cycle runs is not known any more; that it does is (D-91)."""
    rig = rig_of(INTERLOCK_BY_SCAN)
    load(rig, "CAR-1", "SN-1")
    read(rig, "scanner", "CAR-1")
    rig.turn(50)
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    rig.restart(reboot=True)
    rig.tags |= {"b_trigger": False}
    rig.up()
    rig.cycle(1)
    assert last(rig).unit == "SN-1"


def test_carrier_read_before_a_restart_takes_a_unit_as_possible() -> None:
    """Another carrier may have been read while the agent was away (D-24)."""
    rig = rig_of()
    read(rig, "loader", "CAR-1")
    rig.restart()
    rig.up()
    read(rig, "loader", "SN-1")
    assert rig.of(CarrierLoaded)[0].why == (Why.SCAN_BEFORE_RESTART,)


@pytest.mark.parametrize("how", ["link", "samples"])
def test_reader_that_was_away_leaves_associations_possible(how: str) -> None:
    """A load or an unload may have been missed; another reader's absence means nothing (D-24)."""
    rig = rig_of()
    load(rig, "CAR-1", "SN-1")
    read(rig, "loader", "CAR-2")
    for reader, doubts in (("scanner", ()), ("unloader", (Why.READER_AWAY,))):
        if how == "link":
            rig.link(reader, up=False)
        else:
            rig.observe(SamplesLost, device=reader, tag=None, count=1, reason="queue full")
        assert rig.state.carriers.mounted[0].doubts == doubts
    read(rig, "loader", "SN-2")
    assert len(rig.of(CarrierLoaded)) == 1
    weld(rig, 1, "CAR-1")
    assert (last(rig).unit, last(rig).why) == ("SN-1", (Why.READER_AWAY,))


def test_cycle_under_way_at_a_restart() -> None:
    """A rise that nobody saw counts from when it was found (D-20)."""
    rig = rig_of()
    load(rig, "CAR-1", "SN-1")
    rig.hold_commits = True
    rig.plc(trigger=True, request=1, count=1, code="CAR-1")
    rig.restart()
    rig.hold_commits = False
    rig.up()
    assert (last(rig).unit, last(rig).certainty) == ("SN-1", Certainty.POSSIBLE)


# ------------------------------------------------------------------ for every line


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["load", "load", "unload", "weld", "weld", "restart"]),
            st.integers(1, 3),
            st.sampled_from(["", "", "", "carrier", "unit"]),
        ),
        max_size=25,
    )
)
def test_no_certain_unit_but_the_one_that_was_on_the_carrier(
    steps: list[tuple[str, int, str]],
) -> None:
    """Carriers go round, readings fail, the agent restarts: no certain binding is wrong (D-28).

    Only a loaded carrier that is loaded again, unread at both points, would be bound wrongly.
    """
    rig = rig_of(lookup_within_ms=100_000)
    bears: dict[int, str] = {}
    units = request = 0
    for step, number, unread in steps:
        carrier = f"CAR-{number}"
        if step == "load" and (number not in bears or unread != "carrier"):
            units += 1
            bears[number] = f"SN-{units}"
            read(rig, "loader", "NOREAD" if unread == "carrier" else carrier)
            read(rig, "loader", "NOREAD" if unread == "unit" else bears[number])
        elif step == "unload" and number in bears:
            del bears[number]
            read(rig, "unloader", "NOREAD" if unread == "carrier" else carrier)
        elif step == "weld":
            request += 1
            weld(rig, request, carrier)
            if isinstance(last(rig), UnitCompleted) and last(rig).certainty is Certainty.CERTAIN:
                assert last(rig).unit == bears[number]
        elif step == "restart":
            rig.restart()
            rig.up()
        rig.turn(1_100)
        assert len(rig.units()) == request


def test_open_associations_of_a_carrier() -> None:
    """What `decide` goes by can be asked for (D-28)."""
    rig = rig_of()
    load(rig, "CAR-1", "SN-1")
    assert [each.unit for each in carriers.mounted_on(rig.state, "CAR-1")] == ["SN-1"]
    assert carriers.mounted_on(rig.state, "CAR-2") == ()
