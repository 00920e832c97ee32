"""The short form of `make soak`: real processes, a real broker, and faults at random."""

from pathlib import Path

from tests.soak.processes import Pace, soak

PACE = Pace(minutes=0.4, every_s=2.5, most_s=2.5, last_s=8)


async def test_the_books_agree_whatever_fails(tmp_path: Path) -> None:
    """What happened, what was recorded and what was delivered are the same, over every fault."""
    measured = await soak(tmp_path, PACE, seed=13)
    assert measured.problems == []
    assert sum(measured.faults.values()) >= 3
    assert len(measured.checks) > 5
