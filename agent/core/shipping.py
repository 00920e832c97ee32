"""What leaves the house, and what comes back into it, by a named person.

Laws:
    1. What is said to have left is recorded under the code that was given: a unit, a parent with
       all that is in it, a lot or a part of one. Nothing is unpacked for it, and nothing of it is
       kept in the state: who asks where a unit is reads the events.
    2. What is blocked or scrapped is refused, until whoever gives the command says that it has left
       all the same (`anyway`); the record then says what should have kept it (D-36, D-56).
    3. All that one command names is recorded, or nothing is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agent.core import events as ev
from agent.core import fitness, lot_commands, lotbook, lots
from agent.core.anew import replace
from agent.core.command import Argument, Command, Facts, Names, Refusal, text, texts
from agent.core.draft import Draft
from drivers.base import CommandGiven

UNIT = Argument(
    name="unit", names=Names.UNIT, is_optional=True, is_many=True, about="a unit; again for more"
)
PARCEL = Argument(
    name="parcel",
    names=Names.PACKAGE,
    is_optional=True,
    is_many=True,
    is_asked=False,
    about="a box or a pallet, with all that is in it; again for more",
)
LOT = Argument(name="lot", names=Names.LOT, is_optional=True, about="a lot, or a part of one")
QUANTITY = Argument(
    name="quantity", names=Names.NUMBER, is_optional=True, about="how much of the lot; else all"
)
MEASURE = Argument(name="measure", is_optional=True, about="its unit of measure, if not its own")
TO = Argument(name="to", is_optional=True, about="who gets it: a customer, a site (needed)")
FROM = Argument(name="from", is_optional=True, about="who gives it back")
DOCUMENT = Argument(
    name="document", is_optional=True, about="the delivery note, or what else goes with it"
)
ANYWAY = Argument(
    name="anyway", is_optional=True, about="'yes': it has left, although it is blocked or scrap"
)

_IS = {
    ev.Why.SCRAPPED: "scrapped",
    ev.Why.UNIT_BLOCKED: "blocked",
    ev.Why.LOT_BLOCKED: "blocked",
}
_CAUSES = {
    ev.Why.SCRAPPED: ev.Declined.SCRAPPED,
    ev.Why.UNIT_BLOCKED: ev.Declined.BLOCKED,
    ev.Why.LOT_BLOCKED: ev.Declined.BLOCKED,
}


def ship(draft: Draft, given: CommandGiven, facts: Facts) -> ev.Event | Refusal:
    """Record that units, parcels or a lot left the house."""
    to = text(given, "to")
    wrong = _wrong(given) if to else _bad("say who gets it: --to")
    if wrong is not None:
        return wrong
    held = _held(draft, given, facts)
    if held and text(given, "anyway") != "yes":
        code, kept = next(iter(held.items()))
        detail = f"'{code}' is {_IS[kept]}; if it has left all the same, add --anyway yes"
        return Refusal(cause=_CAUSES[kept], detail=detail)

    def left(unit: str) -> ev.Event:
        why = (held[unit],) if unit in held else ()
        body = _body(draft, given, unit, why)
        return ev.UnitShipped(**body, destination=to)

    why = held.get(lotbook.named(draft.state, text(given, "lot")))
    asked = lot_commands.asked_by(given, ev.LotAction.ISSUE)
    asked = replace(asked, destination=to, why=(why,) if why is not None else ())
    return _recorded(draft, given, asked, left)


def take_back(draft: Draft, given: CommandGiven, _facts: Facts) -> ev.Event | Refusal:
    """Record that what had left the house is in it again."""
    origin = text(given, "from") or None

    def came(unit: str) -> ev.Event:
        return ev.UnitReturned(**_body(draft, given, unit), origin=origin)

    asked = replace(lot_commands.asked_by(given, ev.LotAction.RETURN), origin=origin)
    return _wrong(given) or _recorded(draft, given, asked, came)


def _wrong(given: CommandGiven) -> Refusal | None:
    """Return why the words do not go together."""
    if not text(given, "lot") and (text(given, "quantity") or text(given, "measure")):
        return _bad("a quantity is of a lot: --lot")
    if not text(given, "lot") and not _things(given):
        return _bad("say what: --unit, --parcel or --lot")
    return None


def _bad(detail: str) -> Refusal:
    return Refusal(cause=ev.Declined.BAD_ARGUMENT, detail=detail)


def _held(draft: Draft, given: CommandGiven, facts: Facts) -> dict[str, ev.Why]:
    """Return what should not leave, and what keeps it."""
    held: dict[str, ev.Why] = {}
    for unit in texts(given, "unit"):
        seen = facts["unit", unit]
        if seen.scrapped:
            held[unit] = ev.Why.SCRAPPED
        elif seen.blocked or fitness.is_blocked(draft.state, unit):
            held[unit] = ev.Why.UNIT_BLOCKED
    for parcel in texts(given, "parcel"):
        if fitness.is_blocked(draft.state, parcel):
            held[parcel] = ev.Why.UNIT_BLOCKED
    lot = lotbook.named(draft.state, text(given, "lot"))
    if fitness.is_blocked(draft.state, lot):
        held[lot] = ev.Why.LOT_BLOCKED
    return held


def _recorded(
    draft: Draft, given: CommandGiven, asked: lots.Asked, of_unit: Callable[[str], ev.Event]
) -> ev.Event | Refusal:
    """Add the events of a command; a lot comes first, for it may be refused."""
    made: list[ev.Event] = []
    if text(given, "lot"):
        document = text(given, "document") or None
        done = lot_commands.act(draft, replace(asked, shipped=True, document=document))
        if isinstance(done, Refusal):
            return done
        made.append(done)
    made += [draft.add(of_unit(unit)) for unit in _things(given)]
    return made[-1]


def _things(given: CommandGiven) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*texts(given, "unit"), *texts(given, "parcel"))))


def _body(
    draft: Draft, given: CommandGiven, unit: str, why: tuple[ev.Why, ...] = ()
) -> dict[str, Any]:
    head = draft.head(because=(given.id,), why=why)
    document = text(given, "document") or None
    return head | {"unit": unit, "document": document, "who": given.who, "reason": given.reason}


COMMANDS: Mapping[str, Command] = {
    "ship": Command(
        about="units, a parcel with all that is in it, or a lot left the house",
        arguments=(UNIT, PARCEL, LOT, QUANTITY, MEASURE, TO, DOCUMENT, ANYWAY),
        run=ship,
    ),
    "take-back": Command(
        about="what had left the house is in it again: units, a parcel, a lot",
        arguments=(replace(UNIT, is_asked=False), PARCEL, LOT, QUANTITY, MEASURE, FROM, DOCUMENT),
        run=take_back,
    ),
}
