"""What comes out of a parent: one child, or all of them with the parent dissolved (D-9, D-132).

What was packed stays in the history of both; taking out is a fact of its own. Where it is not
known what a child is in, or what is in a parent, nothing is recorded on a guess: it is refused, and
may be read again.
"""

from __future__ import annotations

from agent.core import events as ev
from agent.core.draft import Draft
from agent.core.packing import Step, refuse, reply
from agent.core.state import State


def take_out(draft: Draft, step: Step) -> None:
    """Take one child out of what it is in."""
    if not step.is_known:
        refuse(draft, step, ev.Why.KNOWLEDGE_MISSING)
        return
    if not step.within:
        refuse(draft, step, ev.Why.NOT_PACKED)
        return
    draft.add(
        ev.UnitUnpacked(
            **draft.head(because=step.because),
            child=step.turn.code,
            parent=step.within[0],
            how="scan",
        )
    )
    reply(draft, step.turn, good=True)


def dissolve(draft: Draft, step: Step) -> None:
    """Take everything out of a parent; from then on it is none."""
    code = step.turn.code
    if not step.is_known:
        refuse(draft, step, ev.Why.KNOWLEDGE_MISSING)
        return
    children = inside(draft.state, code, step.contents)
    if not children:
        refuse(draft, step, ev.Why.NOT_PACKED)
        return
    empty(draft, code, children, step.because, how="scan")
    reply(draft, step.turn, good=True)


def inside(state: State, parent: str, contents: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is in a parent: what went in while it is open here, and what is known besides.

    What was in it before is not in the state where that could not be looked up when it was opened.
    """
    here = [
        child.code
        for each in state.packing.open
        if each.parent == parent
        for child in each.children
    ]
    return tuple(dict.fromkeys((*here, *contents)))


def empty(
    draft: Draft,
    parent: str,
    children: tuple[str, ...],
    because: tuple[str, ...],
    *,
    how: str,
    who: str | None = None,
    reason: str | None = None,
) -> ev.ParentDissolved:
    """Record that a parent was dissolved, with each child that comes out of it."""
    dissolved = draft.add(
        ev.ParentDissolved(
            **draft.head(because=because),
            parent=parent,
            children=children,
            how=how,
            who=who,
            reason=reason,
        )
    )
    for child in children:
        draft.add(
            ev.UnitUnpacked(
                **draft.head(because=(dissolved.address,)),
                child=child,
                parent=parent,
                how="dissolved",
                who=who,
                reason=reason,
            )
        )
    return dissolved
