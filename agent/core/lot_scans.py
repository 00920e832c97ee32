"""Actions on lots by scan: a code names the lot and says how much, another one what it comes of.

A split, a merge and a relabelling are about two lots. The other one is in the code itself, in its
group `parent`, or it was named by a code that means `lot_pick` before: one for a split or another
label, any number for a merge, each with the quantity that goes in, or all of it. Picks wait for
`pick_within`, and never over a restart: of what was scanned meanwhile nobody knows, and what a
merge lacks a recall would miss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from agent.core import events as ev
from agent.core.amounts import amount, text
from agent.core.draft import Draft
from agent.core.identity.rules import Means
from agent.core.lots import Asked, done
from agent.core.state import Reply

_PARENT = "parent"
_MEASURES = {"310": "kg", "311": "m", "314": "m2", "315": "l", "316": "m3", "320": "lb"}
"""Unit of measure by family of GS1 application identifiers.

Source: GS1 General Specifications, 3.6: net weight, length, area, volumes.
"""


def scanned(draft: Draft, means: Means, scan: ev.CodeScanned) -> None:
    """Take the action that a code stands for; the reader is told where it was not."""
    fault = SCANNED[means](draft, scan)
    if fault is not None:
        draft.replies = [reply for reply in draft.replies if reply.device != scan.device]
        draft.replies.append(Reply(device=scan.device, good=False))


def _pick(_draft: Draft, _scan: ev.CodeScanned) -> ev.LotFault | None:
    """The fold of the scan itself holds it."""
    return None


def _split(draft: Draft, scan: ev.CodeScanned) -> ev.LotFault | None:
    child = ev.LotAmount(lot=scan.code, quantity=_quantity(scan))
    return _of_another(draft, scan, ev.LotAction.SPLIT, child)


def _relabel(draft: Draft, scan: ev.CodeScanned) -> ev.LotFault | None:
    return _of_another(draft, scan, ev.LotAction.RELABEL, ev.LotAmount(lot=scan.code))


def _of_another(
    draft: Draft, scan: ev.CodeScanned, action: ev.LotAction, named: ev.LotAmount
) -> ev.LotFault | None:
    """Ask for an action on the one lot that was named before, with what the code names."""
    picks = draft.state.lots.picks
    because = (*(pick.address for pick in picks), scan.address)
    parent = dict(scan.fields).get(_PARENT)
    if parent is None and len(picks) != 1:
        fault = ev.LotFault.SEVERAL_PICKED if picks else ev.LotFault.NOTHING_PICKED
        return _refuse(draft, scan, action, fault)
    asked = Asked(
        action=action,
        lot=parent if parent is not None else picks[0].lot,
        others=(named,),
        measure=_measure(scan),
        because=because if parent is None else (scan.address,),
    )
    return _ask(draft, scan, asked)


def _merge(draft: Draft, scan: ev.CodeScanned) -> ev.LotFault | None:
    picks = draft.state.lots.picks
    if not picks:
        return _refuse(draft, scan, ev.LotAction.MERGE, ev.LotFault.NOTHING_PICKED)
    newest = {pick.lot: pick for pick in picks}
    asked = Asked(
        action=ev.LotAction.MERGE,
        lot=scan.code,
        others=tuple(
            ev.LotAmount(lot=pick.lot, quantity=pick.quantity) for pick in newest.values()
        ),
        quantity=_quantity(scan),
        measure=_measure(scan),
        product=scan.product,
        because=(*(pick.address for pick in picks), scan.address),
    )
    return _ask(draft, scan, asked)


def _issue(draft: Draft, scan: ev.CodeScanned) -> ev.LotFault | None:
    return _of_itself(draft, scan, ev.LotAction.ISSUE)


def _return(draft: Draft, scan: ev.CodeScanned) -> ev.LotFault | None:
    return _of_itself(draft, scan, ev.LotAction.RETURN)


def _of_itself(draft: Draft, scan: ev.CodeScanned, action: ev.LotAction) -> ev.LotFault | None:
    asked = Asked(
        action=action,
        lot=scan.code,
        quantity=_quantity(scan),
        measure=_measure(scan),
        destination=dict(scan.fields).get("destination"),
        because=(scan.address,),
    )
    return _ask(draft, scan, asked)


def _ask(draft: Draft, scan: ev.CodeScanned, asked: Asked) -> ev.LotFault | None:
    result = done(draft, asked)
    if isinstance(result, ev.LotFault):
        return _refuse(draft, scan, asked.action, result)
    return None


def _refuse(
    draft: Draft, scan: ev.CodeScanned, action: ev.LotAction, fault: ev.LotFault
) -> ev.LotFault:
    """Say that an action is not taken; what was picked for it still waits."""
    picks = draft.state.lots.picks
    draft.add(
        ev.LotRefused(
            **draft.head(because=(*(pick.address for pick in picks), scan.address)),
            lot=scan.code,
            action=action,
            lots=tuple(pick.lot for pick in picks),
            quantity=scan.quantity,
            measure=_measure(scan),
            cause=fault,
        )
    )
    return fault


SCANNED: Mapping[Means, Callable[[Draft, ev.CodeScanned], ev.LotFault | None]] = {
    Means.LOT_PICK: _pick,
    Means.LOT_SPLIT: _split,
    Means.LOT_MERGE: _merge,
    Means.LOT_ISSUE: _issue,
    Means.LOT_RETURN: _return,
    Means.LOT_RELABEL: _relabel,
}
"""What each scan that is about a lot as a whole asks for."""


def _quantity(scan: ev.CodeScanned) -> str | None:
    """Return the quantity of a code, without the zeros that fill its field."""
    found = amount(scan.quantity)
    return scan.quantity if found is None else text(found)


def _measure(scan: ev.CodeScanned) -> str | None:
    """Return the unit of a code's quantity: as it says, or by its GS1 application identifier."""
    if scan.measure is not None or scan.quantity is None:
        return scan.measure
    said = amount(scan.quantity)
    for identifier, value in scan.fields:
        unit = _MEASURES.get(identifier[:-1])
        if unit is None or not (identifier.isdecimal() and value.isdecimal()):
            continue
        if Decimal(value).scaleb(-int(identifier[-1])) == said:
            return unit
    return None


# ------------------------------------------------------------------ picks


def clear(draft: Draft, reason: ev.ExpiryReason, before_ms: int | None = None) -> None:
    """Give up the picks that wait, or those of before a moment."""
    for pick in draft.state.lots.picks:
        if before_ms is None or pick.latest_ms <= before_ms:
            head = draft.head(because=(pick.address,))
            draft.add(ev.ScanExpired(**head, code=pick.lot, reason=reason))


def started(draft: Draft, *, other_boot: bool, lost: bool) -> None:
    """Give up what was picked before the run: another pick may have been missed since."""
    reason = ev.ExpiryReason.OTHER_BOOT if other_boot else ev.ExpiryReason.RESTART
    clear(draft, ev.ExpiryReason.HISTORY_LOST if lost else reason)


def timer(draft: Draft) -> None:
    """Give up what was picked too long ago."""
    within_ms = draft.station.lots.pick_within_ms
    clear(draft, ev.ExpiryReason.WINDOW, draft.now_ms - within_ms)


def deadlines(draft: Draft) -> Iterable[int]:
    """Return when each pick is too old."""
    picks, within_ms = draft.state.lots.picks, draft.station.lots.pick_within_ms
    return [pick.latest_ms + within_ms for pick in picks] if picks else ()
