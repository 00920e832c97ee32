"""`lineside do` without a daemon: its help, its slips, and what it says where nobody answers."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(("keyed", "is_asked"), [("twice", True), ("true", False)])
def test_a_code_that_is_keyed_twice_is_asked_for_again(
    tmp_path: Path, keyed: str, *, is_asked: bool
) -> None:
    """At a terminal the person is asked; a program, whose input is none, says it by `--again`."""
    write(
        tmp_path, press=edited(PRESS, ("no_read: [NOREAD, NR]", f"no_read: [NR], keyed: {keyed}"))
    )
    station, state = str(tmp_path / "press.yaml"), str(tmp_path)
    given = ("scan", "SN-1", "--who", "Anna", "--reason", "torn")
    command = (sys.executable, "-m", "agent", "do", station, "--state", state, *given)
    ours, terminal = pty.openpty()
    os.write(ours, b"SN-1\n")
    ended = subprocess.run(command, stdin=terminal, capture_output=True, text=True, check=False)
    os.close(ours)
    os.close(terminal)
    assert ended.returncode == exits.REFUSED
    assert "takes no commands" in ended.stderr
    assert ("the code once more: " in ended.stdout) is is_asked
