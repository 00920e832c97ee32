"""A code that a person keys in, in the place of a reader that cannot read it (D-85)."""

from dataclasses import replace

import pytest

from agent.core.events import (
    Certainty,
    CodeRefused,
    CodeRepeated,
    CodeScanned,
    CommandRefused,
    Declined,
    NoRead,
    ScanExpired,
    UnitCompleted,
    UnitUnbound,
)
from agent.core.state import CommandReply, Reply
from agent.core.station import Station
from drivers.base import CodeScanned as CodeSeen
from drivers.base import CommandGiven, Entry, FrameStatus
from tests.core_rig import PRESS, Rig

KEYED = replace(PRESS, keyed=("scanner",))
TWO = replace(PRESS, keyed=("east", "scanner"))
TWICE = replace(TWO, keyed_twice=("scanner",))


def rig_of(station: Station = KEYED) -> Rig:
    """Return a station with its links up."""
    rig = Rig(station)
    rig.up()
    return rig


def key(
    rig: Rig,
    code: str,
    *,
    reader: str = "",
    again: str = "",
    is_sent: bool = True,
    **seen: object,
) -> None:
    """Let a person key in a code, as the rim hands it on."""
    also = (("reader", reader), ("again", again))
    name = f"{rig.runs}-{len(rig.observations)}"
    members = {"raw": code.encode(), "entry": Entry.KEYED, "who": "k:OP-7", "entry_reason": "torn"}
    scan = CodeSeen(
        id=name,
        device="",
        earliest_ms=rig.ms,
        latest_ms=rig.ms,
        received=rig.now,
        **members | seen,  # type: ignore[arg-type]  # fields of the observation
    )
    rig.command_replies.clear()
    rig.observe(
        CommandGiven,
        id=name,
        command="scan",
        who="k:OP-7",
        reason="torn",
        arguments=(("code", code), *(pair for pair in also if pair[1])),
        scan=scan if is_sent else None,
    )


def reply(rig: Rig) -> CommandReply:
    """Return the one reply to the newest command."""
    (found,) = rig.command_replies
    return found


# ------------------------------------------------------------------ taken


def test_a_keyed_code_binds_as_a_read_one_does_and_is_marked() -> None:
    """Its event says that it was keyed, by whom and why; the unit is as certain as by a read."""
    rig = rig_of()
    key(rig, "SN-1")
    (scan,) = rig.of(CodeScanned)
    assert (scan.entry, scan.who, scan.entry_reason) == (Entry.KEYED, "k:OP-7", "torn")
    assert (scan.device, scan.raw, scan.code, scan.means) == (
        "scanner",
        b"SN-1".hex(),
        "SN-1",
        "unit",
    )
    assert (scan.certainty, scan.earliest_ms, scan.latest_ms) == (Certainty.CERTAIN, rig.ms, rig.ms)
    assert reply(rig) == CommandReply(command=scan.because[0], address=scan.address)
    rig.turn(50)
    assert rig.cycle(1) == 1
    (unit,) = rig.of(UnitCompleted)
    assert (unit.unit, unit.certainty) == ("SN-1", Certainty.CERTAIN)
    assert scan.address in unit.because


def test_a_cycle_that_waits_for_its_scan_takes_the_keyed_one() -> None:
    """A code that is keyed while the cycle settles is its own, as one that is read then."""
    rig = rig_of()
    rig.plc(trigger=True, request=1, count=1)
    rig.answer()
    rig.turn(50)
    key(rig, "SN-1")
    rig.answer()
    rig.turn(201)
    rig.answer()
    (unit,) = rig.of(UnitCompleted)
    assert unit.unit == "SN-1"


def test_a_keyed_code_after_a_read_one_is_a_second_candidate() -> None:
    """Keying chooses nothing: two units before one cycle leave it unbound (law 1 of pairing)."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.turn(1_500)
    key(rig, "SN-2")
    rig.cycle(1)
    (unbound,) = rig.of(UnitUnbound)
    assert unbound.candidates == ("SN-1", "SN-2")


def test_a_code_that_was_read_has_no_mark() -> None:
    """The mark is for what a person or a keyboard may have altered, and for nothing else."""
    rig = rig_of()
    rig.scan("SN-1")
    rig.scan("??")
    both: list[CodeScanned | CodeRefused] = [*rig.of(CodeScanned), *rig.of(CodeRefused)]
    for event in both:
        assert (event.entry, event.who, event.entry_reason) == (None, None, None)


def test_a_reader_that_acts_as_a_keyboard_marks_its_codes() -> None:
    """A wedge may have altered what it typed: accepted or refused, it says so (D-84)."""
    rig = rig_of(PRESS)
    rig.scan("SN-1", entry=Entry.WEDGE)
    rig.scan("??", entry=Entry.WEDGE)
    (scan,), (refused,) = rig.of(CodeScanned), rig.of(CodeRefused)
    assert (scan.entry, refused.entry) == (Entry.WEDGE, Entry.WEDGE)


def test_the_symbol_of_a_keyed_code_is_not_known() -> None:
    """What the rim put before a printed label for its sake is no word of a reader."""
    rig = rig_of()
    key(rig, "]A0SN-1")
    rig.turn(2_000)
    rig.scan("]A0SN-2")
    keyed, read = rig.of(CodeScanned)
    assert (keyed.code, keyed.symbology, read.symbology) == ("SN-1", None, "]A0")
    assert keyed.raw == b"]A0SN-1".hex()


def test_a_badge_that_is_keyed_signs_on_and_keeps_nothing_of_its_number() -> None:
    """It is the same person as by the badge; of the number there is the pseudonym alone (D-64)."""
    rig = rig_of()
    key(rig, "k:OP-9", raw=b"", operator="k:OP-9", role="setter")
    (scan,) = rig.of(CodeScanned)
    assert (scan.code, scan.raw, scan.role, scan.entry) == ("k:OP-9", None, "setter", Entry.KEYED)
    assert [session.ref for session in rig.state.people.sessions] == ["k:OP-9"]
    assert reply(rig).refused is None


def test_what_a_keyed_code_becomes_is_told_at_the_reader_too() -> None:
    """Who stands at the machine hears it as by a read."""
    rig = rig_of()
    key(rig, "SN-1")
    assert rig.decision.replies == (Reply(device="scanner", good=True),)
    key(rig, "??")
    assert rig.decision.replies == (Reply(device="scanner", good=False),)


# ------------------------------------------------------------------ which reader


def test_the_reader_is_the_one_that_is_named() -> None:
    """Where codes are keyed for several readers, each code is of the one that was said."""
    rig = rig_of(TWO)
    key(rig, "SN-1", reader="scanner")
    key(rig, "SN-2", reader="east")
    assert [(scan.code, scan.device) for scan in rig.of(CodeScanned)] == [
        ("SN-1", "scanner"),
        ("SN-2", "east"),
    ]


@pytest.mark.parametrize(
    ("station", "reader", "cause", "detail"),
    [
        (
            PRESS,
            "",
            Declined.NOT_ALLOWED,
            "no code may be keyed here; `keyed: true` at a scanner in the station file lets it",
        ),
        (
            PRESS,
            "scanner",
            Declined.NOT_ALLOWED,
            "no code may be keyed here; `keyed: true` at a scanner in the station file lets it",
        ),
        (
            TWO,
            "west",
            Declined.NOT_ALLOWED,
            "for 'west' no code may be keyed, but for: east, scanner",
        ),
        (
            TWO,
            "",
            Declined.BAD_ARGUMENT,
            "'reader' is missing: codes may be keyed for east, scanner",
        ),
    ],
)
def test_a_code_that_may_not_be_keyed_is_refused_and_recorded(
    station: Station, reader: str, cause: Declined, detail: str
) -> None:
    """Nothing is bound to it, and what was keyed stands in the refusal: no scan disappears."""
    rig = rig_of(station)
    key(rig, "SN-1", reader=reader)
    refused = rig.refused()
    assert (refused.cause, refused.detail, refused.who) == (cause, detail, "k:OP-7")
    assert dict(refused.arguments)["code"] == "SN-1"
    assert rig.new() == ["command_refused"]
    assert rig.state.pairing.pending == ()
    assert reply(rig) == CommandReply(
        command=refused.because[0], address=refused.address, refused=detail
    )


def test_a_character_that_no_reader_sends_is_refused() -> None:
    """What is no byte is no code, whichever rule would take the rest."""
    rig = rig_of()
    key(rig, "SN-1€", is_sent=False)
    refused = rig.refused()
    assert (refused.cause, refused.detail) == (
        Declined.BAD_ARGUMENT,
        "'code' has a character that no reader sends",
    )


# ------------------------------------------------------------------ keyed in twice


def test_a_code_that_is_keyed_twice_alike_is_taken() -> None:
    """A code without a check digit shows no slip of the finger (I10)."""
    rig = rig_of(TWICE)
    key(rig, "SN-1", reader="scanner", again="SN-1")
    assert [scan.code for scan in rig.of(CodeScanned)] == ["SN-1"]
    assert reply(rig).refused is None


@pytest.mark.parametrize(
    ("again", "detail"),
    [
        ("", "'again' is missing: for 'scanner' a code has to be keyed in twice"),
        ("SN-7", "the two entries differ; compare them with the label and key it in anew"),
    ],
)
def test_a_slip_is_refused_and_both_entries_are_recorded(again: str, detail: str) -> None:
    """Nothing is bound to either of them."""
    rig = rig_of(TWICE)
    key(rig, "SN-1", reader="scanner", again=again)
    refused = rig.refused()
    assert (refused.cause, refused.detail) == (Declined.BAD_ARGUMENT, detail)
    given = dict(refused.arguments)
    assert (given["code"], given.get("again", "")) == ("SN-1", again)
    assert rig.of(CodeScanned) == []
    assert reply(rig).refused == detail


def test_where_once_is_enough_a_second_entry_counts_all_the_same() -> None:
    """Who keys it twice of his own accord wants it compared."""
    rig = rig_of(TWICE)
    key(rig, "SN-1", reader="east")
    assert len(rig.of(CodeScanned)) == 1
    key(rig, "SN-2", reader="east", again="SN-3")
    assert rig.refused().cause is Declined.BAD_ARGUMENT


# ------------------------------------------------------------------ judged, and refused


def test_a_keyed_code_that_no_rule_takes_is_refused_with_its_bytes() -> None:
    """It is `code_refused` as by a read, marked, and the person is told what is wrong."""
    rig = rig_of()
    key(rig, "SM-1")
    (refused,) = rig.of(CodeRefused)
    assert (refused.raw, refused.reason, refused.device) == (b"SM-1".hex(), "no_rule", "scanner")
    assert (refused.entry, refused.who, refused.entry_reason) == (Entry.KEYED, "k:OP-7", "torn")
    assert reply(rig) == CommandReply(
        command=refused.because[0],
        address=refused.address,
        refused=f"no_rule: {refused.detail}",
    )
    assert rig.cycle(1) == 4


def test_a_refusal_without_words_is_told_by_its_name() -> None:
    """A badge that failed has a length and no more; a bare reason is told as it is."""
    rig = rig_of()
    key(rig, "9 characters", raw=b"", hidden_length=9)
    assert reply(rig).refused == "bad_badge: 9 characters"
    key(rig, "SN-1", status=FrameStatus.INVALID)
    assert reply(rig).refused == "control_character"


def test_what_a_reader_says_for_nothing_read_is_no_code_by_hand() -> None:
    """It is refused: only the reader says that it failed."""
    rig = rig_of()
    key(rig, "NOREAD")
    (refused,) = rig.of(CodeRefused)
    assert (refused.reason, refused.entry) == ("no_read", Entry.KEYED)
    assert reply(rig).refused == "no_read: the reader says by it that it read nothing"
    assert rig.of(NoRead) == []
    rig.scan("NOREAD")
    assert len(rig.of(NoRead)) == 1


def test_the_code_that_was_read_a_moment_ago_counts_once() -> None:
    """A repeat adds no candidate (D-34); the person is told, for it may be on another piece."""
    rig = rig_of()
    rig.scan("SN-1")
    key(rig, "SN-1")
    refused = rig.refused()
    assert (refused.cause, refused.detail) == (
        Declined.ALREADY,
        "it came from 'scanner' a moment ago and counts once; is it on another piece?",
    )
    assert reply(rig).refused == refused.detail
    key(rig, "SN-1")
    assert len(rig.of(CommandRefused)) == 2
    assert len(rig.of(CodeScanned)) == 1
    assert rig.of(CodeRepeated)[0].n == 1
    rig.turn(2_000)
    key(rig, "SN-1")
    assert reply(rig).refused is None
    assert [expired.reason for expired in rig.of(ScanExpired)] == ["superseded"]


def test_a_kill_after_a_keyed_code_leaves_what_it_leaves_of_a_read_one() -> None:
    """What was keyed waits on over a restart, and binds as possible: a newer one may be missed."""
    rig = rig_of()
    key(rig, "SN-1")
    rig.restart()
    rig.up()
    rig.cycle(1)
    (unit,) = rig.of(UnitCompleted)
    assert (unit.unit, unit.certainty) == ("SN-1", Certainty.POSSIBLE)
