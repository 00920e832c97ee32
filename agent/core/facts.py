"""What an event says of units, lots and serial components, for whoever looks them up.

Source: D-34 to D-42, D-56, D-143. A fact is kept under the address of its event, so that it can be
told twice and in any order. What holds now (the newest visit, the unit that a component is in) is
derived when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.core import events as ev


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that one event says."""

    station: str
    epoch: str
    seq: int
    at_ms: int
    """When it was learned, UTC ms."""

    @property
    def address(self) -> str:
        """The address of its event."""
        return f"{self.epoch}-{self.seq}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit(Fact):
    """A unit was at a station: let in, completed or refused; or scrapped, or released again."""

    unit: str
    kind: str
    handshake: str
    result: str | None
    certain: bool
    """Whether it is certain that it was this unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved(Fact):
    """A serial component went into a unit, a child into its parent, or out again (D-9, D-42)."""

    component: str
    unit: str | None
    """None: it was taken out."""
    position: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block(Fact):
    """A lot, a unit or a serial component was blocked or released (D-56)."""

    lot: str
    source: str
    blocked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias(Fact):
    """A unit has another identity from here on, one to one (D-37)."""

    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction(Fact):
    """An event no longer counts as it was recorded (D-143)."""

    of_epoch: str
    of_seq: int
    corrects: str | None
    """The kind of that event, where a person says so."""
    doubts: bool
    """Whether it only says that it is no longer certain which unit it was."""
    retracted: bool
    """Whether it never was so."""
    unit: str | None = None
    """What is right instead; None: as it was. So also the rest."""
    result: str | None = None
    component: str | None = None
    position: str | None = None


def _visit(event: ev.UnitEvent) -> tuple[Fact, ...]:
    if event.unit is None:
        return ()
    result = event.result.value if isinstance(event, ev.UnitCompleted) else None
    return (
        Visit(
            **_of(event),
            unit=event.unit,
            kind=event.kind,
            handshake=event.handshake,
            result=result,
            certain=event.certainty is ev.Certainty.CERTAIN,
        ),
    )


def _installed(event: ev.ComponentInstalled) -> tuple[Fact, ...]:
    found = Moved(**_of(event), component=event.component, unit=event.unit, position=event.position)
    return (found,)


def _removed(event: ev.ComponentRemoved) -> tuple[Fact, ...]:
    return (Moved(**_of(event), component=event.component, unit=None, position=None),)


def _packed(event: ev.UnitPacked) -> tuple[Fact, ...]:
    return (Moved(**_of(event), component=event.child, unit=event.parent, position=None),)


def _unpacked(event: ev.UnitUnpacked) -> tuple[Fact, ...]:
    return (Moved(**_of(event), component=event.child, unit=None, position=None),)


def _block(event: ev.LotBlocked | ev.LotUnblocked) -> tuple[Fact, ...]:
    blocked = isinstance(event, ev.LotBlocked)
    return (Block(**_of(event), lot=event.lot, source=event.source, blocked=blocked),)


def _correction(event: ev.EventCorrected) -> tuple[Fact, ...]:
    found = []
    said: dict[str, Any] = {name: to for name, to in event.replacement if name in _REPLACED}
    for address in event.supersedes:
        epoch, _, seq = address.rpartition("-")
        found.append(
            Correction(
                **_of(event),
                of_epoch=epoch,
                of_seq=int(seq),
                corrects=event.corrects,
                doubts=not event.replacement and not event.retracted,
                retracted=event.retracted,
                **said,
            )
        )
    return tuple(found)


def _life(event: ev.UnitScrapped | ev.UnitReworked) -> tuple[Fact, ...]:
    found = Visit(
        **_of(event), unit=event.unit, kind=event.kind, handshake="", result=None, certain=True
    )
    return (found,)


def _alias(event: ev.UnitReidentified) -> tuple[Fact, ...]:
    return (Alias(**_of(event), old=event.unit, new=event.new),)


def _of(event: ev.Event) -> dict[str, Any]:
    return {
        "station": event.station,
        "epoch": event.epoch,
        "seq": event.seq,
        "at_ms": event.time.received_ms,
    }


_SAYS: Mapping[type[ev.Event], Callable[[Any], tuple[Fact, ...]]] = {
    ev.UnitStarted: _visit,
    ev.UnitCompleted: _visit,
    ev.UnitRefused: _visit,
    ev.ComponentInstalled: _installed,
    ev.ComponentRemoved: _removed,
    ev.UnitPacked: _packed,
    ev.UnitUnpacked: _unpacked,
    ev.LotBlocked: _block,
    ev.LotUnblocked: _block,
    ev.EventCorrected: _correction,
    ev.UnitScrapped: _life,
    ev.UnitReworked: _life,
    ev.UnitReidentified: _alias,
}
_REPLACED = frozenset({"unit", "result", "component", "position"})
"""What a person can say is right instead, as far as it matters here."""
KINDS = frozenset(kind.kind for kind in _SAYS)
"""The kinds of event that say anything."""


def facts(event: ev.Event) -> tuple[Fact, ...]:
    """Return what an event says; most say nothing."""
    says = _SAYS.get(type(event))
    return says(event) if says is not None else ()
