"""A device that says by hand what a driver would say, to whoever takes the values of tags."""

from agent.ports import Clock
from agent.sinks.values import ValueFeed
from drivers.base import LinkChanged, Quality, Scalar, TagValue, ValuesSeen


class Shown:
    """What the devices of one station say to a feed, at the moment that the clock shows."""

    def __init__(self, feed: ValueFeed, clock: Clock) -> None:
        self._feed, self._clock = feed, clock
        self._n = 0

    def link(self, device: str, *, up: bool) -> None:
        """Let a device come or go."""
        now = self._clock.now()
        self._feed.see(
            LinkChanged(
                id=self._next("link"),
                device=device,
                earliest_ms=now.boot_ms,
                latest_ms=now.boot_ms,
                received=now,
                up=up,
            )
        )

    def values(self, device: str, *values: TagValue) -> None:
        """Let tags have values."""
        now = self._clock.now()
        self._feed.see(
            ValuesSeen(
                id=self._next("values"),
                device=device,
                earliest_ms=now.boot_ms,
                latest_ms=now.boot_ms,
                received=now,
                values=values,
            )
        )

    def _next(self, what: str) -> str:
        self._n += 1
        return f"{what}-{self._n}"


def tag_value(
    tag: str, value: Scalar | None, quality: Quality = Quality.GOOD, code: str = ""
) -> TagValue:
    """Return a tag's value; None is a bad one."""
    return TagValue(
        tag=tag, value=value, quality=Quality.BAD if value is None else quality, code=code
    )
