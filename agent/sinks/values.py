"""The values of a station's tags as they come, for a sink that shows them live.

Values are no events: they are not in the journal, and nothing that is recorded depends on them. So
they wait in memory, and no longer than there is room.

Laws:
    1. Taking an observation never waits and never fails: the trace path does not notice a sink.
    2. A value that is what the tag had already is not kept.
    3. What waits is bounded. Beyond that the oldest value of all devices goes, and is counted.
    4. Per device the order is the order of arrival, also for what was taken and put back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from drivers.base import (
    AnyObservation,
    LinkChanged,
    Quality,
    Scalar,
    SnapshotRead,
    TagValue,
    ValuesSeen,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value of one tag."""

    device: str
    tag: str
    value: Scalar | None
    quality: Quality
    code: str
    """The protocol's own code."""
    wall_ms: int
    """When it was received, by our clock: one clock for all that a station shows."""
    number: int
    """Its place among all samples of the feed."""

    def says(self, value: TagValue) -> bool:
        """Whether the tag had this value already."""
        return (
            type(self.value) is type(value.value)
            and self.value == value.value
            and self.quality is value.quality
            and self.code == value.code
        )


@dataclass(frozen=True, slots=True)
class Contact:
    """The link to a device."""

    number: int
    """Counts the links to it."""
    since_ms: int
    """Boot time at which it came up."""


class ValueFeed:
    """What the tags of one station hold, and what of it waits to be shown."""

    def __init__(self, tags: Mapping[str, Sequence[str]], most: int) -> None:
        """Begin with nothing known.

        Args:
            tags: By device, the tags that are shown.
            most: How many values may wait.
        """
        self.tags = {device: tuple(names) for device, names in tags.items() if names}
        self.on_change: Callable[[], None] = lambda: None
        """Called when there is something to show."""
        self.on_drop: Callable[[], None] = lambda: None
        """Called when the first value goes since all could wait."""
        self.number = 0
        """Of the newest sample."""
        self.dropped = 0
        """Values that could not wait any longer, since the agent began."""
        self.most = most
        self._contacts: dict[str, Contact] = {}
        self._links = 0
        self._newest: dict[str, dict[str, Sample]] = {device: {} for device in self.tags}
        self._waiting: dict[str, deque[Sample]] = {device: deque() for device in self.tags}
        self._is_dropping = False

    # ------------------------------------------------------------- what comes in

    def see(self, observation: AnyObservation) -> None:
        """Take what concerns the tags; anything else is passed over."""
        device = observation.device
        if device not in self.tags:
            return
        if isinstance(observation, LinkChanged):
            self._linked(observation)
        elif isinstance(observation, ValuesSeen | SnapshotRead):
            for value in observation.values:
                self._take(device, value, observation.received.wall_ms)

    def _linked(self, link: LinkChanged) -> None:
        device = link.device
        if link.up == (device in self._contacts):
            return  # told again, to a station that starts anew
        if link.up:
            self._links += 1
            self._contacts[device] = Contact(self._links, link.received.boot_ms)
        else:
            del self._contacts[device]
            self._newest[device].clear()
        self.on_change()

    def _take(self, device: str, value: TagValue, wall_ms: int) -> None:
        if isinstance(value.value, float) and not isfinite(value.value):
            value = replace(value, value=None, quality=Quality.BAD, code="not finite")  # D-96
        newest = self._newest[device]
        before = newest.get(value.tag)
        if value.tag not in self.tags[device] or (before is not None and before.says(value)):
            return
        self.number += 1
        sample = Sample(
            device=device,
            tag=value.tag,
            value=value.value,
            quality=value.quality,
            code=value.code,
            wall_ms=wall_ms,
            number=self.number,
        )
        newest[value.tag] = sample
        self._waiting[device].append(sample)
        self._make_room()
        self.on_change()

    def _make_room(self) -> None:
        while self.waiting > self.most:
            oldest = min(
                (one for one in self._waiting.values() if one), key=lambda one: one[0].number
            )
            oldest.popleft()
            self.dropped += 1
            if not self._is_dropping:
                self._is_dropping = True
                self.on_drop()

    # ------------------------------------------------------------- what goes out

    @property
    def waiting(self) -> int:
        """How many values wait."""
        return sum(map(len, self._waiting.values()))

    def contact(self, device: str) -> Contact | None:
        """Return the link to a device, None while there is none."""
        return self._contacts.get(device)

    def newest(self, device: str) -> Mapping[str, Sample]:
        """Return what the device's tags hold, as far as it was seen on this link."""
        return self._newest[device]

    def take(self, device: str, most: int) -> list[Sample]:
        """Return the oldest values that wait for a device; the caller has them from now on."""
        waiting = self._waiting[device]
        taken = [waiting.popleft() for _ in range(min(most, len(waiting)))]
        if taken and self.waiting < self.most // 2:
            self._is_dropping = False
        return taken

    def put_back(self, samples: Iterable[Sample]) -> None:
        """Let values wait again, in front of those that came after them."""
        for sample in sorted(samples, key=lambda one: one.number, reverse=True):
            self._waiting[sample.device].appendleft(sample)
        self._make_room()
