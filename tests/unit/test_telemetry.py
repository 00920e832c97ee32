"""Log lines and life signs."""

import io
import json
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
