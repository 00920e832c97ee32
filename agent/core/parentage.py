"""Unit in unit: children in boxes, boxes on pallets, to any depth (DESIGN 2, D-9, D-28, D-42).

Theory: what is read waits in a queue that is part of the state (`packages.Turn`), and has its turn
once what came before it is decided. Where a child is, and what is in a parent, is asked: what is
closed is no state. Each (phase of its level, what was read) has a row in `ROWS`.

Laws:
    1. A child is certainly in at most one parent at a time. One that is elsewhere is refused, or
       recorded as a conflict, in which both are possible.
    2. Everything that was read ends in one event: gathered, packed, opened, closed, taken out,
       refused, or expired.
    3. Nothing is in itself: a parent that lies within what is to go into it is refused, at
       whatever depth (D-9).
    4. What is read after a restart, or after a reader was away, goes in as possible: a parent's
       code may have been missed. Reading the parent's code again makes it certain.

A parent is read by its own code, or is the unit of the station's cycle; then the cycle opens and
closes it, and the answer says when too few are in it. `packing` has what goes in, `unpacking` what
comes out, `packed` the fold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum, unique

from agent.core import events as ev
from agent.core import packing, requests, unpacking
from agent.core.anew import replace
from agent.core.draft import Draft
from agent.core.identity.scan_rule import Means
from agent.core.levels import Level, Order, ParentBy
from agent.core.packages import Turn
from agent.core.packed import EVOLVES, MEANS
from agent.core.packing import Step
from agent.core.state import Check, PackageAsk, Reading, State, Working
from agent.core.station import Handshake
from drivers.base import AskAnswered

__all__ = ["EVOLVES", "MEANS"]

UNPACK_WITHIN_MS = 30_000
"""How long after `unpack` a code counts as what comes out."""


@unique
class Phase(StrEnum):
    """Where a level stands: a function of the state."""

    CLOSED = "closed"
    """No parent is open (`parent-first`)."""
    OPEN = "open"
    EMPTY = "empty"
    """No child waits (`children-first`)."""
    GATHERED = "gathered"
    UNPACKING = "unpacking"
    """The code before said that this one comes out."""


@unique
class Kind(StrEnum):
    """What was read."""

    CHILD = "child"
    PARENT = "parent"
    PARENT_END = "parent_end"


def phase(state: State, level: Level) -> Phase:
    """Return where a level stands, unless something is to come out."""
    if level.order is Order.PARENT_FIRST:
        return Phase.CLOSED if packing.is_open(state, level.name) is None else Phase.OPEN
    return Phase.GATHERED if packing.waiting(state, level.name) else Phase.EMPTY


# ------------------------------------------------------------------ the table

Row = Callable[[Draft, Step], None]


def _no_parent(draft: Draft, step: Step) -> None:
    packing.refuse(draft, step, ev.Why.NO_PARENT)


def _no_child(draft: Draft, step: Step) -> None:
    packing.refuse(draft, step, ev.Why.NO_CHILD)


ROWS: Mapping[tuple[Phase, Kind], Row] = {
    (Phase.CLOSED, Kind.CHILD): _no_parent,
    (Phase.CLOSED, Kind.PARENT): packing.open_parent,
    (Phase.CLOSED, Kind.PARENT_END): _no_parent,
    (Phase.OPEN, Kind.CHILD): packing.pack,
    (Phase.OPEN, Kind.PARENT): packing.open_parent,
    (Phase.OPEN, Kind.PARENT_END): packing.end,
    (Phase.EMPTY, Kind.CHILD): packing.gather,
    (Phase.EMPTY, Kind.PARENT): _no_child,
    (Phase.EMPTY, Kind.PARENT_END): _no_parent,
    (Phase.GATHERED, Kind.CHILD): packing.gather,
    (Phase.GATHERED, Kind.PARENT): packing.take_in,
    (Phase.GATHERED, Kind.PARENT_END): _no_parent,
    (Phase.UNPACKING, Kind.CHILD): unpacking.take_out,
    (Phase.UNPACKING, Kind.PARENT): unpacking.dissolve,
    (Phase.UNPACKING, Kind.PARENT_END): _no_parent,
}
"""What follows from each thing read in each phase; total, which a test proves."""


# ------------------------------------------------------------------ one after the other


def settle(draft: Draft) -> None:
    """Decide what was read, in its order, as far as it is known; then close what a tag closes."""
    while draft.working.packing is None and draft.state.packing.turns:
        if not _next(draft):
            return
    if draft.working.packing is None and draft.working.closing:
        _close_by_tag(draft)


def _next(draft: Draft) -> bool:
    """Decide the first in the queue, or ask about it; False: it waits for another code."""
    turn, unpack = _head(draft.state)
    if turn is None:  # nothing says yet what comes out
        (word,) = draft.state.packing.turns
        if draft.now_ms < _over_ms(word):
            return False
        _expire(draft, word, ev.ExpiryReason.WINDOW)
    elif unpack is not None and not _comes_out(unpack, turn):
        _expire(draft, unpack, ev.ExpiryReason.WINDOW)
    elif turn.means == Means.PARENT_END:
        _decide(draft, turn, unpack, None)
    else:
        ask = PackageAsk(id=draft.ask_id(), code=turn.code)
        draft.asks.append(ask)
        until_ms = draft.now_ms + draft.station.lookup_within_ms
        check = Check(address=turn.address, until_ms=until_ms, ask=ask.id)
        draft.working = replace(draft.working, packing=check)
    return True


def _head(state: State) -> tuple[Turn | None, Turn | None]:
    """Return what has its turn, and with a code that is to come out the word that says so.

    What no reader read, as the unit of a cycle, is not meant by that word.
    """
    first, second = (*state.packing.turns, None, None)[:2]
    if first is None or first.means != Means.UNPACK:
        return first, None
    return second, first if second is None or second.device else None


def _comes_out(unpack: Turn, turn: Turn) -> bool:
    in_time = turn.earliest_ms < _over_ms(unpack)
    return in_time and turn.means in {Means.CHILD, Means.PARENT}


def _over_ms(unpack: Turn) -> int:
    return unpack.latest_ms + UNPACK_WITHIN_MS


def _decide(draft: Draft, turn: Turn, unpack: Turn | None, answer: AskAnswered | None) -> None:
    level = draft.station.level(turn.level)
    because = (turn.address,) if unpack is None else (unpack.address, turn.address)
    if level is None:  # the station file has no such level any more
        _no_parent(draft, Step(turn=turn, level=Level(name=turn.level), because=because))
        return
    stands = phase(draft.state, level) if unpack is None else Phase.UNPACKING
    step = Step(turn=turn, level=level, because=because, answer=answer)
    ROWS[stands, Kind(turn.means)](draft, step)


def answered(draft: Draft, seen: AskAnswered) -> None:
    """Decide what was asked about; `settle` goes on with the next."""
    check = draft.working.packing
    if check is not None and check.ask == seen.ask:
        _take(draft, seen)


def timer(draft: Draft) -> None:
    """Let the station's policy decide where no answer came in time (D-41)."""
    check = draft.working.packing
    if check is not None and check.until_ms <= draft.now_ms:
        _take(draft, None)


def _take(draft: Draft, answer: AskAnswered | None) -> None:
    """Decide what was asked about; if it was taken back since, nothing is left to decide."""
    check, (turn, unpack) = draft.working.packing, _head(draft.state)
    draft.working = replace(draft.working, packing=None)
    if check is not None and turn is not None and turn.address == check.address:
        _decide(draft, turn, unpack, answer)


def give_up(draft: Draft) -> None:
    """Decide everything that was read without waiting any longer: a cycle is judged now."""
    while draft.state.packing.turns:
        if draft.working.packing is not None:
            _take(draft, None)
        elif not _next(draft):
            return


def deadlines(state: State, working: Working) -> Iterator[int]:
    """Yield when what is read next is decided at the latest."""
    if working.packing is not None:
        yield working.packing.until_ms
        return
    for first in state.packing.turns[:1]:
        waits = first.means == Means.UNPACK and len(state.packing.turns) == 1
        yield _over_ms(first) if waits else first.latest_ms  # what a run before left: at once


def clear(draft: Draft, reason: ev.ExpiryReason) -> None:
    """Give up what was read and is not in a parent yet."""
    read = [turn for turn in draft.state.packing.turns if turn.device]
    waiting = [(child.address, child.code) for child in draft.state.packing.waiting]
    for address, code in (*((turn.address, turn.code) for turn in read), *waiting):
        draft.add(ev.ScanExpired(**draft.head(because=(address,)), code=code, reason=reason))


def _expire(draft: Draft, turn: Turn, reason: ev.ExpiryReason) -> None:
    head = draft.head(because=(turn.address,))
    draft.add(ev.ScanExpired(**head, code=turn.code, reason=reason))


def started(draft: Draft, *, other_boot: bool, lost: bool) -> None:
    """Give up what may have been packed in a lost part, and close what the file no longer has."""
    if lost:
        clear(draft, ev.ExpiryReason.HISTORY_LOST)
    for turn in draft.state.packing.turns:
        if turn.means == Means.UNPACK and other_boot:
            _expire(draft, turn, ev.ExpiryReason.OTHER_BOOT)
    for parent in draft.state.packing.open:
        level = draft.station.level(parent.level)
        if level is None or level.order is Order.CHILDREN_FIRST:
            gone = Level(name=parent.level)
            packing.close(draft, gone, (), "file", parent.latest_ms)
    for child in draft.state.packing.waiting:
        level = draft.station.level(child.level)
        if level is None or level.order is Order.PARENT_FIRST:
            head = draft.head(because=(child.address,))
            reason = ev.ExpiryReason.CANCELLED
            draft.add(ev.ScanExpired(**head, code=child.code, reason=reason))


# ------------------------------------------------------------------ by tag, and by the cycle


def seen(draft: Draft, before: Mapping[str, Reading], changed: set[str]) -> None:
    """Note the levels whose tag has risen, on this link, from low to high."""
    risen = tuple(
        level.name
        for level in draft.station.packing
        if level.close_tag is not None
        and level.close_tag in changed
        and _rose(before.get(level.close_tag), draft.working.readings[level.close_tag])
    )
    closing = tuple(dict.fromkeys((*draft.working.closing, *risen)))
    draft.working = replace(draft.working, closing=closing)


def _rose(before: Reading | None, now: Reading) -> bool:
    return bool(now.good) and before is not None and before.good is not None and not before.good


def _close_by_tag(draft: Draft) -> None:
    for level in draft.station.packing:
        if level.name in draft.working.closing:
            packing.end_by_tag(draft, level)
    draft.working = replace(draft.working, closing=())


def refusal(draft: Draft, handshake: Handshake, unit: str) -> ev.Why | None:
    """Return why a cycle's unit may not be stored as the parent of what is in it."""
    levels = [each for each in draft.station.packing if each.parent is ParentBy.CYCLE]
    if not levels or not requests.records(draft.state, handshake):
        return None
    give_up(draft)
    for level in levels:
        parent = packing.is_open(draft.state, level.name)
        waiting = packing.waiting(draft.state, level.name)
        children = parent.children if parent is not None else waiting
        if any(child.code == unit for child in children):
            return ev.Why.IN_ITSELF
        if level.refuses_fewer and len(children) < (level.count or 0):
            return ev.Why.COUNT_SHORT
    return None
