"""Elements and ratios of ISO 22400-2: what was planned, what ran, what was made (D-99 to D-112).

    A = APT / PBT        availability: actual production time over planned busy time
    E = PRI x PQ / APT   effectiveness: what should have taken so long, over the time it took
    Q = GQ / PQ          quality: good over produced quantity
    OEE = A x E x Q

Laws:
    1. Elements are added, ratios are divided once at the end; no percentage is ever averaged
       (D-103).
    2. A window is planned busy time and planned down time; planned busy time is actual production
       time, losses by category and what is not known. Nothing is left over.
    3. What cannot be known is None with the reason, never 0 or 1 (D-101), and between bounds where
       there are any (D-108). Nothing is clamped (D-102), and no number is moved to fit (D-110).

The factors of an OEE share elements: with APT unknown in part A and E have bounds, and their
product is exact all the same, because APT cancels.

Source: ISO 22400-2, by way of the OPC Foundation's annexes (DOMAIN, Sources).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum, unique
from functools import reduce


@unique
class Undefined(StrEnum):
    """Why a ratio has no value."""

    NO_PLANNED_TIME = "no_planned_time"
    """No calendar says that it should have worked, or all of it was planned down time."""
    NO_MACHINE_STATE = "no_machine_state"
    """The station file names nothing that tells what the machine does."""
    NOTHING_KNOWN = "nothing_known"
    """The machine could not be seen at any time of it."""
    COVERAGE = "coverage_below_1"
    """It was not seen all the time: the value lies between the bounds (D-108)."""
    NO_PRODUCTION_TIME = "no_production_time"
    """It did not run."""
    NO_IDEAL_CYCLE = "no_ideal_cycle"
    """Of some piece nobody has declared how long it should take."""
    NOTHING_PRODUCED = "nothing_produced"
    NO_VERDICT = "no_verdict"
    """Nothing says of any piece whether it is good."""
    NOT_ALL_JUDGED = "not_all_judged"
    """Of some pieces nothing says whether they are good: between the bounds."""
    COUNTS_UNCERTAIN = "counts_uncertain"
    """A counter was reset, nobody knows how many cycles have no record, or events are not here:
    more may be made."""


@unique
class Check(StrEnum):
    """What should be looked at; the numbers stay as they are."""

    E_OVER_1 = "e_over_1"
    """Made faster than ideal: the ideal cycle time is wrong, counts are double, or the actual
    production time is short (D-102)."""
    UNRECONCILED = "unreconciled"
    """The counter and the records differ (D-110)."""
    JUDGED_OVER_PRODUCED = "judged_over_produced"
    """More pieces have a verdict than were made."""
    OVER_BOUNDARY = "counts_over_boundary"
    """Pieces were counted in one go over the edge of the window: they are in the later one."""
    LACK = "events_lack"
    """Events of this time were recorded and are not here: what was so and what was made is not
    known."""
    CLOCK = "clock_unsure"
    """The gateway's clock was not set, or stepped: what happened when is not sure (D-91)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Pieces, as the counter, the records and the verdicts have them (D-110, D-111)."""

    produced: int = 0
    """PQ: by the counter where there is one, else by the records; made automatically, first passes
    only unless rework counts (D-110, D-111)."""
    counted: int = 0
    """By the counter, whatever it was that it counted."""
    units: int = 0
    """Cycles that have a record: bound, refused after the machine had worked, or left unbound."""
    pieces: int = 0
    """Pieces in rows of a lot."""
    missed: int = 0
    """Cycles without a record, as far as their number is known (D-29)."""
    bypassed: int = 0
    """Let go by the PLC without an answer (D-40)."""
    good: int = 0
    """First passes that are good; with `rework_counts` all passes."""
    nok: int = 0
    """First passes that are not: scrap, or to be reworked."""
    rework: int = 0
    """Further passes of units that came again (D-35)."""
    rework_good: int = 0
    not_production: int = 0
    """Made in another mode than automatic."""
    scrapped: int = 0
    """Units that a person said are scrap, at the time when it was said; they are in `good` or
    `nok` by their cycle."""
    outside: int = 0
    """Made in planned down time: in no other number here."""
    unknown: int = 0
    """How often pieces may have been made that nobody can number."""

    @property
    def recorded(self) -> int:
        """Every piece that an event stands for."""
        return self.units + self.pieces + self.missed + self.bypassed


@dataclass(frozen=True, slots=True, kw_only=True)
class Elements:
    """The times, in ms, and quantities of one window, or of one part of it."""

    busy_ms: int = 0
    """PBT, planned busy time."""
    down_ms: int = 0
    """Planned down time, by the calendar."""
    production_ms: int = 0
    """APT, actual production time, within the planned busy time."""
    losses: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By category and the machine's reason (empty: it gave none), within planned busy time."""
    unknown_ms: int = 0
    """Of the planned busy time: neither up nor down."""
    ran_in_down_ms: int = 0
    """Of the planned down time: it ran all the same."""
    small_stops: int = 0
    """Stops that are in `production_ms`, because they were shorter than `small_stop` (D-109)."""
    small_stop_ms: int = 0
    earned_us: int = 0
    """PRI x PQ in microseconds, over all products that have a planned run time per item."""
    unpriced: int = 0
    """Produced pieces of which nobody has declared it."""
    counts: Counts = Counts()
    checks: frozenset[Check] = frozenset()

    def __add__(self, other: Elements) -> Elements:
        """Return both as one (D-103)."""
        losses = dict(self.losses)
        for key, length_ms in other.losses.items():
            losses[key] = losses.get(key, 0) + length_ms
        numbers = {name: getattr(self, name) + getattr(other, name) for name in _NUMBERS}
        return Elements(
            **numbers,
            losses=losses,
            counts=_sum(self.counts, other.counts),
            checks=self.checks | other.checks,
        )


_NUMBERS = tuple(
    each.name for each in fields(Elements) if each.name not in {"losses", "counts", "checks"}
)
_COUNTS = tuple(each.name for each in fields(Counts))
NONE = Elements()


def _sum(one: Counts, other: Counts) -> Counts:
    return Counts(**{name: getattr(one, name) + getattr(other, name) for name in _COUNTS})


def total(parts: Iterable[Elements]) -> Elements:
    """Return the elements of all parts together (D-103)."""
    return reduce(lambda one, other: one + other, parts, NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is declared of a station; it travels with the result (D-109, D-111, D-112)."""

    has_calendar: bool = True
    """Whether anything says when it is planned to work."""
    watches_state: bool = True
    """Whether anything tells what the machine does."""
    has_counter: bool = False
    """Whether the produced quantity is the counter's; else it is that of the records."""
    has_ideal: bool = True
    """Whether a planned run time per item is declared of anything."""
    judges: bool = True
    """Whether anything says which pieces are good."""
    rework_counts: bool = False


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio; without a value, why, and its bounds as far as there are any."""

    value: float | None
    why: Undefined | None = None
    low: float | None = None
    high: float | None = None

    @property
    def is_undefined(self) -> bool:
        """Whether not even a bound is known."""
        return self.value is None and self.low is None and self.high is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The key figures of some elements."""

    availability: Ratio
    performance: Ratio
    """Effectiveness, in the words of ISO 22400."""
    quality: Ratio
    oee: Ratio
    produced: int
    """PQ."""
    good: int
    """GQ."""
    unjudged: int
    """Produced pieces without a verdict."""
    unreconciled: int | None
    """By the counter, less by the records; None: there is no counter to compare with."""
    coverage: float | None
    """Known time over planned busy time."""
    checks: tuple[Check, ...]


def figures(elements: Elements, rules: Rules) -> Figures:
    """Return availability, performance, quality and OEE, each with its reason where there is none.

    Source: ISO 22400-2; D-99, D-101 to D-103, D-108.
    """
    counts = elements.counts
    made = counts.produced
    unjudged = made - counts.good - counts.nok
    a, e = _availability(elements, rules), _effectiveness(elements, rules)
    q = _quality(counts, rules, made, unjudged)
    unreconciled = counts.counted - counts.recorded if rules.has_counter else None
    checks = set(elements.checks)
    if any(each is not None and each > 1 for each in (e.value, e.low)):
        checks.add(Check.E_OVER_1)
    if unreconciled:
        checks.add(Check.UNRECONCILED)
    if unjudged < 0 and rules.judges:
        checks.add(Check.JUDGED_OVER_PRODUCED)
    known_ms = elements.busy_ms - elements.unknown_ms
    return Figures(
        availability=a,
        performance=e,
        quality=q,
        oee=_oee(elements, (a, e, q)),
        produced=made,
        good=counts.good,
        unjudged=unjudged,
        unreconciled=unreconciled,
        coverage=known_ms / elements.busy_ms if elements.busy_ms else None,
        checks=tuple(sorted(checks)),
    )


def _availability(elements: Elements, rules: Rules) -> Ratio:
    if not elements.busy_ms or not rules.has_calendar:
        return Ratio(None, Undefined.NO_PLANNED_TIME)
    if not rules.watches_state:
        return Ratio(None, Undefined.NO_MACHINE_STATE)
    if elements.unknown_ms == elements.busy_ms:
        return Ratio(None, Undefined.NOTHING_KNOWN)
    low = elements.production_ms / elements.busy_ms
    if not elements.unknown_ms:
        return Ratio(low)
    high = (elements.production_ms + elements.unknown_ms) / elements.busy_ms
    return Ratio(None, Undefined.COVERAGE, low, high)


def _effectiveness(elements: Elements, rules: Rules) -> Ratio:
    why = _no_effectiveness(elements, rules)
    if why is not None:
        return Ratio(None, why)
    low = elements.earned_us / (elements.production_ms + elements.unknown_ms) / 1000
    if elements.counts.unknown:
        return Ratio(None, Undefined.COUNTS_UNCERTAIN, low)
    if not elements.unknown_ms:
        return Ratio(low)
    high = None
    if elements.production_ms:
        high = elements.earned_us / elements.production_ms / 1000
    return Ratio(None, Undefined.COVERAGE, low, high)


def _no_effectiveness(elements: Elements, rules: Rules) -> Undefined | None:
    if not rules.watches_state:
        return Undefined.NO_MACHINE_STATE
    if not elements.production_ms + elements.unknown_ms:
        return Undefined.NO_PRODUCTION_TIME
    return Undefined.NO_IDEAL_CYCLE if elements.unpriced or not rules.has_ideal else None


def _quality(counts: Counts, rules: Rules, made: int, unjudged: int) -> Ratio:
    if counts.unknown:
        return Ratio(None, Undefined.COUNTS_UNCERTAIN)
    if made <= 0:
        return Ratio(None, Undefined.NOTHING_PRODUCED)
    if not rules.judges or not counts.good + counts.nok:
        return Ratio(None, Undefined.NO_VERDICT)
    low = counts.good / made
    if unjudged <= 0:
        return Ratio(low)
    return Ratio(None, Undefined.NOT_ALL_JUDGED, low, (counts.good + unjudged) / made)


def _oee(elements: Elements, factors: tuple[Ratio, Ratio, Ratio]) -> Ratio:
    """Return A x E x Q = earned over planned busy time, times Q: APT cancels (D-100)."""
    for factor in factors:
        if factor.is_undefined or factor.why is Undefined.COUNTS_UNCERTAIN:
            return Ratio(None, factor.why)
    quality = factors[2]
    share = elements.earned_us / elements.busy_ms / 1000
    if quality.value is not None:
        return Ratio(share * quality.value)
    bounds = ((quality.low or 0) * share, (quality.high or 0) * share)
    return Ratio(None, quality.why, *bounds)
