"""From events to elements: times, losses, counts, and what is not known (D-105 to D-112)."""

from typing import Any

import pytest

from agent.core import events as ev
from agent.core.calendars import Window
from agent.core.meter import Meter, MeterPlan, Result
from agent.core.oee import Check, Counts, Elements, Rules, Undefined, figures, total
from drivers.base import ClockState
from tests.measured import MINUTE_MS, Day, at, window

COUNTER = MeterPlan(ideal_us=30_000_000, modulus=1000, rules=Rules(has_counter=True))
RECORDS = MeterPlan(ideal_us=30_000_000)
SHIFT = window(0, 60)


def measured(
    day: Day, plan: MeterPlan = RECORDS, *windows: Window, now: float = 60, live: bool = False
) -> list[Result]:
    """Return what comes of a day's events."""
    meter = Meter(plan, windows or (SHIFT,))
    for event in day.events:
        meter.take(event)
    return list(meter.results(at(now), is_live=live))


def elements(day: Day, plan: MeterPlan = RECORDS, *windows: Window, **asked: Any) -> Elements:  # noqa: ANN401 - as of `measured`
    """Return the elements of all windows together, outside left out."""
    found = measured(day, plan, *windows, **asked)
    return total(result.elements for result in found if result.window is not None)


def minutes(found: Elements) -> dict[str, float]:
    """Return the times of elements in minutes."""
    times = {"run": found.production_ms, "unknown": found.unknown_ms, "planned": found.down_ms}
    times |= {" ".join(filter(None, loss)): length for loss, length in found.losses.items()}
    return {name: length / MINUTE_MS for name, length in times.items() if length}


def test_an_hour_with_stops() -> None:
    """Time not running is split by category and reason; what adds up is the window (D-108)."""
    day = Day()
    day.state(-5, "running")
    day.state(10, "down", "E7", state="aborted")
    day.state(15, "running")
    day.state(20, "starved")
    day.state(22, "down", "E9")
    day.state(30, "running")
    day.state(61, "idle")
    assert minutes(elements(day)) == {"run": 45, "down E7": 5, "starved": 2, "down E9": 8}


def test_a_change_counts_when_it_was_and_not_when_it_was_recorded() -> None:
    """The moment is that of the boot clock; time never runs back."""
    day = Day()
    day.state(0, "running")
    day.state(12, "down", latest_ms=1_000_000 + 10 * MINUTE_MS)
    day.state(12, "running", latest_ms=1_000_000 + 9 * MINUTE_MS)
    day.state(60, "idle")
    assert minutes(elements(day)) == {"run": 60}


def test_what_nobody_saw_is_unknown() -> None:
    """Before the first event, without contact, while the agent was away, after the end (D-108)."""
    day = Day()
    day.started(5)
    day.state(10, "running")
    day.state(20, "unknown")
    day.state(22, "running")
    day.state(25, "running", mode="unknown")
    day.state(26, "running")
    day.add(ev.LinkLost, 30, device="sink/plant", reason="away")
    day.started(35)
    day.state(36, "running")
    day.add(ev.AgentStopped, 50, reason="stopped")
    assert minutes(elements(day)) == {"run": 10 + 3 + 4 + 14, "unknown": 10 + 2 + 1 + 6 + 10}
    assert measured(day)[0].is_over
    running = measured(day, now=55)[0]
    assert (running.is_over, running.window) == (False, SHIFT.until(at(50)))
    assert minutes(running.elements) == {"run": 31, "unknown": 19}
    live = measured(day, now=55, live=True)[0]
    assert minutes(live.elements) == {"run": 36, "unknown": 19}


def test_nothing_at_all_is_unknown() -> None:
    """A shift without an event is not one that stood still."""
    assert minutes(elements(Day())) == {"unknown": 60}
    assert minutes(elements(Day(), now=30)) == {}
    assert Meter(RECORDS, ()).seen_ms is None
    assert measured(Day(), now=30, live=True) == []


def test_only_automatic_running_is_production() -> None:
    """Set-up is an element of its own; another mode is a loss (D-105, D-107)."""
    day = Day()
    day.state(0, "running", mode="set_up")
    day.state(10, "idle", mode="set_up")
    day.state(15, "running", mode="manual")
    day.state(25, "idle", mode="manual")
    day.state(30, "unknown", mode="set_up")
    day.state(31, "planned_stop")
    day.state(40, "running")
    day.state(60, "idle")
    assert minutes(elements(day)) == {
        "setup": 15,
        "not_production": 10,
        "idle": 5,
        "unknown": 1,
        "planned_stop": 9,
        "run": 20,
    }


def test_small_stops_stay_in_the_production_time() -> None:
    """Shorter ones lower performance, as a whole and told apart; longer ones are losses (D-109)."""
    day = Day()
    day.state(0, "running")
    day.state(10, "down", "E1")
    day.state(10.5, "starved")
    day.state(11.5, "running")
    day.state(20, "down", "E1")
    day.state(23, "running")
    day.state(30, "idle")
    day.state(31, "unknown")
    day.state(32, "running")
    day.state(59, "idle")
    found = elements(day, MeterPlan(small_stop_ms=3 * MINUTE_MS))
    assert minutes(found) == {"run": 10 + 1.5 + 8.5 + 7 + 27, "down E1": 3, "idle": 1, "unknown": 2}
    assert (found.small_stops, found.small_stop_ms) == (1, 90_000)


def test_a_small_stop_over_the_edge_of_two_shifts() -> None:
    """It is judged whole, its time lies where it was, and it counts once."""
    day = Day()
    day.state(0, "running")
    day.state(59, "down")
    day.state(61, "running")
    day.state(120, "idle")
    found = measured(day, MeterPlan(small_stop_ms=3 * MINUTE_MS), SHIFT, window(60, 120), now=120)
    assert [each.elements.small_stop_ms for each in found] == [60_000, 60_000]
    assert [each.elements.small_stops for each in found] == [1, 0]
    in_break = elements(day, MeterPlan(small_stop_ms=3 * MINUTE_MS), window(0, 60, (58, 60)))
    assert (in_break.small_stops, in_break.small_stop_ms) == (0, 0)


def test_planned_down_time_is_the_calendars() -> None:
    """What runs or is made in it is told apart, and is in no other number (D-104)."""
    day = Day()
    day.state(0, "running")
    day.unit(5)
    day.unit(25)
    day.state(28, "down", "E7")
    day.state(35, "running")
    found = elements(day, RECORDS, window(0, 60, (20, 30), (50, 60)), now=35)
    assert minutes(found) == {"run": 20, "planned": 10, "down E7": 5}
    assert found.ran_in_down_ms == 8 * MINUTE_MS
    assert found.counts == Counts(produced=1, units=1, good=1, outside=1)


def test_outside_every_shift() -> None:
    """What was made there is told without planned time; what stood still there is not."""
    day = Day()
    day.state(-30, "running")
    day.unit(-20)
    day.state(-10, "idle")
    day.state(60, "running")
    day.state(70, "idle")
    day.state(130, "running")
    day.state(140, "idle")
    inside, other, outside = sorted(
        measured(day, RECORDS, SHIFT, window(80, 100), now=200),
        key=lambda each: each.window.begin_ms if each.window else at(999),
    )
    assert minutes(inside.elements) == {"idle": 60}
    assert minutes(other.elements) == {"idle": 20}
    assert outside.window is None
    assert outside.elements == Elements(
        ran_in_down_ms=40 * MINUTE_MS,
        earned_us=30_000_000,
        counts=Counts(produced=1, units=1, good=1),
    )
    idle = Day()
    idle.clock = ClockState.UNSYNCED
    idle.state(-5, "idle")
    idle.clock = ClockState.SYNCED
    idle.state(70, "idle", "E7")
    assert [each.window for each in measured(idle, now=80)] == [SHIFT]


def test_times_and_pieces_by_order_and_product() -> None:
    """A moment and a piece belong to one order and one product (D-103)."""
    day = Day()
    day.order = "WO-1"
    day.state(0, "running")
    day.add(ev.ProductChanged, 0, named="A-1", product="valve", by="serial", source="tag")
    day.unit(5, product="09506000134352")
    day.order = "WO-2"
    day.add(ev.OrderStarted, 20, product="screw")
    day.add(ev.ProductChanged, 25, named="?", by="serial", source="tag")
    day.unit(30, "nok")
    day.unit(31, products=("valve", "screw"))
    day.add(ev.OrderEnded, 40, reason="scan")
    day.order = None
    day.add(ev.ProductChanged, 50, by="serial", source="tag")
    day.state(60, "idle")
    plan = MeterPlan(
        ideals_us={"valve": 60_000_000}, names={"09506000134352": "valve", "?": "pump"}
    )
    found = {
        (each.order, each.product): (each.elements.busy_ms // MINUTE_MS, each.elements.counts)
        for each in measured(day, plan)
    }
    assert found == {
        ("WO-1", "valve"): (20, Counts(produced=1, units=1, good=1)),
        ("WO-2", "valve"): (5, Counts()),
        ("WO-2", "pump"): (15, Counts(produced=1, units=1, nok=1)),
        ("WO-2", None): (0, Counts(produced=1, units=1, good=1)),
        (None, "pump"): (10, Counts()),
        (None, None): (10, Counts()),
    }
    whole = elements(day, plan)
    assert (whole.earned_us, whole.unpriced) == (60_000_000, 2)


def test_the_product_is_found_where_nobody_tells_it() -> None:
    """By the order, the lot, the units; what a station tells by itself counts more."""
    day = Day()
    day.add(ev.OrderStarted, 0, product="valve")
    day.add(ev.LotOpened, 10, lot="LOT-1", product="screw")
    day.unit(20, product="pump")
    day.add(ev.OrderChanged, 30, product="nut", quantity=5)
    day.add(ev.LotOpened, 40, lot="LOT-2")
    day.state(60, "idle")
    times = {each.product: each.elements.busy_ms // MINUTE_MS for each in measured(day)}
    assert times == {"valve": 10, "screw": 10, "pump": 10, "nut": 30}


def test_records_reconcile_with_the_counter() -> None:
    """Counted are the steps of the counter; missed and bypassed cycles explain them (D-110)."""
    day = Day()
    day.unit(1, count=998)
    day.unit(2, "nok", count=999)
    day.add(ev.CycleMissed, 5, n=2, reason="counter", from_count=999, to_count=2)
    day.unit(5, count=2)
    day.unit(6, kind=ev.UnitUnbound, result=None, count=3)
    day.unit(7, kind=ev.UnitRefused, result=None, count=5)
    day.unit(7, kind=ev.UnitRefused, result=None, handshake="begin", count=5)
    day.unit(8, count=4)
    day.add(ev.InterlockBypassed, 9, tag="passed", from_count=0, to_count=1, n=1)
    day.unit(10)
    found = elements(day, COUNTER)
    counts = Counts(produced=8, counted=8, units=7, missed=2, bypassed=1, good=4, nok=1)
    assert found.counts == counts
    judged = figures(found, COUNTER.rules)
    assert (judged.unreconciled, judged.unjudged) == (8 - 10, 3)
    assert Check.UNRECONCILED in judged.checks
    assert elements(day).counts.produced == 10


def test_a_counter_without_a_modulus_does_not_wrap() -> None:
    """A count that was read in the other order is no step."""
    day = Day()
    for count in (5, 9, 7):
        day.unit(1, count=count)
    plan = MeterPlan(rules=Rules(has_counter=True))
    assert elements(day, plan).counts.counted == 5


def test_pieces_of_lots_are_counted_by_their_rows() -> None:
    """A row over the edge of a window is in the later one, and says so."""
    day = Day()
    day.pieces(-1, 0, 100)
    day.pieces(1, 10, 110, first_ms=1_000_000 - 2 * MINUTE_MS)
    day.pieces(2, 10, 120)
    day.pieces(30, 10, 130, first_ms=1_000_000 + 5 * MINUTE_MS)
    day.unit(31, kind=ev.CycleCounted)
    day.unit(32, "nok", kind=ev.CycleCounted)
    found = elements(day, COUNTER)
    assert found.counts == Counts(produced=30, counted=30, pieces=30, good=1, nok=1)
    assert found.checks == {Check.OVER_BOUNDARY}
    assert elements(day).counts.produced == 30


def test_rework_counts_only_where_it_is_declared() -> None:
    """Further passes are told apart; with `rework_counts` they are produced and judged (D-111)."""
    day = Day()
    day.unit(1, "nok")
    day.unit(2, visit=2)
    day.unit(3, "nok", visit=3)
    found = elements(day)
    assert found.counts == Counts(produced=1, units=3, nok=1, rework=2, rework_good=1)
    assert found.earned_us == 30_000_000
    plan = MeterPlan(ideal_us=30_000_000, rules=Rules(rework_counts=True))
    again = elements(day, plan)
    assert again.counts == Counts(produced=3, units=3, good=1, nok=2, rework=2, rework_good=1)


def test_other_modes_are_not_produced() -> None:
    """Only what is made automatically counts; an unknown mode may be automatic (D-107)."""
    day = Day()
    day.unit(1, mode="manual")
    day.unit(2, mode="unknown")
    assert elements(day).counts == Counts(produced=1, units=2, good=1, not_production=1)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (ev.CycleMissed, {"n": None, "reason": "counter"}),
        (ev.InterlockBypassed, {"tag": "passed", "from_count": 0, "to_count": 1, "n": None}),
        (ev.CounterReset, {"tag": "count", "from_count": 5, "to_count": 0, "reason": "reset"}),
        (
            ev.HistoryLost,
            {"lost_epoch": "000001-00000001", "first_seq": 1, "last_seq": 2, "reason": "torn"},
        ),
    ],
)
def test_what_nobody_can_number_makes_the_counts_uncertain(
    kind: type[ev.Event], said: dict[str, Any]
) -> None:
    """Unknown, not 0 (D-31)."""
    day = Day()
    day.add(kind, 5, **said)
    assert elements(day).counts == Counts(unknown=1)


def test_a_torn_cycle_is_missed_where_the_plc_does_not_ask_again() -> None:
    """With a request number it comes again, and has its own record; scrap is told beside."""
    day = Day()
    day.add(ev.CycleMissed, 5, n=1, reason="torn", to_count=7)
    day.add(ev.CycleMissed, 6, n=1, reason="torn")
    day.add(ev.UnitScrapped, 7, unit="SN-1", who="k:1", reason="bent")
    assert elements(day).counts == Counts(produced=1, missed=1, scrapped=1)


def test_a_clock_that_is_set_moves_what_is_open() -> None:
    """What was before it was set, nobody knows when: unknown, and told (D-91)."""
    day = Day(ahead_ms=-10 * MINUTE_MS)
    day.clock = ClockState.UNSYNCED
    day.state(10, "running")
    day.ahead_ms, day.clock = 0, ClockState.SYNCED
    day.add(ev.ClockStepped, 20, step_ms=10 * MINUTE_MS)
    day.state(30, "idle")
    found = elements(day)
    assert minutes(found) == {"run": 20, "unknown": 40}
    assert found.checks == {Check.CLOCK}


def test_a_clock_that_is_put_back_repeats_no_time() -> None:
    """The hour that comes twice is one hour of the window."""
    day = Day()
    day.state(0, "running")
    day.add(ev.LinkRestored, 30, device="plc")
    day.ahead_ms = -20 * MINUTE_MS
    day.state(35, "idle")
    day.state(70, "running")
    found = elements(day)
    assert sum(minutes(found).values()) == 60
    assert Check.CLOCK in found.checks


def test_what_was_before_only_says_how_things_stood() -> None:
    """A meter that starts knows state, order, product and count, and has laid nothing."""
    day = Day()
    day.order = "WO-1"
    day.unit(-30, count=7, product="valve")
    day.state(-20, "running")
    meter = Meter(COUNTER, (SHIFT, window(60, 120)))
    empty = Meter(COUNTER, (SHIFT,))
    empty.start(at(0))
    for event in day.events:
        meter.take(event)
    meter.start(at(0))
    day.unit(10, count=9, product="valve")
    meter.take(day.events[-1])
    assert meter.as_of == day.events[-1].address
    (found,) = meter.results(at(30))
    assert (found.order, found.product) == ("WO-1", "valve")
    assert (found.elements.counts.counted, minutes(found.elements)) == (2, {"run": 10})
    assert minutes(total(each.elements for each in empty.results(at(60)))) == {"unknown": 60}


def test_windows_can_be_added() -> None:
    """A daemon goes on for years."""
    day = Day()
    meter = Meter(RECORDS, (SHIFT,))
    day.state(0, "running")
    meter.take(day.events[0])
    meter.extend([window(60, 120)])
    day.state(120, "idle")
    meter.take(day.events[1])
    assert [minutes(each.elements) for each in meter.results(at(120))] == [{"run": 60}] * 2
    assert meter.seen_ms == at(120)


def test_what_lacks_is_known_to_nobody() -> None:
    """From the last event before a hole on, in each window that it touches: times and counts."""
    day = Day()
    day.state(0, "running")
    day.unit(20)
    day.unit(45)
    day.state(50, "running")
    day.state(90, "idle")
    meter = Meter(RECORDS, (window(0, 30), window(30, 60), window(60, 90)))
    meter.lost(at(0))  # nothing was seen before: nothing is taken back
    for n, event in enumerate(day.events):
        if n == 2:
            meter.lost(event.time.received_ms)
        meter.take(event)
    first, second, third = (each.elements for each in meter.results(at(90)))
    assert [minutes(each) for each in (first, second, third)] == [
        {"run": 20, "unknown": 10},
        {"unknown": 20, "run": 10},
        {"run": 30},
    ]
    assert [each.counts.unknown for each in (first, second, third)] == [1, 1, 0]
    assert [each.checks for each in (first, second, third)] == [{Check.LACK}, {Check.LACK}, set()]
    found = figures(first, RECORDS.rules)
    assert (found.quality.why, found.oee.why) == (Undefined.COUNTS_UNCERTAIN,) * 2


def test_what_goes_on_is_proven_by_the_same_run_alone() -> None:
    """A later event of the run tells that nothing changed until it; another run's tells nothing."""
    day = Day()
    day.state(0, "running")
    day.add(ev.LinkRestored, 80, device="plc")
    day.started(85)
    for later, known in ((day.events[1], {"run": 60}), (day.events[2], {"unknown": 60})):
        meter = Meter(RECORDS, (SHIFT,))
        meter.still(later, at(60))  # nothing was taken yet
        meter.take(day.events[0])
        meter.still(later, at(60))
        (found,) = meter.results(at(100))
        assert minutes(found.elements) == known


@pytest.mark.parametrize(("made", "produced", "units"), [(True, 3, 3), (False, 2, 2)])
def test_what_a_bench_turns_away_is_no_piece(made: bool, produced: int, units: int) -> None:  # noqa: FBT001 - a parameter
    """Where the scan is the cycle a refused one is none; else the machine had worked."""
    day = Day()
    day.state(0, "running")
    day.unit(10)
    day.unit(20, kind=ev.UnitRefused, result=None)
    day.unit(30, kind=ev.UnitUnbound, result=None)
    counts = elements(day, MeterPlan(refused_is_made=made)).counts
    assert (counts.produced, counts.units, counts.good) == (produced, units, 1)
