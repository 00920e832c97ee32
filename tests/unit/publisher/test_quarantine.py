"""The quarantine keeps the event itself, once, on the disk."""

from pathlib import Path

import orjson
import pytest

from agent.ports import Row
from agent.publisher import Quarantine
from tests.doubles import MORNING_MS, InlineWorker, ManualClock, event_row


def _quarantine(path: Path) -> Quarantine:
    return Quarantine(path, InlineWorker(), ManualClock())


async def test_an_event_is_kept_whole(tmp_path: Path) -> None:
    """Address, cause and the body, byte for byte, can be read back."""
    row = event_row(7)
    await _quarantine(tmp_path / "plant.jsonl").put(row, "too large")
    (line,) = (tmp_path / "plant.jsonl").read_bytes().splitlines()
    entry = orjson.loads(line)
    assert entry.pop("body").encode() == row.body
    assert entry == {
        "epoch": row.epoch,
        "seq": 7,
        "kind": "unit_completed",
        "cause": "too large",
        "wall_ms": MORNING_MS,
    }


async def test_an_event_put_again_is_not_kept_twice(tmp_path: Path) -> None:
    """Whether in this run or after a restart: one line an event."""
    path = tmp_path / "plant.jsonl"
    one = _quarantine(path)
    await one.put(event_row(7), "too large")
    await one.put(event_row(7), "too large")
    await one.put(event_row(8), "too large")
    await _quarantine(path).put(event_row(8), "too large")
    assert len(path.read_bytes().splitlines()) == 2


async def test_a_body_that_is_no_text_is_kept_readable(tmp_path: Path) -> None:
    """Even bytes that are no UTF-8, or hold line ends, make one line of JSON."""
    whole = event_row(7)
    broken = Row(
        epoch=whole.epoch,
        seq=7,
        kind="x",
        unit=None,
        wall_ms=0,
        body=b"\xff\n{",
        hash=whole.hash,
    )
    await _quarantine(tmp_path / "plant.jsonl").put(broken, "no event")
    (line,) = (tmp_path / "plant.jsonl").read_bytes().splitlines()
    assert orjson.loads(line)["body"] == "\\xff\n{"


async def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Whoever puts learns that it was not kept."""
    with pytest.raises(FileNotFoundError):
        await _quarantine(tmp_path / "no" / "plant.jsonl").put(event_row(7), "too large")
