"""On what the station works: an order begins, is counted, has its quantity, and ends.

Theory: an order is named by a scan, a tag or a command, with what is to be made and how many where
that is said. Units (`unit_completed`) and pieces (`lot_counted`) count to the order that they were
recorded under. The counts are the fold of these events, so a restart changes none of them.

Laws:
    1. A unit that comes again is not counted twice: as NOK it becomes good where it passes now.
    2. Each order has its counts: one that ends and is started again goes on from them, unless the
       station file says that it begins anew. The same order again is no new one (L05).
    3. `order_reached` and `order_overrun` are told once for a quantity, also over a restart.
    4. What follows from a count follows after the whole decision: the cavities of one cycle, and
       the pieces that were counted already, are of the order that they were made for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from agent.core import events as ev
from agent.core import production, products
from agent.core.amounts import amount
from agent.core.anew import replace
from agent.core.command import Argument, Command, Facts, Names, Refusal, text
from agent.core.counting import whole
from agent.core.draft import Draft, Fold
from agent.core.modes import UNKNOWN
from agent.core.order_plan import OrderPlan, Reached
from agent.core.people_parts import OrderCount, PeopleState
from agent.core.state import Candidate, State
from agent.core.station import Policy
from drivers.base import AskAnswered, CommandGiven

MOST_ENDED = 32
"""How many orders that have ended are known by their counts."""
MOST_REWORKABLE = 200
"""How many units that are counted as NOK are known by name, of each order."""
REACHED, OVERRUN = "reached", "overrun"
SCAN, TAG, COMMAND = "scan", "tag", "command"
NEXT, DONE, LOST = "next_order", "quantity_reached", "history_lost"
_GTINS = frozenset({8, 12, 13, 14})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An order as somebody names it."""

    order: str
    product: str | None = None
    quantity: int | None = None


def running(state: State) -> OrderCount | None:
    """Return the order that runs, with what was made for it; None: there is none."""
    people = state.people
    if people.order is None:
        return None
    return people.count or OrderCount(order=people.order)


def quantity_of(written: str | None) -> int | None:
    """Return how many a text says, None where it says nothing, or 0.

    Raises:
        ValueError: it is no whole number.

    >>> quantity_of("0012"), quantity_of("0"), quantity_of(None)
    (12, None, None)
    """
    if written is None:
        return None
    value = amount(written.strip())
    if value is None or value != int(value):
        raise ValueError(f"{written!r} is no whole number of units")
    return int(value) or None


# ------------------------------------------------------------------ how it begins and ends


def scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """Start the order that a label names."""
    wanted = Wanted(order=scan.code, product=scan.product, quantity=quantity_of(scan.quantity))
    _named(draft, wanted, SCAN, (scan.address,), {})


def end_scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """End the order that runs, if one does."""
    end_if_any(draft, SCAN, (scan.address,), {})


def seen(draft: Draft, changed: Collection[str], because: str) -> None:
    """Start, change or end the order as its tags say; one that does not read GOOD says nothing."""
    plan = draft.station.orders
    tags = {draft.station.order} | plan.tags
    if draft.station.order is None or tags.isdisjoint(changed):
        return
    name = _read(draft, draft.station.order)
    if name is None:
        return
    production.flush(draft, draft.working.readings[draft.station.order].earliest_ms)
    if not name:
        end_if_any(draft, TAG, (because,), {})
        return
    quantity = whole(_good(draft, plan.quantity))
    wanted = Wanted(
        order=name, product=_read(draft, plan.product) or None, quantity=quantity or None
    )
    if not _is_finished(draft, wanted):
        _named(draft, wanted, TAG, (because,), {})


def _good(draft: Draft, tag: str | None) -> Any:  # noqa: ANN401 - whatever a tag holds
    reading = draft.working.readings.get(tag or "")
    return reading.good if reading is not None else None


def _read(draft: Draft, tag: str | None) -> str | None:
    value = _good(draft, tag)
    return None if value is None else str(value).strip()


def _is_finished(draft: Draft, wanted: Wanted) -> bool:
    """Return whether the tag still shows the order that has ended with its quantity."""
    last = draft.state.people.ended[-1:]
    if not last or draft.state.people.order is not None:
        return False
    same = last[0].order == wanted.order and wanted.quantity in {None, last[0].quantity}
    return same and last[0].finished


def _named(
    draft: Draft, wanted: Wanted, source: str, because: tuple[str, ...], by: dict[str, Any]
) -> ev.Event | None:
    """Start an order, or change what is known of the one that runs; None: nothing is new."""
    count = running(draft.state)
    if count is not None and count.order == wanted.order:
        return _change(draft, count, wanted, because)
    end_if_any(draft, NEXT, because, by)
    before = _before(draft.state, wanted.order)
    return draft.add(
        ev.OrderStarted(
            **(draft.head(because=because) | {"order": wanted.order}),
            product=wanted.product or before.product,
            quantity=wanted.quantity or before.quantity,
            good=before.good,
            nok=before.nok,
            source=source,
            **by,
        )
    )


def _before(state: State, order: str) -> OrderCount:
    """Return what was made for an order before, where it goes on from that."""
    fresh = OrderCount(order=order)
    return _newest(state, order) or fresh if state.station.orders.resumes else fresh


def _newest(state: State, order: str) -> OrderCount | None:
    return next((each for each in state.people.ended if each.order == order), None)


def _change(
    draft: Draft, count: OrderCount, wanted: Wanted, because: tuple[str, ...]
) -> ev.Event | None:
    product, quantity = wanted.product or count.product, wanted.quantity or count.quantity
    if (product, quantity) == (count.product, count.quantity):
        return None
    return draft.add(
        ev.OrderChanged(
            **draft.head(because=because),
            product=product,
            quantity=quantity,
            previous_product=count.product,
            previous_quantity=count.quantity,
        )
    )


def end_if_any(
    draft: Draft, reason: str, because: tuple[str, ...], by: dict[str, Any]
) -> ev.Event | None:
    """End the order that runs, with what was made for it; None: none runs."""
    count = running(draft.state)
    if count is None:
        return None
    return draft.add(
        ev.OrderEnded(
            **draft.head(because=because),
            reason=reason,
            product=count.product,
            quantity=count.quantity,
            good=count.good,
            nok=count.nok,
            total=count.total,
            over=_over(draft.station.orders, count) or None,
            **by,
        )
    )


def started(draft: Draft, *, lost: bool) -> None:
    """End the order if its end may be in a lost part of the history."""
    if lost:
        end_if_any(draft, LOST, (), {})


# ------------------------------------------------------------------ its quantity


def _made(plan: OrderPlan, count: OrderCount) -> int:
    return count.good if plan.good_only else count.total


def _over(plan: OrderPlan, count: OrderCount) -> int:
    return max(0, _made(plan, count) - count.quantity) if count.quantity is not None else 0


def _has_all(plan: OrderPlan, count: OrderCount) -> bool:
    return count.quantity is not None and _made(plan, count) >= count.quantity


def settle(draft: Draft) -> None:
    """Say what follows from the counts, once all is counted that was made until now."""
    plan, count = draft.station.orders, running(draft.state)
    if count is None or not _has_all(plan, count):
        return
    if plan.reached is Reached.END:
        production.flush(draft)
        count = running(draft.state) or count
    body: dict[str, Any] = {"quantity": count.quantity, "good": count.good, "nok": count.nok}
    if REACHED not in count.told:
        draft.add(ev.OrderReached(**draft.head(), **body))
    over = _over(plan, count)
    if over and OVERRUN not in count.told:
        draft.add(ev.OrderOverrun(**draft.head(), **body, n=over))
    if plan.reached is Reached.END:
        end_if_any(draft, DONE, (), {})


# ------------------------------------------------------------------ whether a unit may pass


def refusal(draft: Draft, candidate: Candidate | None) -> ev.Why | None:
    """Return why no unit of this product may pass: no order, or one for something else."""
    station = draft.station
    if station.requires_order is Policy.REFUSE and draft.state.people.order is None:
        return ev.Why.ORDER_MISSING
    if station.orders.refuses_wrong and _is_wrong(draft.state, candidate):
        return ev.Why.WRONG_PRODUCT
    return None


def doubts(draft: Draft, candidate: Candidate | None) -> list[ev.Why]:
    """Return what a recorded unit must say of its order."""
    why = []
    if draft.station.requires_order is Policy.RECORD and draft.state.people.order is None:
        why.append(ev.Why.ORDER_MISSING)
    if not draft.station.orders.refuses_wrong and _is_wrong(draft.state, candidate):
        why.append(ev.Why.WRONG_PRODUCT)
    return why


def is_full(state: State, unit: str | None, answer: AskAnswered | None) -> bool:
    """Return whether a unit is one too many; one that was here before is not counted again."""
    count, plan = running(state), state.station.orders
    if plan.reached is not Reached.REFUSE or count is None or not _has_all(plan, count):
        return False
    return unit not in count.reworkable and not (answer is not None and answer.visits)


def _is_wrong(state: State, candidate: Candidate | None) -> bool:
    """Return whether a unit's product, as far as it is known, is not what the order is for.

    Its own code counts before the recipe that runs; where neither is known nothing is wrong.
    """
    count = running(state)
    if count is None or count.product is None:
        return False
    now = products.running(state)
    own = candidate.product if candidate is not None else None
    known = [own] if own else [now.named, now.product]
    names = [name for name in known if name]
    allowed = state.station.orders.products.get(count.product, (count.product,))
    return bool(names) and all(not _same(name, other) for name in names for other in allowed)


def _same(one: str, other: str) -> bool:
    """Return whether two names are one product; a GTIN has as many zeros before it as it needs."""
    if one == other:
        return True
    numbers = all(name.isascii() and name.isdigit() for name in (one, other))
    lengths = {len(one), len(other)}
    return numbers and lengths <= _GTINS and one.zfill(14) == other.zfill(14)


# ------------------------------------------------------------------ by a person


def _by(given: CommandGiven) -> dict[str, Any]:
    return {"who": given.who, "remark": given.reason}


def _by_tag(draft: Draft) -> Refusal | None:
    if draft.station.order is None:
        return None
    detail = f"the order comes by the tag '{draft.station.order}'; change it at the machine"
    return Refusal(cause=ev.Declined.NOT_SO, detail=detail)


def start_order(draft: Draft, given: CommandGiven, _facts: Facts) -> ev.Event | Refusal:
    """Start an order as a person names it."""
    try:
        quantity = quantity_of(text(given, "quantity") or None)
    except ValueError as error:
        return Refusal(cause=ev.Declined.BAD_ARGUMENT, detail=str(error))
    wrong = _by_tag(draft)
    if wrong is not None:
        return wrong
    production.flush(draft)
    wanted = Wanted(
        order=text(given, "order"), product=text(given, "product") or None, quantity=quantity
    )
    done = _named(draft, wanted, COMMAND, (given.id,), _by(given))
    detail = f"'{wanted.order}' runs already"
    return done or Refusal(cause=ev.Declined.ALREADY, detail=detail)


def end_order(draft: Draft, given: CommandGiven, _facts: Facts) -> ev.Event | Refusal:
    """End the order that runs."""
    wrong = _by_tag(draft)
    if wrong is not None:
        return wrong
    production.flush(draft)
    done = end_if_any(draft, COMMAND, (given.id,), _by(given))
    return done or Refusal(cause=ev.Declined.NOT_SO, detail="no order runs")


COMMANDS: Mapping[str, Command] = {
    "order-start": Command(
        about="work on an order from now on; on the one that runs: change what is known of it",
        arguments=(
            Argument(name="order", about="its number"),
            Argument(
                name="quantity",
                names=Names.NUMBER,
                about="how many are to be made",
                is_optional=True,
            ),
            Argument(name="product", about="what is to be made", is_optional=True),
        ),
        run=start_order,
    ),
    "order-end": Command(about="work on no order from now on", arguments=(), run=end_order),
}


# ------------------------------------------------------------------ fold


def _with(state: State, people: PeopleState) -> State:
    return replace(state, people=people)


def _started(state: State, event: ev.OrderStarted) -> State:
    """Begin an order; one that goes on from its counts remembers what else is known of them."""
    order = event.order or ""
    before = _newest(state, order)
    count = OrderCount(
        order=order,
        product=event.product,
        quantity=event.quantity,
        good=event.good,
        nok=event.nok,
    )
    if before is not None and (before.good, before.nok) == (event.good, event.nok):
        told = before.told if before.quantity == event.quantity else ()
        count = replace(count, told=told, reworkable=before.reworkable)
    return _with(state, replace(state.people, order=event.order, count=count))


def _changed(state: State, event: ev.OrderChanged) -> State:
    told = None if event.quantity == event.previous_quantity else ()
    return _counted(state, event, told=told, product=event.product, quantity=event.quantity)


def _reached(state: State, event: ev.OrderReached) -> State:
    return _counted(state, event, told=(REACHED,))


def _overrun(state: State, event: ev.OrderOverrun) -> State:
    return _counted(state, event, told=(REACHED, OVERRUN))


def _counted(state: State, event: ev.Event, *, told: Any = None, **changes: Any) -> State:  # noqa: ANN401 - members
    count = running(state)
    if count is None or count.order != event.order:
        return state
    changes |= {} if told is None else {"told": told}
    return _with(state, replace(state.people, count=replace(count, **changes)))


def _ended(state: State, event: ev.OrderEnded) -> State:
    count, people = running(state), state.people
    if count is None:
        return state
    count = replace(count, finished=event.reason == DONE)
    ended = (*(each for each in people.ended if each.order != count.order), count)
    return _with(state, replace(people, order=None, count=None, ended=ended[-MOST_ENDED:]))


def _completed(state: State, event: ev.UnitCompleted) -> State:
    """Count a unit, or what became of one that was NOK; what is no production is not counted."""
    count = running(state)
    if count is None or event.mode not in {None, UNKNOWN}:
        return state
    unit, is_ok = event.unit or "", event.result is ev.Result.OK
    others = tuple(each for each in count.reworkable if each != unit)
    if unit in count.reworkable:
        if not is_ok:
            return state
        return _counted(state, event, good=count.good + 1, nok=count.nok - 1, reworkable=others)
    if event.visit > 1:
        return state
    if is_ok:
        return _counted(state, event, good=count.good + 1)
    newest = (*others, unit)[-MOST_REWORKABLE:]
    return _counted(state, event, nok=count.nok + 1, reworkable=newest)


def _pieces(state: State, event: ev.LotCounted) -> State:
    count = running(state)
    if count is None or event.n == 0:
        return state
    return _counted(state, event, good=count.good + event.n)


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.OrderStarted: _started,
    ev.OrderChanged: _changed,
    ev.OrderReached: _reached,
    ev.OrderOverrun: _overrun,
    ev.OrderEnded: _ended,
    ev.UnitCompleted: _completed,
    ev.LotCounted: _pieces,
}
