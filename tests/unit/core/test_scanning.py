"""What a reader sent becomes exactly one event, whatever it was."""

from dataclasses import replace

import pytest

from agent.core import binder
from agent.core.events import CodeRefused, CodeRepeated, CodeScanned, NoRead, ScanTruncated
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.state import Reply
from drivers.base import FrameStatus
from tests.core_rig import PRESS, RULES, Rig


def rig() -> Rig:
    """Return a press in operation."""
    found = Rig(PRESS)
    found.up()
    return found


@pytest.mark.parametrize(
    ("code", "status", "kind", "good"),
    [
        ("SN-1", FrameStatus.OK, "code_scanned", True),
        ("CAR-1", FrameStatus.OK, "code_scanned", True),
        ("LOT-1", FrameStatus.OK, "code_scanned", True),
        ("junk", FrameStatus.OK, "code_refused", False),
        ("SN\x001", FrameStatus.INVALID, "code_refused", False),
        ("NOREAD", FrameStatus.OK, "no_read", None),
        ("NOREAD", FrameStatus.NO_READ, "no_read", None),
        ("SN-", FrameStatus.PARTIAL, "scan_truncated", False),
        ("SN-" * 99, FrameStatus.OVERLONG, "scan_truncated", False),
    ],
)
def test_every_frame_is_one_event_and_one_reply(
    code: str,
    status: FrameStatus,
    kind: str,
    good: bool | None,  # noqa: FBT001 - a table
) -> None:
    """Accepted, refused, nothing read or truncated; its bytes and its observation are kept."""
    press = rig()
    press.scan(code, status=status)
    assert press.new() == [kind]
    event = press.decision.events[0]
    assert isinstance(event, CodeScanned | CodeRefused | NoRead | ScanTruncated)
    assert event.raw == code.encode().hex()
    assert event.because == (press.observations[-1].id,)
    replies = () if good is None else (Reply(device="scanner", good=good),)
    assert press.decision.replies == replies


def test_a_badge_leaves_no_byte() -> None:
    """D-64: the pseudonym stands for it; of a failed one only the length is kept."""
    press = rig()
    press.scan("OP-1")
    assert (press.of(CodeScanned)[0].code, press.of(CodeScanned)[0].raw) == ("k:OP-1", None)
    press.scan("", hidden_length=7)
    refused = press.of(CodeRefused)[0]
    assert (refused.raw, refused.reason, refused.detail) == (None, "bad_badge", "7 characters")
    press.scan("", hidden_length=3, status=FrameStatus.PARTIAL)
    assert press.of(ScanTruncated)[0].raw is None


def test_what_a_code_carries_is_kept() -> None:
    """Product, serial, expiry, quantity and fields, with the parser's version."""
    pattern = r"(?P<product>P\d)(?P<serial>S\d)(?P<expiry>\d{6})Q(?P<quantity>\d)"
    rule = ScanRule(match=RegexMatch(pattern=pattern), means=Means.UNIT)
    press = Rig(replace(PRESS, scans=(rule,)))
    press.scan("P1S2270131Q5")
    event = press.of(CodeScanned)[0]
    assert (event.product, event.serial, event.expiry) == ("P1", "S2", "2027-01-31")
    assert event.quantity == "5"
    assert event.parser


def test_the_station_date_is_the_local_one() -> None:
    """An hour before midnight UTC it is the next day in Vienna (D-75)."""
    expiring = ScanRule(
        match=RegexMatch(pattern=r"L(?P<expiry>\d{6})"),
        means=Means.COMPONENT,
        position="housing",
        refuse_expired=True,
    )
    press = Rig(replace(PRESS, scans=(expiring,)))
    press.ms = 14 * 3_600_000 - 1_000  # 22:59:59 UTC on 30 November, 23:59:59 there
    press.scan("L261130", took_ms=0)
    press.ms += 2_000
    press.turn(1_500)
    press.scan("L261130", took_ms=0)
    assert [event.kind for event in press.events[-2:]] == ["code_scanned", "code_refused"]


# ------------------------------------------------------------------ repeats


def repeats(press: Rig) -> list[tuple[str, int, bool]]:
    """Return the repeats that were recorded."""
    return [(event.code, event.n, event.closed) for event in press.of(CodeRepeated)]


def test_repeats_are_told_at_once_and_counted() -> None:
    """D-34: the first at once, the total at the window's end; no second scan."""
    press = rig()
    for _ in range(4):
        press.scan("SN-1")
    assert repeats(press) == [("SN-1", 1, False)]
    press.turn(1_100)
    assert repeats(press) == [("SN-1", 1, False), ("SN-1", 3, True)]
    assert len(press.of(CodeScanned)) == 1
    assert press.of(CodeRepeated)[0].first == press.of(CodeScanned)[0].address
    press.scan("SN-1")
    assert len(press.of(CodeScanned)) == 2


def test_a_badge_is_repeated_without_its_bytes() -> None:
    """It does not sign off at once."""
    press = rig()
    press.scan("OP-1")
    press.scan("OP-1")
    assert press.of(CodeRepeated)[0].raw is None
    assert len(press.state.people.sessions) == 1


def test_another_code_closes_the_count_of_the_one_before() -> None:
    """No count is lost, and each reader counts alone."""
    press = rig()
    press.scan("SN-1")
    press.scan("SN-1")
    press.scan("SN-2")
    press.scan("SN-2")
    assert repeats(press) == [("SN-1", 1, False), ("SN-1", 1, True), ("SN-2", 1, False)]
    press.scan("SN-2", device="other")
    assert len(press.of(CodeScanned)) == 3


def test_a_cycle_makes_the_same_code_a_new_scan() -> None:
    """Never collapse over a cycle (D-34)."""
    press = rig()
    press.scan("SN-1")
    press.scan("SN-1")
    press.plc(trigger=True, request=1)
    press.answer()
    press.turn(300)
    press.scan("SN-1")
    assert len(press.of(CodeScanned)) == 2
    assert repeats(press)[-1] == ("SN-1", 1, True)


def test_a_stop_closes_every_count() -> None:
    """Nobody goes on with it."""
    press = rig()
    press.scan("SN-1")
    press.scan("SN-1")
    decision = binder.stop(press.state, press.working, "stopped", press.now)
    assert [event.kind for event in decision.events] == ["code_repeated", "agent_stopped"]


def test_no_rule_of_the_rig_is_unknown_to_scanning() -> None:
    """Each meaning that a scan can have is played here or in its module's tests."""
    played = {rule.means for rule in RULES}
    assert {Means.UNIT, Means.COMPONENT, Means.ORDER, Means.OPERATOR, Means.CANCEL} <= played


def test_a_count_is_closed_only_when_its_window_is_over() -> None:
    """Another reader's timer closes nothing."""
    press = rig()
    press.scan("SN-1")
    press.scan("SN-1")
    press.turn(500)
    press.scan("SN-2", device="other")
    press.scan("SN-2", device="other")
    press.turn(600)
    assert repeats(press)[-1] == ("SN-1", 1, True)
    press.turn(500)
    assert repeats(press)[-1] == ("SN-2", 1, True)
