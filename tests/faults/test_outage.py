"""The short form of the long outage: hours without the broker, then all of it (N02, B16, E07)."""

from pathlib import Path

from tests.sim.outage import outage
from tests.soak.backlog import drained

HOURS = 0.1


async def test_an_outage_is_caught_up_while_the_press_goes_on(tmp_path: Path) -> None:
    """Nothing is lost or out of order, and each request is answered."""
    report = await outage(tmp_path, hours=HOURS)
    assert report.problems == []
    assert report.events > HOURS * 3600 * 2
    assert report.caught_up > HOURS * 3600
    assert report.busy_ms


async def test_a_backlog_is_drained_in_order_while_events_are_recorded(tmp_path: Path) -> None:
    """The short form of a million: each proven and following the one before, memory flat (B16)."""
    found = await drained(tmp_path, 20_000)
    assert found.problems == []
    assert found.live_ms
