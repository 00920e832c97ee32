"""Corrections by a person: new events that supersede what was recorded (D-143).

Laws:
    1. Nothing is changed: `event_corrected` names what it supersedes, what is right instead, who
       says so and why. Queries can answer "as known now" and "as known then".
    2. A chain has one end: what is corrected already is corrected through its correction, and a
       correction of a correction supersedes all that the one before did. It can only name what
       exists, so it has no loop.
    3. What the agent concluded to itself (a start, a link, a carried state) is no statement of a
       person's and cannot be corrected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from agent.core import events as ev
from agent.core.anew import replace
from agent.core.command import Argument, Command, Facts, Names, Refusal, text, texts
from agent.core.draft import Draft, Fold
from agent.core.parts import Load, Mounted
from agent.core.state import State
from drivers.base import CommandGiven, EventSeen

ADDRESS = Argument(
    name="address",
    names=Names.ADDRESS,
    is_many=True,
    about="the event: its address as `lineside events` shows it",
)
FIELDS = (
    Argument(name="unit", names=Names.UNIT, is_asked=False, is_optional=True, about="its unit"),
    Argument(name="product", is_optional=True, about="its product"),
    Argument(name="result", is_optional=True, about="ok or nok"),
    Argument(name="lot", names=Names.LOT, is_optional=True, about="its lot"),
    Argument(
        name="component",
        names=Names.COMPONENT,
        is_asked=False,
        is_optional=True,
        about="its serial component",
    ),
    Argument(name="position", is_optional=True, about="its position"),
    Argument(name="n", names=Names.NUMBER, is_optional=True, about="how many"),
    Argument(name="quantity", names=Names.NUMBER, is_optional=True, about="its quantity"),
    Argument(name="order", is_optional=True, about="the order that it was made for"),
)
"""What can be said to be right instead: a field of the event by its name."""
OPERATOR = Argument(
    name="operator",
    names=Names.PERSON,
    is_optional=True,
    is_many=True,
    about="who was there, a badge or a name; again for more: all that were",
)
WITHOUT = Argument(
    name="without",
    is_optional=True,
    is_many=True,
    about="what there was none of: order or operator; again for both",
)
VALUE = Argument(name="value", is_optional=True, is_many=True, about="a captured value: NAME=VALUE")
_WHERE = frozenset({"order", "operator"})
"""What was on at the station."""
CORRECTABLE: Mapping[str, frozenset[str]] = {
    "unit_started": frozenset({"unit", "product", *_WHERE}),
    "unit_completed": frozenset({"unit", "product", "result", "value", *_WHERE}),
    "unit_refused": frozenset({"unit", "product", "value", *_WHERE}),
    "unit_unbound": frozenset({"unit", "product", "result", "value", *_WHERE}),
    "unit_scrapped": frozenset(),
    "unit_reworked": frozenset(),
    "unit_reidentified": frozenset(),
    "unit_shipped": frozenset({"unit"}),
    "unit_returned": frozenset({"unit"}),
    "carrier_loaded": frozenset({"unit", "product"}),
    "lot_opened": frozenset({"lot", "product"}),
    "lot_counted": frozenset({"lot", "n", *_WHERE}),
    "component_loaded": frozenset({"lot", "product", "quantity"}),
    "component_installed": frozenset({"unit", "component", "position"}),
    "component_removed": frozenset(),
}
"""Which kinds a person can correct, and which of their fields; none: they can be retracted only."""
_OTHERWISE = {
    "lot_blocked": "release it with `release-lot`",
    "lot_unblocked": "block it again with `block-lot`",
    "lot_issued": "say that it is back by `return-lot`, or `take-back` where it was shipped",
    "lot_returned": "say that it leaves by `issue-lot`, or `ship` where it leaves the house",
    "open_life_renewed": "keep the package from being used with `block-lot`",
}


def correct(draft: Draft, given: CommandGiven, facts: Facts) -> ev.Event | Refusal:
    """Say what is right instead of what some events say."""
    for name in texts(given, WITHOUT.name):
        if name not in _WHERE or texts(given, name):
            detail = f"'without' is {' or '.join(sorted(_WHERE))}, and not what is right instead"
            return Refusal(cause=ev.Declined.BAD_ARGUMENT, detail=f"{detail}: '{name}'")
    replacement = tuple(_replacement(given))
    if not replacement:
        detail = "say what is right instead (--unit SN-2), or `retract` it"
        return Refusal(cause=ev.Declined.BAD_ARGUMENT, detail=detail)
    found = _standing(given, facts)
    if isinstance(found, Refusal):
        return found
    for seen in found:
        if _is_made_now(draft, seen):
            return _made_now(seen)
        wrong = _wrong_field(seen, replacement)
        if wrong is not None:
            return Refusal(cause=ev.Declined.BAD_ARGUMENT, detail=wrong)
    return _record(draft, given, found, replacement=replacement)


def retract(draft: Draft, given: CommandGiven, facts: Facts) -> ev.Event | Refusal:
    """Say that what some events say was never so."""
    found = _standing(given, facts)
    if isinstance(found, Refusal):
        return found
    for seen in found:
        if _is_made_now(draft, seen):
            return _made_now(seen)
        if seen.corrects in _HELD:
            detail = (
                f"{seen.address} corrects {seen.corrects}, by which the station works on; say what "
                "is right by `correct`; what was retracted must be scanned again as well"
            )
            return Refusal(cause=ev.Declined.BAD_ARGUMENT, detail=detail)
    return _record(draft, given, found, retracted=True)


def _is_made_now(draft: Draft, seen: EventSeen) -> bool:
    """Return whether an event opened the lot that pieces are counted to now."""
    lot = draft.state.production.lot
    return lot is not None and lot.address in {seen.address, *seen.supersedes}


def _made_now(seen: EventSeen) -> Refusal:
    """A correction says what was; what is made from now on is said where the lot is named."""
    detail = (
        f"{seen.address} opened the lot that is made now: name the right one first, by scan or at "
        "the PLC, and correct it then; or give it its right name by `relabel-lot`"
    )
    return Refusal(cause=ev.Declined.NOT_SO, detail=detail)


def _replacement(given: CommandGiven) -> Iterable[tuple[str, str]]:
    for argument in FIELDS:
        if value := text(given, argument.name):
            yield argument.name, value
    for operator in texts(given, OPERATOR.name):
        yield OPERATOR.name, operator
    for name in dict.fromkeys(texts(given, WITHOUT.name)):
        yield name, ""
    for pair in texts(given, "value"):
        name, _, value = pair.partition("=")
        yield f"values.{name}", value


def _standing(given: CommandGiven, facts: Facts) -> tuple[EventSeen, ...] | Refusal:
    """Return the events that are named, if each of them can be corrected now."""
    found = []
    for address in dict.fromkeys(texts(given, "address")):
        seen = facts["address", address].event
        wrong = _uncorrectable(address, seen)
        if wrong is not None or seen is None:
            return wrong or _unknown(address)
        found.append(seen)
    return tuple(found)


def _unknown(address: str) -> Refusal:
    return Refusal(
        cause=ev.Declined.UNKNOWN,
        detail=f"{address} is no event of this station, or is not kept any more",
    )


def _uncorrectable(address: str, seen: EventSeen | None) -> Refusal | None:
    if seen is None:
        return _unknown(address)
    if seen.superseded_by is not None:
        detail = f"{address} is superseded by {seen.superseded_by}; correct that one"
        return Refusal(cause=ev.Declined.SUPERSEDED, detail=detail)
    kind = _kind(seen)
    if kind not in CORRECTABLE:
        how = _OTHERWISE.get(kind, f"only these are: {', '.join(CORRECTABLE)}")
        detail = f"{address} is {kind}, which is not corrected; {how}"
        return Refusal(cause=ev.Declined.BAD_ARGUMENT, detail=detail)
    return None


def _kind(seen: EventSeen) -> str:
    """Return the kind of what is corrected: of a correction, of what that one corrects."""
    return seen.corrects or seen.kind


def _wrong_field(seen: EventSeen, replacement: tuple[tuple[str, str], ...]) -> str | None:
    """Return what cannot be right instead in an event of this kind."""
    takes = CORRECTABLE[_kind(seen)]
    for field, value in replacement:
        name = "value" if field.startswith("values.") else field
        if name not in takes:
            can = f"it has {', '.join(sorted(takes))}" if takes else "it can only be retracted"
            return f"{seen.address} is {_kind(seen)}: no '{name}' of it is corrected; {can}"
        if name == "result" and value not in set(ev.Result):
            return f"'result' is ok or nok, not '{value}'"
        if name == "value" and (field == "values." or not value):
            return "'value' is a captured value by its name: NAME=VALUE"
    return None


def _record(
    draft: Draft,
    given: CommandGiven,
    found: tuple[EventSeen, ...],
    *,
    replacement: tuple[tuple[str, str], ...] = (),
    retracted: bool = False,
) -> ev.Event:
    """Supersede the events: those of one kind and about the same by one event."""
    groups: dict[tuple[str, str | None], list[EventSeen]] = {}
    for seen in found:
        groups.setdefault((_kind(seen), seen.about), []).append(seen)
    made = [
        draft.add(
            ev.EventCorrected(
                **draft.head(because=(given.id,)),
                supersedes=tuple(_superseded(group, whole=not retracted)),
                reason=given.reason,
                who=given.who,
                corrects=kind,
                about=about,
                replacement=replacement,
                retracted=retracted,
            )
        )
        for (kind, about), group in groups.items()
    ]
    return made[-1]


def _superseded(group: Iterable[EventSeen], *, whole: bool) -> Iterable[str]:
    """Yield what a correction supersedes.

    With a correction that is retracted, what it superseded stands again; one that is corrected is
    replaced for good, and so is what it superseded.
    """
    for seen in group:
        yield seen.address
        if whole:
            yield from seen.supersedes


# ------------------------------------------------------------------ fold


def _corrected(state: State, event: ev.EventCorrected) -> State:
    """What still matters here goes by what is right; the rest is looked up."""
    fold = _HELD.get(event.corrects or "")
    return fold(state, event) if fold is not None else state


def _reloaded(state: State, event: ev.EventCorrected) -> State:
    """A load goes by its right lot; one that never was feeds nothing."""
    loads = [
        load if load.address not in event.supersedes else _changed(load, event)
        for load in state.material.loads
        if not (event.retracted and load.address in event.supersedes)
    ]
    return replace(state, material=replace(state.material, loads=tuple(loads)))


def _changed(load: Load, event: ev.EventCorrected) -> Load:
    right = dict(event.replacement)
    return replace(load, lot=right.get("lot", load.lot), product=right.get("product", load.product))


def _remounted(state: State, event: ev.EventCorrected) -> State:
    mounted = [
        each if each.address not in event.supersedes else _moved(each, event)
        for each in state.carriers.mounted
        if not (event.retracted and each.address in event.supersedes)
    ]
    return replace(state, carriers=replace(state.carriers, mounted=tuple(mounted)))


def _moved(mounted: Mounted, event: ev.EventCorrected) -> Mounted:
    right = dict(event.replacement)
    return replace(
        mounted,
        unit=right.get("unit", mounted.unit),
        product=right.get("product", mounted.product),
    )


def _restarted(state: State, event: ev.EventCorrected) -> State:
    """The unit that `begin` let in is another one, or none."""
    started = state.cycle.started
    if started is None or started.address not in event.supersedes:
        return state
    right = dict(event.replacement)
    changed = replace(
        started,
        unit=right.get("unit", started.unit),
        product=right.get("product", started.product),
    )
    cycle = replace(state.cycle, started=None if event.retracted else changed)
    return replace(state, cycle=cycle)


_HELD: Mapping[str, Callable[[State, ev.EventCorrected], State]] = {
    "component_loaded": _reloaded,
    "carrier_loaded": _remounted,
    "unit_started": _restarted,
}
"""What the state holds of the events of a kind; what it was before is not kept."""
EVOLVES: Mapping[type[ev.Event], Fold] = {ev.EventCorrected: _corrected}

COMMANDS: Mapping[str, Command] = {
    "correct": Command(
        about="say what is right instead of what an event says",
        arguments=(ADDRESS, *FIELDS, OPERATOR, WITHOUT, VALUE),
        run=correct,
    ),
    "retract": Command(
        about="say that what an event says was never so",
        arguments=(ADDRESS,),
        run=retract,
    ),
}
