"""Which machine this is."""

from pathlib import Path

import pytest

from agent.app.machine import machine


@pytest.fixture(autouse=True)
def unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gives this machine a name."""
    monkeypatch.delenv("LINESIDE_MACHINE", raising=False)


def test_a_machine_is_known_by_its_system_and_its_board(tmp_path: Path) -> None:
    """A copied image has the same system id on another board; a missing one is no difference."""
    system, board = tmp_path / "machine-id", tmp_path / "serial-number"
    system.write_text("3f0c2b9e5a0d4c369d1a5f2f6f0a7c11\n")
    found = [machine((system, board))]
    for serial in (b"10000000abcd\0", b"10000000abce\0"):
        board.write_bytes(serial)
        found.append(machine((system, board)))
    assert len(set(found)) == 3
    assert found[2] == machine((system, board))
    assert [len(word) for word in found] == [16] * 3
    assert "3f0c2b9e" not in "".join(found)


def test_a_machine_without_ids_is_not_known(tmp_path: Path) -> None:
    """Then no journal is refused."""
    (tmp_path / "empty").touch()
    assert machine((tmp_path / "empty", tmp_path / "none")) == ""


def test_a_machine_can_be_given_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that is made anew keeps its journal."""
    monkeypatch.setenv("LINESIDE_MACHINE", "gateway-7")
    named = machine((tmp_path / "none",))
    monkeypatch.setenv("LINESIDE_MACHINE", "gateway-8")
    assert len({named, machine((tmp_path / "none",)), ""}) == 3
