"""How loads follow each other at a position: in its place, joined behind it, or mixed with it.

    replaced  one package at a time (D-46): the next load's scan is the end of the one before
    spliced   the next is joined behind it (D-47): k pieces either side of the scan may be of
              either. Pieces become times here: the new load's interval begins k pieces before its
              scan, and the old one is `spliced_out` when k pieces were made after it
    emptied   it mixes (D-48): all that was put in since the vessel was seen empty is possible. As
              long as nobody has seen it empty, it is not known what else is in it. By plug flow, if
              the site declares it, a lot is gone when so many times the contents have passed

The pieces of a splice are counted by those that were surely made; those of one cycle more are
added, because a piece begins while the one before is judged. What passes a lot in plug flow is
counted by the pieces that can have been drawn from nothing that is out of the vessel since.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from agent.core import events as ev
from agent.core import feeding
from agent.core.amounts import amount, plus, text, times
from agent.core.anew import replace
from agent.core.draft import Draft, Fold
from agent.core.parts import Load, Made, MaterialState
from agent.core.state import State
from agent.core.station import Component, Until

REPLACED = "replaced"


def on(state: State, position: str) -> list[Load]:
    """Return what is on a position, oldest first."""
    return [
        load for load in state.material.loads if load.position == position and load.to_hi_ms is None
    ]


def lots_on(component: Component, scan: ev.CodeScanned) -> tuple[str, ...]:
    """Return the identities of the lots that a label names, where it names several (D-51).

    Each is the label's own with that lot in its place.
    """
    sign, lot = component.several_lots, scan.lot
    if sign is None or lot is None or sign not in lot:
        return ()
    quoted = quote(lot, safe="")
    written = quoted if quoted in scan.code else lot
    head, found, tail = scan.code.rpartition(written)
    parts = [part for part in lot.split(sign) if part]
    if found:
        parts = [
            f"{head}{quote(part, safe='') if written == quoted else part}{tail}" for part in parts
        ]
    return tuple(dict.fromkeys(parts))


# ------------------------------------------------------------------ scans


def next_load(draft: Draft, component: Component, scan: ev.CodeScanned) -> None:
    """End what the next load takes the place of, where one package is on at a time (D-46)."""
    if component.until is Until.REPLACED:
        between_ms = (scan.earliest_ms, scan.latest_ms)
        for load in on(draft.state, component.position):
            feeding.take_off(draft, load, REPLACED, between_ms, (scan.address,))


def begins_ms(state: State, component: Component, scanned_ms: int) -> int:
    """Return when the next load may have begun to feed: at a splice, pieces before its scan."""
    before = on(state, component.position)
    if component.until is not Until.SPLICED or not before:
        return scanned_ms
    n = component.splice_pieces + 1
    for made in reversed(state.material.made):
        n -= made.n
        if n <= 0:
            return max(made.since_ms, before[-1].from_lo_ms)
    return before[-1].from_lo_ms


def emptied_scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """Record that nothing is left at a position: what was put in before is gone."""
    position = scan.position or ""
    between_ms = (scan.earliest_ms, scan.latest_ms)
    for load in on(draft.state, position):
        feeding.take_off(draft, load, feeding.EMPTIED, between_ms, (scan.address,))
    draft.add(
        ev.PositionEmptied(
            **draft.head(because=(scan.address,)),
            position=position,
            earliest_ms=scan.earliest_ms,
            latest_ms=scan.latest_ms,
        )
    )


def returned_scanned(draft: Draft, scan: ev.CodeScanned) -> None:
    """Record that material was taken back: a lot that may be of all that is in the vessel."""
    position = scan.position or ""
    loads = on(draft.state, position)
    unsure = position not in draft.state.material.clean or any(
        load.empty_ms is not None for load in loads
    )
    parents = dict.fromkeys(lot for load in loads for lot in load.lots or (load.lot,))
    draft.add(
        ev.MaterialReturned(
            **draft.head(
                because=(scan.address,),
                certainty=ev.Certainty.POSSIBLE if unsure else ev.Certainty.CERTAIN,
                why=(ev.Why.MATERIAL_UNKNOWN,) if unsure else (),
            ),
            position=position,
            lot=scan.code,
            parents=tuple(parents),
            loads=tuple(load.address for load in loads),
            quantity=scan.quantity,
            measure=scan.measure,
        )
    )


def settle(draft: Draft) -> None:
    """End the loads that by their pieces, or by plug flow, feed no more."""
    for load in draft.state.material.loads:
        component = draft.station.component(load.position)
        if component is None or load.to_hi_ms is not None:
            continue
        if load.leaving is not None and load.leaving <= 0:
            after = _behind(draft.state, load)[0]
            between_ms = (after.from_lo_ms, draft.now_ms)
            feeding.take_off(draft, load, feeding.SPLICED_OUT, between_ms, (after.address,))
        elif _has_passed(component, load):
            between_ms = (load.from_lo_ms, draft.now_ms)
            feeding.take_off(draft, load, feeding.PASSED, between_ms)


def _behind(state: State, load: Load) -> list[Load]:
    """Return what was joined behind a load, the next one first."""
    at = state.material.loads.index(load)
    return [each for each in state.material.loads[at + 1 :] if each.position == load.position]


def _has_passed(component: Component, load: Load) -> bool:
    """Whether more than the declared multiple of the contents was drawn since (D-48)."""
    factor, ahead, passed = (
        amount(component.plug_flow),
        amount(load.ahead),
        amount(load.passed),
    )
    if factor is None or ahead is None or passed is None:
        return False
    return passed > times(ahead, factor)


# ------------------------------------------------------------------ fold


def joined(state: State, load: Load) -> MaterialState:
    """Return the material once a load is on, with what that means for those that are on already."""
    material, component = state.material, state.station.component(load.position)
    before = on(state, load.position)
    loads = material.loads
    if component is not None and component.until is Until.SPLICED:
        leaving = component.splice_pieces + _at_once(state)
        loads = tuple(
            replace(each, leaving=leaving) if each in before and each.leaving is None else each
            for each in loads
        )
    elif component is not None and component.until is Until.EMPTIED:
        stock = feeding.inside((*before, load))
        spare = times(amount(component.tolerance) or feeding.ZERO, len(before) + 1)
        load = replace(load, ahead=None if stock is None else text(plus(stock, spare)))
        if load.position not in material.clean:
            load = replace(load, empty_ms=load.from_lo_ms, told=(feeding.USED_UP,))
    return replace(material, loads=(*loads, load))


def _made(state: State, event: ev.UnitCompleted | ev.LotCounted) -> State:
    """Count pieces for the splices that they are beside, and what has passed each load."""
    n = event.n if isinstance(event, ev.LotCounted) else 1
    since_ms = event.first_ms if isinstance(event, ev.LotCounted) else event.earliest_ms
    if ev.Why.REPEAT_POSSIBLE in event.why:
        return state
    reach = max((c.splice_pieces + 1 for c in _spliced(state)), default=0)
    made = _newest((*state.material.made, Made(n=n, since_ms=since_ms)), reach) if reach else ()
    loads = tuple(
        _behind_by(
            state,
            load,
            after=_made_after(state, load, event, n),
            passed=_passed_after(state, load, event, n),
        )
        for load in state.material.loads
    )
    return replace(state, material=replace(state.material, made=made, loads=loads))


def _spliced(state: State) -> list[Component]:
    return [c for c in state.station.components if c.until is Until.SPLICED]


def _at_once(state: State) -> int:
    """Return how many pieces one cycle makes."""
    return max(
        (len(each.cavities) for each in state.station.handshakes if each.cavities), default=1
    )


def _newest(made: tuple[Made, ...], reach: int) -> tuple[Made, ...]:
    """Return the newest entries that together have at least `reach` pieces."""
    while len(made) > 1 and sum(each.n for each in made[1:]) >= reach:
        made = made[1:]
    return made


def _made_after(state: State, load: Load, event: ev.UnitCompleted | ev.LotCounted, n: int) -> int:
    """Return how many of these pieces were surely made since the next load was joined behind one.

    A row of several that crosses the scan may have been made before it, as in an outage.
    """
    if load.leaving is None or n == 1 or isinstance(event, ev.UnitCompleted):
        return n
    return n if event.first_ms >= _behind(state, load)[0].from_hi_ms else 0


def _passed_after(state: State, load: Load, event: ev.UnitCompleted | ev.LotCounted, n: int) -> int:
    """Return how many of these pieces were surely drawn from what is, or was put, in the vessel.

    What was drawn before the vessel was emptied, and is counted later, moves nothing in it.
    """
    component = state.station.component(load.position)
    drawn = [a for use in event.components if use.position == load.position for a in use.loads]
    still = {each.address for each in state.material.loads if _is_counted(component, each)}
    return n if drawn and still.issuperset(drawn) else 0


def _is_counted(component: Component | None, load: Load) -> bool:
    """Whether what is drawn from a load is in the sum that those after it wait for."""
    return load.to_hi_ms is None or (component is not None and _has_passed(component, load))


def _behind_by(state: State, load: Load, *, after: int, passed: int) -> Load:
    """Count pieces for a load: those since the next was joined behind it, and those drawn since."""
    component = state.station.component(load.position)
    if load.to_hi_ms is not None or component is None:
        return load
    if load.leaving is not None:
        load = replace(load, leaving=max(0, load.leaving - after))
    use = amount(component.use)
    if component.plug_flow is not None and use is not None:
        drawn = plus(amount(load.passed) or feeding.ZERO, times(use, passed))
        load = replace(load, passed=text(drawn))
    return load


def _emptied(state: State, event: ev.PositionEmptied) -> State:
    clean = tuple(dict.fromkeys((*state.material.clean, event.position)))
    return replace(state, material=replace(state.material, clean=clean))


EVOLVES: Mapping[type[ev.Event], Fold] = {
    ev.UnitCompleted: _made,
    ev.LotCounted: _made,
    ev.PositionEmptied: _emptied,
}
