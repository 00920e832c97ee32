"""The candidate rule: what a unit may have received at a position (D-44).

One pure function of loads and times. The station asks it at each cycle, the store asks it again
when a late load or a correction arrives, and both get the same answer from the same facts: what is
known in pieces (a splice, a quantity, plug flow) has become a time in a load before it comes here.

Laws:
    1. A load whose widened interval meets the unit's widened interval is a candidate; no other is.
    2. Certain is one lot that feeds the position over the whole widened interval, in one load or in
       loads that follow each other without a gap.
    3. No candidate is `material_unknown`, never "the last known".
"""

from __future__ import annotations

from itertools import pairwise

from agent.core import events as ev
from agent.core.parts import Load
from agent.core.station import Component, Until


def component_use(
    component: Component, loads: tuple[Load, ...], earliest_ms: int, latest_ms: int
) -> ev.ComponentUse:
    """Return the candidates at one position for a unit made in [earliest_ms, latest_ms].

    Source: D-44; the feed path widens the unit's interval, its uncertainty each load's. A load that
    by its quantity may be used up leaves it open what came after (D-55).
    """
    low = earliest_ms - component.lag_max_ms
    high = latest_ms - component.lag_min_ms
    met = [load for load in loads if _meets(component, load, low, high)]
    lots = tuple(dict.fromkeys(lot for load in met for lot in load.lots or (load.lot,)))
    why = _why(component, met, low, high)
    return ev.ComponentUse(
        position=component.position,
        candidates=lots,
        certainty=ev.Certainty.POSSIBLE if why else ev.Certainty.CERTAIN,
        why=why,
        loads=tuple(load.address for load in met),
    )


def meets_from_ms(component: Component, from_ms: int) -> int | None:
    """Return from when on a unit's cycle must have ended to meet a load that begins at `from_ms`.

    None: from then on itself. It is stored with the load: whoever holds the events can tell which
    units that were recorded before are met by what was scanned late.
    """
    widened_ms = from_ms - component.uncertainty_ms + component.lag_min_ms
    return None if widened_ms == from_ms else widened_ms


def _why(component: Component, met: list[Load], low: int, high: int) -> ev.Why | None:
    """Return why it is not certain what a unit received; None: it is."""
    if not met or any(load.empty_ms is not None and load.empty_ms <= high for load in met):
        return ev.Why.MATERIAL_UNKNOWN
    if len({load.lot for load in met}) > 1:
        mixes = component.until is Until.EMPTIED
        return ev.Why.HOPPER_MIX if mixes else ev.Why.BOUNDARY_UNCERTAIN
    if not _cover(met, low, high, component.uncertainty_ms):
        return ev.Why.BOUNDARY_UNCERTAIN
    return ev.Why.MULTI_LOT_LABEL if any(load.lots for load in met) else None


def _meets(component: Component, load: Load, low: int, high: int) -> bool:
    """Whether a load may have fed the position at any moment of an interval."""
    u = component.uncertainty_ms
    if load.position != component.position or load.from_lo_ms - u > high:
        return False
    return load.to_hi_ms is None or load.to_hi_ms + u >= low


def _cover(loads: list[Load], low: int, high: int, u: int) -> bool:
    """Whether loads of one lot, oldest first, feed the position over the whole interval."""
    joined = all(
        before.to_lo_ms is None
        or (before.to_hi_ms is not None and after.from_lo_ms <= before.to_hi_ms)
        for before, after in pairwise(loads)
    )
    to_the_end = any(load.to_lo_ms is None or load.to_lo_ms - u >= high for load in loads)
    return joined and to_the_end and loads[0].from_hi_ms + u <= low
