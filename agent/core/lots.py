"""What is done to a product lot as a whole: split, merge, issue, return, relabel (D-52, D-53).

Each action is asked for by a scan (`lot_scans`) or a command (`lot_commands`). It ends in one event
of its own, or is refused by name. What was given out and taken in must fit what
the book knows (`lotbook`): what does not is recorded all the same, with a `quantity_mismatch`
behind it, unless the station refuses it; a number is never corrected, and a lot that nobody knows
is not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agent.core import events as ev
from agent.core import fitness, lotbook
from agent.core.amounts import amount, minus, plus, text
from agent.core.anew import replace
from agent.core.draft import Draft
from agent.core.lotbook import NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked for: an action on one lot."""

    action: ev.LotAction
    lot: str
    others: tuple[ev.LotAmount, ...] = ()
    """The children, the parents, or the new identity."""
    quantity: str | None = None
    measure: str | None = None
    """None: the lot's own."""
    product: str | None = None
    whole: bool = False
    destination: str | None = None
    origin: str | None = None
    shipped: bool | None = None
    """Whether it leaves the house, or had left it."""
    document: str | None = None
    why: tuple[ev.Why, ...] = ()
    """What should have kept it."""
    who: str | None = None
    """The person who gave the command, and why."""
    reason: str | None = None
    because: tuple[str, ...] = ()


def done(draft: Draft, asked: Asked) -> ev.Event | ev.LotFault:
    """Do what is asked for and return its event, or why it cannot be.

    `production.flush` has recorded what was counted until now. Lots may be named by an old identity
    or by their container.
    """
    asked = _as_called_now(draft, asked)
    return _fault(draft, asked) or _ACTIONS[asked.action](draft, asked)


def _as_called_now(draft: Draft, asked: Asked) -> Asked:
    """Return what is asked for with the present identities of its lots.

    What gets something into it is named by its identity alone: a container is no lot.
    """
    state, is_merge = draft.state, asked.action is ev.LotAction.MERGE
    own, other = (
        (lotbook.resolved, lotbook.named) if is_merge else (lotbook.named, lotbook.resolved)
    )
    others = asked.others
    if asked.action is not ev.LotAction.RELABEL:
        others = tuple(replace(each, lot=other(state, each.lot)) for each in others)
    return replace(asked, lot=own(state, asked.lot), others=others)


# ------------------------------------------------------------------ what must hold


def _fault(draft: Draft, asked: Asked) -> ev.LotFault | None:
    """Return why an action cannot be taken, None if it can."""
    said = (asked.quantity, *(other.quantity for other in asked.others))
    if any(each is not None and not amount(each) for each in said):
        return ev.LotFault.BAD_QUANTITY
    return _wrong_lot(draft, asked) or _wrong_measure(draft, asked) or _refused(draft, asked)


def _wrong_lot(draft: Draft, asked: Asked) -> ev.LotFault | None:
    state, others = draft.state, [other.lot for other in asked.others]
    if asked.lot in others:
        return ev.LotFault.ITSELF
    if asked.action is ev.LotAction.RELABEL:
        new = others[0]
        taken = lotbook.known(state, new) is not None or new in state.lots.aliases
        return ev.LotFault.LOT_EXISTS if taken else None
    pairs = [(other, asked.lot) for other in others]
    if asked.action is ev.LotAction.SPLIT:
        pairs = [(parent, child) for child, parent in pairs]
    if any(lotbook.descends(state, parent, child) for parent, child in pairs):
        return ev.LotFault.CIRCULAR
    return None


def _wrong_measure(draft: Draft, asked: Asked) -> ev.LotFault | None:
    """Nothing is converted: a lot is kept in one unit of measure (D-52)."""
    said = _measure(draft, asked)
    for lot in (asked.lot, *(other.lot for other in asked.others)):
        entry = lotbook.known(draft.state, lot)
        if entry is not None and _differ(entry.measure, said):
            return ev.LotFault.MEASURE_DIFFERS
    return None


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one.casefold() != other.casefold()


def _measure(draft: Draft, asked: Asked) -> str | None:
    """Return the unit of measure of an action: as said, else the lot's, else the station's."""
    entry = lotbook.known(draft.state, asked.lot)
    own = entry.measure if entry is not None else None
    return asked.measure or own or draft.station.lots.measure


def _refused(draft: Draft, asked: Asked) -> ev.LotFault | None:
    if draft.station.lots.refuse_mismatch and _mismatch(draft, asked) is not None:
        return ev.LotFault.QUANTITY_MISMATCH
    return None


_Expected = tuple[Decimal | None, tuple[Decimal, Decimal] | None, str]
"""What was said, between what it must lie, and of which lot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mismatch:
    """A quantity that does not fit what is known of a lot."""

    lot: str
    stated: Decimal
    least: Decimal
    most: Decimal


def _mismatch(draft: Draft, asked: Asked) -> _Mismatch | None:
    """Return what does not fit, None where it fits or cannot be checked."""
    stated, expected, lot = _CHECKS[asked.action](draft, asked)
    if stated is None or expected is None:
        return None
    tolerance = amount(draft.station.lots.tolerance) or NOTHING
    least, most = expected
    if minus(least, tolerance) <= stated <= plus(most, tolerance):
        return None
    return _Mismatch(lot=lot, stated=stated, least=least, most=most)


def _of_split(draft: Draft, asked: Asked) -> _Expected:
    """The children together are no more than the parent, or all of it (D-52)."""
    balance = lotbook.balance(draft.state, asked.lot)
    return _total(asked.others), _up_to(balance, whole=asked.whole), asked.lot


def _of_merge(draft: Draft, asked: Asked) -> _Expected:
    """What results is the sum of what went in (D-52); nothing gave more than it had."""
    had = {other.lot: lotbook.balance(draft.state, other.lot) for other in asked.others}
    for other in asked.others:
        said, known = amount(other.quantity), had[other.lot]
        if said is not None and known is not None and said > known[1]:
            return said, _up_to(known, whole=False), other.lot
    sums = [_went_in(draft, other) for other in asked.others]
    known_sums = [each for each in sums if each is not None]
    if len(known_sums) < len(sums):
        return None, None, asked.lot
    least, most = NOTHING, NOTHING
    for each in known_sums:
        least, most = plus(least, each[0]), plus(most, each[1])
    return amount(asked.quantity), (least, most), asked.lot


def _went_in(draft: Draft, other: ev.LotAmount) -> tuple[Decimal, Decimal] | None:
    said = amount(other.quantity)
    return lotbook.balance(draft.state, other.lot) if said is None else (said, said)


def _of_issue(draft: Draft, asked: Asked) -> _Expected:
    balance = lotbook.balance(draft.state, asked.lot)
    return amount(asked.quantity), _up_to(balance, whole=False), asked.lot


def _of_return(draft: Draft, asked: Asked) -> _Expected:
    """No more comes back than has left."""
    entry = lotbook.known(draft.state, asked.lot)
    if entry is None or entry.out is None or entry.least is None:
        return None, None, asked.lot
    return amount(asked.quantity), (NOTHING, Decimal(entry.out)), asked.lot


def _of_relabel(_draft: Draft, asked: Asked) -> _Expected:
    return None, None, asked.lot


def _up_to(
    balance: tuple[Decimal, Decimal] | None, *, whole: bool
) -> tuple[Decimal, Decimal] | None:
    if balance is None or whole:
        return balance
    return min(NOTHING, balance[1]), balance[1]


def _total(amounts: tuple[ev.LotAmount, ...]) -> Decimal | None:
    total = NOTHING
    for each in amounts:
        said = amount(each.quantity)
        if said is None:
            return None
        total = plus(total, said)
    return total


_CHECKS: Mapping[ev.LotAction, Callable[[Draft, Asked], _Expected]] = {
    ev.LotAction.SPLIT: _of_split,
    ev.LotAction.MERGE: _of_merge,
    ev.LotAction.ISSUE: _of_issue,
    ev.LotAction.RETURN: _of_return,
    ev.LotAction.RELABEL: _of_relabel,
}


def _note(draft: Draft, asked: Asked, wrong: _Mismatch | None, because: str) -> None:
    """Say behind an event that its quantity does not fit."""
    if wrong is None:
        return
    in_doubt = NOTHING < wrong.least < wrong.most
    draft.add(
        ev.QuantityMismatch(
            **draft.head(because=(because,)),
            lot=wrong.lot,
            action=asked.action,
            stated=text(wrong.stated),
            expected=text(wrong.least if in_doubt else wrong.most),
            expected_most=text(wrong.most) if in_doubt else None,
            tolerance=draft.station.lots.tolerance,
            measure=_measure(draft, asked),
        )
    )


# ------------------------------------------------------------------ the actions


def _head(draft: Draft, asked: Asked) -> dict[str, Any]:
    head = draft.head(because=asked.because, why=asked.why)
    return head | {"who": asked.who, "reason": asked.reason}


def _after(draft: Draft, lot: str, quantity: Decimal | None, *, is_all: bool) -> dict[str, Any]:
    """Return what is left in a lot once so much has gone; None: all of it, or nobody knows."""
    balance = lotbook.balance(draft.state, lot)
    if quantity is None and is_all:
        return {"remaining": "0", "remaining_possible": None}
    if balance is None or quantity is None:
        return {"remaining": None, "remaining_possible": None}
    more = minus(balance[1], balance[0])
    return {
        "remaining": text(minus(balance[0], quantity)),
        "remaining_possible": text(more) if more else None,
    }


def _split(draft: Draft, asked: Asked) -> ev.Event:
    wrong, measure = _mismatch(draft, asked), _measure(draft, asked)
    split = draft.add(
        ev.LotSplit(
            **_head(draft, asked),
            lot=asked.lot,
            children=asked.others,
            measure=measure,
            whole=asked.whole,
            **_after(draft, asked.lot, _total(asked.others), is_all=False),
        )
    )
    _note(draft, asked, wrong, split.address)
    for child in asked.others:
        _inherit_block(draft, child.lot, (asked.lot,), split.address)
    return split


def _merge(draft: Draft, asked: Asked) -> ev.Event:
    wrong, measure = _mismatch(draft, asked), _measure(draft, asked)
    parents = tuple(_exactly(draft, other) for other in asked.others)
    total = _total(parents)
    products = {
        entry.product for each in parents if (entry := lotbook.known(draft.state, each.lot))
    }
    merged = draft.add(
        ev.LotMerged(
            **_head(draft, asked),
            lot=asked.lot,
            parents=parents,
            blended=draft.station.lots.blends,
            quantity=asked.quantity or (text(total) if total is not None else None),
            measure=measure,
            product=asked.product or (products.pop() if len(products) == 1 else None),
        )
    )
    _note(draft, asked, wrong, merged.address)
    _inherit_block(draft, asked.lot, tuple(each.lot for each in parents), merged.address)
    return merged


def _exactly(draft: Draft, other: ev.LotAmount) -> ev.LotAmount:
    """Return a parent with all that is in it, where nothing else was said and that is known."""
    if other.quantity is not None:
        return other
    return replace(other, quantity=_all_of(draft, other.lot))


def _all_of(draft: Draft, lot: str) -> str | None:
    balance = lotbook.balance(draft.state, lot)
    if balance is None or balance[0] != balance[1] or balance[0] <= NOTHING:
        return None
    return text(balance[0])


def _issue(draft: Draft, asked: Asked) -> ev.Event:
    wrong = _mismatch(draft, asked)
    quantity = asked.quantity or _all_of(draft, asked.lot)
    issued = draft.add(
        ev.LotIssued(
            **_head(draft, asked),
            lot=asked.lot,
            quantity=quantity,
            measure=_measure(draft, asked),
            destination=asked.destination,
            shipped=asked.shipped,
            document=asked.document,
            **_after(draft, asked.lot, amount(quantity), is_all=True),
        )
    )
    _note(draft, asked, wrong, issued.address)
    return issued


def _return(draft: Draft, asked: Asked) -> ev.Event:
    wrong = _mismatch(draft, asked)
    entry = lotbook.known(draft.state, asked.lot)
    out = Decimal(entry.out) if entry is not None and entry.out is not None else NOTHING
    quantity = asked.quantity or (text(out) if out > NOTHING else None)
    more = amount(quantity)
    back = None if more is None else minus(NOTHING, more)
    returned = draft.add(
        ev.LotReturned(
            **_head(draft, asked),
            lot=asked.lot,
            quantity=quantity,
            measure=_measure(draft, asked),
            shipped=asked.shipped,
            origin=asked.origin,
            document=asked.document,
            **_after(draft, asked.lot, back, is_all=False),
        )
    )
    _note(draft, asked, wrong, returned.address)
    return returned


def _relabel(draft: Draft, asked: Asked) -> ev.Event:
    (new,) = asked.others
    relabelled = draft.add(ev.LotRelabelled(**_head(draft, asked), lot=asked.lot, new_lot=new.lot))
    _inherit_block(draft, new.lot, (asked.lot,), relabelled.address)
    return relabelled


def _inherit_block(draft: Draft, lot: str, parents: tuple[str, ...], because: str) -> None:
    """What is made of a blocked lot is blocked as well (D-52, D-56)."""
    if any(fitness.is_blocked(draft.state, parent) for parent in parents):
        fitness.block_inherited(draft, lot, (because,))


_ACTIONS: Mapping[ev.LotAction, Callable[[Draft, Asked], ev.Event]] = {
    ev.LotAction.SPLIT: _split,
    ev.LotAction.MERGE: _merge,
    ev.LotAction.ISSUE: _issue,
    ev.LotAction.RETURN: _return,
    ev.LotAction.RELABEL: _relabel,
}
