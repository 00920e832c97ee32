"""What leaves the house, and what comes back into it, by a named person.

Laws:
    1. What is said to have left is recorded under the code that was given: a unit, a parent with
       all that is in it, a lot or a part of one. Nothing is unpacked for it, and nothing of it is
       kept in the state: who asks where a unit is reads the events.
    2. What is blocked or scrapped is refused, and so is what it is in, to any depth, as far as its
       contents are known; until whoever gives the command says that it has left all the same
       (`anyway`). The record then says what should have kept it (D-36, D-56).
    3. What nobody has seen is taken for a slip, until it is said to be right (`unseen`): a code
       that was half typed is no name of its own. A lot is judged as by every command about lots.
    4. All that one command names is recorded, or nothing is.

Seen is what was a unit here or at a station that comes before, what was ever in something, what
something is in, and what is open, waiting, scrapped or blocked. A parcel that is empty, or that was
packed where no look-up reaches, cannot be told from a slip: it needs the word too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agent.core import events as ev
from agent.core import fitness, lives, lot_commands, lotbook, lots, unpacking
from agent.core.anew import replace
from agent.core.command import Argument, Command, Facts, Names, Refusal, text, texts
from agent.core.draft import Draft
from drivers.base import CommandGiven

MOST_INSIDE = 1000
"""How many things in one parcel are looked at, each."""

UNIT = Argument(
    name="unit",
    names=Names.UNIT,
    is_optional=True,
    is_many=True,
    is_asked=False,
    about="a unit; again for more",
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
    name="anyway",
    is_optional=True,
    about="'yes': it has left, although it is blocked or scrap, or what is in it is",
)

_IS = {
    ev.Why.SCRAPPED: "scrapped",
    ev.Why.UNIT_BLOCKED: "blocked",
    ev.Why.LOT_BLOCKED: "blocked",
    ev.Why.KNOWLEDGE_MISSING: f"too full to look at each thing in it (more than {MOST_INSIDE})",
}
_CAUSES = {
    ev.Why.SCRAPPED: ev.Declined.SCRAPPED,
    ev.Why.UNIT_BLOCKED: ev.Declined.BLOCKED,
    ev.Why.LOT_BLOCKED: ev.Declined.BLOCKED,
    ev.Why.KNOWLEDGE_MISSING: ev.Declined.KNOWLEDGE_MISSING,
}
_Kept = Mapping[str, ev.Why]
"""What should not leave, and why: the thing itself, or what is in it."""


def ship(draft: Draft, given: CommandGiven, facts: Facts) -> ev.Event | Refusal:
    """Record that units, parcels or a lot left the house."""
    to = text(given, "to")
    wrong = _wrong(given) if to else _bad("say who gets it: --to")
    if wrong is not None:
        return wrong
    held = _held(draft, given, facts)
    wrong = _keeps(given, held) or _unseen(draft, given, facts)
    if wrong is not None:
        return wrong

    def left(unit: str) -> ev.Event:
        return ev.UnitShipped(**_body(draft, given, unit, _why(held, unit)), destination=to)

    asked = lot_commands.asked_by(given, ev.LotAction.ISSUE)
    why = _why(held, lotbook.named(draft.state, text(given, "lot")))
    return _recorded(draft, given, replace(asked, destination=to, why=why), left)


def take_back(draft: Draft, given: CommandGiven, facts: Facts) -> ev.Event | Refusal:
    """Record that what had left the house is in it again."""
    origin = text(given, "from") or None

    def came(unit: str) -> ev.Event:
        return ev.UnitReturned(**_body(draft, given, unit), origin=origin)

    asked = replace(lot_commands.asked_by(given, ev.LotAction.RETURN), origin=origin)
    wrong = _wrong(given) or _unseen(draft, given, facts)
    return wrong or _recorded(draft, given, asked, came)


def _wrong(given: CommandGiven) -> Refusal | None:
    """Return why the words do not go together."""
    if not text(given, "lot") and (text(given, "quantity") or text(given, "measure")):
        return _bad("a quantity is of a lot: --lot")
    if not text(given, "lot") and not _things(given):
        return _bad("say what: --unit, --parcel or --lot")
    return None


def _bad(detail: str) -> Refusal:
    return Refusal(cause=ev.Declined.BAD_ARGUMENT, detail=detail)


# ------------------------------------------------------------------ what is asked


def _of_each(_draft: Draft, given: CommandGiven, _facts: Facts) -> dict[tuple[str, str], Names]:
    return _named(given)


def _named(given: CommandGiven) -> dict[tuple[str, str], Names]:
    """Return what must be known to tell whether what is named was ever seen."""
    wanted: dict[tuple[str, str], Names] = {}
    for thing in _things(given):
        wanted |= _of((thing,)) | {("moved", thing): Names.COMPONENT}
    return wanted


def _of_all_inside(draft: Draft, given: CommandGiven, facts: Facts) -> dict[tuple[str, str], Names]:
    """Return what must be known of what leaves, by what is known so far to be in it."""
    wanted = _named(given)
    for thing in _things(given):
        wanted |= _of(_inside(draft, facts, thing)[:MOST_INSIDE])
    return wanted


def _of(codes: Iterable[str]) -> dict[tuple[str, str], Names]:
    asked = (("unit", Names.UNIT), ("parcel", Names.PACKAGE))
    return {(name, code): names for code in codes for name, names in asked}


def _inside(draft: Draft, facts: Facts, thing: str) -> tuple[str, ...]:
    """Return a thing and what is known to be in it, to any depth, the outermost first.

    Where there is more than is looked at, it is longer than that, and not whole.
    """
    found, left = {thing: None}, deque((thing,))
    while left and len(found) <= MOST_INSIDE:
        new = [each for each in _in(draft, facts, left.popleft()) if each not in found]
        found |= dict.fromkeys(new)
        left += new
    return tuple(found)


def _in(draft: Draft, facts: Facts, code: str) -> tuple[str, ...]:
    """Return what is in something itself: children, and serial components."""
    seen = facts.get(("parcel", code))
    known = () if seen is None else (*seen.contents, *seen.components)
    return unpacking.inside(draft.state, code, known)


# ------------------------------------------------------------------ what is refused


def _held(draft: Draft, given: CommandGiven, facts: Facts) -> dict[str, _Kept]:
    """Return of what is named what should not leave, and what keeps it."""
    held = {thing: _kept(draft, facts, thing) for thing in _things(given)}
    lot = lotbook.named(draft.state, text(given, "lot"))
    if fitness.is_blocked(draft.state, lot):
        held[lot] = {lot: ev.Why.LOT_BLOCKED}
    return held


def _kept(draft: Draft, facts: Facts, thing: str) -> _Kept:
    """Return what of a thing, and of what is in it, should not leave."""
    kept: dict[str, ev.Why] = {}
    codes = _inside(draft, facts, thing)
    for code in codes[:MOST_INSIDE]:
        if facts["unit", code].scrapped:
            kept[code] = ev.Why.SCRAPPED
        elif _is_blocked(draft, facts, code):
            kept[code] = ev.Why.UNIT_BLOCKED
    if len(codes) > MOST_INSIDE:
        kept.setdefault(thing, ev.Why.KNOWLEDGE_MISSING)
    return kept


def _is_blocked(draft: Draft, facts: Facts, code: str) -> bool:
    return bool(facts["unit", code].blocked) or fitness.is_blocked(draft.state, code)


def _why(held: Mapping[str, _Kept], thing: str) -> tuple[ev.Why, ...]:
    return tuple(dict.fromkeys(held.get(thing, {}).values()))


def _keeps(given: CommandGiven, held: Mapping[str, _Kept]) -> Refusal | None:
    """Return the refusal of what should not leave, unless it has all the same."""
    if text(given, "anyway") == "yes":
        return None
    for thing, kept in held.items():
        for code, why in kept.items():
            place = "" if code == thing else f" in '{thing}'"
            detail = f"'{code}'{place} is {_IS[why]}; if it has left all the same, add --anyway yes"
            return Refusal(cause=_CAUSES[why], detail=detail)
    return None


def _unseen(draft: Draft, given: CommandGiven, facts: Facts) -> Refusal | None:
    """Return the refusal of the first thing that nobody has seen, unless that is right."""
    strange = (thing for thing in _things(given) if not _is_known(draft, facts, thing))
    return next((lives.never_here(given, thing) for thing in strange), None)


def _is_known(draft: Draft, facts: Facts, thing: str) -> bool:
    """Return whether anything says that there is such a thing."""
    seen, packing = facts["unit", thing], draft.state.packing
    return (
        lives.was_here(thing, seen)
        or seen.scrapped
        or _is_blocked(draft, facts, thing)
        or any(each.address is not None for each in seen.previous)
        or facts["moved", thing].seen_at is not None
        or bool(_in(draft, facts, thing))
        or any(each.parent == thing for each in packing.open)
        or any(each.code == thing for each in packing.waiting)
    )


# ------------------------------------------------------------------ what is recorded


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
        arguments=(UNIT, PARCEL, LOT, QUANTITY, MEASURE, TO, DOCUMENT, ANYWAY, lives.UNSEEN),
        run=ship,
        also=_of_all_inside,
    ),
    "take-back": Command(
        about="what had left the house is in it again: units, a parcel, a lot",
        arguments=(UNIT, PARCEL, LOT, QUANTITY, MEASURE, FROM, DOCUMENT, lives.UNSEEN),
        run=take_back,
        also=_of_each,
    ),
}
