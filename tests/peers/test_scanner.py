"""The scanner driver on real pseudo-terminals and sockets, through the kernel's line discipline."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
import serial

from drivers.base import (
    SamplesLost,
    WriteGroup,
)
from drivers.scanner.others import others_with
from tests.contract.rig import Recorder
from tests.peers.scanner_rig import (
    appeared,
    driver,
    line_from,
    network_driver,
    plugged,
    port_of_socat,
    program,
    reader_of,
    running,
    served,
    spoken,
    started,
    until_codes,
    warned,
    why,
)

# ------------------------------------------------------------------ codes


async def test_split_and_joined_codes_are_whole() -> None:
    """A code in three reads and two codes in one read are each one whole code (S04)."""
    with plugged() as scanner:
        async with running(driver(scanner.path)) as (seen, _):
            for piece in (b"SN00", b"000", b"1\rSN000002\rSN000003\r"):
                await scanner.send(piece)
                await asyncio.sleep(0)
            assert await until_codes(seen, 3) == [
                (b"SN000001", "ok"),
                (b"SN000002", "ok"),
                (b"SN000003", "ok"),
            ]


async def test_any_byte_comes_through() -> None:
    """The line changes no byte: separators, high bytes and FF are as sent, Ctrl-C ends nothing."""
    with plugged() as scanner:
        async with running(driver(scanner.path)) as (seen, _):
            await scanner.send(b"]d2\x1d10A\xff\xe4\x1d21B\r\x03\x04\x11\x13\x1a\x1c\x7f\r")
            assert await until_codes(seen, 2) == [
                (b"]d2\x1d10A\xff\xe4\x1d21B", "ok"),
                (b"\x03\x04\x11\x13\x1a\x1c\x7f", "invalid"),
            ]


async def test_megabyte_without_an_end_takes_no_memory() -> None:
    """A megabyte without a terminator is one overlong code, and memory stays flat (S05)."""
    with plugged() as scanner:
        async with running(driver(scanner.path)) as (seen, _):
            block = b"A" * 4096
            tracemalloc.start()
            for _ in range(256):
                await scanner.send(block)
            _, peak_bytes = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            await scanner.send(b"\rSN000001\r")
            assert await until_codes(seen, 2) == [
                (b"A" * 256, "overlong"),
                (b"SN000001", "ok"),
            ]
            assert peak_bytes < 1 << 18


async def test_burst_loses_no_code() -> None:
    """2,000 codes as fast as the line takes them all arrive, once, in order."""
    with plugged() as scanner:
        async with running(driver(scanner.path)) as (seen, _):
            await scanner.send(b"".join(b"SN%06d\r" % number for number in range(2000)))
            codes = await until_codes(seen, 2000)
            assert codes == [(b"SN%06d" % number, "ok") for number in range(2000)]
            assert not any(isinstance(one, SamplesLost) for one in seen.seen)


async def test_silence_cuts_a_code() -> None:
    """Half a code is given up after the time-out and not joined to the next one (S06)."""
    with plugged() as scanner:
        under_test = driver(scanner.path, framing={"partial_timeout": "50ms"})
        async with running(under_test) as (seen, _):
            await scanner.send(b"SN00")
            assert await until_codes(seen, 1) == [(b"SN00", "partial")]
            await scanner.send(b"SN000002\r")
            assert await until_codes(seen, 2) == [(b"SN00", "partial"), (b"SN000002", "ok")]


async def test_silence_ends_a_code() -> None:
    """A scanner without a terminator gives one code for each time it speaks."""
    with plugged() as scanner:
        async with running(driver(scanner.path, framing={"idle": "30ms"})) as (seen, _):
            for number in range(3):
                await scanner.send(b"SN%06d" % number)
                await until_codes(seen, number + 1)
            assert spoken(seen) == [(b"SN%06d" % number, "ok") for number in range(3)]


async def test_stale_bytes_are_no_codes() -> None:
    """What was sent before the port was opened is gone; the first code after the link counts."""
    with plugged() as scanner:
        await scanner.send(b"STALE\rSTA")
        async with running(driver(scanner.path)) as (seen, _):
            await scanner.send(b"FRESH\r")
            assert await until_codes(seen, 1) == [(b"FRESH", "ok")]


# ------------------------------------------------------------------ hang-up and replug


async def test_hang_up_ends_thestarted() -> None:
    """An unplugged scanner ends the run: half a code is PARTIAL, the error names the port (S01)."""
    with plugged() as scanner:
        under_test = driver(scanner.path, framing={"partial_timeout": "60s"})
        async with running(under_test) as (seen, run):
            await scanner.send(b"SN000001\rSN00")
            await until_codes(seen, 1)
            scanner.unplug()
            assert await why(run) == (
                f"{scanner.path}: hung up: is the scanner unplugged or without power?"
            )
            assert spoken(seen) == [(b"SN000001", "ok"), (b"SN00", "partial")]


async def test_replugged_scanner_is_read_by_its_link(tmp_path: Path) -> None:
    """Two scanners replugged in the other order are still told apart by their links (S02, T5)."""
    links = {name: tmp_path / name for name in ("left", "right")}
    drivers = {name: driver(link) for name, link in links.items()}
    for order in (("left", "right"), ("right", "left")):
        with plugged() as first, plugged() as second:
            scanners = dict(zip(order, (first, second), strict=True))
            for name, scanner in scanners.items():
                links[name].unlink(missing_ok=True)
                links[name].symlink_to(scanner.path)
            for name, link in links.items():
                async with running(drivers[name]) as (seen, run):
                    await scanners[name].send(f"FROM-{name}\r".encode())
                    assert await until_codes(seen, 1) == [(f"FROM-{name}".encode(), "ok")]
                    scanners[name].unplug()
                    assert str(link) in await why(run)


async def test_socat_link_is_a_port(tmp_path: Path) -> None:
    """A port that another program makes and removes is opened, lost, and opened again."""
    link = tmp_path / "usb-scanner"
    under_test = driver(link)
    for text in (b"BEFORE", b"AFTER"):
        with port_of_socat(link) as socat:
            await appeared(link)
            async with running(under_test) as (seen, run):
                assert socat.stdin is not None
                socat.stdin.write(text + b"\r")
                assert await until_codes(seen, 1) == [(text, "ok")]
                socat.kill()
                assert str(link) in await why(run)
        link.unlink(missing_ok=True)


# ------------------------------------------------------------------ other programs


async def test_second_of_ours_is_refused() -> None:
    """A port that is read already cannot be opened again, and who reads it is not disturbed."""
    with plugged() as scanner:
        async with running(driver(scanner.path)) as (seen, run):
            second = started(driver(scanner.path))
            assert await why(second) == (
                f"{scanner.path}: in use by another station, or a program that this user cannot "
                "see: only one can read a scanner, stop the other one"
            )
            with pytest.raises(serial.SerialException, match="exclusively lock"):
                serial.Serial(scanner.path, exclusive=True)
            assert not run.done()
            del seen


async def test_program_that_has_the_port_is_named() -> None:
    """A port that another program reads, locked or not, is not opened; the error names it (T1)."""
    with plugged() as scanner, program(*reader_of(scanner.path)) as other:
        run = started(driver(scanner.path))
        assert re.search(rf"in use by pid {other.pid} \(python", await why(run))


async def test_program_that_opens_the_port_ends_the_link() -> None:
    """When another program opens the port, no part of a code is accepted any more (S03)."""
    with plugged() as scanner:
        under_test = driver(scanner.path, framing={"partial_timeout": "60s"})
        async with running(under_test) as (seen, run):
            await scanner.send(b"SN000001\r")
            await until_codes(seen, 1)
            with program(*reader_of(scanner.path)) as other:
                await scanner.send(b"SN000002\r")
                assert f"also read by pid {other.pid} (python" in await why(run)
            assert [status for _, status in spoken(seen)[1:]] in ([], ["partial"])


def test_far_side_is_no_second_reader() -> None:
    """A process that keeps both sides of a pseudo-terminal open is the device itself."""
    code = (
        "import os, time; far, near = os.openpty(); print(os.ttyname(near), flush=True); "
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as device:
        assert device.stdout is not None
        path = device.stdout.readline().decode().strip()
        assert others_with(path) == ()
        with program(*reader_of(path)) as other:
            assert [who.partition(" (")[0] for who in others_with(path)] == [f"pid {other.pid}"]
        device.kill()


# ------------------------------------------------------------------ ports that cannot be opened


async def test_missing_port_says_what_to_do(tmp_path: Path) -> None:
    """A port that is not there is named, with where to look."""
    port = tmp_path / "usb-none"
    run = started(driver(port))
    assert await why(run) == (
        f"{port}: no such port: plug the scanner in, or find its name in /dev/serial/by-id"
    )


async def test_file_is_no_port(tmp_path: Path) -> None:
    """A path that is no serial port is named as such, and left as it was."""
    port = tmp_path / "notes.txt"
    port.write_text("keep me")
    run = started(driver(port))
    assert await why(run) == (
        f"{port}: no serial port, or one without these settings: check port and baudrate"
    )
    assert port.read_text() == "keep me"


# ------------------------------------------------------------------ replies


async def test_reply_reaches_the_scanner() -> None:
    """Good and bad are sent as configured, byte for byte."""
    with plugged() as scanner:
        under_test = driver(scanner.path, reply={"good": "\x06\n", "bad": "\x15\r"})
        async with running(under_test):
            for value in ("good", "bad"):
                await under_test.write([WriteGroup(device="scanner", values=(("reply", value),))])
            assert await scanner.got(4) == b"\x06\n\x15\r"


# ------------------------------------------------------------------ TCP


async def test_network_scanner_is_read_and_lost() -> None:
    """Codes come over TCP as over a line; a closed connection ends the run with what was open."""
    async with (
        served([b"SN000001\rSN", b"000002\rSN00"]) as (under_test, clients),
        running(under_test) as (seen, run),
    ):
        await until_codes(seen, 2)
        clients[0].close()
        assert re.fullmatch(r"tcp://127\.0\.0\.1:\d+: closed by the scanner", await why(run))
        assert spoken(seen) == [
            (b"SN000001", "ok"),
            (b"SN000002", "ok"),
            (b"SN00", "partial"),
        ]


async def test_network_scanner_that_is_not_there() -> None:
    """A refused connection names the address and the cause."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port_number = nobody.getsockname()[1]
        run = started(network_driver(port_number))
        assert await why(run) == f"tcp://127.0.0.1:{port_number}: connection refused"


# ------------------------------------------------------------------ a stopped process

AGENT = """
import asyncio, sys
from drivers.base import CodeScanned
from drivers.registry import driver_spec
from tests.contract.rig import RealClock

async def tell(one):
    if isinstance(one, CodeScanned):
        print(one.raw.decode(), one.latest_ms - one.earliest_ms, flush=True)
    else:
        print("up", flush=True)

spec = driver_spec("scanner")
options = spec.options.model_validate({"port": sys.argv[1]})
asyncio.run(spec.build("scanner", options, (), RealClock()).run(tell))
"""


def test_code_that_met_a_stopped_process_is_old() -> None:
    """What was scanned while the process was stopped is as old as the stop, not fresh (S08)."""
    with plugged() as scanner, program(sys.executable, "-c", AGENT, scanner.path) as agent:
        os.write(scanner.far, b"FRESH\r")
        fresh, fresh_ms = line_from(agent).split()
        agent.send_signal(signal.SIGSTOP)
        time.sleep(1)  # how long it is stopped, which is what is tested
        os.write(scanner.far, b"STALE\r")
        agent.send_signal(signal.SIGCONT)
        stale, stale_ms = line_from(agent).split()
    assert (fresh, stale) == (b"FRESH", b"STALE")
    assert int(stale_ms) >= 1000
    assert int(fresh_ms) < int(stale_ms)


async def test_silent_scanner_is_noticed_by_its_heartbeat() -> None:
    """A scanner that answers is a link; one that is switched off ends it (D-83)."""
    heartbeat = {"send": "?\r", "expect": "HERE", "every": "50ms", "within": "2s"}
    with plugged() as scanner:
        seen = Recorder()
        run = started(driver(scanner.path, heartbeat=heartbeat), seen)
        for _ in range(3):
            assert await scanner.got(2) == b"?\r"
            await scanner.send(b"HERE\r")
        assert await scanner.got(2) == b"?\r"
        assert "no heartbeat within 2 s" in await why(run)
        assert (warned(seen), spoken(seen)) == ([""], [])


async def test_trigger_reaches_the_scanner() -> None:
    """What makes the scanner read is on the line as soon as the link is up."""
    with plugged() as scanner:
        async with running(driver(scanner.path, trigger={"send": "\x16T\r"})):
            assert await scanner.got(3) == b"\x16T\r"


async def test_garbage_of_a_wrong_speed_is_told_and_taken_back() -> None:
    """What a port reads at the wrong speed is a warning until a good code comes (S07)."""
    with plugged() as scanner:
        framing = {"partial_timeout": "20ms"}
        async with running(driver(scanner.path, framing=framing)) as (seen, _):
            for number in range(1, 6):
                await scanner.send(b"\xf8\x86\x98\x06\xe6\x80\xfe")
                await until_codes(seen, number)
            await seen.until(lambda all_of: warned(all_of)[-1:] == ["what comes is no text"])
            await scanner.send(b"SN000001\r")
            await seen.until(lambda all_of: warned(all_of)[-1:] == [""])
            assert warned(seen) == ["", "what comes is no text", ""]
            assert {status for raw, status in spoken(seen) if raw != b"SN000001"} == {"partial"}
