"""Which granularity a product wants, and why: the planner's judgement, pure (D-1, D-10 to D-12).

The level comes of three things that only people know: what a unit is worth, what a wrong recall
does, and what the law says. The finest that one of them asks for is proposed; the law's is the
least that is allowed. How a lot is cut comes of how many units one fault hits and how many may come
back at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum, unique
from math import gcd
from types import MappingProxyType

from agent.core.scopes import scope


@unique
class Grain(IntEnum):
    """How finely records tell units apart, from coarse to fine (D-1)."""

    LOT = 0
    SUBLOT = 1
    LINKED = 2
    """Sub-lots, each of which names the lots or serials of the parts that matter."""
    SERIAL = 3
    """Each unit, with what went into it."""
    POSITIONED = 4
    """Each unit, with what went into each position of it."""


@unique
class Rank(IntEnum):
    """How much something is worth, or how bad it is."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2
    SAFETY = 3
    """People may be hurt; for consequences only."""


@unique
class Capture(StrEnum):
    """How codes get into the record."""

    AUTOMATIC = "automatic"
    """A fixed reader, a camera, or the PLC itself."""
    HANDHELD = "handheld"
    KEYED = "keyed"
    """Somebody types them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """What a law, standard or customer asks for."""

    name: str
    least: Grain
    lots_too: bool = False
    """Whether the lot has to be on record beside the unit."""


LAWS: Mapping[str, Law] = MappingProxyType(
    {
        "medicine-pack": Law(
            name="EU medicine packs carry a unique identifier each, with the batch "
            "(Delegated Regulation (EU) 2016/161)",
            least=Grain.SERIAL,
            lots_too=True,
        ),
        "battery": Law(
            name="each EV, light-transport and industrial battery over 2 kWh has its own passport "
            "from 18 February 2027 (Regulation (EU) 2023/1542 Art. 77)",
            least=Grain.SERIAL,
        ),
        "medical": Law(name="a medical product: safety or health", least=Grain.POSITIONED),
        "automotive-safety": Law(
            name="an automotive safety part: safety or health", least=Grain.POSITIONED
        ),
        "electronics-safety": Law(
            name="safety-relevant electronics: safety or health", least=Grain.POSITIONED
        ),
        "food": Law(
            name="food: one step back and one step forward (Regulation (EC) 178/2002 Art. 18)",
            least=Grain.LOT,
        ),
    }
)
"""By the word of the product list (D-12, D-144). Counsel decides what applies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A component of a product, and how it is recorded today."""

    name: str
    by: Grain | None = None
    """LOT, SERIAL, or None: nobody records which one went in."""
    per_unit: int = 1
    package: int | None = None
    """Pieces in one package; None: not given."""
    critical: bool = False
    """Whether a fault of it would bring a recall."""

    @property
    def fed(self) -> int | None:
        """The most units that one package can feed; None: it is not known how much is in one.

        Packages follow each other, so the first and the last unit of one may have only some of it.
        """
        if self.package is None:
            return None
        shared = self.per_unit - gcd(self.package, self.per_unit)
        return (self.package - 1 + shared) // self.per_unit + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """The user's own figures, in one currency; None: not given, and then nothing is made up."""

    per_recalled_unit: float | None = None
    per_recall: float | None = None
    recalls_per_year: float | None = None
    per_record: float | None = None
    per_scan: float | None = None
    per_serial: float | None = None
    """To mark one unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFacts:
    """What is known of one product."""

    name: str
    per_day: int
    lot: int
    value: Rank
    consequence: Rank
    law: Law | None = None
    parts: tuple[Part, ...] = ()
    capture: Capture = Capture.AUTOMATIC
    run: int | None = None
    """How many units in a row one fault hits; None: what one package of a critical part feeds."""
    doubt: int = 0
    """Units either side of a change of material of which nobody knows which they got (D-11)."""
    most_recalled: int | None = None
    container: int | None = None
    """Units in a box or tray that could be a sub-lot."""
    cycle_s: float | None = None
    stations: int = 1
    """How many record each unit."""
    lot_process: bool = False
    """Whether something is done to the lot as a whole: heat treatment, mixing, sterilising."""
    today: Grain | None = None
    today_size: int | None = None
    """Today's sub-lots."""
    manual_limit: int = 100
    """More codes typed a day than this are a finding (D-14)."""
    costs: Costs = field(default_factory=Costs)

    @property
    def loose(self) -> tuple[Part, ...]:
        """The parts of which nobody records which went in: the critical ones, if there are any."""
        loose = tuple(part for part in self.parts if part.by is None)
        return tuple(part for part in loose if part.critical) or loose

    @property
    def fault_run(self) -> int | None:
        """How many units in a row one fault is planned to hit, the doubt at its ends included.

        It may be more than a lot has: a package that lasts for several lots spoils all of them.
        """
        telling = [part for part in self.parts if part.critical] or self.parts
        fed = [part.fed for part in telling if part.fed is not None]
        run = self.run if self.run is not None else max(fed, default=None)
        return None if run is None else run + 2 * self.doubt


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What is proposed for a product, and why."""

    grain: Grain
    lots_too: bool
    """Serial units that are each one of a lot."""
    sublot: int | None
    """Units in a sub-lot, where lots are cut."""
    reasons: tuple[str, ...]
    deciding: str = ""
    """The one of them for which it is no coarser."""

    @property
    def by(self) -> str:
        """The word of the station file: lot, serial or both."""
        if self.grain < Grain.SERIAL:
            return "lot"
        return "both" if self.lots_too else "serial"


_BY_NEED: Mapping[tuple[Rank, Rank], Grain] = {
    (Rank.LOW, Rank.LOW): Grain.LOT,
    (Rank.LOW, Rank.MEDIUM): Grain.SUBLOT,
    (Rank.LOW, Rank.HIGH): Grain.LINKED,
    (Rank.MEDIUM, Rank.LOW): Grain.SUBLOT,
    (Rank.MEDIUM, Rank.MEDIUM): Grain.LINKED,
    (Rank.MEDIUM, Rank.HIGH): Grain.LINKED,
}
"""The table of D-12 by (value, consequence), filled between its rows so that more of either never
asks for less. High value is serial at any consequence; safety is serial by position at any value.
"""

_WORDS: Mapping[Grain, str] = {
    Grain.LOT: "a lot is enough",
    Grain.SUBLOT: "sub-lots by container or time slice",
    Grain.LINKED: "sub-lots, each naming the lots or serials of the parts that matter",
    Grain.SERIAL: "a serial for each unit, linked to what went into it",
    Grain.POSITIONED: "a serial for each unit, and what went into each position of it",
}


def needed(value: Rank, consequence: Rank) -> Grain:
    """Return the level that value and consequence ask for (D-12)."""
    if consequence is Rank.SAFETY:
        return Grain.POSITIONED
    if value >= Rank.HIGH:
        return Grain.SERIAL
    return _BY_NEED[value, consequence]


def advise(facts: ProductFacts) -> Advice:
    """Return what to track a product by, and why (D-12)."""
    grain = needed(facts.value, facts.consequence)
    deciding = _need_told(facts, grain)
    reasons = [deciding]
    if facts.law is not None:
        if facts.law.least > grain:
            grain = facts.law.least
            deciding = f"{facts.law.name}: {_WORDS[grain]}, and that is no choice"
            reasons.append(deciding)
        else:
            reasons.append(f"{facts.law.name}: met")
    worst = _worst(facts, facts.lot)
    if grain is Grain.LOT and facts.most_recalled is not None and facts.most_recalled < worst:
        grain = Grain.SUBLOT
        reasons.append(f"but no more than {facts.most_recalled:,} of {worst:,} may come back")
    sublot = None
    if grain in {Grain.SUBLOT, Grain.LINKED}:
        sublot, why = sublot_size(facts)
        reasons.append(why)
        if sublot == 1:
            grain, sublot, deciding = Grain.SERIAL, None, why
    lots_too = facts.lot_process or (facts.law is not None and facts.law.lots_too)
    if lots_too and grain >= Grain.SERIAL:
        reasons.append("the lot stays on record beside the unit: what is done to it is done to all")
    if grain >= Grain.LINKED and not any(part.by is not None for part in facts.parts):
        reasons.append(
            "it is worth that only if what goes in is recorded: without links a serial recalls "
            "the whole lot"
        )
    told = tuple(reasons)
    return Advice(grain=grain, lots_too=lots_too, sublot=sublot, reasons=told, deciding=deciding)


def _need_told(facts: ProductFacts, grain: Grain) -> str:
    if facts.consequence is Rank.SAFETY:
        return f"safety or health: {_WORDS[grain]}, whatever a unit is worth"
    value, consequence = facts.value.name.lower(), facts.consequence.name.lower()
    return f"value {value}, consequence {consequence}: {_WORDS[grain]}"


def _worst(facts: ProductFacts, size: int) -> int:
    """Return the most that come back for one fault, of lots cut so; all of one where none knows."""
    run = facts.fault_run
    return size if run is None else scope(facts.lot, run, size).most


def sublot_size(facts: ProductFacts) -> tuple[int | None, str]:
    """Return how many units a sub-lot should have, and why; 1: only a serial will do (D-10, D-11).

    None: lots are not cut.

    The largest size that keeps the worst case within what may come back; where that is not given,
    the length of the run: cutting finer then saves less than one run at most.
    """
    run = facts.fault_run
    if run is None:
        return facts.container, (
            "how finely to cut cannot be said: give `faulty_run`, or the `package` of a component"
            if facts.container is None
            else f"a sub-lot is a container of {facts.container:,}; without `faulty_run` or a "
            "`package` of a component its scope cannot be said"
        )
    worst = _worst(facts, facts.lot)
    if run >= facts.lot and (facts.most_recalled is None or worst <= facts.most_recalled):
        saved = float(scope(facts.lot, run, facts.lot).mean) - run
        return None, (
            f"one fault hits {run:,} in a row, and a lot has {facts.lot:,}: it needs no cutting; "
            f"down to serials, that saves {saved:,.0f} units a recall at most"
        )
    if facts.most_recalled is not None:
        return _within(facts, run, facts.most_recalled)
    size = next((each for each in _sizes(facts) if each <= run), None)
    if size is None:
        return 1, f"one fault hits {run:,} in a row, fewer than any sub-lot holds"
    saved = float(scope(facts.lot, run, size).mean) - run
    return size, (
        f"one fault hits {run:,} in a row: sub-lots of {size:,} are of that order; cutting "
        f"finer, down to serials, saves {saved:,.0f} units a recall at most"
    )


def _within(facts: ProductFacts, run: int, most: int) -> tuple[int, str]:
    """Return the largest sub-lot that keeps the worst case within what may come back, and why."""
    for size in _sizes(facts):
        worst = scope(facts.lot, run, size).most
        if worst <= most:
            return size, (
                f"the largest sub-lot whose worst case, {worst:,}, is within the "
                f"{most:,} units that may come back"
            )
    if run <= most:
        return 1, f"no sub-lot keeps the worst case within {most:,}: serials do"
    return 1, (
        f"one fault hits {run:,} units, more than the {most:,} that may come back: "
        "not even serials keep that; smaller packages or closer checks would"
    )


def _sizes(facts: ProductFacts) -> list[int]:
    """Return sizes to choose from, the largest first: containers, and round numbers."""
    if facts.container is not None and 1 < facts.container <= facts.lot:
        return [facts.container * n for n in range(facts.lot // facts.container, 0, -1)]
    rounds = {step * 10**power for power in range(8) for step in (1, 2, 5)}
    return sorted((size for size in rounds if 1 < size < facts.lot), reverse=True)
