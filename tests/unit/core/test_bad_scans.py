"""A cycle that had only a refused code as its scan is told so: answer 4, not 8 (D-39, D-85)."""

from dataclasses import replace

import pytest

from agent.core.events import CodeRefused, UnitCompleted, UnitRefused, UnitUnbound, Why
from agent.core.state import State
from agent.core.station import Cavity, Pairing, Station, Strategy
from drivers.base import CodeScanned as CodeSeen
from drivers.base import FrameStatus
from tests.core_rig import BEGIN, END, PRESS, Rig

AFTER = replace(
    PRESS, pairing=Pairing(strategy=Strategy.CYCLE_THEN_SCAN, window_ms=2_000, settle_ms=200)
)
PALLETS = replace(
    PRESS,
    pairing=Pairing(
        strategy=Strategy.CARRIER,
        window_ms=5_000,
        settle_ms=200,
        load=("loader",),
        unload=("unloader",),
    ),
)
MOULD = replace(
    PRESS,
    pairing=Pairing(strategy=Strategy.MULTI_CAVITY, window_ms=10_000, settle_ms=200),
    handshakes=(
        replace(
            END,
            cavities=(
                Cavity(name="left", reader="scanner"),
                Cavity(name="right", reader="loader"),
            ),
        ),
    ),
)


def rig_of(station: Station = PRESS) -> Rig:
    """Return a station with its links up."""
    rig = Rig(station)
    rig.link("loader", up=True)
    rig.up()
    return rig


def test_a_refused_code_alone_is_answered_with_four() -> None:
    """The unit is refused for its code, which `because` names; nothing is bound (D-85)."""
    rig = rig_of()
    rig.scan("junk")
    assert rig.cycle(1) == 4
    (unit,) = rig.of(UnitRefused)
    assert (unit.reason, unit.unit) == (Why.BAD_CODE, None)
    assert unit.because[0] == rig.of(CodeRefused)[0].address
    assert unit.values != ()
    assert rig.state.pairing.bad == ()


def test_a_good_code_beside_it_is_the_unit() -> None:
    """Who scans again after a refused code has scanned the unit: bound, and certain."""
    rig = rig_of()
    rig.scan("junk")
    rig.scan("SN-1")
    assert rig.cycle(1) == 1
    assert rig.of(UnitCompleted)[0].why == ()


def test_two_good_codes_beside_it_are_no_choice() -> None:
    """Two candidates stay two: answer 8."""
    rig = rig_of()
    for code in ("junk", "SN-1", "SN-2"):
        rig.scan(code)
    assert rig.cycle(1) == 8


def test_it_counts_for_one_cycle_only() -> None:
    """The cycle after it has no scan at all: answer 8."""
    rig = rig_of()
    rig.scan("junk")
    assert [rig.cycle(1), rig.cycle(2)] == [4, 8]


def test_a_refused_code_under_a_refused_cycle_is_not_the_next_ones() -> None:
    """What comes while the trigger of an unbound cycle is up belongs to that cycle (D-24)."""
    rig = rig_of()
    rig.plc(trigger=True, request=1, count=1)
    rig.answer()
    rig.turn(201)
    rig.scan("junk")
    assert not rig.of(CodeRefused)[0].waits
    rig.plc(trigger=False)
    assert rig.cycle(2) == 8


@pytest.mark.parametrize("wait_ms", [29_000, 40_000])
def test_its_age_counts(wait_ms: int) -> None:
    """A refused code older than the window says nothing of this cycle."""
    rig = rig_of()
    rig.scan("junk")
    rig.turn(wait_ms)
    assert rig.cycle(1) == (4 if wait_ms < 30_000 else 8)


def test_a_cancel_code_takes_it_back() -> None:
    """What was scanned before a cancel code counts no more."""
    rig = rig_of()
    rig.scan("junk")
    rig.scan("CANCEL")
    assert rig.cycle(1) == 8


def test_it_outlives_a_restart() -> None:
    """The newest refused code of each reader is state."""
    rig = rig_of()
    rig.scan("junk")
    rig.scan("junk again")
    before: State = rig.state
    rig.restart()
    assert rig.state.pairing.bad == before.pairing.bad
    assert len(rig.state.pairing.bad) == 1
    rig.up()
    assert rig.cycle(1) == 4


def test_an_unreadable_badge_is_no_units_code() -> None:
    """What began like a badge says nothing of a unit."""
    rig = rig_of()
    rig.scan("", hidden_length=4)
    assert rig.cycle(1) == 8


def test_an_old_refusal_without_its_interval_counts_for_nothing() -> None:
    """An event of an earlier version says not when it was scanned."""
    rig = rig_of()
    rig.scan("junk")
    (refused,) = rig.of(CodeRefused)
    rig.events[-1] = replace(refused, earliest_ms=None, latest_ms=None)
    rig.restart()
    assert rig.state.pairing.bad == ()


def test_begin_is_answered_and_end_is_not() -> None:
    """Only the handshake that is paired with the scan is refused for it."""
    rig = rig_of(replace(PRESS, handshakes=(BEGIN, END)))
    rig.scan("junk")
    assert rig.cycle(1) == 8
    rig.scan("junk")
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    rig.turn(201)
    rig.due()
    assert rig.device["b_result"] == 4


def test_cycle_then_scan() -> None:
    """A refused code within the window after the cycle is that cycle's."""
    rig = rig_of(AFTER)
    rig.plc(trigger=True, request=1, count=1)
    rig.read()
    rig.scan("junk")
    rig.turn(2_300)
    assert rig.answered() == 4


@pytest.mark.parametrize(("reader", "answer"), [("scanner", 4), ("loader", 8)])
def test_carrier(reader: str, answer: int) -> None:
    """A carrier's refused code counts where it is read at the machine, not at the load point."""
    rig = rig_of(PALLETS)
    rig.observe(CodeSeen, device=reader, earliest_ms=rig.ms - 5, raw=b"junk")
    assert rig.cycle(1) == answer


def test_a_cavity_whose_reader_read_junk() -> None:
    """Its cavity is refused, and the answer is that of the worst."""
    rig = rig_of(MOULD)
    rig.observe(CodeSeen, device="scanner", earliest_ms=rig.ms - 5, raw=b"junk")
    rig.observe(CodeSeen, device="loader", earliest_ms=rig.ms - 5, raw=b"SN-2")
    assert rig.cycle(1) == 4
    (refused,) = rig.of(UnitRefused)
    assert (refused.cavity, refused.reason) == ("left", Why.BAD_CODE)
    assert refused.because[0] == rig.of(CodeRefused)[0].address
    assert [unit.cavity for unit in rig.of(UnitCompleted)] == ["right"]
    assert rig.of(UnitUnbound) == []


def test_a_control_character_counts_too() -> None:
    """Refused is refused, whoever found it."""
    rig = rig_of()
    rig.scan("SN\x001", status=FrameStatus.INVALID)
    assert rig.cycle(1) == 4
