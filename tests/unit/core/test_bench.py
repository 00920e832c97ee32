"""Strategy `scan-only`: the scan is the cycle, and two codes are never a choice (D-23, D-82)."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import bench
from agent.core.bench import BENCH, Kind, Phase
from agent.core.crew import Crew, Need
from agent.core.draft import Draft
from agent.core.events import (
    Certainty,
    CodeScanned,
    ExpiryReason,
    ScanExpired,
    UnitCompleted,
    UnitRefused,
    UnitUnbound,
    Why,
)
from agent.core.state import LookupAsk, Reply
from agent.core.station import Pairing, Policy, Strategy
from drivers.base import AskAnswered
from drivers.base import CodeScanned as CodeSeen
from tests.core_rig import ECU, PRESS, Rig

TABLE = replace(
    PRESS,
    pairing=Pairing(strategy=Strategy.SCAN_ONLY, window_ms=1_000, settle_ms=200),
    handshakes=(),
    ready=None,
    devices=("scanner",),
)
OVER_MS = 1_201
"""After the scan's end: nothing more can come that began within the window."""


def rig_of(**changes: Any) -> Rig:  # noqa: ANN401 - fields of Station
    """Return a bench whose reader is there."""
    rig = Rig(replace(TABLE, **changes))
    rig.link("scanner", up=True)
    return rig


def read(rig: Rig, code: str, *, reader: str = "scanner", began_ms: int = 0) -> None:
    """Let a reader send a code that it began to read some time ago."""
    earliest_ms = rig.ms - began_ms
    rig.observe(CodeSeen, device=reader, earliest_ms=earliest_ms, raw=code.encode())


def over(rig: Rig) -> None:
    """Let the window end and the look-up be answered."""
    rig.turn(OVER_MS)
    rig.answer()


def replies(rig: Rig) -> list[bool]:
    """Return what the newest decision tells the readers."""
    return [reply.good for reply in rig.decision.replies]


def test_table_is_total() -> None:
    """Each phase has a row for each signal."""
    assert set(bench.ROWS) == set(product(Phase, Kind))


# ------------------------------------------------------------------ none, one, two


def test_no_scan_is_no_cycle() -> None:
    """A bench at which nothing is scanned records nothing, whatever the time (D-23)."""
    rig = rig_of()
    rig.turn(60_000)
    assert rig.units() == []
    assert bench.phase(rig.state, rig.working) is Phase.EMPTY


def test_one_scan_is_the_unit() -> None:
    """A unit that nothing followed within the window is certain, and the reader is told (D-23)."""
    rig = rig_of()
    assert rig.scan("SN-1").replies == ()
    assert bench.phase(rig.state, rig.working) is Phase.OPEN
    (scan,) = rig.of(CodeScanned)
    rig.turn(OVER_MS - 1)
    assert rig.units() == []
    rig.turn(1)
    assert bench.phase(rig.state, rig.working) is Phase.LOOKING
    rig.answer()
    (unit,) = rig.units()
    assert isinstance(unit, UnitCompleted)
    assert (unit.unit, unit.certainty, unit.because) == ("SN-1", Certainty.CERTAIN, (scan.address,))
    assert (unit.handshake, unit.answer, unit.visit, unit.request) == ("end", 1, 1, None)
    assert (unit.earliest_ms, unit.latest_ms) == (scan.earliest_ms, scan.latest_ms)
    assert rig.decision.replies == (Reply(device="scanner", good=True),)
    assert bench.phase(rig.state, rig.working) is Phase.EMPTY


def test_two_codes_within_the_window_are_unbound_with_both() -> None:
    """Two different codes are never a choice: both are kept, both are spent (D-25, D-82)."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.turn(900)
    rig.scan("SN-2")
    over(rig)
    (unit,) = rig.units()
    assert isinstance(unit, UnitUnbound)
    assert (unit.candidates, unit.why) == (("SN-1", "SN-2"), (Why.TWO_CANDIDATES,))
    assert unit.because == tuple(scan.address for scan in rig.of(CodeScanned))
    assert replies(rig) == [False]
    assert rig.state.pairing.pending == ()


def test_code_after_the_window_is_the_next_cycle() -> None:
    """A code that began after the window of the one before is a unit of its own (D-82)."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.turn(1_001)
    read(rig, "SN-2")
    rig.turn(200)
    rig.answer()
    over(rig)
    assert [unit.unit for unit in rig.of(UnitCompleted)] == ["SN-1", "SN-2"]
    assert {unit.certainty for unit in rig.units()} == {Certainty.CERTAIN}


def test_third_code_within_the_window_of_the_second_is_none_of_a_pair() -> None:
    """The window counts from the newest: three codes in a row are one ambiguity (D-25)."""
    rig = rig_of()
    for code in ("SN-1", "SN-2", "SN-3"):
        rig.scan(code)
        rig.turn(700)
    over(rig)
    (unit,) = rig.units()
    assert isinstance(unit, UnitUnbound)
    assert unit.candidates == ("SN-1", "SN-2", "SN-3")


# ------------------------------------------------------------------ late, repeated, taken back


def test_scan_that_was_slow_to_come_joins_its_cycle() -> None:
    """A scan that began within the window but came during the look-up makes two (D-24)."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.turn(OVER_MS)
    read(rig, "SN-2", began_ms=300)
    assert bench.phase(rig.state, rig.working) is Phase.OPEN
    rig.look_up()
    assert rig.units() == []
    over(rig)
    (unit,) = rig.units()
    assert isinstance(unit, UnitUnbound)


def test_scan_of_the_next_cycle_leaves_a_look_up_alone() -> None:
    """A code after the window, while the look-up runs, changes nothing of the cycle before."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.turn(OVER_MS)
    rig.scan("SN-2", took_ms=1)
    rig.answer()
    assert [unit.unit for unit in rig.of(UnitCompleted)] == ["SN-1"]
    over(rig)
    assert [unit.unit for unit in rig.of(UnitCompleted)] == ["SN-1", "SN-2"]


def test_same_code_again_is_no_second_candidate() -> None:
    """A repeat is counted; the same code at another reader leads to the same unit (D-34)."""
    rig = rig_of(repeat_window_ms=500)
    rig.scan("SN-1")
    rig.scan("SN-1")
    assert rig.new() == ["code_repeated"]
    read(rig, "SN-1", reader="second")
    over(rig)
    (unit,) = rig.units()
    assert isinstance(unit, UnitCompleted)
    assert unit.because == tuple(scan.address for scan in rig.of(CodeScanned))
    assert rig.of(ScanExpired) == []
    assert rig.decision.replies == (
        Reply(device="scanner", good=True),
        Reply(device="second", good=True),
    )


@pytest.mark.parametrize("turn_ms", [10, OVER_MS])
def test_cancel_takes_the_scan_back(turn_ms: int) -> None:
    """A cancel code empties the bench, also while the look-up runs (D-23)."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.turn(turn_ms)
    rig.scan("CANCEL")
    assert bench.phase(rig.state, rig.working) is Phase.EMPTY
    rig.answer()
    over(rig)
    assert rig.units() == []
    assert [event.reason for event in rig.of(ScanExpired)] == [ExpiryReason.CANCELLED]


# ------------------------------------------------------------------ refused


def test_unit_that_was_here_is_refused_or_comes_again() -> None:
    """A duplicate is refused and the reader told; where visits are allowed it counts (D-35)."""
    for policy, kinds in (
        (Policy.REFUSE, [UnitCompleted, UnitRefused]),
        (Policy.RECORD, [UnitCompleted, UnitCompleted]),
    ):
        rig = rig_of(duplicates=policy)
        for _ in range(2):
            rig.scan("SN-1")
            over(rig)
        assert [type(unit) for unit in rig.units()] == kinds
        assert replies(rig) == [policy is Policy.RECORD]
        assert rig.state.pairing.pending == ()


def test_unit_without_operator_is_refused() -> None:
    """What the bench requires is asked before the look-up; the scan is spent."""
    rig = rig_of(crew=Crew(needs=(Need(),)))
    rig.scan("SN-1")
    over(rig)
    (unit,) = rig.units()
    assert isinstance(unit, UnitRefused)
    assert (unit.reason, unit.unit) == (Why.OPERATOR_MISSING, "SN-1")
    assert replies(rig) == [False]


def test_unknown_history_goes_by_policy() -> None:
    """A look-up that says nothing in time lets the policy decide (D-41)."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.turn(OVER_MS)
    rig.turn(499)
    assert rig.units() == []
    rig.turn(1)
    (unit,) = rig.units()
    assert (unit.certainty, unit.why) == (Certainty.POSSIBLE, (Why.KNOWLEDGE_MISSING,))
    rig.look_up()
    assert len(rig.units()) == 1


def test_components_go_into_the_unit_after_them() -> None:
    """A serial component is installed in the unit that is scanned next (D-42)."""
    rig = rig_of(components=(replace(ECU, required=True),))
    rig.scan("SN-1")
    over(rig)
    rig.scan("ECU-5")
    rig.turn(300)
    rig.scan("SN-2")
    over(rig)
    first, second = rig.units()
    assert isinstance(first, UnitRefused)
    assert first.reason is Why.COMPONENT_MISSING
    assert second.components[0].candidates == ("ECU-5",)
    assert rig.new() == ["unit_completed", "component_installed"]
    assert replies(rig) == [True]


# ------------------------------------------------------------------ restarts


def test_scan_pending_over_a_restart_is_possible() -> None:
    """A newer code may have been missed while the agent was away (D-24)."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.restart()
    rig.link("scanner", up=True)
    over(rig)
    (unit,) = rig.units()
    assert (unit.unit, unit.certainty) == ("SN-1", Certainty.POSSIBLE)
    assert unit.why == (Why.SCAN_BEFORE_RESTART,)


def test_scan_pending_over_a_boot_is_given_up() -> None:
    """Its age is not known any more (D-91)."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.restart(reboot=True)
    over(rig)
    assert rig.units() == []
    assert [event.reason for event in rig.of(ScanExpired)] == [ExpiryReason.OTHER_BOOT]


def test_restart_in_the_look_up_asks_again() -> None:
    """What was not answered before the agent went down is looked up by the next run."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.turn(OVER_MS)
    rig.restart()
    rig.turn(10)
    assert [ask.unit for ask in rig.asks if isinstance(ask, LookupAsk)] == ["SN-1"]


# ------------------------------------------------------------------ signals without effect


def test_answer_that_nobody_waits_for_says_nothing() -> None:
    """Another ask's answer changes nothing, and no row is without one (D-23)."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.observe(AskAnswered, ask="ask-77", known=True)
    assert rig.new() == []
    for kind in Kind:
        if kind is not Kind.TIMER:
            before = rig.state
            bench.ROWS[Phase.EMPTY, kind](_draft(rig), None)
            bench.ROWS[Phase.OPEN, kind](_draft(rig), None)
            assert rig.state == before


def _draft(rig: Rig) -> Draft:
    return Draft(rig.state, rig.working, rig.now, lambda state, _event: state)


# ------------------------------------------------------------------ for every bench


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from([1, 300, 900, 1_100, 2_500])),
        min_size=1,
        max_size=12,
    )
)
def test_every_scan_ends_and_no_unit_is_bound_beside_another(
    scans: list[tuple[int, int]],
) -> None:
    """Each scan is bound, unbound or expired; a bound one stood alone in its window (D-25)."""
    rig = rig_of(duplicates=Policy.RECORD, lookup_within_ms=60_000)
    for number, pause_ms in scans:
        rig.scan(f"SN-{number}")
        rig.turn(pause_ms)
        rig.answer()
    over(rig)
    over(rig)
    taken = rig.of(CodeScanned)
    named = {address for unit in rig.units() for address in unit.because}
    ended = named | {address for event in rig.of(ScanExpired) for address in event.because}
    assert ended == {scan.address for scan in taken}
    for unit in rig.of(UnitCompleted):
        (own,) = [scan for scan in taken if scan.address == unit.because[-1]]
        near = {
            scan.code
            for scan in taken
            if scan.earliest_ms - 1_000 <= own.latest_ms
            and own.earliest_ms - 1_000 <= scan.latest_ms
        }
        assert near == {unit.unit}
        assert unit.certainty is Certainty.CERTAIN
    assert {unit.handshake for unit in rig.units()} <= {BENCH.name}
