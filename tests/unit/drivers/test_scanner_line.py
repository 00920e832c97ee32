"""Signs of life, wrong settings and swapped devices: what a scanner's line tells beside codes."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from drivers.base import LinkChanged
from drivers.scanner.driver import ScannerDriver
from drivers.scanner.garble import Garble
from drivers.scanner.usb import usb_identity
from tests.doubles import ManualClock
from tests.unit.drivers.scanner_bench import PORT, ScriptedLink, options, running

ASKED = {"send": "?V\r", "expect": "V1", "every": "10s", "within": "2s"}
GARBLED = (
    f"{PORT}: what comes is no text: compare baudrate, parity and data_bits with the scanner's"
)
WRONG_BAUD = b"\xf8\x86\x1a\x98\x06\xe6\x1a\x80\xfe"
"""A code as a port at the wrong speed gives it, damaged bytes marked."""


# ------------------------------------------------------------------ heartbeat


async def test_link_is_up_from_the_first_sign_of_life() -> None:
    """An open line to a scanner that has said nothing yet is no link."""
    async with running(heartbeat=ASKED) as bench:
        assert (bench.link.sent, bench.seen) == ([b"?V\r"], [])
        await bench.put(b"V1\r")
        assert bench.warnings == [()]
        assert bench.codes == []
    async with running(heartbeat=ASKED) as bench:
        await bench.put(b"SN1\r")
        assert isinstance(bench.seen[0], LinkChanged)
        assert bench.spoken == [(b"SN1", "ok")]


async def test_answered_heartbeat_keeps_the_link_and_is_no_code() -> None:
    """The question goes out in time; its answer proves life and is no code."""
    async with running(heartbeat=ASKED) as bench:
        for _ in range(3):
            await bench.put(b"V1\r", after_s=2)
            await bench.clock.advance(10)
        assert bench.link.sent == [b"?V\r"] * 4
        await bench.put(b"V1X\r")
        assert bench.spoken == [(b"V1X", "ok")]
        assert bench.over is not None
        assert not bench.over.done()


async def test_silent_scanner_is_gone() -> None:
    """Without an answer there is no link, with what to look at; one that falls silent ends it."""
    async with running(heartbeat=ASKED) as bench:
        await bench.clock.advance(2.2)
        assert bench.error == f"{PORT}: no heartbeat within 2 s: is it switched on?"
        assert (bench.link.closed, bench.seen) == (1, [])
    async with running(heartbeat=ASKED) as bench:
        await bench.put(b"V1\r")
        await bench.clock.advance(14.2)
        assert "no heartbeat" in bench.error
        assert bench.warnings == [()]


async def test_codes_prove_life_as_well() -> None:
    """A scanner that is too busy with codes to answer is not gone."""
    async with running(heartbeat=ASKED) as bench:
        await bench.put(b"SN1\r", after_s=12)
        await bench.put(b"SN1\r", after_s=2)
        assert bench.over is not None
        assert not bench.over.done()


async def test_heartbeat_that_comes_by_itself() -> None:
    """A scanner that sends its heartbeat unasked is asked nothing, and missed when it stops."""
    own = {"expect": "ALIVE", "every": "10s", "within": "2s"}
    async with running(heartbeat=own) as bench:
        await bench.put(b"ALIVE\r", after_s=11)
        await bench.put(b"ALIVE\r", after_s=11)
        assert bench.over is not None
        assert not bench.over.done()
        await bench.clock.advance(14)
        assert "no heartbeat" in bench.error
        assert (bench.link.sent, bench.codes) == ([], [])


async def test_answer_that_waited_while_we_slept_counts() -> None:
    """After a stall of our own the line is looked at before the scanner counts as gone."""
    async with running(heartbeat=ASKED) as bench:
        await bench.stall(b"V1\r", for_s=60)
        assert bench.over is not None
        assert not bench.over.done()


async def test_question_that_is_not_taken_ends_the_link_once() -> None:
    """A scanner that takes no question has the error of a reply."""
    async with running(heartbeat=ASKED, trigger={"send": "T", "every": "4s"}) as bench:
        await bench.put(b"V1\r")
        bench.link.takes = False
        await bench.clock.advance(30)
        assert "does not take our reply" in bench.error
        assert bench.link.closed == 1


def test_heartbeat_is_no_no_read() -> None:
    """One text cannot mean two things."""
    with pytest.raises(ValidationError, match="'NR' cannot be a heartbeat and a no-read"):
        options(heartbeat={"expect": "NR"}, no_read=["NR"])


# ------------------------------------------------------------------ trigger


async def test_trigger_is_sent_once_or_again_and_again() -> None:
    """The trigger goes out when the link is up, and again where reading ends by itself."""
    async with running(trigger={"send": "\x16T\r"}) as bench:
        await bench.clock.advance(60)
        assert bench.link.sent == [b"\x16T\r"]
    async with running(trigger={"send": "\x16T\r", "every": "5s"}) as bench:
        await bench.clock.advance(10.1)
        assert bench.link.sent == [b"\x16T\r"] * 3


# ------------------------------------------------------------------ wrong settings


async def test_wrong_speed_is_told_once_and_taken_back() -> None:
    """Garbage code after code is a warning of the link; a good code ends it (S07)."""
    async with running() as bench:
        await bench.put(WRONG_BAUD)
        assert bench.warnings == [()]
        for _ in range(4):
            await bench.put(WRONG_BAUD, after_s=1.5)
        assert bench.warnings == [(), (GARBLED,)]
        assert {status for _, status in bench.spoken} == {"partial"}
        await bench.put(b"SN0001\r")
        assert bench.warnings == [(), (GARBLED,), ()]


@pytest.mark.parametrize(
    "codes",
    [
        [b"SN0001\r"] * 50,
        [b"]d2010952123454321310A\x1d21B\r"] * 50,
        ["Größe Ø5 mm".encode() + b"\r"] * 50,
        ["品番-0001".encode() + b"\r"] * 50,
        [b"\xf8\x1a\x98\r", b"SN0001\r"] * 50,
        [b"\x00\xff" * 5],
    ],
    ids=["text", "separators", "umlauts", "kanji", "scratches", "plugging"],
)
async def test_sound_lines_are_not_suspected(codes: list[bytes]) -> None:
    """Separators, other scripts, a damaged code now and then, noise of plugging: no warning."""
    async with running() as bench:
        for code in codes:
            await bench.put(code)
        assert bench.warnings == [()]


async def test_network_scanner_has_its_own_hint() -> None:
    """A scanner behind a device server is set up there, not in the station file."""
    async with running(port=None, host="10.0.0.1", port_number=2000) as bench:
        for _ in range(4):
            await bench.put(WRONG_BAUD, after_s=1.5)
        told = bench.warnings[-1][0]
        assert told.startswith("tcp://10.0.0.1:2000: what comes is no text: ")
        assert told.endswith("compare the serial settings of the device server and the scanner")


def test_old_scratches_are_forgotten() -> None:
    """What was strange long ago does not add up to a verdict for ever, nor the other way round."""
    garble = Garble()
    garble.came(b"\xfe" * 20)
    for _ in range(50):
        garble.came(b"A" * 60)
    verdicts = [garble.is_garbled]
    for _ in range(50):
        garble.came(b"\xfe" * 60)
    verdicts.append(garble.is_garbled)
    garble.was_good(b"OK")
    garble.was_good(b"SN\xff1")
    verdicts.append(garble.is_garbled)
    assert verdicts == [False, True, True]


# ------------------------------------------------------------------ what is plugged in


def plug(root: Path, port: str, **fields: str) -> None:
    """Lay out the kernel's view of a USB serial port."""
    device = root / "devices" / "usb1" / "1-2"
    (device / "1-2:1.0").mkdir(parents=True, exist_ok=True)
    for name, text in fields.items():
        (device / name).write_text(text + "\n")
    tty = root / "class" / "tty" / port
    tty.mkdir(parents=True, exist_ok=True)
    (tty / "device").unlink(missing_ok=True)
    (tty / "device").symlink_to(device / "1-2:1.0")


def test_usb_device_is_named(tmp_path: Path) -> None:
    """Vendor, product, serial number and name of what is behind a port, as far as it has them."""
    plug(tmp_path, "ttyACM0", idVendor="05e0", idProduct="1701")
    assert usb_identity("/dev/ttyACM0", tmp_path) == "05e0:1701"
    plug(tmp_path, "ttyACM0", serial="S1", product="Reader")
    assert usb_identity("/dev/ttyACM0", tmp_path) == "05e0:1701 S1 (Reader)"
    assert usb_identity("/dev/ttyS0", tmp_path) is None


def test_other_device_under_the_same_name_is_told() -> None:
    """A warning stands as long as another scanner than the first one answers to the name (S02)."""
    link = ScriptedLink()
    driver = ScannerDriver("scanner", options(), ManualClock())
    seen = []
    for identity in (None, "05e0:1701 S1", None, "05e0:1701 S2", "05e0:1701 S1"):
        link.identity = identity
        seen.append(driver.other_device(link))
    other = f"{PORT}: now 05e0:1701 S2, before 05e0:1701 S1: is it set up alike?"
    assert seen == [(), (), (), (other,), ()]
