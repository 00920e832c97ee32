"""The product list of `lineside plan`: what is made, what it is worth, and what the law says.

The text beneath a key is its documentation, as in a station file. Nothing here is a default that
changes an answer silently: what is not given is said in the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from agent.config.problems import ConfigError, Problem, did_you_mean, shown
from agent.config.quantities import NAME
from agent.config.source import Source, read_source
from agent.config.validation import validated
from agent.core.plan import LAWS, Capture, Costs, Grain, Law, Part, ProductFacts, Rank
from drivers.options import Options, Seconds

Count = Annotated[int, Field(gt=0, le=100_000_000)]
Money = Annotated[float, Field(ge=0)]
Named = Annotated[str, Field(pattern=NAME)]

_GRAINS = {"lot": Grain.LOT, "sub-lot": Grain.SUBLOT, "serial": Grain.SERIAL}


class PartSection(Options):
    """A component of the product."""

    by: Literal["lot", "serial", "none"] = "none"
    """How it is recorded which one went in. `none`: it is not."""
    per_unit: Count = 1
    """How many one unit takes."""
    package: Count | None = None
    """Pieces in one package: what one fault of the supplier usually hits, and how often it is
    loaded."""
    critical: bool = False
    """Whether a fault of it would bring a recall."""


class CostSection(Options):
    """Your own figures, in one currency. What is left out is not made up."""

    per_recalled_unit: Money | None = None
    """To get one unit back and put it right."""
    per_recall: Money | None = None
    """Of a recall as such, however many units."""
    recalls_per_year: Money | None = None
    """How many you expect: 0.2 is one in five years."""
    per_record: Money | None = None
    """To keep one event: disk, network, archive."""
    per_scan: Money | None = None
    """To read one code by hand."""
    per_serial: Money | None = None
    """To mark one unit: label, laser, ink."""


class OwnLaw(Options):
    """A law, standard or customer's rule that is none of the known ones."""

    name: Annotated[str, Field(min_length=1)]
    """What it is called."""
    level: Literal["lot", "sub-lot", "serial"]
    """What it asks for, at the least."""


class ProductSection(Options):
    """One product."""

    volume: Count
    """Units a day."""
    lot: Count
    """Units in a production lot."""
    value: Literal["low", "medium", "high"]
    """What one unit is worth, by your own scale."""
    consequence: Literal["low", "medium", "high", "safety"]
    """What a wrong or late recall does. `safety`: people may be hurt."""
    regulation: str | OwnLaw | None = None
    """`medicine-pack`, `battery`, `medical`, `automotive-safety`, `electronics-safety`, `food`, or
    `{name: …, level: …}` for another one."""
    components: dict[Named, PartSection] = Field(default_factory=dict)
    """What goes in, by name."""
    scan: Literal["automatic", "handheld", "keyed"] = "automatic"
    """How the codes of units get in: by fixed reader, camera or PLC; hand-held; typed."""
    faulty_run: Count | None = None
    """How many units in a row one fault usually hits, also more than a lot has. Without it: what
    one package feeds, of a critical component if there are any."""
    change_doubt: Annotated[int, Field(ge=0, le=100_000_000)] = 0
    """Units either side of a change of material of which nobody knows which they got."""
    max_recall_units: Count | None = None
    """The most that may come back for one fault."""
    container: Count | None = None
    """Units in a box or tray, where that could be a sub-lot."""
    cycle: Annotated[Seconds, Field(gt=0)] | None = None
    """Time for one unit."""
    stations: Count = 1
    """How many stations record each unit."""
    lot_process: bool = False
    """Whether something is done to the lot as a whole: heat treatment, mixing, sterilising."""
    today: Literal["lot", "sub-lot", "serial"] | None = None
    """How it is tracked today: then the classic mistakes are looked for."""
    sublot_today: Count | None = None
    """Units in a sub-lot, where `today` is `sub-lot`."""
    typed_most: Annotated[int, Field(ge=0)] = 100
    """More codes typed a day are a finding."""
    costs: CostSection = Field(default_factory=CostSection)
    """Takes the place of the list's `costs`, key by key."""

    @field_validator("regulation")
    @classmethod
    def _is_known(cls, value: str | OwnLaw | None) -> str | OwnLaw | None:
        """Refuse a word that is no regulation.

        Raises:
            ValueError: it is none; the text has the nearest.
        """
        if isinstance(value, str) and value not in LAWS:
            near = did_you_mean(value, LAWS)
            raise ValueError(f"no regulation {shown(value)}; {near}")
        return value

    @model_validator(mode="after")
    def _fits_itself(self) -> Self:
        """Refuse what cannot be.

        Raises:
            ValueError: a sub-lot without a size, or a size without a sub-lot.
        """
        if (self.today == "sub-lot") != (self.sublot_today is not None):
            raise ValueError("`today: sub-lot` and `sublot_today` go together; give both or none")
        if self.faulty_run is not None and self.faulty_run > self.lot:
            raise ValueError(
                f"`faulty_run` {self.faulty_run:,} is more than the `lot` of {self.lot:,}; "
                "a fault that hits several lots is planned for the lot"
            )
        return self


class ProductFile(Options):
    """A product list."""

    currency: Annotated[str, Field(min_length=1, max_length=8)] = ""
    """What amounts are in; it is only shown."""
    days: Annotated[int, Field(gt=0, le=366)] = 250
    """Days a year on which it is made."""
    outage: Annotated[Seconds, Field(json_schema_extra={"default": "24h"})] = 86_400.0
    """The longest that a consumer of the events may be away: the gateway buffers twice that."""
    costs: CostSection = Field(default_factory=CostSection)
    """For all products."""
    products: Annotated[dict[Named, ProductSection], Field(min_length=1)]
    """By name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductList:
    """What a product list says."""

    file: str
    currency: str
    days: int
    outage_s: float
    products: tuple[ProductFacts, ...]
    lines: Mapping[str, int]
    """Of each product, the line where it stands."""


def read_products(path: Path) -> ProductList:
    """Return what a product list says.

    Raises:
        ConfigError: with everything that is wrong in it, each with its line.
    """
    try:
        source = read_source(path)
    except ConfigError as error:
        raise ConfigError(_of_lists(problem) for problem in error.problems) from error
    problems: list[Problem] = list(source.slips)
    found, wrong = validated(ProductFile, source.data, (), source)
    problems += wrong
    if problems or found is None:
        raise ConfigError(problems)
    return _built(found, source)


def _of_lists(problem: Problem) -> Problem:
    """Return a problem of reading in the words of this file."""
    if "`station:`" not in problem.hint:
        return problem
    return replace(problem, hint="begin with `products:`; `lineside plan --init` prints a start")


def _built(found: ProductFile, source: Source) -> ProductList:
    return ProductList(
        file=source.file,
        currency=found.currency,
        days=found.days,
        outage_s=found.outage,
        products=tuple(_facts(name, each, found) for name, each in found.products.items()),
        lines={name: source.place(("products", name), key=True).line for name in found.products},
    )


def _facts(name: str, section: ProductSection, found: ProductFile) -> ProductFacts:
    return ProductFacts(
        name=name,
        per_day=section.volume,
        lot=section.lot,
        value=Rank[section.value.upper()],
        consequence=Rank[section.consequence.upper()],
        law=_law(section.regulation),
        parts=tuple(
            Part(
                name=part,
                by=_GRAINS.get(each.by),
                per_unit=each.per_unit,
                package=each.package,
                critical=each.critical,
            )
            for part, each in section.components.items()
        ),
        capture=Capture(section.scan),
        run=section.faulty_run,
        doubt=section.change_doubt,
        most_recalled=section.max_recall_units,
        container=section.container,
        cycle_s=section.cycle,
        stations=section.stations,
        lot_process=section.lot_process,
        today=None if section.today is None else _GRAINS[section.today],
        today_size=section.sublot_today,
        manual_limit=section.typed_most,
        costs=Costs(**(found.costs.model_dump() | section.costs.model_dump(exclude_none=True))),
    )


def _law(given: str | OwnLaw | None) -> Law | None:
    if given is None:
        return None
    if isinstance(given, str):
        return LAWS[given]
    return Law(name=f"{given.name}: {given.level}", least=_GRAINS[given.level])
