"""What `oee` must agree with, what it comes down to, and how it is told back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from itertools import chain
from pathlib import Path as File
from zoneinfo import ZoneInfo

from agent.config.figures import OeeSection, ShiftSection, ShiftsFile
from agent.config.loaded import OeeConfig
from agent.config.model import Track
from agent.config.parts import Parts
from agent.config.problems import ConfigError, Path, Problem, did_you_mean, shown
from agent.config.products import declared, ids_of, is_per_product
from agent.config.quantities import duration_text
from agent.config.roles import handshakes
from agent.config.source import Source, read_source
from agent.config.validation import validated
from agent.core.calendars import DAY_MINUTES, Calendar, Shift, Span, Stop, instant_ms, overlaps
from agent.core.meter import MeterPlan
from agent.core.oee import Rules
from agent.core.station import Strategy

_AT: Path = ("oee",)


def check_oee(parts: Parts, _track: Track) -> None:
    """Note shifts that cannot be read or share a minute, and products that there are not."""
    section: OeeSection | None = parts.sections.get("oee")
    if section is None:
        return
    parts.problems.extend(_read(parts, section)[1])
    known = declared(parts)
    for name in section.ideal_cycles if known else ():
        if name not in known:
            hint = did_you_mean(name, known)
            parts.refuse((*_AT, "ideal_cycles", name), f"no product {shown(name)}", hint, key=True)


def _read(parts: Parts, section: OeeSection) -> tuple[ShiftsFile | None, list[Problem]]:
    """Return the shifts, and what is wrong with them."""
    at: Path = (*_AT, "shifts")
    if section.shifts is None:
        for key in ("closed", "stops"):
            if getattr(section, key):
                return None, [parts.source.problem((*_AT, key), f"`{key}` needs `shifts`")]
        return None, []
    if isinstance(section.shifts, str):
        source, found, problems = _from_file(parts, section.shifts, at)
        at = ("shifts",)
    else:
        source, found, problems = parts.source, ShiftsFile(shifts=section.shifts), []
    if found is None:
        return None, problems
    return found, problems + list(_unfit(source, at, found.shifts))


def _from_file(
    parts: Parts, name: str, at: Path
) -> tuple[Source, ShiftsFile | None, list[Problem]]:
    """Return what a file of shifts says; its problems name its own lines."""
    path = File(parts.source.file).parent / name
    try:
        source = read_source(path)
    except ConfigError as error:
        problem = parts.source.problem(at, f"the shifts of {shown(name)} cannot be used")
        return parts.source, None, [problem, *error.problems]
    found, problems = validated(ShiftsFile, source.data, (), source)
    return source, found, [*source.slips, *problems]


def _unfit(source: Source, at: Path, shifts: Mapping[str, ShiftSection]) -> Iterator[Problem]:
    for name, shift in shifts.items():
        for place, span in enumerate(shift.breaks):
            begins = (span.begin - shift.time.begin) % DAY_MINUTES
            if begins + span.minutes > shift.time.minutes:
                yield source.problem((*at, name, "breaks", place), "lies not within the shift")
    for one, other in dict.fromkeys(overlaps(Calendar(shifts=_shifts(shifts)))):
        message = f"'{one}' and '{other}' share time of a week"
        yield source.problem((*at, other), message, "a minute is in one shift", key=True)


def _shifts(shifts: Mapping[str, ShiftSection]) -> tuple[Shift, ...]:
    return tuple(
        Shift(name=name, span=each.time, days=frozenset(each.days), breaks=each.breaks)
        for name, each in shifts.items()
    )


def oee_of(parts: Parts, track: Track, modulus: int | None) -> OeeConfig:
    """Return what key figures of the station are measured against."""
    section: OeeSection | None = parts.sections["oee"]
    asked = section or OeeSection()
    found, _ = _read(parts, asked)
    zone = parts.sections["timezone"]
    return OeeConfig(
        is_asked=section is not None,
        plan=_plan(parts, track, asked, modulus),
        calendar=None if found is None else _calendar(found, asked, ZoneInfo(zone)),
        shifts=asked.shifts if isinstance(asked.shifts, str) else None,
        every_s=asked.every / 1000,
    )


def _plan(parts: Parts, track: Track, section: OeeSection, modulus: int | None) -> MeterPlan:
    names = {
        text: name for name, product in declared(parts).items() for text in ids_of(name, product)
    }
    if track.order is not None and not is_per_product(track):
        orders = track.order.products.items()
        names |= {text: name for name, texts in orders for text in texts}
    has_counter = track.counter is not None and not track.pair.cavities
    return MeterPlan(
        rules=Rules(
            has_calendar=section.shifts is not None,
            watches_state=track.state is not None,
            has_counter=has_counter,
            has_ideal=section.ideal_cycle is not None or bool(section.ideal_cycles),
            judges=_judges(parts, track),
            rework_counts=section.rework_counts,
        ),
        ideal_us=section.ideal_cycle,
        ideals_us=section.ideal_cycles,
        names=names,
        small_stop_ms=section.small_stop,
        modulus=modulus if has_counter else None,
        refused_is_made=track.pair.strategy is not Strategy.SCAN_ONLY,
    )


def _judges(parts: Parts, track: Track) -> bool:
    """Whether anything says of a piece that it is good: else every one would count as such."""
    if any(rule.means == "nok" for rule in parts.sections.get("scans") or ()):
        return True  # a person says it, at a bench
    verdicts = [handshake.verdict for _, handshake in handshakes(track)]
    verdicts += [cavity.verdict for cavity in track.pair.cavities.values()]
    return any(verdicts) or bool(track.limits)


def _calendar(found: ShiftsFile, section: OeeSection, zone: ZoneInfo) -> Calendar:
    closed: frozenset[date] = frozenset(chain(found.closed, section.closed))
    stops = tuple(
        Stop(begin_ms=_instant(begin, zone), end_ms=_instant(end, zone))
        for begin, end in chain(found.stops, section.stops)
    )
    return Calendar(shifts=_shifts(found.shifts), closed=closed, stops=stops)


def _instant(local: datetime, zone: ZoneInfo) -> int:
    return instant_ms(local.date(), local.hour * 60 + local.minute, zone)


# ------------------------------------------------------------------ in plain words


def told(config: OeeConfig) -> Iterator[str]:
    """Yield what the key figures are measured against."""
    if not config.is_asked:
        return
    plan, calendar = config.plan, config.calendar
    for shift in calendar.shifts if calendar is not None else ():
        breaks = f", less {', '.join(map(_text, shift.breaks))}" if shift.breaks else ""
        yield f"shift {shift.name} {_text(shift.span)}{breaks}"
    if plan.ideal_us is not None:
        yield f"a piece should take {duration_text(plan.ideal_us / 1000)}"
    for product, ideal_us in plan.ideals_us.items():
        yield f"a piece of {product} should take {duration_text(ideal_us / 1000)}"
    if plan.small_stop_ms:
        yield f"stops under {duration_text(plan.small_stop_ms)} lower performance"
    lacking = {
        "availability: no `shifts`": calendar is None,
        "availability: no `track.state`": not plan.rules.watches_state,
        "performance: no `ideal_cycle`": not plan.rules.has_ideal,
        "quality: no verdict and no limits": not plan.rules.judges,
    }
    yield from (f"no {what}" for what, is_so in lacking.items() if is_so)


def _text(span: Span) -> str:
    begin, end = span.begin, span.end
    return f"{begin // 60:02d}:{begin % 60:02d}-{end // 60:02d}:{end % 60:02d}"
