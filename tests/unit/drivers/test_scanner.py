"""The scanner: its options, what it cannot do, and damaged bytes."""

import errno
import re
from typing import Any

import pytest
from pydantic import ValidationError

from drivers.base import (
    DriverConfigError,
    LinkDownError,
    TagGroup,
    WriteGroup,
)
from drivers.framing import FramingOptions, Mode, Terminator
from drivers.registry import driver_spec
from drivers.scanner.driver import ScannerDriver
from drivers.scanner.link import Marks, why_not_opened
from drivers.scanner.options import ScannerOptions
from tests.doubles import ManualClock

KEYS = "/dev/input/by-id/usb-ACME_Reader-event-kbd"
PORT = "/dev/serial/by-id/usb-ACME_Reader_0001-if00"


def options(**given: object) -> ScannerOptions:
    """Return the options of a scanner on a port, with these keys beside it."""
    return ScannerOptions.model_validate({"port": PORT, **given})


def framing(**given: object) -> FramingOptions:
    """Return what the framer is told for these `framing` keys."""
    return options(framing=given).framing.framing(("NOREAD",))


# ------------------------------------------------------------------ options


def test_port_alone_is_enough() -> None:
    """A port and nothing else is a scanner at 9600 8N1 that ends its codes with CR."""
    given = options()
    assert (given.baudrate, given.data_bits, given.parity, given.stop_bits) == (9600, 8, "none", 1)
    assert given.framing.framing(given.no_read) == FramingOptions(noread=("NOREAD",))
    assert given.endpoint == PORT


@pytest.mark.parametrize("path", ["/dev/ttyUSB0", "/dev/ttyUSB12", "/dev/ttyACM3"])
def test_name_that_moves_is_refused(path: str) -> None:
    """A name that another scanner may have tomorrow is refused, with the one to use (T5)."""
    with pytest.raises(ValidationError, match=f"{path} is given to whichever .*/dev/serial/by-id"):
        options(port=path)


@pytest.mark.parametrize(
    "path", [PORT, "/dev/serial/by-path/pci-0-usb-0:1", "/dev/ttyS0", "/run/x"]
)
def test_name_that_stays_is_taken(path: str) -> None:
    """Stable names, ports on the board and pseudo-terminals are fine."""
    assert options(port=path).endpoint == path


def test_network_scanner_is_named_by_its_address() -> None:
    """A scanner on the network has host and port number and no line settings."""
    given = ScannerOptions.model_validate({"host": "10.0.3.20", "port_number": 9004})
    assert given.endpoint == "tcp://10.0.3.20:9004"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "give one of port (serial line), host and port_number"),
        ({"port": PORT, "host": "a", "port_number": 1}, "give one of port (serial line), host"),
        ({"host": "a"}, "host and port_number go together"),
        ({"port": PORT, "port_number": 1}, "host and port_number go together"),
        ({"host": "a", "port_number": 1, "baudrate": 9600}, "baudrate: only for a scanner on a"),
        ({"port": "ttyS0"}, "'ttyS0' is not the path of a port"),
        ({"port": PORT, "baudrate": 0}, "greater than or equal to 300"),
        ({"port": PORT, "no_read": [""]}, "at least 1 character"),
        ({"port": PORT, "reply": {"good": "\x06", "bad": ""}}, "at least one ASCII character"),
        ({"port": PORT, "reply": {"good": "\x06", "bad": "ü"}}, "at least one ASCII character"),
        ({"port": PORT, "framing": {"idle": 50}}, "write a number with ms, s, min, h or d"),
        ({"port": PORT, "framing": {"end": "CR", "idle": "50ms"}}, "end and idle both end a code"),
        ({"port": PORT, "framing": {"idle": "50ms", "length": 9}}, "idle and length both end"),
        ({"port": PORT, "framing": {"start": "STX"}}, "start: STX and end: ETX go together"),
        ({"port": PORT, "framing": {"end": "ETX"}}, "start: STX and end: ETX go together"),
        ({"port": PORT, "framing": {"length": 257}}, "length 257 is more than max 256"),
        ({"keyboard": KEYS}, "keyboard and layout go together"),
        ({"port": PORT, "layout": "us"}, "keyboard and layout go together"),
        ({"keyboard": KEYS, "port": PORT, "layout": "us"}, "give one of port (serial line), host"),
        ({"keyboard": KEYS, "layout": "us", "baudrate": 9600}, "only for a scanner on a serial"),
        ({"keyboard": "/dev/input/event3", "layout": "us"}, "use its name in by-id"),
        ({"keyboard": "event-kbd", "layout": "us"}, "'event-kbd' is no path"),
        (
            {"keyboard": KEYS, "layout": "us", "reply": {"good": "a", "bad": "b"}},
            "reply: a keyboard cannot be told anything",
        ),
        ({"port": PORT, "framing": {"ends": "CR"}}, "Extra inputs are not permitted"),
    ],
)
def test_contradiction_is_refused(given: dict[str, Any], told: str) -> None:
    """Options that contradict each other are refused and say what to write."""
    with pytest.raises(ValidationError, match=re.escape(told)):
        ScannerOptions.model_validate(given)


def test_framing_keys_mean_what_they_say() -> None:
    """Each way to end a code reaches the framer as that way, with its limits."""
    ends = [framing(end=end).terminator for end in ("CR", "LF", "CRLF", "ANY")]
    assert ends == [Terminator.CR, Terminator.LF, Terminator.CRLF, Terminator.ANY]
    assert framing(start="STX", end="ETX").mode is Mode.STX_ETX
    idle = framing(idle="50ms", max=64)
    assert (idle.mode, idle.idle_ms, idle.max_len) == (Mode.IDLE, 50, 64)
    counted = framing(length=13, partial_timeout="300ms")
    assert (counted.mode, counted.length, counted.partial_timeout_ms) == (Mode.LENGTH, 13, 300)


# ------------------------------------------------------------------ what a scanner cannot do


def driver(**given: object) -> ScannerDriver:
    """Return a driver that is not running."""
    built = driver_spec("scanner").build("scanner", options(**given), (), ManualClock())
    assert isinstance(built, ScannerDriver)
    return built


async def test_scanner_cannot_be_asked() -> None:
    """Reading a group from a scanner is a mistake in the station file, named with the group."""
    with pytest.raises(DriverConfigError, match=r"'scanner' is a scanner and has no tags.*'data'"):
        await driver().read(TagGroup(name="data", guard=(), tags=("count",)))


@pytest.mark.parametrize(
    ("given", "pair", "told"),
    [
        ({}, ("result", 1), "tag 'result': a scanner has no tags to write; use 'reply'"),
        (
            {},
            ("reply", "good"),
            "device 'scanner' has no replies; add reply: {good: ..., bad: ...}",
        ),
        ({"reply": {"good": "G", "bad": "B"}}, ("reply", "ok"), "no reply 'ok'; use good or bad"),
    ],
)
async def test_only_configured_replies_are_sent(
    given: dict[str, Any], pair: tuple[str, int | str], told: str
) -> None:
    """Whatever is no configured reply is refused before anything is sent."""
    with pytest.raises(DriverConfigError, match=re.escape(told)):
        await driver(**given).write([WriteGroup(device="scanner", values=(pair,))])


async def test_reply_needs_a_link() -> None:
    """Without a run a reply raises LinkDownError that names the port."""
    reply = WriteGroup(device="scanner", values=(("reply", "good"),))
    with pytest.raises(LinkDownError, match=re.escape(f"{PORT}: not connected")):
        await driver(reply={"good": "G", "bad": "B"}).write([reply])


# ------------------------------------------------------------------ why not

UNSEEN = "another station, or a program that this user cannot see"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (errno.ENOENT, "no such port: plug the scanner in, or find its name in /dev/serial/by-id"),
        (errno.EACCES, "permission denied: add this user to the group 'dialout'"),
        (errno.EBUSY, f"in use by {UNSEEN}: only one can read a scanner, stop the other one"),
        (errno.EIO, "input/output error: plug the scanner out and in"),
        (None, "no serial port, or one without these settings: check port and baudrate"),
    ],
)
def test_port_that_cannot_be_opened_says_what_to_do(error: int | None, told: str) -> None:
    """Each cause is one line: the port, why, what to do."""
    cause = OSError("Could not configure port") if error is None else OSError(error, "text")
    assert why_not_opened("/dev/gone", cause) == f"/dev/gone: {told}"


# ------------------------------------------------------------------ damaged bytes


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        (b"ABC", b"ABC"),
        (b"\xff\xffA", b"\xffA"),
        (b"\xff\x00A", b"\x1a"),
        (b"A\xff\x00BC", b"A\x1aC"),
        (b"\xff\x00\x00A", b"\x00A"),
        (b"\xff\x00\xff\xff\xff", b"\x1a\xff"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 9])
def test_damaged_byte_becomes_sub(marked: bytes, plain: bytes, size: int) -> None:
    """A byte with a parity or framing error is SUB, a break NUL, in whatever reads they come."""
    marks = Marks()
    reads = [marked[at : at + size] for at in range(0, len(marked), size)]
    assert b"".join(marks.decode(read) for read in reads) == plain
