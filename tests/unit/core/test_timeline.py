"""What was so when, laid into windows (D-104, D-108)."""

from datetime import date

from agent.core.calendars import Window
from agent.core.timeline import Key, Timeline

DAY = date(2024, 11, 25)


def test_a_stop_in_planned_down_time_is_no_loss() -> None:
    """It is the calendar's; what of it lies beside the planned down time is lost."""
    window = Window(name="early", day=DAY, begin_ms=1_000, end_ms=9_000, stops=((3_000, 5_000),))
    line = Timeline([window], small_stop_ms=0)
    line.see(1_000)
    line.change(1_000, "running", "")
    line.change(3_500, "down", "E7")
    line.change(4_500, "running", "")
    line.change(8_000, "down", "E8")
    line.see(9_000)
    assert line.settle(9_000) == 9_000
    ((place, key, found),) = line.buckets()
    assert (place, key) == (0, Key(None, None))
    assert (found.production_ms, found.down_ms, found.ran_in_down_ms) == (5_000, 2_000, 1_000)
    assert found.losses == {("down", "E8"): 1_000}
