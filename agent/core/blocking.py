"""Blocking a lot or a serial component by hand, releasing it, letting it be used anew (D-56).

A block affects the future through the interlock and the past through a query; it changes no event.
What the station file blocks, only the station file releases.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.core import events as ev
from agent.core import shelf
from agent.core.command import Argument, Command, Facts, Names, Refusal, text
from agent.core.draft import Draft
from agent.core.fitness import COMMAND, FILE
from drivers.base import CommandGiven

LOT = Argument(name="lot", names=Names.LOT, about="the lot, or the serial component")


def block(draft: Draft, given: CommandGiven, _facts: Facts) -> ev.Event | Refusal:
    """Let nothing be made from a lot from now on."""
    lot = text(given, "lot")
    if COMMAND in _sources(draft, lot):
        return Refusal(cause=ev.Declined.ALREADY, detail=f"'{lot}' is blocked already")
    return draft.add(ev.LotBlocked(**_body(draft, given, lot), source=COMMAND))


def release(draft: Draft, given: CommandGiven, _facts: Facts) -> ev.Event | Refusal:
    """Take back what persons have blocked, by command or by scan."""
    lot = text(given, "lot")
    sources = _sources(draft, lot)
    if sources == (FILE,):
        detail = f"'{lot}' is blocked by the station file; take it out of track.blocked"
        return Refusal(cause=ev.Declined.NOT_SO, detail=detail)
    if not sources:
        return Refusal(cause=ev.Declined.NOT_SO, detail=f"'{lot}' is not blocked")
    released = [
        draft.add(ev.LotUnblocked(**_body(draft, given, lot), source=source))
        for source in sources
        if source != FILE
    ]
    return released[-1]


def renew(draft: Draft, given: CommandGiven, _facts: Facts) -> ev.Event | Refusal:
    """Let the open life of a package begin anew: it was baked, or is known to be good (D-54)."""
    lot = text(given, "lot")
    if not any(component.open_life_ms for component in draft.station.components):
        detail = "no position of this station has an `open_life`"
        return Refusal(cause=ev.Declined.NOT_SO, detail=detail)
    if not shelf.is_known(draft, lot):
        detail = f"'{lot}' was not on a position, or too long ago; its life begins with its scan"
        return Refusal(cause=ev.Declined.UNKNOWN, detail=detail)
    return draft.add(ev.OpenLifeRenewed(**_body(draft, given, lot)))


def _sources(draft: Draft, lot: str) -> tuple[str, ...]:
    return tuple(each.source for each in draft.state.material.blocked if each.lot == lot)


def _body(draft: Draft, given: CommandGiven, lot: str) -> dict[str, Any]:
    head = draft.head(because=(given.id,))
    return head | {"lot": lot, "who": given.who, "reason": given.reason}


COMMANDS: Mapping[str, Command] = {
    "block-lot": Command(
        about="let nothing be made from a lot or serial component from now on",
        arguments=(LOT,),
        run=block,
        then="what was made from it before is not blocked by that: lineside recall {lot}",
    ),
    "release-lot": Command(
        about="let a blocked lot or serial component be used again",
        arguments=(LOT,),
        run=release,
    ),
    "renew-life": Command(
        about="the open life of a package begins anew: it was baked, or is known to be good",
        arguments=(Argument(name="lot", names=Names.LOT, about="the package, by its label"),),
        run=renew,
    ),
}
