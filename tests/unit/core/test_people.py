"""Who works here, and on which order (D-60 to D-67)."""

from dataclasses import replace

import pytest

from agent.core.events import (
    CodeScanned,
    OperatorSignedOff,
    OperatorSignedOn,
    OrderEnded,
    OrderStarted,
    SignOffReason,
)
from agent.core.parts import LONG_AGO
from tests.core_rig import FILLER, PRESS, Rig


def on(rig: Rig) -> list[str]:
    """Return who is signed on."""
    return [session.ref for session in rig.state.people.sessions]


def test_a_badge_opens_a_session_and_the_next_one_closes_it() -> None:
    """One operator a station: another badge ends the session before."""
    rig = Rig(PRESS)
    rig.scan("OP-1")
    assert on(rig) == ["k:OP-1"]
    rig.scan("OP-2")
    assert on(rig) == ["k:OP-2"]
    assert [e.reason for e in rig.of(OperatorSignedOff)] == [SignOffReason.OTHER_BADGE]
    assert len(rig.of(OperatorSignedOn)) == 2


@pytest.mark.parametrize("code", ["OP-1", "OP OFF"])
def test_badge_out_closes_the_session(code: str) -> None:
    """The same badge again, or the code for it."""
    rig = Rig(PRESS)
    rig.scan("OP-1")
    rig.turn(2_000)
    rig.scan(code)
    assert on(rig) == []
    assert rig.of(OperatorSignedOff)[-1].reason is SignOffReason.BADGE_OUT


def test_badge_out_of_nobody_ends_nothing() -> None:
    """The code for it is recorded as a scan, and no session ends that was none."""
    rig = Rig(PRESS)
    rig.scan("OP OFF")
    assert len(rig.of(CodeScanned)) == 1
    assert rig.of(OperatorSignedOff) == []


def test_events_name_who_is_on_and_nobody_else() -> None:
    """D-61: never the last known person."""
    rig = Rig(PRESS)
    rig.scan("OP-1")
    rig.scan("L-1")
    assert [ref.ref for ref in rig.events[-1].operators] == ["k:OP-1"]
    rig.scan("OP OFF")
    rig.scan("L-2")
    assert rig.events[-1].operators == ()


def test_a_session_ends_at_its_idle_limit() -> None:
    """Scans and cycles keep it alive."""
    rig = Rig(replace(PRESS, operator_idle_ms=10_000))
    rig.scan("OP-1")
    rig.turn(9_000)
    rig.scan("L-1")
    rig.turn(9_000)
    assert on(rig) == ["k:OP-1"]
    rig.turn(1_100)
    assert on(rig) == []
    assert rig.of(OperatorSignedOff)[-1].reason is SignOffReason.IDLE


@pytest.mark.parametrize(
    ("away_ms", "reboot", "stays"),
    [(599_000, False, True), (601_000, False, False), (0, True, False)],
)
def test_a_long_absence_of_the_agent_ends_the_session(
    away_ms: int,
    reboot: bool,  # noqa: FBT001 - a table
    stays: bool,  # noqa: FBT001 - a table
) -> None:
    """Ten minutes, or a boot over which nobody knows how long it was (D-60, D-91)."""
    rig = Rig(PRESS)
    rig.scan("OP-1")
    rig.ms += away_ms
    rig.restart(reboot=reboot)
    assert on(rig) == (["k:OP-1"] if stays else [])


def test_lost_history_ends_session_and_order() -> None:
    """Their end may be in the lost range."""
    rig = Rig(PRESS)
    rig.scan("OP-1")
    rig.scan("WO-1")
    rig.start(lost=(("000001-aa", 3, 4, "damaged"),))
    assert on(rig) == []
    assert rig.state.people.order is None
    assert rig.of(OrderEnded)[-1].reason == "history_lost"


def test_an_order_runs_until_the_next_or_its_end() -> None:
    """By scan: started, replaced, ended; the same again says nothing new."""
    rig = Rig(PRESS)
    for code in ("ORDER END", "WO-1", "WO-2", "WO-2", "ORDER END"):
        rig.turn(2_000)
        rig.scan(code)
    assert [e.order for e in rig.of(OrderStarted)] == ["WO-1", "WO-2"]
    assert [(e.order, e.reason) for e in rig.of(OrderEnded)] == [
        ("WO-1", "next_order"),
        ("WO-2", "scan"),
    ]


def test_an_order_comes_by_tag_too() -> None:
    """A value that is not GOOD says nothing; an empty one ends the order."""
    rig = Rig(FILLER)
    rig.link("plc", up=True)
    rig.bad = {"order"}
    rig.plc(order="WO-8")
    rig.bad = set()
    rig.plc(order=" WO-9 ")
    rig.plc(order="")
    assert [e.order for e in rig.of(OrderStarted)] == ["WO-9"]
    assert [(e.order, e.reason) for e in rig.of(OrderEnded)] == [("WO-9", "tag")]


def ended(event: OperatorSignedOff) -> tuple[object, ...]:
    """Return all that the end of a session says beside its envelope."""
    between_ms = (event.earliest_ms, event.latest_ms)
    return event.operator.ref, event.reason, between_ms, event.because, event.who, event.remark


def test_a_session_begins_and_ends_within_the_scan_of_a_badge() -> None:
    """Each event names the scan that led to it, and its end the session as well (D-60)."""
    rig = Rig(PRESS)
    rig.scan("OP-1", took_ms=30)
    (first,), (badge,) = rig.of(OperatorSignedOn), rig.of(CodeScanned)
    assert (first.earliest_ms, first.latest_ms) == (rig.ms - 30, rig.ms)
    assert (first.operator.ref, first.because) == ("k:OP-1", (badge.address,))
    rig.turn(2_000)
    rig.scan("OP-2", took_ms=40)
    second, badge = rig.of(OperatorSignedOn)[-1], rig.of(CodeScanned)[-1]
    now_ms = (rig.ms - 40, rig.ms)
    because = (badge.address, first.address)
    (end,) = rig.of(OperatorSignedOff)
    reason = SignOffReason.OTHER_BADGE
    assert ended(end) == ("k:OP-1", reason, now_ms, because, None, None)
    rig.turn(2_000)
    rig.scan("OP OFF", took_ms=50)
    badge, now_ms = rig.of(CodeScanned)[-1], (rig.ms - 50, rig.ms)
    because = (badge.address, second.address)
    reason = SignOffReason.BADGE_OUT
    assert ended(rig.of(OperatorSignedOff)[-1]) == ("k:OP-2", reason, now_ms, because, None, None)


@pytest.mark.parametrize("away_ms", [600_000, 700_000])
def test_a_session_that_an_absence_outlived_ended_when_it_began(away_ms: int) -> None:
    """Who was on is known up to the absence, and no further; a boot ago, it is not known when."""
    rig = Rig(PRESS)
    rig.scan("OP-1")
    (on_, left_ms) = rig.of(OperatorSignedOn)[0], rig.ms
    rig.ms += away_ms
    rig.restart()
    reason = SignOffReason.RESTART
    (end,) = rig.of(OperatorSignedOff)
    assert ended(end) == ("k:OP-1", reason, (left_ms, left_ms), (on_.address,), None, None)
    rig.scan("OP-3")
    rig.restart(reboot=True)
    end = rig.of(OperatorSignedOff)[-1]
    assert ended(end)[1:3] == (reason, (LONG_AGO, LONG_AGO))


def test_an_absence_of_less_than_ten_minutes_ends_no_session() -> None:
    """The agent was restarted; the person did not leave."""
    rig = Rig(PRESS)
    rig.scan("OP-1")
    rig.ms += 599_999
    rig.restart()
    assert on(rig) == ["k:OP-1"]
