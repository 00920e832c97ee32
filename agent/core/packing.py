"""What goes into a parent: children packed or gathered, parents opened and closed (D-42, D-52).

Each function decides one thing that was read, in its turn; `parentage` has the order and the table.
A child that may be another parent's is possible in each of the two (D-5). Where the station file
lets something pass that does not fit, the event says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.core import events as ev
from agent.core import fitness, presence
from agent.core.draft import Draft
from agent.core.levels import Level, ParentBy
from agent.core.packages import LastClosed, OpenParent, Turn, WaitingChild
from agent.core.state import Reply, State
from agent.core.station import Policy
from drivers.base import AskAnswered

TOLD = frozenset({ev.Why.KNOWLEDGE_MISSING, ev.Why.OPERATOR_MISSING, ev.Why.ORDER_MISSING})
"""What is odd about a child, but leaves no doubt where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that was read, with what is known of it."""

    turn: Turn
    level: Level
    because: tuple[str, ...]
    answer: AskAnswered | None = None
    """None: nothing was asked, or nothing came in time."""

    @property
    def is_known(self) -> bool:
        """Whether it is known where it is and what is in it."""
        return self.answer is not None and self.answer.known

    @property
    def within(self) -> tuple[str, ...]:
        """What it is in, innermost first."""
        return self.answer.within if self.answer is not None else ()

    @property
    def contents(self) -> tuple[str, ...]:
        """What is in it."""
        return self.answer.contents if self.answer is not None else ()


def is_open(state: State, level: str) -> OpenParent | None:
    """Return the parent of a level that takes children, None where there is none."""
    return next((each for each in state.packing.open if each.level == level), None)


def _the_open(state: State, level: Level) -> OpenParent:
    """Return the parent of a level that is known to have one."""
    (parent,) = (each for each in state.packing.open if each.level == level.name)
    return parent


def waiting(state: State, level: str) -> tuple[WaitingChild, ...]:
    """Return the children that wait for the code of their parent."""
    return tuple(each for each in state.packing.waiting if each.level == level)


def reply(draft: Draft, turn: Turn, *, good: bool) -> None:
    """Tell a reader what became of its code."""
    if turn.device:
        draft.replies.append(Reply(device=turn.device, good=good))


def refuse(
    draft: Draft, step: Step, reason: ev.Why, *, parent: str | None = None, other: str | None = None
) -> None:
    """Say that nothing follows from what was read."""
    head = draft.head(because=step.because, certainty=ev.Certainty.REFUSED, why=(reason,))
    draft.add(
        ev.PackingRefused(
            **head,
            level=step.turn.level,
            means=step.turn.means,
            code=step.turn.code,
            parent=parent,
            reason=reason,
            other=other,
        )
    )
    reply(draft, step.turn, good=False)


# ------------------------------------------------------------------ children


def _elsewhere(step: Step, parent: str | None) -> str | None:
    """Return what the child is in by what is known, None where it is free or here already."""
    return next((each for each in step.within[:1] if each != parent), None)


def _unfit(draft: Draft, step: Step, inside: set[str], parent: str | None) -> ev.Why | None:
    """Return why a child does not go in; None: it does."""
    level, code = step.level, step.turn.code
    is_here = parent is not None and step.within[:1] == (parent,)
    product, pattern = step.turn.product or "", level.product_pattern
    asks_more = draft.station.unknown is Policy.REFUSE
    against = {
        **dict.fromkeys(_lacking(draft, Policy.REFUSE), True),
        ev.Why.DUPLICATE: is_here or code in inside,
        ev.Why.LOT_BLOCKED: fitness.is_blocked(draft.state, code),
        ev.Why.WRONG_PART: not fitness.belongs(level.products, pattern, product),
        ev.Why.COUNT_OVER: len(inside) >= level.most,
        ev.Why.CONFLICT: _elsewhere(step, parent) is not None and level.refuses_elsewhere,
        ev.Why.KNOWLEDGE_MISSING: not step.is_known and asks_more,
    }
    return next((reason for reason, stands in against.items() if stands), None)


def _lacking(draft: Draft, policy: Policy) -> list[ev.Why]:
    """Return what the station requires by a policy, and has not got."""
    station, refuses = draft.station, policy is Policy.REFUSE
    nobody = presence.lacking(draft, draft.on(), refuses=refuses)
    no_order = station.requires_order is policy and draft.state.people.order is None
    found = [ev.Why.OPERATOR_MISSING] if nobody else []
    return found + ([ev.Why.ORDER_MISSING] if no_order else [])


def _doubts_of(draft: Draft, step: Step) -> list[ev.Why]:
    found = [*step.turn.doubts, *_lacking(draft, Policy.RECORD)]
    found += [ev.Why.CONFLICT] if _elsewhere(step, None) is not None else []
    found += [] if step.is_known else [ev.Why.KNOWLEDGE_MISSING]
    return found


def pack(draft: Draft, step: Step) -> None:
    """Put a child into the parent that is open; the last one expected closes it."""
    into = _the_open(draft.state, step.level)
    code, inside = step.turn.code, {child.code for child in into.children}
    reason = _unfit(draft, step, inside, into.parent)
    if code == into.parent or code in into.within:
        reason = ev.Why.IN_ITSELF
    if reason is not None:
        other = _elsewhere(step, into.parent)
        refuse(draft, step, reason, parent=into.parent, other=other)
        return
    doubts = _doubts_of(draft, step)
    doubts += [] if into.epoch == draft.state.epoch else [ev.Why.SCAN_BEFORE_RESTART]
    doubts += into.doubts
    before = _before(draft.state, step)
    if before is not None:  # it may have been meant for the parent before
        doubts.append(ev.Why.ORDER_OF_FACTS)
        _packed(draft, step, before.parent, doubts, step.because, n=None)
    because = (*step.because, into.address)
    packed = _packed(draft, step, into.parent, doubts, because, n=len(inside) + 1)
    _conflict(draft, packed, _elsewhere(step, None))
    reply(draft, step.turn, good=True)
    if step.level.closes_full and len(inside) + 1 == step.level.count:
        close(draft, step.level, (step.turn.address,), "full", step.turn.latest_ms)


def _before(state: State, step: Step) -> LastClosed | None:
    """Return the parent before, where the child may have been read before that was closed."""
    return next(
        (
            each
            for each in state.packing.closed
            if each.level == step.level.name and step.turn.earliest_ms < each.latest_ms
        ),
        None,
    )


def _packed(
    draft: Draft,
    step: Step,
    parent: str,
    doubts: list[ev.Why],
    because: tuple[str, ...],
    *,
    n: int | None,
) -> ev.UnitPacked:
    turn, why = step.turn, tuple(dict.fromkeys(doubts))
    return draft.add(
        ev.UnitPacked(
            **draft.head(because=because, certainty=_certainty(why), why=why),
            level=step.level.name,
            child=turn.code,
            product=turn.product,
            parent=parent,
            n=n,
        )
    )


def _certainty(why: tuple[ev.Why, ...]) -> ev.Certainty:
    return ev.Certainty.POSSIBLE if set(why) - TOLD else ev.Certainty.CERTAIN


def _conflict(draft: Draft, packed: ev.UnitPacked, other: str | None) -> None:
    if other is None or other == packed.parent:
        return
    head = draft.head(
        because=(packed.address,), certainty=ev.Certainty.POSSIBLE, why=(ev.Why.CONFLICT,)
    )
    draft.add(
        ev.PackingConflict(
            **head, level=packed.level, child=packed.child, parent=packed.parent, other=other
        )
    )


def gather(draft: Draft, step: Step) -> None:
    """Let a child wait for the code of its parent."""
    level, code = step.level, step.turn.code
    held = waiting(draft.state, level.name)
    reason = _unfit(draft, step, {each.code for each in held}, None)
    if reason is not None:
        refuse(draft, step, reason, other=_elsewhere(step, None))
        return
    doubts = _doubts_of(draft, step)
    before = _before(draft.state, step)
    if before is not None and level.parent is ParentBy.SCAN:
        doubts.append(ev.Why.ORDER_OF_FACTS)
        _packed(draft, step, before.parent, doubts, step.because, n=None)
    why = tuple(dict.fromkeys(doubts))
    draft.add(
        ev.UnitGathered(
            **draft.head(because=step.because, certainty=_certainty(why), why=why),
            level=level.name,
            child=code,
            product=step.turn.product,
            n=len(held) + 1,
            other=_elsewhere(step, None),
            earliest_ms=step.turn.earliest_ms,
        )
    )
    reply(draft, step.turn, good=True)


# ------------------------------------------------------------------ parents


def open_parent(draft: Draft, step: Step) -> None:
    """Open the parent whose code was read; the one that was open until then is closed first."""
    level, before = step.level, is_open(draft.state, step.level.name)
    if before is not None and before.parent == step.turn.code:
        _opened(draft, step, resumed=True)
        reply(draft, step.turn, good=True)
        return
    if not step.is_known and draft.station.unknown is Policy.REFUSE and step.turn.device:
        refuse(draft, step, ev.Why.KNOWLEDGE_MISSING)
        return
    if before is not None:
        if _is_short(level, before) and step.turn.device:
            refuse(draft, step, ev.Why.COUNT_SHORT, parent=before.parent)
            return
        close(draft, level, step.because, "next", step.turn.latest_ms)
    _opened(draft, step, resumed=False)
    reply(draft, step.turn, good=True)


def _is_short(level: Level, parent: OpenParent) -> bool:
    return level.refuses_fewer and len(parent.children) < (level.count or 0)


def _opened(draft: Draft, step: Step, *, resumed: bool) -> ev.ParentOpened:
    doubts = (*step.turn.doubts, *(() if step.is_known else (ev.Why.KNOWLEDGE_MISSING,)))
    why = tuple(dict.fromkeys(doubts))
    return draft.add(
        ev.ParentOpened(
            **draft.head(because=step.because, certainty=_certainty(why), why=why),
            level=step.level.name,
            parent=step.turn.code,
            product=step.turn.product,
            children=step.contents,
            within=step.within,
            resumed=resumed,
            earliest_ms=step.turn.earliest_ms,
            latest_ms=step.turn.latest_ms,
        )
    )


def end(draft: Draft, step: Step) -> None:
    """Close what is open, as a code or the end of its cycle says."""
    parent = _the_open(draft.state, step.level)
    if _is_short(step.level, parent) and step.turn.device:
        refuse(draft, step, ev.Why.COUNT_SHORT, parent=parent.parent)
        return
    how = "scan" if step.turn.device else "cycle"
    close(draft, step.level, step.because, how, step.turn.latest_ms)
    reply(draft, step.turn, good=True)


def end_by_tag(draft: Draft, level: Level) -> None:
    """Close what is open because a tag of the machine rose; fewer than expected are recorded."""
    if is_open(draft.state, level.name) is not None:
        close(draft, level, (), "tag", draft.now_ms)


def close(draft: Draft, level: Level, because: tuple[str, ...], how: str, latest_ms: int) -> None:
    """Record that nothing more goes into the parent that is open, and what is in it."""
    parent = _the_open(draft.state, level)
    over = 0 if level.count is None else len(parent.children) - level.count
    why = {-1: (ev.Why.COUNT_SHORT,), 0: (), 1: (ev.Why.COUNT_OVER,)}[(over > 0) - (over < 0)]
    draft.add(
        ev.ParentClosed(
            **draft.head(because=(*because, parent.address), why=why),
            level=level.name,
            parent=parent.parent,
            product=parent.product,
            children=tuple(child.code for child in parent.children),
            possible=tuple(child.code for child in parent.children if not child.is_sure),
            expected=level.count,
            how=how,
            latest_ms=latest_ms,
        )
    )


def take_in(draft: Draft, step: Step) -> None:
    """Put everything that waits into the parent whose code was read, and close it."""
    level, code = step.level, step.turn.code
    held = waiting(draft.state, level.name)
    reason = None
    if any(each.code in {code, *step.within} for each in held):
        reason = ev.Why.IN_ITSELF
    elif step.turn.device:  # with a cycle what is in the parent is in it
        reason = _untaken(draft, step, len(held))
    if reason is not None:
        refuse(draft, step, reason, parent=code)
        return
    opened = _opened(draft, step, resumed=False)
    for each in held:
        _take(draft, step, each, opened)
    how = "parent" if step.turn.device else "cycle"
    close(draft, level, step.because, how, step.turn.latest_ms)
    reply(draft, step.turn, good=True)


def _untaken(draft: Draft, step: Step, n: int) -> ev.Why | None:
    """Return why a parent is not closed over the children that wait; None: it is."""
    level = step.level
    if level.refuses_fewer and n + len(step.contents) < (level.count or 0):
        return ev.Why.COUNT_SHORT
    if not step.is_known and draft.station.unknown is Policy.REFUSE:
        return ev.Why.KNOWLEDGE_MISSING
    return None


def _take(draft: Draft, step: Step, each: WaitingChild, opened: ev.ParentOpened) -> None:
    here = each.other == opened.parent  # it is there already, and nowhere else
    doubts = [why for why in each.doubts if not (here and why is ev.Why.CONFLICT)]
    doubts += step.turn.doubts
    doubts += [] if each.epoch == draft.state.epoch else [ev.Why.SCAN_BEFORE_RESTART]
    doubts += [ev.Why.ORDER_OF_FACTS] if each.earliest_ms > step.turn.latest_ms else []
    why = tuple(dict.fromkeys(doubts))
    inside = _the_open(draft.state, step.level).children
    packed = draft.add(
        ev.UnitPacked(
            **draft.head(
                because=(each.address, opened.address), certainty=_certainty(why), why=why
            ),
            level=step.level.name,
            child=each.code,
            product=each.product,
            parent=opened.parent,
            n=len(inside) + 1,
        )
    )
    _conflict(draft, packed, each.other)
