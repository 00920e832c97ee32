"""`lineside do` without a daemon: its help, its slips, and what it says where nobody answers."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from agent.app.commanding import reachable
from agent.app.giving import place_of
from agent.cli import exits, main
from agent.core.commands import TABLE
from tests.unit.config.stations import FILLER, PRESS, edited, write


def run(*arguments: str) -> int:
    """Run the command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(("do", *arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """What there is comes from the one table."""
    assert run("--help") == exits.OK
    shown = capsys.readouterr().out
    assert [name for name in TABLE if f"    {name}" not in shown] == []


@pytest.mark.parametrize("name", TABLE)
def test_each_command_says_what_it_takes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its arguments, and who and why."""
    assert run("press.yaml", name, "--help") == exits.OK
    shown = capsys.readouterr().out
    for argument in TABLE[name].arguments:
        assert f"--{argument.name}" in shown if argument.is_optional else argument.name in shown
    assert "--who WHO" in shown
    assert "--reason REASON" in shown


def test_who_and_why_are_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """A command line without them is wrong (D-143)."""
    assert run("press.yaml", "block-lot", "L-1") == exits.USAGE
    assert "the following arguments are required: --who, --reason" in capsys.readouterr().err


def test_a_station_that_does_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so and what to do; nothing is recorded, so the exit code is 1."""
    write(tmp_path, press=PRESS)
    said = ("block-lot", "L-1", "--who", "Anna", "--reason", "cracks")
    code = run(str(tmp_path / "press.yaml"), "--state", str(tmp_path), *said)
    assert code == exits.REFUSED
    complaint = capsys.readouterr().err
    assert complaint.startswith("lineside do: station acme/press-07 takes no commands at ")
    assert complaint.count("\n") == 1


def test_a_station_file_that_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As everywhere: code 78 and the place in the file."""
    write(tmp_path, filler=edited(FILLER, ("driver: modbus", "driver: modbuss")))
    code = run(
        str(tmp_path / "filler.yaml"), "block-lot", "L-1", "--who", "Anna", "--reason", "cracks"
    )
    assert code == exits.CONFIG
    assert f"{tmp_path}/filler.yaml:7:17: devices.plc.driver: " in capsys.readouterr().err


@contextmanager
def keyed_in(folder: Path, keyed: str) -> Iterator[tuple[list[str], int, int]]:
    """Hold a terminal, and a station that takes commands: a command line, and who called."""
    write(folder, press=edited(PRESS, ("no_read: [NOREAD, NR]", f"no_read: [NR], keyed: {keyed}")))
    given = ("scan", "SN-1", "--who", "Anna", "--reason", "torn")
    at = ("do", str(folder / "press.yaml"), "--state", str(folder))
    ours, terminal = pty.openpty()
    yield [sys.executable, "-m", "agent", *at, *given], ours, terminal
    os.close(ours)
    os.close(terminal)


@pytest.mark.parametrize(("keyed", "is_asked"), [("twice", True), ("true", False)])
def test_a_code_that_is_keyed_twice_is_asked_for_again(
    tmp_path: Path, keyed: str, *, is_asked: bool
) -> None:
    """At a terminal the person is asked, beside what a program would read."""
    with keyed_in(tmp_path, keyed) as (command, ours, terminal):
        os.write(ours, b"SN-1\n")
        ended = subprocess.run(command, stdin=terminal, capture_output=True, text=True, check=False)
    assert ended.returncode == exits.REFUSED
    assert "takes no commands" in ended.stderr
    assert ("the code once more: " in ended.stderr) is is_asked
    assert ended.stdout == ""


def test_what_is_keyed_again_is_sent_with_it(tmp_path: Path) -> None:
    """Both entries reach the station, which compares them: the second as it was keyed."""
    with keyed_in(tmp_path, "twice") as (command, ours, terminal), listened(tmp_path) as heard:
        heard.settimeout(60)
        os.write(ours, b" SN-2\n")
        with subprocess.Popen(
            command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            caller, _ = heard.accept()
            with closing(caller), caller.makefile("rw") as lines:
                request = json.loads(lines.readline())
                lines.write('{"accepted": true, "address": "000001-aa-7", "error": null}\n')
                lines.flush()
            told, _ = running.communicate()
    assert request["arguments"] == {"code": ["SN-1"], "again": [" SN-2"]}
    assert (running.returncode, told) == (exits.OK, "recorded: 000001-aa-7\n")


END = b"\x04"
"""Ctrl-D on an empty line."""
NO_ANSWER = "\nlineside do: the code was not keyed in once more; nothing is sent\n"


@pytest.mark.parametrize(
    ("keyed", "said"),
    [
        (END, NO_ANSWER),
        (b"\n", NO_ANSWER.removeprefix("\n")),
        (b"\xe4\n", "lineside do: what was keyed in is no text; nothing is sent\n"),
        (None, NO_ANSWER),
    ],
    ids=["end of input", "an empty line", "no text", "Ctrl-C"],
)
def test_a_code_that_is_not_keyed_again_is_not_sent(
    tmp_path: Path, keyed: bytes | None, said: str
) -> None:
    """The station hears nothing, the exit code is 1, and one line says why."""
    with keyed_in(tmp_path, "twice") as (command, ours, terminal), listened(tmp_path) as heard:
        with subprocess.Popen(
            command,
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8:strict"},
        ) as running:
            assert running.stderr is not None
            assert running.stderr.read(len("the code once more: ")) == b"the code once more: "
            if keyed is None:
                running.send_signal(signal.SIGINT)
            else:
                os.write(ours, keyed)
            told, complaint = running.communicate()
        assert (running.returncode, told, complaint.decode()) == (exits.REFUSED, b"", said)
        with pytest.raises(BlockingIOError):
            heard.accept()


@pytest.mark.parametrize("stdin", [subprocess.DEVNULL, subprocess.PIPE], ids=["null", "a pipe"])
def test_a_program_says_a_code_twice_on_its_command_line(tmp_path: Path, stdin: int) -> None:
    """Nobody can be asked: what to write is told, and nothing is sent; its pipe is unread."""
    with keyed_in(tmp_path, "twice") as (command, _, _), listened(tmp_path) as heard:
        with subprocess.Popen(
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            told, complaint = running.communicate()
        assert (running.returncode, told) == (exits.REFUSED, "")
        assert "say it once more by --again CODE; nothing is sent" in complaint
        with pytest.raises(BlockingIOError):
            heard.accept()


def test_interrupted_before_the_answer(tmp_path: Path) -> None:
    """Ctrl-C while the station is at it: whether it was recorded is to be looked up."""
    with keyed_in(tmp_path, "true") as (command, _, _), listened(tmp_path) as heard:
        heard.settimeout(60)
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
            caller, _ = heard.accept()
            with closing(caller), caller.makefile() as lines:
                assert '"code":["SN-1"]' in lines.readline()
                running.send_signal(signal.SIGINT)
                _, complaint = running.communicate()
    assert running.returncode == exits.REFUSED
    assert complaint.startswith(
        "lineside do: interrupted before station acme/press-07 answered. Look with `lineside"
    )
    assert complaint.count("\n") == 1


@contextmanager
def listened(folder: Path) -> Iterator[socket.socket]:
    """Listen where the station would take commands."""
    place = place_of(folder / "press.yaml", folder)
    place.path.parent.mkdir(parents=True)
    with closing(socket.socket(socket.AF_UNIX)) as heard:
        with reachable(place.path) as name:
            heard.bind(name)
        heard.listen()
        heard.settimeout(0)
        yield heard


def test_a_block_says_where_what_was_made_before_is_found(tmp_path: Path) -> None:
    """It stops what comes and changes nothing that is there: the recall has that (D-56)."""
    write(tmp_path, press=PRESS)
    at = ("do", str(tmp_path / "press.yaml"), "--state", str(tmp_path))
    said = ("block-lot", "L 1", "--who", "Anna", "--reason", "cracks")
    with listened(tmp_path) as heard:
        heard.settimeout(30)
        with subprocess.Popen(
            [sys.executable, "-m", "agent", *at, *said],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            caller, _ = heard.accept()
            with closing(caller), caller.makefile("rw") as lines:
                lines.readline()
                lines.write('{"accepted": true, "address": "000001-aa-7", "error": null}\n')
                lines.flush()
            told, beside = running.communicate()
    assert (running.returncode, told) == (exits.OK, "recorded: 000001-aa-7\n")
    assert beside == (
        "lineside do: what was made from it before is not blocked by that: lineside recall 'L 1'\n"
    )
