"""Whose pieces a counter's steps are, where some products are tracked by lot and some by serial.

Law: each piece that the counter counts is in exactly one record: a row of its lot, the record of
its unit (`claims`), or `cycle_missed`. Where it is not known which, a row has it as possible.

Theory: the counter is absolute, so a piece is known by its number. The snapshot of a unit's cycle
holds the number of that piece; what lies before it and is in no record yet was made before. A step
of the time of a lot is counted to the lot. One of the time of a unit, or of a change between the
two, waits for the cycle that has its number; it is given up when a later cycle comes, or when
pieces of a lot were made after it and no cycle is open.
"""

from __future__ import annotations

from enum import Enum, auto, unique

from agent.core import events as ev
from agent.core import products, signals
from agent.core.anew import replace
from agent.core.counting import StepKind, judge_step
from agent.core.draft import Draft
from agent.core.parts import Counted
from agent.core.state import Live, Phase, State, Step, Working
from agent.core.station import By, Counter


@unique
class Of(Enum):
    """What the pieces of a step are tracked as."""

    LOT = auto()
    UNIT = auto()
    EITHER = auto()


def of(state: State, step: Step) -> Of:
    """Return what the pieces of a step are tracked as, by the products of its time."""
    made = products.during(state, step.earliest_ms, step.latest_ms)
    by_lot = {tracked.by is By.LOT for tracked in made}
    if len(by_lot) > 1:
        return Of.EITHER
    return Of.LOT if by_lot == {True} else Of.UNIT


def claims(state: State, event: ev.UnitEvent) -> bool:
    """Return whether a cycle's record is the record of its piece, too."""
    if not state.station.counts_pieces or state.station.products is None:
        return False
    stores = event.handshake in [each.name for each in state.station.handshakes[-1:]]
    return stores and event.by != By.LOT and not isinstance(event, ev.CycleCounted)


def ready(state: State, working: Working, n_steps: int) -> int:
    """Return how many of the oldest steps can be recorded: up to the last one of a lot.

    While a cycle is open, or may be, what is perhaps its piece waits.
    """
    kinds = [of(state, step) for step in working.steps[:n_steps]]
    if _may_be_open(state, working):
        return next((n for n, kind in enumerate(kinds) if kind is not Of.LOT), len(kinds))
    return max((n for n, kind in enumerate(kinds, 1) if kind is Of.LOT), default=0)


def _may_be_open(state: State, working: Working) -> bool:
    for handshake in state.station.handshakes[-1:]:
        live = working.live.get(handshake.name) or Live()
        phase = signals.phase(state, working, handshake)
        return phase not in {Phase.IDLE, Phase.ANSWERED} or live.left is not None
    return False


def first(steps: tuple[Step, ...], n: int, modulus: int) -> tuple[tuple[Step, ...], Step | None]:
    """Return the steps of the first `n` pieces, and what is left of the step that they end in."""
    taken: list[Step] = []
    for step in steps:
        if n <= 0:
            break
        if step.n > n:
            count = (step.count - (step.n - n)) % modulus
            return (*taken, replace(step, n=n, count=count)), replace(step, n=step.n - n)
        taken.append(step)
        n -= step.n
    return tuple(taken), None


def trim(draft: Draft) -> None:
    """Forget the steps of pieces that are in a record since: a unit's cycle had their number."""
    counter, steps, counted = draft.station.counter, draft.working.steps, _counted(draft.state)
    if counter is None or counted is None or not steps:
        return
    total = sum(step.n for step in steps)
    ahead = (steps[-1].count - counted.count) % counter.modulus
    if ahead < total:
        taken, rest = first(steps, total - ahead, counter.modulus)
        left = steps[len(taken) :]
        if rest is not None:
            left = (rest, *left)
        draft.working = replace(draft.working, steps=left)


def before(draft: Draft, counter: Counter, count: int) -> int:
    """Return how many pieces before the one of this number are in no record."""
    counted = _counted(draft.state)
    if counted is None:
        return 0
    waiting = sum(step.n for step in draft.working.steps)
    n = (count - 1 - counted.count) % counter.modulus
    return n if n <= waiting else 0


def cut(draft: Draft, counter: Counter, n: int) -> int:
    """Take the step apart that the `n`th waiting piece is in; return how many end with it."""
    steps = draft.working.steps
    taken, rest = first(steps, n, counter.modulus)
    if rest is not None:
        left = (*taken, rest, *steps[len(taken) :])
        draft.working = replace(draft.working, steps=left)
    return len(taken)


def counted_on(state: State, event: ev.UnitEvent) -> State:
    """Return the state in which a unit's record stands for its piece."""
    counter, counted, count = state.station.counter, _counted(state), event.count
    if counter is None or counted is None:
        return state
    if count is None:
        product = replace(state.product, uncounted=state.product.uncounted + 1)
        return replace(state, product=product)
    judged = judge_step(counter, counted.count, count, None)
    if judged.kind is not StepKind.COUNT or judged.n == 0:
        return state
    now = Counted(count=count, at_ms=event.latest_ms, epoch=event.epoch)
    production = replace(state.production, counted=now)
    product = replace(state.product, uncounted=0)
    return replace(state, production=production, product=product)


def missed(draft: Draft, counter: Counter, steps: list[Step]) -> None:
    """Say that pieces of units have no record; those whose cycle had no number are not missing."""
    last = steps[-1]
    total = sum(step.n for step in steps)
    draft.add(
        ev.CycleMissed(
            **draft.head(),
            n=max(0, total - draft.state.product.uncounted),
            reason="counter",
            from_count=(last.count - total) % counter.modulus,
            to_count=(last.count + 1) % counter.modulus,
            first_ms=steps[0].earliest_ms,
            last_ms=last.latest_ms,
        )
    )


def missed_on(state: State, event: ev.CycleMissed) -> State:
    """Return the state in which missed pieces are accounted for."""
    counter = state.station.counter
    if state.station.products is None or counter is None or _counted(state) is None:
        return state
    uncounted = state.product.uncounted
    if event.reason == "request":  # its pieces have numbers that were not read
        product = replace(state.product, uncounted=uncounted + (event.n or 0))
        return replace(state, product=product)
    if event.reason != "counter" or event.to_count is None or event.last_ms is None:
        return state
    count = (event.to_count - 1) % counter.modulus
    now = Counted(count=count, at_ms=event.last_ms, epoch=event.epoch)
    told = (count - (event.from_count or 0)) % counter.modulus - (event.n or 0)
    product = replace(state.product, uncounted=uncounted - told)
    return replace(state, production=replace(state.production, counted=now), product=product)


def _counted(state: State) -> Counted | None:
    return state.production.counted
