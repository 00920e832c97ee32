"""`lineside plan`, composed: a product list in, and of each product what is proposed and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from agent.config.product_list import ProductList, read_products
from agent.core.plan import Advice, ProductFacts, advise
from agent.core.plan_findings import TITLES, Mistaken, findings
from agent.core.plan_volume import Option, missing, options

__all__ = ["KEPT_DAYS", "TITLES", "Option", "Plan", "Planned", "document", "plan", "start"]

KEPT_DAYS = 30
"""How long a gateway keeps delivered events, where its station files do not say otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What is proposed for one product."""

    facts: ProductFacts
    line: int
    """Of the product in its file."""
    advice: Advice
    options: tuple[Option, ...]
    findings: tuple[Mistaken, ...]
    missing: tuple[str, ...]
    """What cannot be said, and what to give so that it can."""

    @property
    def advised(self) -> Option:
        """The option that is proposed."""
        return next(option for option in self.options if option.is_advised)

    @property
    def cheapest(self) -> Option | None:
        """The option that costs least by the figures that were given; None: they do not say."""
        priced = [option for option in self.options if option.cost_per_year is not None]
        return min(priced, key=lambda option: option.cost_per_year or 0.0, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A product list, planned."""

    listed: ProductList
    products: tuple[Planned, ...]

    @property
    def buffer_bytes(self) -> float:
        """What the gateways need for the longest outage, twice over (D-13)."""
        return self._a_day * self.listed.outage_s / 86_400 * 2

    @property
    def kept_bytes(self) -> float:
        """What the gateways hold of delivered events."""
        return self._a_day * KEPT_DAYS

    @property
    def _a_day(self) -> float:
        return sum(each.advised.load.journal_bytes for each in self.products)


def plan(path: Path) -> Plan:
    """Return what is proposed for each product of a list.

    Raises:
        ConfigError: the list is wrong; the problems say where.
    """
    listed = read_products(path)
    return Plan(listed=listed, products=tuple(_planned(listed)))


def _planned(listed: ProductList) -> Iterator[Planned]:
    for facts in listed.products:
        advice = advise(facts)
        yield Planned(
            facts=facts,
            line=listed.lines[facts.name],
            advice=advice,
            options=options(facts, advice, listed.days),
            findings=tuple(findings(facts, advice)),
            missing=tuple(missing(facts)),
        )


def start() -> str:
    """Return a product list to begin with."""
    return files("agent.config").joinpath("product_start.yaml").read_text("utf-8")


def document(found: Plan) -> dict[str, Any]:
    """Return a plan as `--json` writes it."""
    return {
        "file": found.listed.file,
        "currency": found.listed.currency,
        "days": found.listed.days,
        "gateway_buffer_mb": round(found.buffer_bytes / 1e6, 1),
        "gateway_kept_mb": round(found.kept_bytes / 1e6, 1),
        "products": [_product(each, found.listed.days) for each in found.products],
    }


def _product(planned: Planned, days: int) -> dict[str, Any]:
    cheapest = planned.cheapest
    return {
        "product": planned.facts.name,
        "line": planned.line,
        "by": planned.advice.by,
        "level": planned.advice.grain.name.lower(),
        "sublot": planned.advice.sublot,
        "reasons": list(planned.advice.reasons),
        "faulty_run": planned.facts.fault_run,
        "options": [_option(each, days) for each in planned.options],
        "cheapest": None if cheapest is None else cheapest.name,
        "findings": [{"title": TITLES[each.mistake], **asdict(each)} for each in planned.findings],
        "missing": list(planned.missing),
    }


def _option(option: Option, days: int) -> dict[str, Any]:
    return {
        "name": option.name,
        "size": option.size,
        "proposed": option.is_advised,
        "records_per_day": round(option.load.events),
        "gateway_mb_per_year": round(option.load.journal_bytes * days / 1e6, 1),
        "store_mb_per_year": round(option.load.store_bytes * days / 1e6, 1),
        "expected_scope": None if option.mean is None else round(float(option.mean), 1),
        "worst_scope": option.worst,
        "recall_cost": option.recall_cost,
        "recall_cost_per_year": option.recall_cost_per_year,
        "capture_cost_per_year": option.capture_cost_per_year,
        "cost_per_year": option.cost_per_year,
    }
