"""What a collector subscribes to: every station, whatever the depth of its path, once."""

import pytest

from agent.sinks.mqtt.subscription import DEEPEST, filters, stations_filter


def fits(topic: str, pattern: str) -> bool:
    """Return whether a topic is one of a filter without `#`."""
    levels, wanted = topic.split("/"), pattern.split("/")
    return len(levels) == len(wanted) and all(
        one in {"+", level} for level, one in zip(levels, wanted, strict=True)
    )


@pytest.mark.parametrize("depth", [1, 2, DEEPEST])
@pytest.mark.parametrize("what", ["events/unit_completed", "position", "health", "reply/me"])
def test_each_message_of_a_station_comes_once(depth: int, what: str) -> None:
    """One filter takes it, and no second one: a broker might send it twice."""
    topic = f"lineside/v1/{'/'.join(['a'] * depth)}/{what}"
    assert sum(fits(topic, pattern) for pattern, _ in filters("lineside", "#", "me", None)) == 1


def test_only_the_stations_below_a_place() -> None:
    """Its own path is one of them, and nobody else's."""
    found = [pattern for pattern, _ in filters("lineside", "acme/graz/#", "me", None)]
    assert any(fits("lineside/v1/acme/graz/events/x", pattern) for pattern in found)
    assert any(fits("lineside/v1/acme/graz/l/p/events/x", pattern) for pattern in found)
    assert not any(fits("lineside/v1/acme/linz/p/events/x", pattern) for pattern in found)
    assert [pattern for pattern, _ in filters("r", "a/+", "me", None)] == [
        "r/v1/a/+/events/+",
        "r/v1/a/+/reply/me",
        "r/v1/a/+/position",
        "r/v1/a/+/health",
    ]


def test_a_group_shares_the_events_alone() -> None:
    """Each member knows every position, and gets the answers that it asked for itself."""
    shared = {pattern for pattern, _ in filters("lineside", "#", "me", "g") if "$share" in pattern}
    assert shared == {
        f"$share/g/{pattern}"
        for pattern, _ in filters("lineside", "#", "me", None)
        if pattern.endswith("/events/+")
    }


@pytest.mark.parametrize("text", ["", "/a", "a//b", "a/#/b", "A/b", "a b", "a/" * 16 + "a", "#/#"])
def test_what_is_no_filter_is_refused(text: str) -> None:
    """It names places, `+`, and `#` at its end."""
    with pytest.raises(ValueError, match=r"cannot stand|more than"):
        stations_filter(text)
