"""What is keyed in is what a reader would have sent, and hides what a reader's scan hides."""

from dataclasses import replace
from datetime import date

from agent.app.conceal import concealer
from agent.app.keying import with_scan
from agent.config.loaded import StationConfig
from drivers.base import CodeScanned, CommandGiven, Entry
from tests.core_rig import instant
from tests.unit.config.stations import PRESS, loaded

DAY = date(2026, 11, 26)


def keyed(
    *codes: str,
    command: str = "scan",
    config: StationConfig | None = None,
    arguments: tuple[tuple[str, str], ...] = (),
) -> CommandGiven:
    """Return a command with these codes as the core gets it."""
    config = config or loaded(PRESS)
    given = CommandGiven(
        id="command-1",
        device="",
        earliest_ms=70,
        latest_ms=70,
        received=instant(70),
        command=command,
        who="k:OP-7",
        reason="torn",
        arguments=arguments or (*(("code", code) for code in codes), ("reader", "scanner")),
    )
    conceal = concealer(config.station, config.operators, b"key")
    return with_scan(given, config.station, conceal, DAY)


def test_a_keyed_code_is_a_scan_of_its_moment_with_its_person() -> None:
    """It has the bytes, the moment of the command, and who keyed it why; no reader as yet."""
    given = keyed("SN000001")
    assert given.scan == CodeScanned(
        id="command-1",
        device="",
        earliest_ms=70,
        latest_ms=70,
        received=instant(70),
        raw=b"SN000001",
        entry=Entry.KEYED,
        who="k:OP-7",
        entry_reason="torn",
    )
    assert given.arguments == (("code", "SN000001"), ("reader", "scanner"))


def test_a_badge_number_stands_nowhere() -> None:
    """As a badge it becomes the pseudonym, cut short its length, in the arguments too (D-64)."""
    given = keyed("OP-4711")
    assert given.scan is not None
    assert given.scan.raw == b""
    assert given.scan.operator is not None
    assert given.arguments[0] == ("code", given.scan.operator)
    cut = keyed("OP-471")
    assert (cut.scan and cut.scan.raw, cut.scan and cut.scan.hidden_length) == (b"", 6)
    assert cut.arguments[0] == ("code", "6 characters")
    assert keyed("OP-4711€").arguments[0] == ("code", "8 characters")
    assert "4711" not in repr((given, keyed("SN000001", "OP-4711"), keyed("OP-4711€")))


def test_what_no_reader_sends_is_no_scan() -> None:
    """A character that is no byte is not made one."""
    given = keyed("SN000001€")
    assert given.scan is None
    assert given.arguments[0] == ("code", "SN000001€")
    assert keyed("SN00000é").scan is not None


def test_what_is_keyed_again_is_compared_and_is_no_scan_of_its_own() -> None:
    """Whichever comes first; it hides what the code itself hides."""
    for arguments in (
        (("again", "SN000002"), ("code", "SN000001")),
        (("code", "SN000001"), ("again", "SN000002")),
    ):
        given = keyed(arguments=arguments)
        assert given.scan is not None
        assert (given.scan.raw, given.arguments) == (b"SN000001", arguments)
    badge = keyed(arguments=(("code", "OP-4711"), ("again", "OP-4711")))
    assert badge.arguments[0][1] == badge.arguments[1][1]
    assert "4711" not in repr(badge)


def test_other_commands_are_as_they_were_given() -> None:
    """Only what keys in a code has a scan, whether there is such a command or not."""
    for command in ("scrap", "scrub"):
        given = keyed("OP-4711", command=command)
        assert given.scan is None
        assert given.arguments == (("code", "OP-4711"), ("reader", "scanner"))


def test_who_may_not_be_recorded_is_not() -> None:
    """Where the station records nobody a keyed badge is one that failed (D-66)."""
    config = loaded(PRESS)
    nobody = replace(config, operators=replace(config.operators, mode="none", key=None))
    given = keyed("OP-4711", config=nobody)
    assert (given.scan and given.scan.hidden_length) == 7
    assert given.arguments[0] == ("code", "7 characters")
