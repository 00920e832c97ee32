"""`lineside plan`: what to track each product by, why, and what each way costs and saves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.app import planning
from agent.app.planning import TITLES, Option, Plan, Planned
from agent.cli import answers, exits, screen
from agent.config.problems import ConfigError

_MB = 1e6


def plan(
    path: Annotated[
        Path | None, typer.Argument(metavar="PRODUCTS.yaml", help="A product list.")
    ] = None,
    *,
    init: Annotated[
        bool, typer.Option("--init", help="Print a product list to begin with.")
    ] = False,
    as_json: Annotated[bool, answers.AS_JSON] = False,
) -> None:
    """Propose lot, serial or both for each product, with the reasons and what each way means.

    Records, disk, the expected scope of a recall, and your own figures for recall against capture;
    and the four classic mistakes of how it is tracked today. Exit code 78: the list is wrong.
    """
    if init:
        sys.stdout.write(planning.start())
        raise typer.Exit(exits.OK)
    if path is None:
        sys.stderr.write("lineside plan: name a product list, or --init for one to begin with\n")
        raise typer.Exit(exits.USAGE)
    try:
        found = planning.plan(path)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(exits.CONFIG) from error
    if as_json:
        answers.write_json(planning.document(found))
    else:
        show(found)


def show(found: Plan) -> None:
    """Print a plan: all products in a table, then each with its options."""
    console = screen.plain()
    console.print(_overview(found))
    for planned in found.products:
        console.print()
        _product(console, planned, found)
    console.print(
        f"\nAs proposed, all together: {found.kept_bytes / _MB:,.0f} MB on the gateways for "
        f"{planning.KEPT_DAYS} days of delivered events, and {found.buffer_bytes / _MB:,.0f} MB "
        "for the longest outage, twice over.",
        style="dim",
    )


def _overview(found: Plan) -> Table:
    rows = [
        (
            planned.facts.name,
            _today(planned),
            _proposed(planned),
            _scope(planned.advised),
            ", ".join(TITLES[each.mistake] for each in planned.findings) or "-",
        )
        for planned in found.products
    ]
    heads = ("product", "today", "proposed", "expected recall", "findings")
    return answers.table(heads, rows)


def _today(planned: Planned) -> str:
    facts = planned.facts
    if facts.today is None:
        return "?"
    size = f" of {facts.today_size:,}" if facts.today_size is not None else ""
    return f"{facts.today.name.lower().replace('sublot', 'sub-lots')}{size}"


def _proposed(planned: Planned) -> str:
    advice = planned.advice
    if advice.by != "lot":
        return advice.by
    return "lot" if advice.sublot is None else f"lot, cut every {advice.sublot:,}"


def _scope(option: Option) -> str:
    return "?" if option.mean is None else f"{float(option.mean):,.0f} units"


def _product(console: Console, planned: Planned, found: Plan) -> None:
    facts, advice = planned.facts, planned.advice
    place = f"{found.listed.file}:{planned.line}"
    head = (f"{facts.name}: {_proposed(planned)}", "bold")
    console.print(Text.assemble(head, (f"  {place}", "dim")))
    for reason in advice.reasons:
        console.print(f"  - {reason}")
    if advice.by == "lot" and advice.sublot is not None:
        console.print(f"  in its station file: track.lots.sublots.every: {advice.sublot}")
    console.print(_options(planned, found))
    cheapest, advised = planned.cheapest, planned.advised
    if cheapest is not None and not cheapest.is_advised:
        is_finer = advice.by == "lot" and cheapest.size < advised.size
        why = "cutting finer pays" if is_finer else "risk and law decide, not cost alone"
        console.print(
            f"  By your figures the least costs {cheapest.name}: {_money(cheapest.cost_per_year)} "
            f"a year against {_money(advised.cost_per_year)}; {why}."
        )
    for each in planned.findings:
        title = (f"  {TITLES[each.mistake]}", "yellow")
        console.print(Text.assemble(title, f": {each.shown_by}"))
        console.print(f"    do: {each.do}")
    for gap in planned.missing:
        console.print(f"  not said: {gap}", style="dim")


def _options(planned: Planned, found: Plan) -> Table:
    currency = f" {found.listed.currency}" if found.listed.currency else ""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 1))
    table.add_column("  tracked by")
    for heading in (
        "records/day",
        "MB/year gateway",
        "MB/year store",
        "expected",
        "worst",
        f"recalls/year{currency}",
        f"capture/year{currency}",
        f"both{currency}",
    ):
        table.add_column(heading, justify="right")
    days = found.listed.days
    for option in planned.options:
        mark = "→" if option.is_advised else " "
        table.add_row(
            f"{mark} {option.name}",
            f"{option.load.events:,.0f}",
            f"{option.load.journal_bytes * days / _MB:,.0f}",
            f"{option.load.store_bytes * days / _MB:,.0f}",
            "?" if option.mean is None else f"{float(option.mean):,.0f}",
            "?" if option.worst is None else f"{option.worst:,}",
            _money(option.recall_cost_per_year),
            _money(option.capture_cost_per_year),
            _money(option.cost_per_year),
            style="green" if option.is_advised else None,
        )
    return table


def _money(amount: float | None) -> str:
    return "?" if amount is None else f"{amount:,.0f}"
