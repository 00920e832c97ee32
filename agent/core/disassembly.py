"""Taking apart by hand: a package unpacked, a unit disassembled, by a named person (D-35, D-143).

What was in it stays in its history: each part that comes out has a record of its own. What is to
come out is looked up first; what is not known to be in is refused, and nothing comes out then.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.core import events as ev
from agent.core import unpacking
from agent.core.command import Argument, Command, Facts, Names, Refusal, text, texts
from agent.core.draft import Draft
from drivers.base import CommandGiven

BY_HAND = "command"
PARENT = Argument(name="parent", names=Names.PACKAGE, about="the box, the pallet: what is unpacked")
CHILD = Argument(
    name="child",
    names=Names.PACKAGE,
    is_optional=True,
    is_many=True,
    about="what comes out; without it everything, and the parent is dissolved",
)
UNIT = Argument(name="unit", names=Names.PACKAGE, about="the unit that is taken apart")
COMPONENT = Argument(
    name="component",
    names=Names.COMPONENT,
    is_optional=True,
    is_many=True,
    about="the serial component that comes out; without it all that is known to be in",
)


def unpack(draft: Draft, given: CommandGiven, facts: Facts) -> ev.Event | Refusal:
    """Take named children out of a parent, or all of them, which dissolves it."""
    parent, children = text(given, "parent"), texts(given, "child")
    inside = unpacking.inside(draft.state, parent, facts["parent", parent].contents)
    if not inside:
        detail = f"nothing is in '{parent}', by what this station knows"
        return Refusal(cause=ev.Declined.NOT_SO, detail=detail)
    if not children:
        said = {"who": given.who, "reason": given.reason}
        return unpacking.empty(draft, parent, inside, (given.id,), how=BY_HAND, **said)
    wrong = _not_in("child", parent, {each: facts["child", each].within[:1] for each in children})
    if wrong is not None:
        return wrong
    out = [
        draft.add(
            ev.UnitUnpacked(
                **draft.head(because=(given.id,)),
                child=child,
                parent=parent,
                how=BY_HAND,
                who=given.who,
                reason=given.reason,
            )
        )
        for child in dict.fromkeys(children)
    ]
    return out[-1]


def disassemble(draft: Draft, given: CommandGiven, facts: Facts) -> ev.Event | Refusal:
    """Take named serial components out of a unit, or all that are known to be in it."""
    unit, named = text(given, "unit"), texts(given, "component")
    homes = {each: (facts["component", each].installed_in,) for each in named}
    wrong = _not_in("component", unit, homes)
    if wrong is not None:
        return wrong
    parts = tuple(dict.fromkeys(named)) or facts["unit", unit].components
    if not parts:
        detail = f"no serial component is in '{unit}', by what this station knows; name them"
        return Refusal(cause=ev.Declined.NOT_SO, detail=detail)
    out = [
        draft.add(
            ev.ComponentRemoved(
                **draft.head(because=(given.id,)),
                component=component,
                unit=unit,
                who=given.who,
                reason=given.reason,
            )
        )
        for component in parts
    ]
    return out[-1]


def _not_in(what: str, parent: str, homes: Mapping[str, tuple[str | None, ...]]) -> Refusal | None:
    """Return a refusal where something that is to come out is not known to be in."""
    astray = [each for each, home in homes.items() if home != (parent,)]
    if not astray:
        return None
    said = ", ".join(f"'{each}'" for each in astray)
    detail = f"not in '{parent}' by what this station knows: {what} {said}"
    return Refusal(cause=ev.Declined.NOT_SO, detail=detail)


COMMANDS: Mapping[str, Command] = {
    "unpack": Command(
        about="children were taken out of their parent, or all of them: a box, a pallet",
        arguments=(PARENT, CHILD),
        run=unpack,
    ),
    "disassemble": Command(
        about="a unit was taken apart: its serial components came out",
        arguments=(UNIT, COMPONENT),
        run=disassemble,
    ),
}
