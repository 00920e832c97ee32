"""The book of product lots: what each is called, what is left in it, what it is made of.

A fold alone; `lots` acts on it. A set that grows without end is no state: the book keeps the
`MOST_KNOWN` lots that were touched last. Of a lot that it does not know nothing can be checked, and
the events then say so by leaving out what is left.

Laws:
    1. What is in a lot is what was counted and put in, less what was given out (D-52), between a
       least and a most: pieces that may be of a neighbour are in the most alone.
    2. Numbers are never corrected: a lot that gave out more than it had is below nothing, until
       somebody says that all of it has gone.
    3. What happens to a sub-lot happens to its lot as well.
    4. An identity that was replaced by relabelling stands for the new one from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from agent.core import events as ev
from agent.core import products
from agent.core.amounts import amount, minus, plus, text
from agent.core.anew import replace
from agent.core.draft import Fold
from agent.core.identity.rules import Means
from agent.core.lot_parts import KnownLot, LotsState, Pick
from agent.core.state import State

MOST_KNOWN = 100
MOST_ALIASES = 100
NOTHING = Decimal(0)


def known(state: State, lot: str) -> KnownLot | None:
    """Return what is known of a lot under its present identity."""
    return next((each for each in reversed(state.lots.known) if each.lot == lot), None)


def resolved(state: State, lot: str) -> str:
    """Return what a lot is called now."""
    return state.lots.aliases.get(lot, lot)


def named(state: State, code: str) -> str:
    """Return the lot that a code names: by its present or an old identity, or by its container."""
    lot = resolved(state, code)
    if known(state, lot) is not None:
        return lot
    inside = (each.lot for each in reversed(state.lots.known) if each.carrier == code)
    return next(inside, lot)


def balance(state: State, lot: str) -> tuple[Decimal, Decimal] | None:
    """Return what is in a lot at the least and at the most, None where nobody knows."""
    entry = known(state, lot)
    if entry is None or entry.least is None or entry.most is None:
        return None
    return Decimal(entry.least), Decimal(entry.most)


def descends(state: State, lot: str, ancestor: str) -> bool:
    """Whether a lot is made of another, by what is known."""
    seen: set[str] = set()
    open_ = [lot]
    while open_:
        entry = known(state, open_.pop())
        if entry is None or entry.lot in seen:
            continue
        seen.add(entry.lot)
        above = (*entry.parents, *((entry.part_of,) if entry.part_of else ()))
        open_.extend(resolved(state, each) for each in above)
        if ancestor in open_:
            return True
    return False


# ------------------------------------------------------------------ fold


def _with(state: State, lots: LotsState) -> State:
    return replace(state, lots=lots)


def _put(state: State, entry: KnownLot) -> State:
    """Note a lot as the one that was touched last; beyond the most, forget the oldest."""
    others = tuple(each for each in state.lots.known if each.lot != entry.lot)
    return _with(state, replace(state.lots, known=(*others, entry)[-MOST_KNOWN:]))


def _entry(state: State, lot: str, measure: str | None = None) -> KnownLot:
    """Return what is known of a lot; of one that is met for the first time, nothing."""
    return known(state, lot) or KnownLot(lot=lot, measure=measure or state.station.lots.measure)


def _shifted(entry: KnownLot, low: Decimal | None, high: Decimal | None) -> KnownLot:
    """Return an entry with so much more in it, at the least and at the most."""
    return replace(entry, least=_sum(entry.least, low), most=_sum(entry.most, high))


def _sum(before: str | None, more: Decimal | None) -> str | None:
    if before is None or more is None:
        return None
    return text(plus(Decimal(before), more))


def _lot_shifted(state: State, lot: str | None, low: Decimal | None, high: Decimal | None) -> State:
    """Let what happened to a sub-lot happen to its lot."""
    return state if lot is None else _put(state, _shifted(_entry(state, lot), low, high))


def _given(
    state: State, lot: str, quantity: str | None, measure: str | None, *, is_all: bool
) -> State:
    """Take a quantity out of a lot; None is all of it, or so much as nobody knows."""
    entry, taken = _entry(state, lot, measure), amount(quantity)
    low = high = None if taken is None else minus(NOTHING, taken)
    after = _shifted(entry, low, high)
    if taken is None and is_all:
        low, high = _negated(entry.most), _negated(entry.least)
        after = replace(entry, least="0", most="0")
    return _lot_shifted(_put(state, after), entry.part_of, low, high)


def _negated(amount_text: str | None) -> Decimal | None:
    return None if amount_text is None else minus(NOTHING, Decimal(amount_text))


def _taken_in(
    state: State, into: KnownLot, quantity: str | None, parents: tuple[str, ...]
) -> State:
    """Put a quantity into a lot; `into` is what it is if it is new."""
    entry, more = known(state, into.lot) or replace(into, least="0", most="0"), amount(quantity)
    after = tuple(dict.fromkeys((*entry.parents, *parents)))
    state = _put(state, replace(_shifted(entry, more, more), parents=after))
    return _lot_shifted(state, entry.part_of, more, more)


def _opened(state: State, event: ev.LotOpened) -> State:
    if event.part_of is None:
        state = _with(state, replace(state.lots, carrier=None))
    elif event.carrier is None:
        whole = _entry(state, event.part_of)
        state = _put(state, replace(whole, parts=whole.parts + 1))
    entry = known(state, event.lot)
    if entry is None:
        held = amount(event.quantity) if products.running(state).from_lot else NOTHING
        inside = None if held is None else text(held)
        new = replace(_entry(state, event.lot), least=inside, most=inside)
        entry = replace(new, part_of=event.part_of, carrier=event.carrier)
    return _put(state, replace(entry, product=event.product or entry.product))


def _counted(state: State, event: ev.LotCounted) -> State:
    certain = event.certainty is ev.Certainty.CERTAIN
    n, wholes = Decimal(event.n), set()
    lots = event.lots or ((event.lot,) if event.lot else ())
    for lot in (each for each in lots if each != event.part_of):
        entry = _entry(state, lot)
        wholes |= {entry.part_of} if entry.part_of else set()
        state = _put(state, _shifted(entry, n if certain else NOTHING, n))
    if event.part_of is not None:
        return _lot_shifted(state, event.part_of, n, n)
    for whole in sorted(wholes - set(lots)):
        state = _lot_shifted(state, whole, NOTHING, n)
    return state


def made(state: State, event: ev.UnitEvent) -> State:
    """Return the state in which a unit is in its lot, and out of the one that it was a piece of."""
    one, lots = Decimal(1), event.lots or ((event.lot,) if event.lot else ())
    sure = not event.lot_why
    for lot in lots:
        state = _put(state, _shifted(_entry(state, lot), one if sure else NOTHING, one))
    less = minus(NOTHING, one)
    for lot in event.from_lots or ((event.from_lot,) if event.from_lot else ()):
        state = _put(state, _shifted(_entry(state, lot), less, less if sure else NOTHING))
    return state


def _split(state: State, event: ev.LotSplit) -> State:
    product = _entry(state, event.lot).product
    for child in event.children:
        state = _given(state, event.lot, child.quantity, event.measure, is_all=False)
        into = KnownLot(lot=child.lot, product=product, measure=event.measure)
        state = _taken_in(state, into, child.quantity, (event.lot,))
    return state


def _merged(state: State, event: ev.LotMerged) -> State:
    for parent in event.parents:
        state = _given(state, parent.lot, parent.quantity, event.measure, is_all=True)
    parents = tuple(parent.lot for parent in event.parents)
    into = KnownLot(lot=event.lot, product=event.product, measure=event.measure)
    return _taken_in(state, into, event.quantity, parents)


def _issued(state: State, event: ev.LotIssued) -> State:
    state = _given(state, event.lot, event.quantity, event.measure, is_all=True)
    entry = _entry(state, event.lot)
    return _put(state, replace(entry, out=_sum(entry.out, amount(event.quantity))))


def _returned(state: State, event: ev.LotReturned) -> State:
    entry, more = _entry(state, event.lot, event.measure), amount(event.quantity)
    less = None if more is None else minus(NOTHING, more)
    state = _put(state, replace(_shifted(entry, more, more), out=_sum(entry.out, less)))
    return _lot_shifted(state, entry.part_of, more, more)


def _relabelled(state: State, event: ev.LotRelabelled) -> State:
    old, new = event.lot, event.new_lot
    aliases = {each: new if now == old else now for each, now in state.lots.aliases.items()}
    aliases[old] = new
    newest = dict(list(aliases.items())[-MOST_ALIASES:])
    entries = tuple(
        replace(each, part_of=new) if each.part_of == old else each for each in state.lots.known
    )
    entry = replace(_entry(state, old), lot=new)
    others = tuple(each for each in entries if each.lot != old)
    return _put(_with(state, replace(state.lots, known=others, aliases=newest)), entry)


def _scanned(state: State, event: ev.CodeScanned) -> State:
    if event.means == Means.LOT_PICK:
        pick = Pick(
            lot=named(state, event.code),
            quantity=event.quantity,
            measure=event.measure,
            address=event.address,
            latest_ms=event.latest_ms,
        )
        return _with(state, replace(state.lots, picks=(*state.lots.picks, pick)))
    sublots = state.station.lots.sublots
    by_carrier = sublots is not None and sublots.by_carrier
    if event.means == Means.CARRIER and by_carrier and state.production.lot is None:
        return _with(state, replace(state.lots, carrier=event.code))
    return state


def _spent(state: State, event: ev.Event) -> State:
    """Forget the picks that an action was about, or that expired."""
    left_ = tuple(each for each in state.lots.picks if each.address not in event.because)
    return _with(state, replace(state.lots, picks=left_))


def _agent_started(state: State, _event: ev.AgentStarted) -> State:
    """A container that waits for its lot may have been changed while the agent was away."""
    return _with(state, replace(state.lots, carrier=None))


def _history_lost(state: State, _event: ev.HistoryLost) -> State:
    """What was counted and moved meanwhile is lost: nobody knows any more what is in a lot."""
    unknown = tuple(replace(each, least=None, most=None, out=None) for each in state.lots.known)
    return _with(state, replace(state.lots, known=unknown))


def _and_spent(fold: Fold) -> Fold:
    return lambda state, event: _spent(fold(state, event), event)


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.AgentStarted: _agent_started,
    ev.CodeScanned: _scanned,
    ev.ScanExpired: _spent,
    ev.LotOpened: _opened,
    ev.LotCounted: _counted,
    ev.LotSplit: _and_spent(_split),
    ev.LotMerged: _and_spent(_merged),
    ev.LotIssued: _issued,
    ev.LotReturned: _returned,
    ev.LotRelabelled: _and_spent(_relabelled),
    ev.HistoryLost: _history_lost,
}
