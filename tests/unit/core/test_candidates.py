"""The candidate rule: what a unit may have received at a position (D-44)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.candidates import component_use, meets_from_ms
from agent.core.events import Certainty, ComponentUse, Why
from agent.core.parts import LONG_AGO, Load
from agent.core.station import By, Component

REEL = Component(
    position="reel",
    by=By.LOT,
    required=False,
    uncertainty_ms=30_000,
    lag_min_ms=0,
    lag_max_ms=20_000,
)
"""The position of D-45: scans within 30 s, a path of 0 to 20 s."""


def clock(text: str) -> int:
    """Return a time of day in milliseconds."""
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000


def load(lot: str, since: str, until: str | None = None) -> Load:
    """Return a load that was scanned on and off at these times of day."""
    off = None if until is None else clock(until)
    on = clock(since)
    return Load(
        position="reel",
        lot=lot,
        address=f"at-{lot}",
        from_lo_ms=on,
        from_hi_ms=on,
        to_lo_ms=off,
        to_hi_ms=off,
    )


A = load("A", "06:00:00", "10:00:00")
B = load("B", "10:00:40")


def received(loads: tuple[Load, ...], since: str, until: str) -> ComponentUse:
    """Return what a unit made between two times of day received."""
    return component_use(REEL, loads, clock(since), clock(until))


@pytest.mark.parametrize(
    ("since", "until", "lots", "why"),
    [
        ("09:58:00", "09:58:30", ("A",), None),
        ("09:59:40", "10:00:10", ("A", "B"), Why.BOUNDARY_UNCERTAIN),
        ("10:02:00", "10:02:30", ("B",), None),
    ],
)
def test_a_reel_changed_by_hand(
    since: str, until: str, lots: tuple[str, ...], why: Why | None
) -> None:
    """The worked example of D-45: certain before and after, both in between."""
    use = received((A, B), since, until)
    assert (use.candidates, use.why) == (lots, why)
    assert use.certainty is (Certainty.POSSIBLE if why else Certainty.CERTAIN)


def test_a_reel_that_was_never_taken_off_stays_possible() -> None:
    """If only "B on" was scanned, A has no end and both stay possible (D-45)."""
    use = received((replace(A, to_lo_ms=None, to_hi_ms=None), B), "12:00:00", "12:00:30")
    assert use.candidates == ("A", "B")
    assert use.why is Why.BOUNDARY_UNCERTAIN


def test_nothing_loaded_is_unknown_and_never_the_last_known() -> None:
    """None met: `material_unknown` (D-44)."""
    use = received((A,), "12:00:00", "12:00:30")
    assert use == ComponentUse(
        position="reel", candidates=(), certainty=Certainty.POSSIBLE, why=Why.MATERIAL_UNKNOWN
    )
    other = replace(B, position="other")
    assert received((other,), "12:00:00", "12:00:30") == use


def test_the_same_lot_twice_without_a_gap_is_certain() -> None:
    """Two loads of one lot that follow each other feed it all the time (D-43)."""
    again = load("A", "10:00:00")
    assert received((A, again), "09:59:50", "10:00:10").why is None
    gap = load("A", "10:00:10")
    assert received((A, gap), "09:59:50", "10:00:20").why is Why.BOUNDARY_UNCERTAIN


def test_a_load_whose_end_may_be_lost_joins_nothing() -> None:
    """Between a load that perhaps was taken off and the same lot again there may be a gap."""
    lost = replace(load("A", "06:00:00"), to_lo_ms=LONG_AGO)
    use = received((lost, load("A", "10:00:00")), "09:59:50", "10:00:10")
    assert (use.candidates, use.why) == (("A",), Why.BOUNDARY_UNCERTAIN)


def test_a_load_that_may_be_used_up_leaves_it_open_what_came_after() -> None:
    """From predicted empty on: unknown material, and the old lot as possible (D-55)."""
    spent = replace(load("A", "06:00:00"), empty_ms=clock("09:00:00"))
    before = received((spent,), "08:59:00", "08:59:59")
    assert (before.candidates, before.why) == (("A",), None)
    after = received((spent,), "08:59:00", "09:00:00")
    assert (after.candidates, after.why) == (("A",), Why.MATERIAL_UNKNOWN)


MOMENTS = st.integers(0, 1_000)


@st.composite
def lines(draw: st.DrawFn) -> tuple[Component, list[tuple[str, int, int]], tuple[Load, ...]]:
    """Return a position, what was truly loaded when, and the scans of it, each within limits."""
    lag_min = draw(st.integers(0, 30))
    u = draw(st.integers(0, 30))
    component = replace(
        REEL,
        uncertainty_ms=u,
        lag_min_ms=lag_min,
        lag_max_ms=lag_min + draw(st.integers(0, 30)),
    )
    changes = sorted(draw(st.sets(MOMENTS, min_size=1, max_size=6)))
    ends = [*changes[1:], None]
    truth: list[tuple[str, int, int]] = []
    loads: list[Load] = []
    slips = [draw(st.integers(-u, u)) for _ in changes]
    for at, end, slip, next_slip in zip(changes, ends, slips, [*slips[1:], 0], strict=True):
        lot = draw(st.sampled_from("ABC"))
        truth.append((lot, at, 10**9 if end is None else end))
        off = None if end is None else end + next_slip
        wide = draw(st.integers(0, 5))
        loads.append(
            Load(
                position="reel",
                lot=lot,
                address=f"1-{len(loads)}",
                from_lo_ms=at + slip - wide,
                from_hi_ms=at + slip + wide,
                to_lo_ms=None if off is None else off - wide,
                to_hi_ms=None if off is None else off + wide,
            )
        )
    return component, truth, tuple(loads)


@given(lines(), st.data())
def test_the_true_lot_is_always_a_candidate(
    line: tuple[Component, list[tuple[str, int, int]], tuple[Load, ...]], data: st.DataObject
) -> None:
    """Whatever the slips of the scans and the path, the recall set contains the truth (D-4)."""
    component, truth, loads = line
    fed = data.draw(st.integers(truth[0][1], 1_100))
    made = fed + data.draw(st.integers(component.lag_min_ms, component.lag_max_ms))
    earliest, latest = made - data.draw(st.integers(0, 50)), made + data.draw(st.integers(0, 50))
    lot = next(lot for lot, since, until in truth if since <= fed < until)
    use = component_use(component, loads, earliest, latest)
    assert lot in use.candidates
    if use.certainty is Certainty.CERTAIN:
        assert use.candidates == (lot,)


@given(lines(), st.integers(0, 1_000), st.integers(0, 50), st.data())
def test_more_doubt_only_adds(
    line: tuple[Component, list[tuple[str, int, int]], tuple[Load, ...]],
    earliest: int,
    length: int,
    data: st.DataObject,
) -> None:
    """A longer unit, a wider scan or a lost end takes no candidate away, makes none sure (D-8)."""
    component, _, loads = line
    use = component_use(component, loads, earliest, earliest + length)
    index = data.draw(st.integers(0, len(loads) - 1))
    unsure = replace(loads[index], to_lo_ms=LONG_AGO, to_hi_ms=None)
    doubted = (*loads[:index], unsure, *loads[index + 1 :])
    wider = [
        component_use(component, loads, earliest - 5, earliest + length + 5),
        component_use(
            replace(component, uncertainty_ms=component.uncertainty_ms + 5),
            loads,
            earliest,
            earliest + length,
        ),
        component_use(component, doubted, earliest, earliest + length),
    ]
    for other in wider:
        assert set(other.candidates) >= set(use.candidates)
        if use.candidates and other.certainty is Certainty.CERTAIN:
            assert use.certainty is Certainty.CERTAIN


@given(st.integers(0, 60_000), st.integers(0, 20_000), st.integers(-120_000, 120_000))
def test_a_late_load_says_which_units_it_meets(u_ms: int, lag_ms: int, after_ms: int) -> None:
    """A unit that ended at `meets_from_ms` or later is met, and no earlier one (D-44)."""
    component = replace(REEL, uncertainty_ms=u_ms, lag_min_ms=lag_ms)
    from_ms = B.from_lo_ms
    found = meets_from_ms(component, from_ms)
    met_from_ms = from_ms if found is None else found
    ended_ms = from_ms + after_ms
    is_met = bool(component_use(component, (B,), ended_ms, ended_ms).candidates)
    assert is_met == (ended_ms >= met_from_ms)
