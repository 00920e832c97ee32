"""A unit's life by hand: scrapped, let in again for rework, given another identity (D-35 to D-37).

What holds of a unit is asked, for all units ever made are no state. A unit that was never here may
be one that another station made: a command for it says so (`unseen`), or is taken for a slip.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.core import events as ev
from agent.core.command import Argument, Command, Facts, Names, Refusal, text
from agent.core.draft import Draft
from drivers.base import AskAnswered, CommandGiven

UNIT = Argument(name="unit", names=Names.UNIT, about="the unit")
OLD = Argument(name="old", names=Names.UNIT, about="the identity that it has")
NEW = Argument(name="new", names=Names.UNIT, about="the identity that it gets")
UNSEEN = Argument(
    name="unseen", is_optional=True, about="'yes': it was never at this station, and that is right"
)


def scrap(draft: Draft, given: CommandGiven, facts: Facts) -> ev.Event | Refusal:
    """Take a unit out of production; it is refused wherever it comes (D-36)."""
    unit = text(given, "unit")
    seen = facts["unit", unit]
    if seen.scrapped:
        detail = f"'{unit}' is scrapped already"
        return Refusal(cause=ev.Declined.ALREADY, detail=detail)
    return _unseen(given, unit, seen) or draft.add(
        ev.UnitScrapped(**_body(draft, given), unit=unit)
    )


def rework(draft: Draft, given: CommandGiven, facts: Facts) -> ev.Event | Refusal:
    """Let a unit that was completed here come once more (D-35)."""
    unit = text(given, "unit")
    seen, limit = facts["unit", unit], draft.station.rework_limit
    if seen.scrapped:
        detail = f"'{unit}' is scrapped; retract that first"
        return Refusal(cause=ev.Declined.SCRAPPED, detail=detail)
    if not seen.visits:
        detail = f"'{unit}' was not completed here; it may come without a release"
        return Refusal(cause=ev.Declined.NOT_SO, detail=detail)
    if seen.reworked:
        detail = f"'{unit}' is released already, and has not come since"
        return Refusal(cause=ev.Declined.ALREADY, detail=detail)
    if limit is not None and seen.visits > limit:
        detail = f"'{unit}' was here {seen.visits} times; track.rework.limit is {limit}"
        return Refusal(cause=ev.Declined.LIMIT, detail=detail)
    return draft.add(ev.UnitReworked(**_body(draft, given), unit=unit, visit=seen.visits + 1))


def reidentify(draft: Draft, given: CommandGiven, facts: Facts) -> ev.Event | Refusal:
    """Give a unit another identity, one to one; its events keep the old one (D-37)."""
    old, new = text(given, "old"), text(given, "new")
    seen, taken = facts["old", old], facts["new", new]
    if old == new:
        return Refusal(cause=ev.Declined.ALREADY, detail=f"it is '{new}' already")
    if seen.renamed_to is not None:
        detail = f"'{old}' is '{seen.renamed_to}' already; give the new one for the old"
        return Refusal(cause=ev.Declined.ALREADY, detail=detail)
    if _is_used(new, taken):
        detail = f"'{new}' is another unit's ({taken.seen_at or ', '.join(taken.names)})"
        return Refusal(cause=ev.Declined.IN_USE, detail=detail)
    return _unseen(given, old, seen) or draft.add(
        ev.UnitReidentified(**_body(draft, given), unit=old, new=new)
    )


def _is_used(new: str, taken: AskAnswered) -> bool:
    others = set(taken.names) - {new}
    return taken.seen_at is not None or taken.scrapped or bool(others) or bool(taken.renamed_to)


def _unseen(given: CommandGiven, unit: str, seen: AskAnswered) -> Refusal | None:
    """Return why nothing is done to a unit that was never here; None: it was, or that is right."""
    return None if was_here(unit, seen) else never_here(given, unit)


def was_here(unit: str, seen: AskAnswered) -> bool:
    """Return whether a unit was at this station, or has another identity too."""
    return seen.seen_at is not None or bool(set(seen.names) - {unit})


def never_here(given: CommandGiven, unit: str) -> Refusal | None:
    """Return the refusal of what was never here, unless the person says that this is right."""
    if text(given, UNSEEN.name) == "yes":
        return None
    detail = f"'{unit}' was never here; if it is right all the same, add --unseen yes"
    return Refusal(cause=ev.Declined.UNKNOWN, detail=detail)


def _body(draft: Draft, given: CommandGiven) -> dict[str, Any]:
    head = draft.head(because=(given.id,))
    return head | {"who": given.who, "reason": given.reason}


COMMANDS: Mapping[str, Command] = {
    "scrap": Command(
        about="a unit is scrap: it is refused wherever it comes",
        arguments=(UNIT, UNSEEN),
        run=scrap,
    ),
    "rework": Command(
        about="let a unit that was completed here come once more",
        arguments=(UNIT,),
        run=rework,
    ),
    "reidentify": Command(
        about="a unit has got another identity: a new label, a laser mark",
        arguments=(OLD, NEW, UNSEEN),
        run=reidentify,
    ),
}
