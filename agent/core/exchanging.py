"""Repair by hand: a serial component is taken out of a unit, another one put in its place (D-42).

What has been in a unit stays in its genealogy: the removal is a fact of its own (D-35).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.core import events as ev
from agent.core.command import Argument, Command, Facts, Names, Refusal, text
from agent.core.draft import Draft
from drivers.base import AskAnswered, CommandGiven

UNIT = Argument(name="unit", names=Names.UNIT, is_asked=False, about="the unit that is repaired")
OLD = Argument(name="old", names=Names.COMPONENT, about="the component that is taken out")
NEW = Argument(name="new", names=Names.COMPONENT, about="the component that is put in")


def remove(draft: Draft, given: CommandGiven, facts: Facts) -> ev.Event | Refusal:
    """Take a component out of the unit that it is in."""
    old = facts["old", text(given, "old")]
    return _not_in(given, old) or _removed(draft, given, old)


def exchange(draft: Draft, given: CommandGiven, facts: Facts) -> ev.Event | Refusal:
    """Take a component out of its unit, and put another into its place."""
    code = text(given, "new")
    old, new = facts["old", text(given, "old")], facts["new", code]
    wrong = _not_in(given, old) or _not_free(draft, code, new)
    if wrong is not None:
        return wrong
    removed = _removed(draft, given, old)
    body = _body(draft, given, (given.id, removed.address))
    return draft.add(
        ev.ComponentInstalled(
            **body,
            position=old.position or "",
            component=code,
            unit=text(given, "unit"),
            cycle=f"c-{removed.address}",
        )
    )


def _not_in(given: CommandGiven, old: AskAnswered) -> Refusal | None:
    unit, code = text(given, "unit"), text(given, "old")
    if old.installed_in == unit:
        return None
    if old.installed_in is None:
        detail = f"'{code}' is in no unit, by what this station knows"
    else:
        detail = f"'{code}' is in '{old.installed_in}' ({old.seen_at}), not in '{unit}'"
    return Refusal(cause=ev.Declined.NOT_SO, detail=detail)


def _not_free(draft: Draft, code: str, new: AskAnswered) -> Refusal | None:
    if new.installed_in is not None:
        detail = f"'{code}' is in '{new.installed_in}' ({new.seen_at}); take it out there first"
        return Refusal(cause=ev.Declined.ALREADY, detail=detail)
    if any(waiting.component == code for waiting in draft.state.material.waiting):
        detail = f"'{code}' was scanned and waits for the next unit; cancel that first"
        return Refusal(cause=ev.Declined.ALREADY, detail=detail)
    if any(blocked.lot == code for blocked in draft.state.material.blocked):
        return Refusal(cause=ev.Declined.BLOCKED, detail=f"'{code}' is blocked")
    return None


def _removed(draft: Draft, given: CommandGiven, old: AskAnswered) -> ev.ComponentRemoved:
    because = (given.id, old.seen_at or "")
    body = _body(draft, given, because)
    return draft.add(
        ev.ComponentRemoved(
            **body,
            component=text(given, "old"),
            unit=old.installed_in,
            position=old.position,
        )
    )


def _body(draft: Draft, given: CommandGiven, because: tuple[str, ...]) -> dict[str, Any]:
    return draft.head(because=because) | {"who": given.who, "reason": given.reason}


COMMANDS: Mapping[str, Command] = {
    "remove": Command(
        about="a serial component was taken out of a unit",
        arguments=(UNIT, OLD),
        run=remove,
    ),
    "exchange": Command(
        about="a serial component of a unit was replaced by another",
        arguments=(UNIT, OLD, NEW),
        run=exchange,
    ),
}
