"""Log lines and life signs."""

import contextlib
import io
import json
import os
import socket
from pathlib import Path

from agent import telemetry
from agent.telemetry import Notifier, Teller


def test_a_line_is_keys_and_values_with_its_level_by_its_name() -> None:
    """Each line is one JSON object: a constant name, its level, and fields that have a value."""
    out = io.StringIO()
    telemetry.set_up(out)
    Teller(station="press-04").bound(device="plc")("link_lost", error="timeout", down_s=None)
    line = json.loads(out.getvalue())
    del line["timestamp"]
    assert line == {
        "event": "link_lost",
        "level": "warning",
        "station": "press-04",
        "device": "plc",
        "error": "timeout",
    }


def test_an_exception_is_one_line_with_its_traceback() -> None:
    """A bug's traceback stands in the line that tells it."""
    out = io.StringIO()
    telemetry.set_up(out)
    try:
        1 // 0  # noqa: B018 - it is the error that is wanted
    except ZeroDivisionError as error:
        Teller()("agent_failed", exc_info=error)
    line = json.loads(out.getvalue())
    assert line["level"] == "critical"
    assert "ZeroDivisionError" in line["exception"]


def test_life_signs_go_to_the_socket_that_the_manager_names(tmp_path: Path) -> None:
    """`say` sends one datagram of KEY=value lines."""
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        notifier = Notifier({"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "30000000"})
        notifier.say(WATCHDOG="1", STATUS="all well")
        assert manager.recv(1000) == b"WATCHDOG=1\nSTATUS=all well"
    assert notifier.watchdog_s == 30.0
    notifier.say(READY="1")  # the manager is gone; nobody minds


def test_an_abstract_socket_is_one_too() -> None:
    """A name that begins with @ is in the kernel's own name space."""
    name = f"lineside-test-{id(object())}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}")
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).say(READY="1")
        assert manager.recv(1000) == b"READY=1"


def test_without_a_manager_nothing_is_said() -> None:
    """Started by hand there is no socket and no watchdog."""
    notifier = Notifier({})
    notifier.say(READY="1")
    assert notifier.watchdog_s is None


class _Pipe:
    """A pipe that nobody empties until the test does."""

    def __init__(self) -> None:
        self.near, far = os.pipe()
        self.stream = os.fdopen(far, "w")

    def emptied(self) -> bytes:
        """Return what is in it."""
        os.set_blocking(self.near, False)
        with contextlib.suppress(BlockingIOError):
            return os.read(self.near, 1 << 20)
        return b""

    def close(self) -> None:
        """Close both ends."""
        os.close(self.near)
        self.stream.close()


def test_a_log_that_nobody_reads_holds_nothing_up() -> None:
    """Lines are lost and counted, whole lines follow once somebody reads again (E06)."""
    pipe = _Pipe()
    try:
        telemetry.set_up(pipe.stream)
        for number in range(3000):
            Teller()("link_lost", number=number, error="x" * 100)
        first = pipe.emptied().splitlines()
        Teller()("link_restored")
        Teller()("ready")
        after = [json.loads(line) for line in pipe.emptied().splitlines() if line.endswith(b"}")]
    finally:
        pipe.close()
    taken = len(first)
    assert 0 < taken < 3000
    assert after[-2]["event"] == "link_restored"
    assert after[-2]["lines_dropped"] >= 3000 - taken
    assert "lines_dropped" not in after[-1]


def test_a_line_longer_than_the_pipe_is_cut_and_the_next_is_whole() -> None:
    """What could not be taken is ended by a line break before anything else is written."""
    pipe = _Pipe()
    try:
        telemetry.set_up(pipe.stream)
        Teller()("link_lost", error="x" * (1 << 20))
        pipe.emptied()
        Teller()("ready")
        rest, last, end = pipe.emptied().rsplit(b"\n", 2)
    finally:
        pipe.close()
    assert (rest, end) == (b"", b"")
    assert json.loads(last)["lines_dropped"] == 1


def test_a_disk_that_takes_no_more_log_holds_nothing_up() -> None:
    """The log on a full disk costs lines, and no more (E06)."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        telemetry.set_up(full)
        Teller()("ready")


def test_a_manager_that_does_not_listen_holds_nothing_up(tmp_path: Path) -> None:
    """Life signs to a full socket are dropped: the next one comes soon."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        for _ in range(5000):
            notifier.say(WATCHDOG="1")
