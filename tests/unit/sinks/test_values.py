"""The feed of live values: bounded, ordered, and never in the way of what brings them."""

from __future__ import annotations

from agent.sinks.values import Sample
from drivers.base import Quality, SnapshotRead, TagValue, TimerFired
from tests.sparkplug_rig import SparkplugRig

TAGS = {"plc": ("force", "count"), "feeder": ("level",), "scanner": ()}


def rig(most: int = 100) -> SparkplugRig:
    """Return a feed in its rig, both devices there."""
    made = SparkplugRig(TAGS, most=most)
    for device in ("plc", "feeder"):
        made.link(device, up=True)
    return made


def waiting(samples: list[Sample]) -> list[tuple[str, object]]:
    """Return tags and values."""
    return [(one.tag, one.value) for one in samples]


def test_a_value_that_did_not_change_is_not_kept() -> None:
    """What counts is value, type, quality and code; another type of the same number is new."""
    there = rig()
    for value in (1, 1, True, 1, 1.0):
        there.show("plc", "count", value)
    there.show("plc", "count", 1.0, Quality.UNCERTAIN)
    there.show("plc", "count", 1.0, Quality.UNCERTAIN, "0x1")
    samples = there.feed.take("plc", 10)
    assert [(type(s.value), s.quality, s.code) for s in samples] == [
        (int, Quality.GOOD, ""),
        (bool, Quality.GOOD, ""),
        (int, Quality.GOOD, ""),
        (float, Quality.GOOD, ""),
        (float, Quality.UNCERTAIN, ""),
        (float, Quality.UNCERTAIN, "0x1"),
    ]


def test_what_is_no_number_is_bad_and_said_once() -> None:
    """NaN is not equal to itself, and would be news for ever (D-96)."""
    there = rig()
    for value in (float("nan"), float("nan"), float("inf")):
        there.show("plc", "force", value)
    (sample,) = there.feed.take("plc", 10)
    assert (sample.value, sample.quality, sample.code) == (None, Quality.BAD, "not finite")


def test_the_oldest_of_all_goes_when_there_is_no_room() -> None:
    """Whichever device it is of; each is counted, and the beginning is told once."""
    there = rig(most=3)
    told: list[int] = []
    there.feed.on_drop = lambda: told.append(there.feed.dropped)
    there.show("feeder", "level", 1)
    for count in range(4):
        there.show("plc", "count", count)
    assert there.feed.dropped == 2
    assert told == [1]
    assert there.feed.waiting == 3
    assert waiting(there.feed.take("feeder", 9)) == []
    assert waiting(there.feed.take("plc", 9)) == [("count", 1), ("count", 2), ("count", 3)]
    for count in range(10, 14):
        there.show("plc", "count", count)
    assert told == [1, 3]  # it had room again, and lost it again


def test_what_is_put_back_stands_before_what_came_since() -> None:
    """The order of a device is the order of arrival, whatever was taken meanwhile."""
    there = rig()
    for count in range(3):
        there.show("plc", "count", count)
    taken = there.feed.take("plc", 2)
    there.show("plc", "count", 9)
    there.feed.put_back(taken)
    assert waiting(there.feed.take("plc", 9)) == [("count", n) for n in (0, 1, 2, 9)]


def test_a_link_that_is_told_again_changes_nothing() -> None:
    """A station that starts anew is shown its devices again; a lost link forgets what was seen."""
    there = rig()
    there.show("plc", "count", 1)
    first = there.feed.contact("plc")
    there.link("plc", up=True)
    assert there.feed.contact("plc") == first
    there.link("plc", up=False)
    assert there.feed.contact("plc") is None
    assert there.feed.newest("plc") == {}
    there.link("plc", up=True)
    assert there.feed.contact("plc") != first


def test_what_is_no_value_of_a_shown_tag_is_passed_over() -> None:
    """Unknown devices and tags, readers, timers; a snapshot is as good as a poll."""
    there = rig()
    now = there.clock.now()
    common = {"earliest_ms": 0, "latest_ms": 0, "received": now}
    there.feed.see(TimerFired(id="t", device="", **common))  # type: ignore[arg-type]  # a mapping
    there.show("plc", "other", 1)
    there.show("press", "count", 1)
    assert there.feed.waiting == 0
    there.feed.see(
        SnapshotRead(
            id="s",
            device="plc",
            ask="a",
            group="end",
            values=(TagValue(tag="count", value=1, quality=Quality.GOOD),),
            coherent=True,
            tries=1,
            **common,  # type: ignore[arg-type]  # a mapping
        )
    )
    assert waiting(there.feed.take("plc", 9)) == [("count", 1)]
    assert "scanner" not in there.feed.tags
