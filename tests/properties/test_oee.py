"""Laws of key figures, for every history: times add up, OEE = A x E x Q, cuts change nothing.

A plain model says at each minute what the machine does and what it makes; the meter gets it as
events, with restarts, lost contact, changes of order and product, and stops of every length.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import events as ev
from agent.core.calendars import Calendar, Shift, Span, Window, windows
from agent.core.meter import Meter, MeterPlan, Result
from agent.core.oee import Elements, Rules, figures, total
from tests.measured import Day, at, window

CATEGORIES = ("running", "down", "idle", "starved", "setup", "planned_stop", "unknown")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")
PLANS = (
    MeterPlan(ideal_us=500_000, small_stop_ms=90_000),
    MeterPlan(ideals_us={"valve": 20_000_000}, rules=Rules(has_counter=True), modulus=1000),
    MeterPlan(ideal_us=30_000_000, rules=Rules(rework_counts=True)),
)


@st.composite
def days(draw: st.DrawFn) -> Day:
    """Return a day's events, one after the other."""
    day, minute, count = Day(), draw(st.floats(-30, 30)), 0
    for what in draw(st.lists(st.sampled_from("ssssuuuuopra"), max_size=40)):
        minute += draw(st.floats(0, 12))
        if what == "s":
            mode = draw(st.sampled_from([None, None, None, "manual", "unknown"]))
            reason = draw(st.sampled_from([None, "E7"]))
            late_ms = draw(st.integers(0, 30_000))
            boot_ms = 1_000_000 + round(minute * 60_000)
            category = draw(st.sampled_from(CATEGORIES))
            day.state(minute, category, reason, mode=mode, latest_ms=boot_ms - late_ms)
        elif what == "u":
            count += draw(st.integers(1, 3))
            visit, result = draw(st.integers(1, 2)), draw(st.sampled_from(["ok", "ok", "nok"]))
            day.unit(minute, result, visit=visit, count=count % 1000, product="valve")
        elif what == "o":
            day.order = draw(st.sampled_from(["WO-1", "WO-2"]))
            day.add(ev.OrderStarted, minute)
        elif what == "p":
            product = draw(st.sampled_from(["valve", "screw", None]))
            day.add(ev.ProductChanged, minute, product=product, by="serial", source="tag")
        elif what == "r":
            day.started(minute)
        else:
            day.add(ev.LinkLost, minute, device="plc", reason="away")
    return day


CUTS = st.lists(st.integers(0, 180), min_size=2, max_size=6, unique=True).map(sorted)


def results(day: Day, plan: MeterPlan, found: Sequence[Window], now: float = 999) -> list[Result]:
    """Return what is known in these windows."""
    meter = Meter(plan, found)
    for event in day.events:
        meter.take(event)
    return list(meter.results(at(now)))


def times(elements: Elements) -> int:
    """Return all of the planned busy time by its parts."""
    return elements.production_ms + elements.unknown_ms + sum(elements.losses.values())


@given(days(), CUTS, st.sampled_from(PLANS), st.integers(0, 240))
def test_the_times_add_up_to_the_window(
    day: Day, cuts: list[int], plan: MeterPlan, now: int
) -> None:
    """Of a window that is over, and of one that runs up to what was seen: nothing is left over."""
    breaks = ((cuts[0], cuts[1]),) if len(cuts) > 2 else ()
    shift = window(cuts[0], cuts[-1], *breaks)
    found = [each for each in results(day, plan, [shift], now) if each.window is not None]
    whole = total(each.elements for each in found)
    for each in found:
        assert each.window == found[0].window
    if found:
        judged = found[0].window
        assert judged is not None
        assert whole.busy_ms + whole.down_ms == judged.length_ms
        assert whole.down_ms == judged.down_ms
    assert whole.busy_ms == times(whole)
    assert all(length >= 0 for length in whole.losses.values())
    assert 0 <= whole.small_stop_ms <= whole.production_ms


@given(days(), CUTS, st.sampled_from(PLANS))
def test_a_window_that_is_cut_and_added_is_the_same(
    day: Day, cuts: list[int], plan: MeterPlan
) -> None:
    """Roll-up of elements equals the direct computation, by order and product too (D-103)."""
    parts = [window(low, high) for low, high in pairwise(cuts)]
    whole = results(day, plan, [window(cuts[0], cuts[-1])])
    cut = results(day, plan, parts)
    for of in {(each.order, each.product) for each in whole}:
        one = total(each.elements for each in whole if each.window and each[1:3] == of)
        many = total(each.elements for each in cut if each.window and each[1:3] == of)
        assert one == many


@given(days(), st.sampled_from(PLANS))
def test_oee_is_the_product_and_each_in_its_bounds_or_told(day: Day, plan: MeterPlan) -> None:
    """OEE = A x E x Q = PRI x GQ / PBT; A and Q lie in 0..1, E too, or the result says why not."""
    whole = total(each.elements for each in results(day, plan, [window(0, 180)]) if each.window)
    found = figures(whole, plan.rules)
    a, e, q = found.availability, found.performance, found.quality
    if None not in (a.value, e.value, q.value):
        product = (a.value or 0) * (e.value or 0) * (q.value or 0)
        assert found.oee.value == pytest.approx(product)
    if found.oee.value is not None:
        share = whole.earned_us / 1000 / whole.busy_ms
        assert found.oee.value == pytest.approx(share * found.good / found.produced)
    for ratio in (a, e, q, found.oee):
        assert (ratio.value is None) == (ratio.why is not None)
        assert (ratio.low or 0) <= (ratio.high if ratio.high is not None else 1e18)
    assert a.value is None or 0 <= a.value <= 1
    assert q.value is None or 0 <= q.value <= 1 or "judged_over_produced" in found.checks
    assert e.value is None or 0 <= e.value <= 1 or "e_over_1" in found.checks


@given(days(), days(), st.sampled_from(PLANS))
def test_looking_on_does_not_change_what_comes_after(one: Day, other: Day, plan: MeterPlan) -> None:
    """What is known in between is only looked at: the end is the same, asked before or not."""
    meter = Meter(plan, [window(0, 180)])
    asked = Meter(plan, [window(0, 180)])
    for event in (*one.events, *other.events):
        meter.take(event)
        asked.take(event)
        list(asked.results(at(90), is_live=True))
    assert list(meter.results(at(999))) == list(asked.results(at(999)))


@given(
    st.sampled_from(ZONES),
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.lists(st.integers(0, 1439), min_size=1, max_size=4, unique=True).map(sorted),
)
def test_shifts_that_meet_on_the_wall_cover_every_instant_once(
    zone: str, day: date, edges: list[int]
) -> None:
    """Over days of 23, 24, 25 hours (and 23.5): no instant in two shifts or in none (D-104)."""
    spans = zip(edges, [*edges[1:], edges[0]], strict=True)
    shifts = (Shift(name=str(a), span=Span(begin=a, end=b)) for a, b in spans)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    since, until = (round((noon + timedelta(days=days)).timestamp() * 1000) for days in (-1, 2))
    found = windows(Calendar(shifts=tuple(shifts)), ZoneInfo(zone), since, until)
    assert found[0].begin_ms <= since
    assert found[-1].end_ms >= until
    for before, after in pairwise(found):
        assert before.end_ms == after.begin_ms
    for each in found:
        begun = datetime.fromtimestamp(each.begin_ms / 1000, ZoneInfo(zone))
        assert begun.date() == each.day
