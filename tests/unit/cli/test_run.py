"""`lineside run`, `try` and `probe` before any device is reached: wrong files, and their codes."""

from pathlib import Path

import pytest

from agent.cli import exits, main
from agent.demo.process import free_port
from tests.unit.config.stations import FILLER, edited, write

WRONG = edited(FILLER, ("driver: modbus", "driver: modbuss"))


@pytest.mark.parametrize("command", ["run", "try", "probe"])
def test_a_file_that_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Exit code 78 and each problem by its place; nothing is made in the state directory."""
    write(tmp_path, filler=WRONG)
    state = ("--state", str(tmp_path / "state")) if command == "run" else ()
    with pytest.raises(SystemExit) as ended:
        main((command, str(tmp_path / "filler.yaml"), *state))
    out, complaints = capsys.readouterr()
    assert (ended.value.code, out.count("\n")) == (exits.CONFIG, command == "probe")
    assert complaints.startswith(f"{tmp_path}/filler.yaml:7:17: devices.plc.driver: ")
    assert "did you mean 'modbus'?" in complaints
    assert [file.name for file in tmp_path.iterdir()] == ["filler.yaml"]


def test_a_folder_without_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what belongs there."""
    with pytest.raises(SystemExit) as ended:
        main(("run", str(tmp_path)))
    assert ended.value.code == exits.CONFIG
    assert capsys.readouterr().err == (
        f"{tmp_path}:1:1: has no station file; put one file for each station there, NAME.yaml\n"
    )


def test_a_try_ends_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After so many seconds, in order: there is no error, and no file is left."""
    text = edited(FILLER, ("host: 127.0.0.1", f"host: 127.0.0.1, port: {free_port()}"))
    write(tmp_path, filler=text)
    with pytest.raises(SystemExit) as ended:
        main(("try", str(tmp_path / "filler.yaml"), "--for", "0.1"))
    assert ended.value.code == exits.OK
    assert '"level":"error"' not in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["filler.yaml"]
