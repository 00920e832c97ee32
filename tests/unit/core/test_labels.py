"""Labels that stand for a command: one is scanned, then its unit (D-35 to D-37, D-143)."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core import labels
from agent.core.events import (
    CodeRepeated,
    CodeScanned,
    CommandRefused,
    Declined,
    ExpiryReason,
    Result,
    ScanExpired,
    UnitCompleted,
    UnitReidentified,
    UnitReworked,
    UnitScrapped,
)
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.state import Decision, Reply, State
from agent.core.station import Pairing, Queue, Station, Strategy
from drivers.base import CodeScanned as CodeSeen
from tests.core_rig import ECU, PRESS, Rig

RULES = (
    *PRESS.scans,
    ScanRule(match=RegexMatch(pattern=r"SCRAP (?P<id>[A-Z]+)"), means=Means.SCRAP),
    ScanRule(match=RegexMatch(pattern="AGAIN"), means=Means.REWORK),
    ScanRule(match=RegexMatch(pattern="RENAME"), means=Means.REIDENTIFY),
    ScanRule(match=RegexMatch(pattern=r"NOK (?P<id>[A-Z]+)"), means=Means.NOK),
)
LINE = replace(PRESS, scans=RULES)
TABLE = replace(
    LINE,
    pairing=Pairing(strategy=Strategy.SCAN_ONLY, window_ms=1_000, settle_ms=200),
    handshakes=(),
    ready=None,
    devices=("scanner",),
)


class Told(Rig):
    """A station whose readers are listened to."""

    def __init__(self, station: Station) -> None:
        self.told: list[Reply] = []
        super().__init__(station)

    def _take(self, decision: Decision, before: State) -> Decision:
        self.told += decision.replies
        return super()._take(decision, before)


def rig_of(station: Station = LINE, **changes: Any) -> Told:  # noqa: ANN401 - fields of Station
    """Return a station with its links up and one person signed on."""
    rig = Told(replace(station, **changes))
    rig.up()
    rig.scan("OP-7")
    return rig


def read(rig: Told, *codes: str) -> bool:
    """Scan codes one after the other, and return what the reader is told of the last."""
    for code in codes:
        rig.turn(1_500)
        rig.told.clear()
        rig.scan(code)
    return bool(rig.told) and rig.told[-1].good


# ------------------------------------------------------------------ each of them


def test_a_unit_is_scrapped_by_two_scans() -> None:
    """It is what the command does, by who is signed on, for the reason on the label (D-36)."""
    rig = rig_of()
    assert read(rig, "SCRAP CRACK", "SN-1")
    (scrapped,) = rig.of(UnitScrapped)
    scan = rig.of(CodeScanned)[-1]
    assert (scrapped.unit, scrapped.who, scrapped.reason) == ("SN-1", "k:OP-7", "CRACK")
    assert scrapped.because == (scan.address,)
    assert (scan.means, scan.code) == ("commanded", "SN-1")
    rig.turn(2_000)
    rig.scan("SN-1")
    assert rig.cycle(1) == 6


def test_a_commanded_scan_is_no_candidate() -> None:
    """What is scanned for a command belongs to no cycle, and takes none that waits from it."""
    rig = rig_of()
    read(rig, "SN-2", "SCRAP CRACK", "SN-1")
    assert [pending.code for pending in rig.state.pairing.pending] == ["SN-2"]
    assert rig.cycle(1) == 1
    assert rig.of(UnitCompleted)[-1].unit == "SN-2"


def test_a_unit_that_waits_for_its_cycle_is_scrapped_out_of_it() -> None:
    """Its scan expires: the next unit's cycle has one candidate."""
    rig = rig_of()
    read(rig, "SN-1", "SCRAP CRACK", "SN-1")
    (expired,) = [event for event in rig.of(ScanExpired) if event.code == "SN-1"]
    assert expired.reason is ExpiryReason.CANCELLED
    read(rig, "SN-2")
    assert rig.cycle(1) == 1


def test_a_unit_is_released_by_two_scans() -> None:
    """Once more it may come, as by the command; one that was never here is refused (D-35)."""
    rig = rig_of()
    read(rig, "SN-1")
    rig.cycle(1)
    assert read(rig, "AGAIN", "SN-1")
    (released,) = rig.of(UnitReworked)
    assert (released.unit, released.visit, released.reason) == ("SN-1", 2, "AGAIN")
    read(rig, "SN-1")
    assert rig.cycle(2) == 1
    assert not read(rig, "AGAIN", "SN-9")
    assert rig.refused().cause is Declined.NOT_SO


def test_a_unit_gets_a_new_label_by_three_scans() -> None:
    """First the old label, then the new one: one to one, as by the command (D-37)."""
    rig = rig_of()
    read(rig, "SN-1")
    rig.cycle(1)
    assert read(rig, "RENAME", "SN-1", "SN-2")
    (renamed,) = rig.of(UnitReidentified)
    assert (renamed.unit, renamed.new, renamed.who) == ("SN-1", "SN-2", "k:OP-7")
    assert rig.state.labels.waiting == ()
    assert rig.state.pairing.pending == ()


def test_a_label_read_twice_is_not_its_own_successor() -> None:
    """The old label once more within the repeat window is a repeat, not the new label."""
    rig = rig_of()
    read(rig, "RENAME", "SN-1")
    rig.scan("SN-1")
    assert len(rig.of(CodeRepeated)) == 1
    assert rig.of(UnitReidentified) == []
    read(rig, "SN-2")
    assert [(each.unit, each.new) for each in rig.of(UnitReidentified)] == [("SN-1", "SN-2")]


def test_a_unit_read_twice_after_its_command_does_not_wait() -> None:
    """A repeat of what was commanded is no new scan of a unit, and no candidate."""
    rig = rig_of()
    read(rig, "SCRAP CRACK", "SN-1")
    rig.scan("SN-1")
    assert len(rig.of(CodeRepeated)) == 1
    assert rig.state.pairing.pending == ()


def test_at_a_bench_a_unit_is_nok_by_a_label() -> None:
    """The label before it makes the result NOK, and is in what led there; the next unit is OK."""
    rig = rig_of(TABLE)
    read(rig, "NOK SCRATCH", "SN-1")
    rig.turn(1_300)
    rig.answer()
    label, scan = rig.of(CodeScanned)[-2:]
    (unit,) = rig.of(UnitCompleted)
    assert (unit.unit, unit.result, unit.answer) == ("SN-1", Result.NOK, 2)
    assert unit.because == (label.address, scan.address)
    assert (label.means, label.code, unit.why) == ("nok", "SCRATCH", ())
    assert rig.decision.replies == (Reply(device="scanner", good=True),)
    read(rig, "SN-2")
    rig.turn(1_300)
    rig.answer()
    assert rig.of(UnitCompleted)[-1].result is Result.OK


def test_what_was_said_of_a_unit_holds_over_a_restart() -> None:
    """A unit that waits at the bench is NOK after a kill too: it is in the events."""
    rig = rig_of(TABLE)
    read(rig, "NOK SCRATCH", "SN-1")
    rig.restart()
    rig.link("scanner", up=True)
    rig.turn(1_300)
    rig.answer()
    assert rig.of(UnitCompleted)[-1].result is Result.NOK


def test_a_late_second_scan_is_looked_at_with_the_label() -> None:
    """While a unit that is NOK is looked up, another code makes two: unbound, as ever (D-25)."""
    rig = rig_of(TABLE)
    read(rig, "NOK SCRATCH", "SN-1")
    rig.turn(1_300)
    rig.observe(CodeSeen, device="scanner", earliest_ms=rig.ms - 600, raw=b"SN-2")
    rig.turn(2_500)
    rig.answer()
    assert rig.units()[-1].kind == "unit_unbound"


# ------------------------------------------------------------------ who, where, how long


def test_nobody_gives_no_command() -> None:
    """With nobody signed on it is refused, recorded, and the reader is told (D-61, D-143)."""
    rig = Told(LINE)
    rig.up()
    assert not read(rig, "SCRAP CRACK", "SN-1")
    refused = rig.of(CommandRefused)[-1]
    assert (refused.cause, refused.command) == (Declined.NOBODY, "scrap")
    assert rig.of(UnitScrapped) == []


def test_where_nobody_is_recorded_it_is_unnamed() -> None:
    """`operators: {mode: none}` is the plant's own choice (D-66)."""
    rig = Told(replace(LINE, people="none"))
    rig.up()
    assert read(rig, "SCRAP CRACK", "SN-1")
    assert rig.of(UnitScrapped)[-1].who == "unnamed"


def test_what_cannot_be_known_in_time_is_refused() -> None:
    """Nothing is done on a guess: without an answer the reader is told bad, and it is recorded."""
    rig = rig_of()
    rig.hold_checks = True
    read_first = rig.scan("AGAIN")
    assert read_first.replies == (Reply(device="scanner", good=True),)
    assert rig.scan("SN-1").replies == ()
    rig.turn(5_000)
    assert rig.refused().cause is Declined.KNOWLEDGE_MISSING
    assert rig.decision.replies == (Reply(device="scanner", good=False),)


def test_a_label_waits_at_its_own_reader() -> None:
    """A unit that another reader reads is that one's business."""
    rig = rig_of()
    rig.scan("SCRAP CRACK", device="hand")
    rig.scan("SN-1")
    assert [pending.code for pending in rig.state.pairing.pending] == ["SN-1"]
    assert [label.device for label in rig.state.labels.waiting] == ["hand"]


@pytest.mark.parametrize("code", ["CANCEL", "AGAIN"])
def test_a_label_is_taken_back(code: str) -> None:
    """By the cancel code, or by another label, which then waits in its place."""
    rig = rig_of()
    read(rig, "SCRAP CRACK", code)
    (expired,) = rig.of(ScanExpired)
    reason = ExpiryReason.CANCELLED if code == "CANCEL" else ExpiryReason.SUPERSEDED
    assert (expired.code, expired.reason) == ("CRACK", reason)
    assert [label.reason for label in rig.state.labels.waiting] == ["AGAIN"] * (code == "AGAIN")


def test_a_label_waits_only_so_long() -> None:
    """A unit that is scanned later is a unit like any other, and the label has its event."""
    rig = rig_of()
    rig.scan("SCRAP CRACK")
    rig.turn(labels.WITHIN_MS)
    assert [(each.code, each.reason) for each in rig.of(ScanExpired)] == [
        ("CRACK", ExpiryReason.WINDOW)
    ]
    rig.scan("SN-1")
    assert rig.of(UnitScrapped) == []
    assert len(rig.state.pairing.pending) == 1


@pytest.mark.parametrize(
    ("reboot", "lost", "reason"),
    [
        (False, (), ExpiryReason.RESTART),
        (True, (), ExpiryReason.OTHER_BOOT),
        (False, (("000001-aa", 90, 91, "damaged"),), ExpiryReason.HISTORY_LOST),
    ],
)
def test_no_label_waits_over_a_restart(
    reboot: bool,  # noqa: FBT001 - a case
    lost: tuple[tuple[str, int, int, str], ...],
    reason: ExpiryReason,
) -> None:
    """Its unit may have been scanned meanwhile: the next one is not scrapped for it."""
    rig = rig_of()
    rig.scan("SCRAP CRACK")
    if lost:
        rig.start(lost)
    else:
        rig.restart(reboot=reboot)
    assert [each.reason for each in rig.of(ScanExpired) if each.code == "CRACK"] == [reason]
    assert rig.state.labels.waiting == ()


def test_at_the_ends_of_a_queue_it_moves_nothing() -> None:
    """A part that is scrapped at the second reader does not say which part is at the head."""
    queue = Queue(entry="scanner", fewest=1, most=9, gate=False, sync="hand")
    pairing = Pairing(strategy=Strategy.FIFO, window_ms=1_000, settle_ms=200, queue=queue)
    rig = rig_of(pairing=pairing)
    read(rig, "SN-1", "SN-2")
    before = rig.state.queue
    rig.turn(1_500)
    rig.scan("SCRAP CRACK", device="hand")
    rig.scan("SN-2", device="hand")
    assert rig.of(UnitScrapped)[-1].unit == "SN-2"
    assert rig.state.queue == before


def test_a_serial_component_is_no_unit() -> None:
    """Codes with another meaning mean what they mean, and the label waits on."""
    rig = rig_of(components=(ECU,))
    read(rig, "SCRAP CRACK", "ECU-1")
    assert [waiting.component for waiting in rig.state.material.waiting] == ["ECU-1"]
    assert len(rig.state.labels.waiting) == 1


def test_a_unit_that_is_scrapped_from_afar_is_refused_in_its_machine() -> None:
    """Nobody took it away: its scan waits on, and its cycle says what is wrong with it (D-36)."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.command("scrap", unit="SN-1", unseen="yes")
    assert [pending.code for pending in rig.state.pairing.pending] == ["SN-1"]
    assert rig.cycle(1) == 6
