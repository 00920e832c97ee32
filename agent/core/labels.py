"""Labels that stand for a command: one is scanned, then the unit that it is about (D-35 to D-37).

    scrap       then a unit: it is scrap
    rework      then a unit: it may come once more
    reidentify  then a unit by its old label, then its new one
    nok         then a unit, at a bench: its result is NOK

Laws:
    1. A label waits for its unit at its own reader for `WITHIN_MS`, and never over a restart. One
       that waited in vain is `scan_expired`; another label at the same reader takes its place.
    2. What is scanned for a command (`commanded`) belongs to it alone: to no cycle, queue or
       carrier. After `nok` the unit's scan is its cycle, as without it.
    3. It is the same command as a person's at a keyboard, with the same refusals. Who gives it is
       who is signed on; nobody is none (D-61, D-143). The reason is the label's own text.
    4. The reader is told what became of it, once that is durable.

A slip of the keys cannot happen: a unit that was never here is taken as one of another station.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.core import commands, pairing
from agent.core import events as ev
from agent.core.anew import replace
from agent.core.draft import Draft, Fold
from agent.core.identity.scan_rule import COMMANDING, Means
from agent.core.label_parts import Label, LabelsState
from agent.core.state import State
from drivers.base import CommandGiven

WITHIN_MS = 30_000
UNNAMED = "unnamed"
"""Who gives a command where the station records nobody, by its own choice (D-66)."""


def at(state: State, device: str) -> Label | None:
    """Return the label that waits for the next unit at a reader."""
    if not state.labels.waiting:
        return None
    found = [label for label in state.labels.waiting if label.device == device]
    return found[-1] if found else None


def meaning(state: State, device: str, means: Means) -> Means:
    """Return what a code means there now: a unit's may be what a command is about."""
    label = at(state, device) if means is Means.UNIT else None
    return Means.COMMANDED if label is not None and label.means != Means.NOK else means


def scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """Let a label wait; the one before it at the reader waits no more."""
    for label in draft.state.labels.waiting:
        if label.device == scan.device and label.address != scan.address:
            _expire(draft, label, ev.ExpiryReason.SUPERSEDED)


def commanded(draft: Draft, scan: ev.CodeScanned, label: Label) -> None:
    """Give the command that a label stands for, with the unit that was scanned for it."""
    arguments: tuple[tuple[str, str], ...] = (("unit", scan.code), ("unseen", "yes"))
    if label.means == Means.REIDENTIFY:
        if not label.old:
            return
        arguments = (("old", label.old), ("new", scan.code), ("unseen", "yes"))
    elif label.means == Means.REWORK:
        arguments = arguments[:1]
    draft.replies = [reply for reply in draft.replies if reply.device != scan.device]
    given = CommandGiven(
        id=scan.address,
        device=scan.device,
        earliest_ms=scan.earliest_ms,
        latest_ms=scan.latest_ms,
        received=draft.now,
        command=label.means,
        who=_who(draft),
        reason=label.reason,
        arguments=arguments,
    )
    commands.given(draft, given)


def _who(draft: Draft) -> str:
    """Return who is signed on; empty: nobody, and then nobody gives a command."""
    if draft.station.people == "none":
        return UNNAMED
    return ", ".join(operator.ref for operator in draft.on())


def settle(draft: Draft) -> None:
    """Give up what waits of a unit that was scrapped by label, or under its old name.

    Who scans it has it in hand. One that is scrapped from afar may be in the machine: its cycle is
    refused for it.
    """
    for event in tuple(draft.events):
        if isinstance(event, ev.UnitScrapped | ev.UnitReidentified) and _is_by_scan(draft, event):
            for pending in draft.state.pairing.pending:
                if pending.code == event.unit:
                    pairing.expire(draft, pending, ev.ExpiryReason.CANCELLED)


def _is_by_scan(draft: Draft, event: ev.Event) -> bool:
    """Return whether an event of this run led to it: a scan, and no command from outside."""
    return any(because.startswith(f"{draft.state.epoch}-") for because in event.because)


# ------------------------------------------------------------------ what waits in vain


def _expire(draft: Draft, label: Label, reason: ev.ExpiryReason) -> None:
    head = draft.head(because=(label.address,))
    draft.add(ev.ScanExpired(**head, code=label.reason, reason=reason))


def clear(draft: Draft, reason: ev.ExpiryReason) -> None:
    """Give up every label that waits."""
    for label in draft.state.labels.waiting:
        _expire(draft, label, reason)


def started(draft: Draft, *, other_boot: bool, lost: bool) -> None:
    """Give up what waited before the run: its unit may have been scanned since."""
    reason = ev.ExpiryReason.OTHER_BOOT if other_boot else ev.ExpiryReason.RESTART
    clear(draft, ev.ExpiryReason.HISTORY_LOST if lost else reason)


def timer(draft: Draft) -> None:
    """Give up the labels that have waited for too long."""
    for label in draft.state.labels.waiting:
        if _ends_ms(label) <= draft.now_ms:
            _expire(draft, label, ev.ExpiryReason.WINDOW)


def _ends_ms(label: Label) -> int:
    return label.latest_ms + WITHIN_MS


def deadlines(state: State) -> Iterable[int]:
    """Return when each label has waited for too long."""
    return map(_ends_ms, state.labels.waiting)


# ------------------------------------------------------------------ fold


def _with(state: State, waiting: tuple[Label, ...]) -> State:
    return replace(state, labels=LabelsState(waiting=waiting))


def _scanned(state: State, event: ev.CodeScanned) -> State:
    waiting = state.labels.waiting
    if event.means in COMMANDING:
        label = Label(
            address=event.address,
            means=event.means,
            device=event.device,
            reason=event.code,
            latest_ms=event.latest_ms,
        )
        return _with(state, (*waiting, label))
    label_there = at(state, event.device) if waiting else None
    if label_there is None or event.means not in {Means.UNIT, Means.COMMANDED}:
        return state
    left = tuple(label for label in waiting if label != label_there)
    if label_there.means == Means.REIDENTIFY and not label_there.old:
        left += (replace(label_there, old=event.code, latest_ms=event.latest_ms),)
    return _with(state, left)


def _expired(state: State, event: ev.ScanExpired) -> State:
    left = tuple(label for label in state.labels.waiting if label.address not in event.because)
    return _with(state, left) if len(left) < len(state.labels.waiting) else state


EVOLVES: Mapping[type[ev.Event], Fold] = {ev.CodeScanned: _scanned, ev.ScanExpired: _expired}
"""Folded after the pairing, which still sees the label that a unit's scan is for."""
