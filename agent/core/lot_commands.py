"""What a person does to product lots by command (D-52, D-53).

What is refused is so by name; what
does not fit in quantity is recorded with its mismatch, as by scan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.core import events as ev
from agent.core import lots, production
from agent.core.anew import replace
from agent.core.command import Argument, Command, Facts, Names, Refusal, lot_amount, text, texts
from agent.core.draft import Draft
from drivers.base import CommandGiven

LOT = Argument(name="lot", names=Names.LOT, about="the lot")
QUANTITY = Argument(
    name="quantity", names=Names.NUMBER, is_optional=True, about="how much; without it, all of it"
)
MEASURE = Argument(name="measure", is_optional=True, about="unit of measure, if not the lot's own")

_SAYS: Mapping[ev.LotFault, tuple[ev.Declined, str]] = {
    ev.LotFault.BAD_QUANTITY: (
        ev.Declined.BAD_ARGUMENT,
        "a quantity is a number above 0, such as 300 or 12.5",
    ),
    ev.LotFault.MEASURE_DIFFERS: (
        ev.Declined.BAD_ARGUMENT,
        "a lot is kept in another unit of measure, and nothing is converted; say it in that one",
    ),
    ev.LotFault.ITSELF: (
        ev.Declined.BAD_ARGUMENT,
        "a lot cannot come of itself; what results needs a name of its own",
    ),
    ev.LotFault.CIRCULAR: (
        ev.Declined.NOT_SO,
        "a lot cannot come of what was made of it; give a return, or what results a new name",
    ),
    ev.LotFault.LOT_EXISTS: (
        ev.Declined.ALREADY,
        "the new name is another lot's already; give a merge, or another name",
    ),
    ev.LotFault.QUANTITY_MISMATCH: (
        ev.Declined.NOT_SO,
        "the quantity does not fit what is known of the lot, and `track.lots.mismatch` is refuse",
    ),
}


def _split(draft: Draft, given: CommandGiven, _facts: Facts) -> ev.Event | Refusal:
    whole = text(given, "whole")
    if whole not in {"", "yes", "no"}:
        detail = f"'whole' is yes or no, not '{whole}'"
        return Refusal(cause=ev.Declined.BAD_ARGUMENT, detail=detail)
    children = _amounts(texts(given, "into"))
    return _do(draft, given, ev.LotAction.SPLIT, others=children, whole=whole == "yes")


def _merge(draft: Draft, given: CommandGiven, _facts: Facts) -> ev.Event | Refusal:
    parents = _amounts(texts(given, "from"))
    if len({parent.lot for parent in parents}) < len(parents):
        detail = "a lot stands there twice; name it once, with all that goes in"
        return Refusal(cause=ev.Declined.BAD_ARGUMENT, detail=detail)
    return _do(draft, given, ev.LotAction.MERGE, others=parents)


def _relabel(draft: Draft, given: CommandGiven, _facts: Facts) -> ev.Event | Refusal:
    new = (ev.LotAmount(lot=text(given, "new")),)
    return _do(draft, given, ev.LotAction.RELABEL, others=new)


def _of_itself(action: ev.LotAction) -> Callable[..., ev.Event | Refusal]:
    return lambda draft, given, _facts: _do(draft, given, action)


def _amounts(parts: tuple[str, ...]) -> tuple[ev.LotAmount, ...]:
    cut = (lot_amount(part) for part in parts)
    return tuple(ev.LotAmount(lot=lot, quantity=quantity or None) for lot, quantity in cut)


def _do(
    draft: Draft,
    given: CommandGiven,
    action: ev.LotAction,
    *,
    others: tuple[ev.LotAmount, ...] = (),
    whole: bool = False,
) -> ev.Event | Refusal:
    destination = text(given, "destination") or None
    asked = replace(asked_by(given, action), others=others, whole=whole, destination=destination)
    return act(draft, asked)


def asked_by(given: CommandGiven, action: ev.LotAction) -> lots.Asked:
    """Return what a command asks of a lot, as far as every action has it."""
    return lots.Asked(
        action=action,
        lot=text(given, "lot"),
        quantity=text(given, "quantity") or None,
        measure=text(given, "measure") or None,
        who=given.who,
        reason=given.reason,
        because=(given.id,),
    )


def act(draft: Draft, asked: lots.Asked) -> ev.Event | Refusal:
    """Do to a lot what a command asks, once what was counted until now is recorded."""
    production.flush(draft)
    result = lots.done(draft, asked)
    if not isinstance(result, ev.LotFault):
        return result
    cause, detail = _SAYS[result]
    return Refusal(cause=cause, detail=detail)


def _parts(name: str, about: str) -> Argument:
    about = f"{about}: LOT or LOT=QUANTITY"
    return Argument(name=name, names=Names.LOT_AMOUNT, about=about, is_many=True)


COMMANDS: Mapping[str, Command] = {
    "split-lot": Command(
        about="parts of a lot go on as lots of their own",
        arguments=(
            LOT,
            _parts("into", "each part that is split off"),
            MEASURE,
            Argument(
                name="whole",
                is_optional=True,
                about="yes: nothing is left, so the parts must be the lot",
            ),
        ),
        run=_split,
    ),
    "merge-lots": Command(
        about="lots, or parts of them, go on as one",
        arguments=(LOT, _parts("from", "each lot that goes in"), QUANTITY, MEASURE),
        run=_merge,
    ),
    "issue-lot": Command(
        about="a quantity of a lot leaves, while the lot may go on",
        arguments=(
            LOT,
            QUANTITY,
            MEASURE,
            Argument(name="destination", is_optional=True, about="where it goes"),
        ),
        run=_of_itself(ev.LotAction.ISSUE),
    ),
    "return-lot": Command(
        about="a quantity that had left a lot is back",
        arguments=(LOT, QUANTITY, MEASURE),
        run=_of_itself(ev.LotAction.RETURN),
    ),
    "relabel-lot": Command(
        about="the same lot has another name from now on",
        arguments=(
            LOT,
            Argument(name="new", names=Names.LOT, about="its new name"),
        ),
        run=_relabel,
    ),
}
