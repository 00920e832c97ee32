"""Key figures, composed: which shifts, from which events, in which form (ISO 22400, D-112)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from agent.app.event_sources import EventSource, corrections
from agent.config.loaded import StationConfig
from agent.core import oee
from agent.core.calendars import Window, windows
from agent.core.meter import Meter, Result
from agent.core.oee import Elements, Figures, Ratio
from agent.formats.codec import moment
from agent.formats.json import from_document
from agent.trace.corrections import Document, standing
from agent.trace.said import plant_address
from agent.trace.wanted import Wanted

DIMENSIONS = ("station", "day", "shift", "order", "product")
"""What figures can be told by."""
DEFAULT_BY = ("station", "day", "shift")
_KNOWN_BEFORE: tuple[tuple[str, ...], ...] = (
    ("product_changed",),
    ("order_started", "order_changed", "order_ended"),
    ("order_started", "order_changed", "lot_opened", "unit_completed"),
    ("unit_completed", "unit_unbound", "unit_refused", "lot_counted", "counter_reset"),
    ("machine_state_changed", "agent_started"),
    (),
)
"""What says how things stood when a window began: the newest of each of these kinds."""
LATE_MS = 600_000
"""How much later than what it tells an event may be recorded and still be found: a cycle waits for
its code, its look-up and the disk. What is told later than that is in a shift of its own time only
where the answer reaches so far."""
Place = tuple[str, int]
"""Epoch and number of an event."""
_Group = tuple[tuple[Any, ...], bool]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one station's events."""

    config: StationConfig
    results: tuple[Result, ...]
    as_of: str | None
    """The newest event that was looked at."""
    since_ms: int
    until_ms: int
    seen_ms: int | None
    """Up to when anything is known."""


def windows_of(config: StationConfig, since_ms: int, until_ms: int) -> list[Window]:
    """Return the shifts in a time; all of it as one where the station has no calendar."""
    zone = ZoneInfo(config.timezone)
    if config.oee.calendar is not None:
        return windows(config.oee.calendar, zone, since_ms, until_ms)
    day = (_EPOCH + timedelta(milliseconds=since_ms)).astimezone(zone).date()
    return [Window(name="", day=day, begin_ms=since_ms, end_ms=until_ms)]


def measure(
    config: StationConfig,
    source: EventSource,
    since_ms: int,
    until_ms: int,
    now_ms: int,
    *,
    holes: Iterable[Place] = (),
) -> Measured:
    """Return the key figures of the shifts that have some time in [since, until), and between them.

    A shift comes out the same, whatever is asked beside it: what lies before and behind is measured
    too, and not told.

    Args:
        config: The station.
        source: Its events.
        since_ms: UTC ms.
        until_ms: UTC ms.
        now_ms: UTC ms; what is over by then is judged whole.
        holes: Before which events some were recorded that the source does not have: epoch and
            number of the first that lacks.

    Raises:
        SourceError: the events cannot be read.
    """
    found = windows_of(config, since_ms, min(until_ms, now_ms))
    begin_ms = min([since_ms, *(window.begin_ms for window in found[:1])])
    end_ms = max([until_ms, *(window.end_ms for window in found[-1:])])
    beyond_ms = end_ms + config.oee.plan.small_stop_ms + LATE_MS
    before, behind = _untold(0, begin_ms), _untold(end_ms, beyond_ms)
    lacking = Lacking(holes)
    meter = begun(config, source, (before, *found, behind), begin_ms, lacking)
    over_ms = max([0, *(each.end_ms for each in (*found, behind) if each.end_ms <= now_ms)])
    if lacking.before(None) and over_ms > (meter.seen_ms or 0):  # what runs is told as it was seen
        meter.lost(over_ms)
    results = tuple(
        each
        for each in meter.results(now_ms)
        if each.window is None or begin_ms <= each.window.begin_ms < end_ms
    )
    return Measured(
        config=config,
        results=results,
        as_of=meter.as_of,
        since_ms=since_ms,
        until_ms=until_ms,
        seen_ms=meter.seen_ms,
    )


def _untold(begin_ms: int, end_ms: int) -> Window:
    """Return a time that is measured only so that nothing of it gets into a shift."""
    return Window(name="", day=_EPOCH.date(), begin_ms=begin_ms, end_ms=end_ms)


def begun(
    config: StationConfig,
    source: EventSource,
    found: Sequence[Window],
    begin_ms: int,
    lacking: Lacking | None = None,
) -> Meter:
    """Return a meter of these windows that has taken what the source has of them.

    Args:
        config: The station.
        source: Its events.
        found: The windows, in order.
        begin_ms: From when on events are taken; those before only say how things stood, UTC ms.
        lacking: What the source does not have; None: it has all.

    Raises:
        SourceError: the events cannot be read.
    """
    meter = Meter(config.oee.plan, found)
    if not found:
        return meter
    station, beyond_ms = config.station.path, found[-1].end_ms
    before = {}
    for kinds in _KNOWN_BEFORE:
        event = source.newest(Wanted(station=station, kinds=kinds, until_ms=begin_ms))
        if event is not None:
            before[event["epoch"], event["seq"]] = event
    lacking = lacking or Lacking()
    for _, event in sorted(before.items(), key=lambda each: each[0]):
        _take(meter, event, event, lacking)
    meter.start(begin_ms)
    wanted = Wanted(station=station, since_ms=begin_ms, until_ms=beyond_ms)
    chains = corrections(source, wanted)
    for event in source.read(wanted):
        _take(meter, event, _right(event, chains), lacking)
    later = next(iter(source.read(Wanted(station=station, since_ms=beyond_ms))), None)
    if later is not None and lacking.before(later):
        meter.lost(beyond_ms)
    elif later is not None:
        meter.still(from_document(dict(later)), beyond_ms)
    return meter


class Lacking:
    """What was recorded and is not here, in the order of addresses."""

    def __init__(self, holes: Iterable[Place] = ()) -> None:
        self._left = sorted(holes, reverse=True)

    def before(self, event: Document | None) -> bool:
        """Return whether something lacks between this event and the one that was asked before.

        None: between that one and all that was ever recorded.
        """
        n = len(self._left)
        while self._left and (event is None or self._left[-1] < (event["epoch"], event["seq"])):
            self._left.pop()
        return len(self._left) < n


def _take(meter: Meter, event: Document, stands: Document | None, lacking: Lacking) -> None:
    """Take an event as it stands; None: what it says was never so."""
    if lacking.before(event):
        meter.lost(from_document(dict(event)).time.received_ms)
    if stands is not None:
        meter.take(from_document(dict(stands)))


def _right(event: Document, chains: Mapping[str, Sequence[Document]]) -> dict[str, Any] | None:
    """Return an event as it stands after what was said to correct it (D-143)."""
    chain = chains.get(plant_address(event)) if chains else None
    if chain is None:
        return dict(event)
    stands = standing(event, chain)
    return None if stands is None else dict(stands.event)


# ------------------------------------------------------------------ documents


def document(measured: Iterable[Measured], by: Sequence[str], now_ms: int) -> dict[str, Any]:
    """Return the figures as JSON: a row a group, and what each station was measured against."""
    stations = list(measured)
    return {
        "as_of": moment(now_ms),
        "by": list(by),
        "rows": list(rows(stations, by)),
        "stations": [_inputs(each) for each in stations],
    }


def rows(measured: Iterable[Measured], by: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the figures of each group: elements are added, ratios are divided once (D-103)."""
    groups: dict[_Group, list[tuple[Measured, Result]]] = {}
    for each in measured:
        for result in each.results:
            groups.setdefault(_group(each, result, by), []).append((each, result))
    for (key, _), parts in sorted(groups.items(), key=_place):
        yield _row(dict(zip(by, key, strict=True)), parts)


def _place(group: tuple[_Group, object]) -> tuple[tuple[str, ...], bool]:
    """Return where a group stands among the others."""
    (key, is_outside), _ = group
    return tuple(map(str, key)), is_outside


def _group(measured: Measured, result: Result, by: Sequence[str]) -> _Group:
    """Return what row something is in; what was made outside every shift is in one of its own."""
    window = result.window
    told = {
        "station": measured.config.station.path,
        "day": None if window is None else window.day.isoformat(),
        "shift": None if window is None else window.name or None,
        "order": result.order,
        "product": result.product,
    }
    return tuple(told[each] for each in by), window is None


def _row(by: dict[str, Any], parts: Sequence[tuple[Measured, Result]]) -> dict[str, Any]:
    elements = oee.total(result.elements for _, result in parts)
    rules = _common([measured.config.oee.plan.rules for measured, _ in parts])
    spans = [result.window for _, result in parts if result.window is not None]
    begin_ms = min((window.begin_ms for window in spans), default=None)
    end_ms = max((window.end_ms for window in spans), default=None)
    return {
        **by,
        "in_shift": bool(spans),
        "begin": None if begin_ms is None else moment(begin_ms),
        "end": None if end_ms is None else moment(end_ms),
        "is_over": all(result.is_over for _, result in parts),
        **figures_document(elements, oee.figures(elements, rules)),
    }


def _common(rules: Sequence[oee.Rules]) -> oee.Rules:
    """Return what holds for all: what one station lacks, their sum lacks."""
    first = rules[0]
    return replace(
        first,
        has_calendar=all(each.has_calendar for each in rules),
        watches_state=all(each.watches_state for each in rules),
        has_counter=all(each.has_counter for each in rules),
        has_ideal=all(each.has_ideal for each in rules),
        judges=all(each.judges for each in rules),
    )


def figures_document(elements: Elements, figures: Figures) -> dict[str, Any]:
    """Return elements and ratios as JSON, times in seconds."""
    return {
        "availability": ratio_document(figures.availability),
        "performance": ratio_document(figures.performance),
        "quality": ratio_document(figures.quality),
        "oee": ratio_document(figures.oee),
        "coverage": figures.coverage,
        "times_s": {
            "planned_busy": elements.busy_ms / 1000,
            "planned_down": elements.down_ms / 1000,
            "actual_production": elements.production_ms / 1000,
            "unknown": elements.unknown_ms / 1000,
            "small_stops": elements.small_stop_ms / 1000,
            "earned": elements.earned_us / 1_000_000,
            "ran_in_planned_down": elements.ran_in_down_ms / 1000,
        },
        "small_stops": elements.small_stops,
        "losses": [
            {"category": category, "reason": reason or None, "s": length_ms / 1000}
            for (category, reason), length_ms in sorted(
                elements.losses.items(), key=lambda loss: (-loss[1], loss[0])
            )
        ],
        "produced": figures.produced,
        "good": figures.good,
        "unjudged": figures.unjudged,
        "unreconciled": figures.unreconciled,
        "counts": asdict(elements.counts),
        "checks": [check.value for check in figures.checks],
    }


def ratio_document(ratio: Ratio) -> dict[str, Any]:
    """Return a ratio as JSON: its value, or null with why, and its bounds."""
    if ratio.value is not None:
        return {"value": ratio.value}
    found: dict[str, Any] = {"value": None, "why": ratio.why.value if ratio.why else None}
    if not ratio.is_undefined:
        found |= {"low": ratio.low, "high": ratio.high}
    return found


def _inputs(measured: Measured) -> dict[str, Any]:
    """Return what a station was measured against, and up to which event (D-109, D-112)."""
    config = measured.config
    return {
        "station": config.station.path,
        "machine": config.station.machine,
        "as_of": measured.as_of,
        "seen": None if measured.seen_ms is None else moment(measured.seen_ms),
        "config": config.hash,
        **inputs_document(config),
    }


def inputs_document(config: StationConfig) -> dict[str, Any]:
    """Return what the station file declares for its figures."""
    plan = config.oee.plan
    ideal = plan.ideal_us
    return {
        "timezone": config.timezone,
        "shifts": config.oee.shifts,
        "ideal_cycle_s": None if ideal is None else ideal / 1_000_000,
        "ideal_cycles_s": {name: each / 1_000_000 for name, each in plan.ideals_us.items()},
        "small_stop_s": plan.small_stop_ms / 1000,
        "rework_counts": plan.rules.rework_counts,
        "state_source": plan.rules.watches_state,
        "produced_by": "counter" if plan.rules.has_counter else "records",
    }
