"""What a reader sent becomes exactly one event, whatever it was: no scan disappears (law 4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent.core import events as ev
from agent.core import (
    granularity,
    labels,
    lot_scans,
    material,
    orders,
    pairing,
    parentage,
    people,
    production,
)
from agent.core.anew import replace
from agent.core.draft import Draft
from agent.core.identity.codes import PARSER
from agent.core.identity.rules import Identified, Judgement, Means, NoRead, judge
from agent.core.identity.scan_rule import COMMANDING, OF_LOTS
from agent.core.pairing import Place
from agent.core.state import Repeats, Reply, Working
from drivers.base import CodeScanned, Entry, FrameStatus


def scanned(draft: Draft, seen: CodeScanned) -> None:
    """Record one frame of a reader and let it mean what it means."""
    if seen.status in (FrameStatus.PARTIAL, FrameStatus.OVERLONG):
        draft.add(
            ev.ScanTruncated(
                **draft.head(because=(seen.id,)),
                device=seen.device,
                raw=_raw(seen),
                status=seen.status,
            )
        )
        _reply(draft, seen.device, good=False)
    elif seen.status is FrameStatus.INVALID:
        _refuse(draft, seen, "control_character", None)
    elif seen.status is FrameStatus.NO_READ:
        _no_read(draft, seen)
    elif seen.operator is not None:
        _accept_badge(draft, seen, seen.operator)
    elif seen.hidden_length is not None:
        _refuse(draft, seen, "bad_badge", f"{seen.hidden_length} characters")
    else:
        _judge(draft, seen)


def judge_bytes(draft: Draft, raw: bytes, device: str | None) -> Judgement:
    """Return what the station's rules make of some bytes, on the station's date of now."""
    no_reads = draft.station.no_reads.get(device or "", frozenset())
    return judge(raw, draft.station.scans, no_reads, reference_date=draft.now.day)


def _judge(draft: Draft, seen: CodeScanned) -> None:
    judged = judge_bytes(draft, seen.raw, seen.device)
    if isinstance(judged, NoRead) and seen.entry is Entry.KEYED:
        _refuse(draft, seen, "no_read", "the reader says by it that it read nothing")
    elif isinstance(judged, NoRead):
        _no_read(draft, seen)
    elif isinstance(judged, Identified):
        _accept(draft, seen, judged)
    else:
        _refuse(draft, seen, str(judged.reason), judged.detail)


def _no_read(draft: Draft, seen: CodeScanned) -> None:
    head = draft.head(because=(seen.id,))
    draft.add(ev.NoRead(**head, device=seen.device, raw=seen.raw.hex()))


def _raw(seen: CodeScanned) -> str | None:
    """Return the bytes in hex; None for a badge's, of which nothing is kept (D-64)."""
    is_badge = seen.hidden_length is not None or seen.operator is not None
    return None if is_badge else seen.raw.hex()


def _entered(seen: CodeScanned) -> dict[str, Any]:
    """Return how a code came in, for its event (D-84, D-85)."""
    return {"entry": seen.entry, "who": seen.who, "entry_reason": seen.entry_reason}


def _refuse(draft: Draft, seen: CodeScanned, reason: str, detail: str | None) -> None:
    waits = seen.hidden_length is None and pairing.waits_refused(
        draft.state, draft.working, seen.device, seen.earliest_ms
    )
    draft.add(
        ev.CodeRefused(
            **draft.head(because=(seen.id,)),
            device=seen.device,
            raw=_raw(seen),
            reason=reason,
            detail=detail,
            earliest_ms=seen.earliest_ms,
            latest_ms=seen.latest_ms,
            waits=waits,
            **_entered(seen),
        )
    )
    _reply(draft, seen.device, good=False)


def _reply(draft: Draft, device: str, *, good: bool) -> None:
    draft.replies.append(Reply(device=device, good=good))


def _accept(draft: Draft, seen: CodeScanned, judged: Identified) -> None:
    if _repeated(draft, seen, judged.means, judged.code):
        return
    label = labels.at(draft.state, seen.device)
    means = labels.meaning(draft.state, seen.device, judged.means)
    if means is not judged.means:
        judged = replace(judged, means=means)
    wrong = _wrong_quantity(judged)
    if wrong is not None:
        _refuse(draft, seen, "bad_quantity", wrong)
        return
    station, where = draft.station, Place.NEXT
    waits = pairing.waits(station, judged.means, seen.device)
    if waits:
        where = pairing.place(draft.state, draft.working, seen.earliest_ms, judged.code)
    doubt = where is Place.DOUBTFUL
    scan = draft.add(
        ev.CodeScanned(
            **draft.head(
                because=(seen.id,),
                certainty=ev.Certainty.POSSIBLE if doubt else ev.Certainty.CERTAIN,
                why=(ev.Why.ORDER_OF_FACTS,) if doubt else (),
            ),
            device=seen.device,
            raw=seen.raw.hex(),
            symbology=None if seen.entry is Entry.KEYED else judged.symbology,
            means=judged.means.value,
            code=judged.code,
            product=judged.product,
            lot=judged.lot,
            serial=judged.serial,
            expiry=judged.expiry.isoformat() if judged.expiry else None,
            quantity=judged.quantity,
            measure=judged.quantity_unit,
            position=judged.position,
            fields=judged.fields,
            doubtful=judged.doubtful,
            earliest_ms=seen.earliest_ms,
            latest_ms=seen.latest_ms,
            parser=judged.parser,
            **_entered(seen),
        )
    )
    packs = bool(station.packing) and judged.means in parentage.MEANS - {Means.UNPACK}
    if not packs and (not waits or not pairing.is_cycle(station)):
        _reply(draft, seen.device, good=True)  # of the others what becomes of them is told
    granularity.scanned(draft, scan)
    if waits:
        pairing.unit_scanned(draft, scan, where)
    elif judged.means is Means.COMMANDED and label is not None:
        labels.commanded(draft, scan, label)
    else:
        _means(draft, judged.means, scan)


def _wrong_quantity(judged: Identified) -> str | None:
    """Return what is wrong with the quantity of an order's label: units are whole."""
    if judged.means is Means.ORDER:
        try:
            orders.quantity_of(judged.quantity)
        except ValueError as error:
            return str(error)
    return None


def _accept_badge(draft: Draft, seen: CodeScanned, operator: str) -> None:
    if _repeated(draft, seen, Means.OPERATOR, operator):
        return
    if people.is_full(draft, operator):
        _refuse(draft, seen, "too_many_operators", f"{draft.station.crew.most} are signed on")
        return
    scan = draft.add(
        ev.CodeScanned(
            **draft.head(because=(seen.id,)),
            device=seen.device,
            means=Means.OPERATOR.value,
            code=operator,
            role=seen.role,
            earliest_ms=seen.earliest_ms,
            latest_ms=seen.latest_ms,
            parser=PARSER,
            **_entered(seen),
        )
    )
    _reply(draft, seen.device, good=True)
    production.flush(draft)
    people.badge_scanned(draft, scan)


def _means(draft: Draft, means: Means, scan: ev.CodeScanned) -> None:
    """Let a code mean what it means; what was counted until now is recorded before the change."""
    because = (scan.address,)
    if means in (Means.LOT, Means.LOT_END) and draft.station.names_lots:
        between_ms = (scan.earliest_ms, scan.latest_ms)
        named = scan.code if means is Means.LOT else None
        production.lot_named(
            draft, named, scan.product, between_ms, because, quantity=scan.quantity
        )
        return
    if means is Means.CARRIER and draft.station.counts_pieces:
        production.carrier_named(draft, scan)
        return
    production.flush(draft, scan.earliest_ms)
    if means in material.SCANNED:
        material.SCANNED[means](draft, scan)
    elif means in lot_scans.SCANNED:
        lot_scans.scanned(draft, means, scan)
    elif means is Means.ORDER:
        orders.scanned(draft, scan)
    elif means is Means.ORDER_END:
        orders.end_scanned(draft, scan)
    elif means is Means.OPERATOR_OFF:
        people.badge_out(draft, scan)
    elif means in COMMANDING:
        labels.scanned(draft, scan)
    elif means is Means.CANCEL:
        labels.clear(draft, ev.ExpiryReason.CANCELLED)
        pairing.clear(draft, ev.ExpiryReason.CANCELLED)
        material.clear(draft, ev.ExpiryReason.CANCELLED)
        lot_scans.clear(draft, ev.ExpiryReason.CANCELLED)
        parentage.clear(draft, ev.ExpiryReason.CANCELLED)


# ------------------------------------------------------------------ repeats


def _repeated(draft: Draft, seen: CodeScanned, means: Means, code: str) -> bool:
    """Record a repeat within the window: the first at once, the rest by their number (D-34).

    The same identity with another meaning (a lot, and the code that blocks it) is no repeat.
    """
    raw = None if seen.operator is not None else seen.raw.hex()
    last = pairing.last_scan(draft, seen.device)
    window_ms = draft.station.repeat_window_ms
    running = draft.working.repeats.get(seen.device)
    same = last is not None and last.code == code and _is_alike(last.means, means)
    if last is not None and means in OF_LOTS:
        same = same and last.raw == raw
    if last is None or not same or seen.earliest_ms > last.latest_ms + window_ms:
        _close(draft, seen.device)
        return False
    if running is not None and running.first == last.address:
        _set_repeats(draft, seen.device, replace(running, n=running.n + 1))
        return True
    _close(draft, seen.device)
    repeats = Repeats(
        first=last.address, code=code, raw=raw, n=1, until_ms=last.latest_ms + window_ms
    )
    _record(draft, seen.device, repeats, closed=False)
    _set_repeats(draft, seen.device, repeats)
    return True


def _is_alike(before: str, means: Means) -> bool:
    """Return whether a code means now what it meant; a unit's may have been for a command."""
    return before == means or (means is Means.UNIT and before == Means.COMMANDED)


def _set_repeats(draft: Draft, device: str, repeats: Repeats) -> None:
    draft.working = replace(draft.working, repeats={**draft.working.repeats, device: repeats})


def _record(draft: Draft, device: str, repeats: Repeats, *, closed: bool) -> None:
    draft.add(
        ev.CodeRepeated(
            **draft.head(because=(repeats.first,)),
            device=device,
            raw=repeats.raw,
            code=repeats.code,
            first=repeats.first,
            n=repeats.n,
            closed=closed,
        )
    )


def _close(draft: Draft, device: str) -> None:
    """Record how often a code was repeated; nothing where none is being counted."""
    repeats = draft.working.repeats.get(device)
    if repeats is not None:
        _record(draft, device, repeats, closed=True)
        left = {d: r for d, r in draft.working.repeats.items() if d != device}
        draft.working = replace(draft.working, repeats=left)


def timer(draft: Draft) -> None:
    """Close the counts whose window is over."""
    for device, repeats in draft.working.repeats.items():
        if repeats.until_ms < draft.now_ms:
            _close(draft, device)


def stopped(draft: Draft) -> None:
    """Close every count: nobody will go on with it."""
    for device in draft.working.repeats:
        _close(draft, device)


def deadlines(working: Working) -> Iterable[int]:
    """Return when each count is to be closed."""
    return [each.until_ms + 1 for each in working.repeats.values()] if working.repeats else ()
