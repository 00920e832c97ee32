"""Commands by persons: every one ends in an event and a reply, and nothing is done on a guess."""

from dataclasses import replace

import pytest

from agent.core.command import Argument, Names
from agent.core.commands import COMMAND_WITHIN_MS, TABLE
from agent.core.events import CommandRefused, Declined, LotBlocked, LotUnblocked
from agent.core.state import CommandReply, ComponentAsk
from tests.core_rig import PRESS, Rig

ARGUMENTS = [(name, argument) for name, command in TABLE.items() for argument in command.arguments]


EXAMPLES = {Names.NUMBER: "3", Names.ADDRESS: "000001-aaaa0001-1"}


def bench() -> Rig:
    """Return a station with its links up."""
    rig = Rig(PRESS)
    rig.up()
    return rig


def example(name: str) -> dict[str, str]:
    """Return arguments that a command takes."""
    return {
        argument.name: EXAMPLES.get(argument.names, "SN-1")
        for argument in TABLE[name].arguments
        if not argument.is_optional
    }


@pytest.mark.parametrize("name", TABLE)
def test_every_command_ends_in_an_event_and_its_reply(name: str) -> None:
    """Whatever it is given, it is done or refused, and the person is told where that stands."""
    rig = bench()
    n = len(rig.events)
    rig.command(name, **example(name))
    rig.answer()
    assert len(rig.events) > n
    (reply,) = rig.command_replies
    told = [event for event in rig.events[n:] if event.address == reply.address]
    assert [event.kind == "command_refused" for event in told] == [reply.refused is not None]
    assert rig.working.commands == {}


@pytest.mark.parametrize("name", TABLE)
def test_every_command_needs_a_person_and_a_reason(name: str) -> None:
    """Nobody corrects a record without saying who he is and why (D-143)."""
    rig = bench()
    rig.command(name, who="", **example(name))
    assert (rig.refused().cause, rig.refused().detail) == (Declined.NOBODY, "say who gives it")
    rig.command(name, reason="", **example(name))
    assert (rig.refused().cause, rig.refused().detail) == (Declined.NO_REASON, "say why")
    assert rig.asks == []


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_an_argument_that_cannot_be_taken_is_named(name: str, argument: Argument) -> None:
    """Missing, empty, or one too many: refused by its name, before anything is asked."""
    rig = bench()
    rig.command(name, **example(name) | {argument.name: ""})
    assert rig.refused().cause is Declined.BAD_ARGUMENT
    assert rig.refused().detail == f"'{argument.name}' is empty"
    if not argument.is_optional:
        left = {key: value for key, value in example(name).items() if key != argument.name}
        rig.command(name, **left)
        assert rig.refused().detail == f"'{argument.name}' is missing: {argument.about}"
    if not argument.is_many:
        rig.command(name, **example(name) | {argument.name: ("3", "4")})
        assert rig.refused().detail == f"'{argument.name}' is given 2 times"
    if argument.names is Names.ADDRESS:
        for wrong in ("SN-1", "000001-aaaa0001-0", "000001-AAAA0001-1"):
            rig.command(name, **example(name) | {argument.name: wrong})
            assert rig.refused().detail == (
                f"'{argument.name}' is no address such as 000042-9f3a1c7e-17: {wrong}"
            )
    if argument.names is Names.NUMBER:
        for wrong in ("many", "NaN"):
            rig.command(name, **example(name) | {argument.name: wrong})
            assert rig.refused().detail == f"'{argument.name}' is no number: {wrong}"


def test_a_command_that_there_is_not() -> None:
    """It is recorded with all that was said, and the answer says what there is."""
    rig = bench()
    rig.command("scrub", unit="SN-1", who="k:OP-7", reason="worn")
    refused = rig.refused()
    assert (refused.command, refused.arguments) == ("scrub", (("unit", "SN-1"),))
    assert (refused.cause, refused.who, refused.reason) == (
        Declined.UNKNOWN_COMMAND,
        "k:OP-7",
        "worn",
    )
    assert refused.detail == f"there are: {', '.join(TABLE)}"
    assert rig.command_replies == [
        CommandReply(command=refused.because[0], address=refused.address, refused=refused.detail)
    ]


def test_what_the_rim_found_wrong_is_refused_with_its_words() -> None:
    """A label that cannot be read is no command on another one."""
    rig = bench()
    rig.command("block-lot", lot="]C1xx", fault="no right code")
    assert (rig.refused().cause, rig.refused().detail) == (Declined.BAD_ARGUMENT, "no right code")


def test_an_argument_that_is_not_taken() -> None:
    """A slip in a name is no argument that was left out."""
    rig = bench()
    rig.command("block-lot", lot="L-1", unit="SN-1")
    assert rig.refused().detail == "it takes no 'unit', but lot"
    rig.command("scan", code="SN-1", device="east")
    assert rig.refused().detail == "it takes no 'device', but again, code, reader"


# ------------------------------------------------------------------ what is asked


def test_what_a_command_must_know_is_asked_and_waited_for() -> None:
    """It is carried out with the last answer, and not before."""
    rig = bench()
    rig.hold_checks = True
    rig.command("exchange", unit="SN-1", old="ECU-1", new="ECU-2")
    asked = [ask.component for ask in rig.checks if isinstance(ask, ComponentAsk)]
    assert asked == ["ECU-1", "ECU-2"]
    second = rig.checks.pop()
    rig.check()
    assert rig.of(CommandRefused) == []
    rig.checks.append(second)
    rig.check()
    assert rig.refused().cause is Declined.NOT_SO


def test_what_is_not_known_in_time_is_not_guessed() -> None:
    """The command is refused and may be given again; a late answer changes nothing (D-41)."""
    rig = bench()
    rig.hold_checks = True
    rig.command("remove", unit="SN-1", old="ECU-1")
    rig.turn(COMMAND_WITHIN_MS - 1)
    assert rig.of(CommandRefused) == []
    rig.turn(1)
    assert rig.refused().cause is Declined.KNOWLEDGE_MISSING
    n = len(rig.events)
    rig.check()
    assert len(rig.events) == n


def test_commands_that_wait_do_not_meet() -> None:
    """Each has its own questions and its own time; an answer for one tells the other nothing."""
    rig = bench()
    rig.hold_checks = True
    rig.command("remove", unit="SN-1", old="ECU-1")
    rig.turn(1_000)
    rig.command("scrap", unit="SN-1")
    rig.turn(COMMAND_WITHIN_MS - 1_000)
    assert (rig.refused().command, len(rig.working.commands)) == ("remove", 1)
    rig.command("remove", unit="SN-1", old="ECU-1")
    rig.check()
    assert [event.command for event in rig.of(CommandRefused)] == ["remove", "scrap", "remove"]
    assert rig.working.commands == {}


def test_a_question_without_an_answer_refuses_at_once() -> None:
    """Who is asked and cannot say need not be waited for."""
    rig = bench()
    rig.hold_checks = True
    rig.command("remove", unit="SN-1", old="ECU-1")
    rig.check(known=False)
    assert (rig.refused().cause, rig.refused().detail) == (
        Declined.KNOWLEDGE_MISSING,
        "what it needs to know could not be looked up in time; give it again",
    )
    assert rig.working.commands == {}


def test_a_command_that_waits_is_lost_with_the_run() -> None:
    """Nobody was told that it is done, and nothing of it is there afterwards."""
    rig = bench()
    rig.hold_checks = True
    rig.command("remove", unit="SN-1", old="ECU-1")
    rig.restart()
    rig.turn(2 * COMMAND_WITHIN_MS)
    assert rig.of(CommandRefused) == []
    assert rig.command_replies == []


# ------------------------------------------------------------------ lots


def test_a_lot_is_blocked_and_released_by_hand() -> None:
    """A block counts from now on, with who and why; so does its release (D-56)."""
    rig = bench()
    rig.command("block-lot", lot="L-1", reason="cracks")
    (blocked,) = rig.of(LotBlocked)
    assert (blocked.lot, blocked.source, blocked.who, blocked.reason) == (
        "L-1",
        "command",
        "k:OP-7",
        "cracks",
    )
    rig.command("block-lot", lot="L-1")
    assert (rig.refused().cause, rig.refused().detail) == (
        Declined.ALREADY,
        "'L-1' is blocked already",
    )
    rig.restart()
    rig.command("release-lot", lot="L-1", reason="measured again")
    (released,) = rig.of(LotUnblocked)
    assert (released.lot, released.source, released.reason) == (
        "L-1",
        "command",
        "measured again",
    )
    rig.command("release-lot", lot="L-1")
    assert rig.refused().detail == "'L-1' is not blocked"


def test_what_the_station_file_blocks_stays() -> None:
    """The file is edited where it says so; what persons blocked is released beside it (D-56)."""
    rig = Rig(replace(PRESS, blocked=("L-1",)))
    rig.command("release-lot", lot="L-1")
    assert rig.refused().cause is Declined.NOT_SO
    assert rig.refused().detail == (
        "'L-1' is blocked by the station file; take it out of track.blocked"
    )
    rig.command("block-lot", lot="L-1")
    rig.command("release-lot", lot="L-1")
    assert [event.source for event in rig.of(LotUnblocked)] == ["command"]
    assert [blocked.source for blocked in rig.state.material.blocked] == ["file"]
