"""A unit that `begin` let in and that has no `end`: taken out, or followed by another (D-22, D-24).

A machine with `begin` and `end` works on one unit at a time. Where the next one is let in before
the `end` of the one before, that one was taken out and nobody said so, or the machine has both and
the `end` that comes is of either: it is recorded what was left open, and the next binding is at
most possible. A PLC that says that the part was taken out (`abort`) leaves no doubt.
"""

from __future__ import annotations

from agent.core import events as ev
from agent.core import pairing, requests
from agent.core.draft import Draft
from agent.core.parts import Started
from agent.core.station import Handshake


def begun_anew(draft: Draft, handshake: Handshake, unit: str) -> None:
    """Say that the unit let in before had no `end` when another one is let in.

    Not where `end` has a code of its own: there nothing rests on the order.
    """
    started = draft.state.cycle.started
    if (
        started is not None
        and started.unit != unit
        and pairing.seeks_scan(draft.station, handshake)
    ):
        _no_end(draft, started, requests.BEGUN_ANEW)


def taken_out(draft: Draft, handshake: Handshake) -> None:
    """Between `begin` and `end` the part was taken out: the unit let in will have no `end`."""
    started = draft.state.cycle.started
    others = [each for each in draft.station.handshakes if each.name != handshake.name]
    if started is not None and all(draft.live(each.name).rise is None for each in others):
        _no_end(draft, started, requests.PART_REMOVED)


def _no_end(draft: Draft, started: Started, reason: str) -> None:
    name = draft.station.handshakes[-1].name
    draft.add(
        ev.CycleAborted(
            **draft.head(because=(started.address,)),
            handshake=name,
            generation=draft.state.cycle.generations.get(name, 1),
            reason=reason,
        )
    )
