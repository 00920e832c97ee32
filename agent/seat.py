"""One station at one device: its names for the tags, what it wrote there, what is wrong with them.

Laws:
    1. A station hears of its own tags only, under its own names.
    2. A value of a type that its role cannot take is BAD before it reaches the station, and a fault
       of that tag: a trigger that is a text is neither up nor down (FAULTS U04).
    3. What the device holds of what was written is known for one link, and forgotten as soon as the
       device shows something else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from agent.core.station import Station as Plan
from drivers.base import (
    AnyObservation,
    LinkChanged,
    Quality,
    SamplesLost,
    Scalar,
    SnapshotRead,
    TagFault,
    TagValue,
    ValuesSeen,
    WriteGroup,
)


class Station(Protocol):
    """What a device wants of a station; it outlives the station's engines."""

    @property
    def name(self) -> str:
        """The station's path, for messages."""
        ...

    async def emit(self, observation: AnyObservation) -> None:
        """Take an observation; waits while the station is full."""
        ...

    def offer(self, observation: AnyObservation) -> bool:
        """Take an observation if there is room."""
        ...

    def due(self, device: str) -> tuple[WriteGroup, ...]:
        """Return what the device must hold now."""
        ...

    def where(self, name: str) -> str:
        """Return `file:line:column` of a device or tag, for messages."""
        ...


class Tell(Protocol):
    """Where is said what changed: a log line, a counter."""

    def __call__(self, event: str, **fields: object) -> None:
        """Say it."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What sort of value a role takes."""

    types: tuple[type, ...]
    words: str


_BIT = Wanted((bool, int), "true or false, or a whole number")
_WHOLE = Wanted((int,), "a whole number")
_CODE = Wanted((str, int), "a text or a whole number")


def wanted(plan: Plan) -> Mapping[str, Wanted]:
    """Return what the tags must hold on which a binding rests; the others may hold anything."""
    found: dict[str | None, Wanted] = {}
    for handshake in plan.handshakes:
        found[handshake.trigger] = _BIT
        found[handshake.verdict] = _BIT
        found[handshake.request] = _WHOLE
        found[handshake.unit] = _CODE
    if plan.counter is not None:
        found[plan.counter.tag] = _WHOLE
    return {tag: one for tag, one in found.items() if tag is not None}


@dataclass(slots=True)
class Seat:
    """One station at one device."""

    station: Station
    name: str
    """The device's name in that station's file."""
    tags: Mapping[str, str]
    """The station's tag name -> the driver's."""
    wanted: Mapping[str, Wanted] = field(default_factory=dict)
    """What the station's tags must hold, where that matters."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    held: dict[str, Scalar] = field(default_factory=dict)
    """What the device was last seen to hold of what this station wrote, on this link."""
    refused: dict[str, TagFault] = field(default_factory=dict)
    """Writes that the device refuses."""
    misfits: dict[str, TagFault] = field(default_factory=dict)
    """Tags that hold what their role cannot take."""
    is_retrying: bool = False
    """Whether a refused write is tried again soon."""
    overrun: int = 0
    _told: dict[str, TagFault] = field(default_factory=dict)
    _back: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        """Know the way back from the driver's names."""
        self._back = {theirs: ours for ours, theirs in self.tags.items()}

    # -------------------------------------------------------------- the station's words

    def ours(self, observation: AnyObservation) -> AnyObservation | None:
        """Return the observation in the station's words, None if it is not about its tags."""
        if isinstance(observation, ValuesSeen | SnapshotRead):
            back = self._back
            values = tuple(
                self._fitting(replace(v, tag=back[v.tag]))
                for v in observation.values
                if v.tag in back
            )
            return replace(observation, device=self.name, values=values) if values else None
        if isinstance(observation, LinkChanged):
            return self.link(observation)
        if isinstance(observation, SamplesLost) and observation.tag is not None:
            if observation.tag not in self._back:
                return None
            return replace(observation, device=self.name, tag=self._back[observation.tag])
        return replace(observation, device=self.name)

    def _fitting(self, value: TagValue) -> TagValue:
        if self._misfit(value) is None:
            return value
        return replace(value, value=None, quality=Quality.BAD, code="type")

    def _misfit(self, value: TagValue) -> Wanted | None:
        """Return what is wanted instead of such a value, None if it fits."""
        one = self.wanted.get(value.tag)
        if one is None or value.value is None or type(value.value) in one.types:
            return None
        return one

    def link(self, link: LinkChanged) -> LinkChanged:
        """Return the link in the station's words, with everything that is wrong with its tags."""
        faults = tuple(
            replace(f, tag=self._back[f.tag]) for f in link.faults if f.tag in self._back
        )
        if link.up:
            faults = (*faults, *self.misfits.values(), *self.refused.values())
        return replace(link, device=self.name, faults=faults)

    def our_tag(self, tag: str | None) -> str:
        """Return the station's name for a driver's tag."""
        return self._back.get(tag or "", tag or self.name)

    # -------------------------------------------------------------- what is known of the device

    def begin(self) -> None:
        """Start anew with a new link: nothing is known to be held or refused."""
        self.held.clear()
        self.refused.clear()
        self.misfits.clear()

    def note(self, values: Sequence[TagValue]) -> bool:
        """Forget what the device no longer holds; return whether the tags' faults have changed."""
        before = len(self.misfits)
        has_new = False
        for value in values:
            tag = self._back.get(value.tag)
            if tag is None or value.value is None:
                continue
            if tag in self.held and value.value != self.held[tag]:
                del self.held[tag]
                self.changed.set()
            if tag in self.wanted:
                has_new = self._judge(replace(value, tag=tag)) or has_new
        return has_new or len(self.misfits) != before

    def _judge(self, value: TagValue) -> bool:
        """Note whether a value fits its role; return whether it newly does not."""
        one = self._misfit(value)
        if one is None:
            self.misfits.pop(value.tag, None)
            return False
        is_new = value.tag not in self.misfits
        self.misfits[value.tag] = TagFault(
            tag=value.tag,
            cause=f"it holds {value.value!r}, and its role takes {one.words}",
            hint="name another variable, or change its type in the PLC",
        )
        return is_new

    def holds(self, tag: str, value: Scalar) -> bool:
        """Return whether the device is known to hold this."""
        held = self.held.get(tag)
        return held is not None and type(held) is type(value) and held == value

    def tell_faults(self, link: LinkChanged, tell: Tell) -> None:
        """Say once what is wrong with a tag, and once that it no longer is."""
        now = {fault.tag: fault for fault in self.link(link).faults}
        for tag, fault in now.items():
            if tag not in self._told:
                error = f"{fault.cause}; {fault.hint}"
                event = "write_refused" if tag in self.refused else "tag_fault"
                self._say(tell, event, tag, error=error)
        for tag in self._told:
            if tag not in now:
                self._say(tell, "tag_restored", tag)
        self._told = now

    def _say(self, tell: Tell, event: str, tag: str, **fields: object) -> None:
        station = self.station
        where = station.where(tag)
        tell(event, station=station.name, at=where, device=self.name, tag=tag, **fields)
