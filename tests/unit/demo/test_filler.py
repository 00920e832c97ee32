"""The filling machine and its memory, without its server."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.demo.child import Retentive
from agent.demo.filler import Filler, Memory, registers


class Hand:
    """A machine clock that the test turns."""

    def __init__(self) -> None:
        self.ms = 1000

    def __call__(self) -> int:
        """Return what it shows."""
        return self.ms


def said(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the facts said since the last call."""
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_registers_hold_counter_running_and_lot() -> None:
    """The counter's high word comes first; the name is padded with NUL and never longer."""
    words = registers(Memory(count=0x1_0002, lot="F-1"), running=True)
    assert words == [1, 2, 1, 0x462D, 0x3100, 0, 0, 0, 0, 0, 0]
    assert len(registers(Memory(lot="x" * 40), running=False)) == len(words)


def test_pieces_follow_rate_and_time(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What a tick does not complete counts for the next one; stopped, nothing is made."""
    hand = Hand()
    filler = Filler(Retentive(tmp_path / "memory"), hand)
    filler.take({"do": "run", "per_s": 4})
    for _ in range(10):
        hand.ms += 100
        filler.tick()
    assert filler.memory.count == 4
    filler.take({"do": "stop"})
    hand.ms += 10_000
    filler.tick()
    assert filler.memory.count == 4
    assert said(capfd)[-1] == {"said": "stopped", "count": 4}


def test_lot_is_told_with_the_count_at_which_it_changed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Pieces made until then are counted before the lot changes."""
    hand = Hand()
    filler = Filler(Retentive(tmp_path / "memory"), hand)
    filler.take({"do": "run", "per_s": 10})
    hand.ms += 300
    filler.take({"do": "lot", "lot": "F-2"})
    assert said(capfd)[-1] == {"said": "lot", "lot": "F-2", "count": 3}


def test_memory_outlives_the_machine(tmp_path: Path) -> None:
    """A machine that is switched on again goes on counting; without its memory it starts at 0."""
    hand = Hand()
    memory = tmp_path / "memory"
    first = Filler(Retentive(memory), hand)
    assert not first.kept
    first.take({"do": "run", "per_s": 10})
    hand.ms += 1000
    first.take({"do": "lot", "lot": "F-3"})
    second = Filler(Retentive(memory), hand)
    assert second.kept
    assert second.memory == Memory(count=10, lot="F-3")
    memory.unlink()
    assert Filler(Retentive(memory), hand).memory == Memory()
