"""`lineside example`: the worked example, measured in seconds: 5,000 units recalled, or 140."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum, unique
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from agent.app import plotting
from agent.app.worked_example import Example, Measured, example
from agent.cli import answers, exits, screen

_BAR = 36
"""Signs of a bar for all units."""


@unique
class Name(StrEnum):
    """Which example."""

    RECALL = "recall"


def run(
    name: Annotated[Name, typer.Argument(help="Which one; there is one.")] = Name.RECALL,
    *,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it too: .svg, .png or .pdf.")
    ] = None,
    as_json: Annotated[bool, answers.AS_JSON] = False,
) -> None:
    """Make 5,000 units, 140 of them with a faulty part, and recall them as each plant could.

    The shift is run through the product's own core in virtual time, once for each way to record it;
    the events go into a trace store, and the recall is asked of that. The exit code is 0 only if
    what was measured is what the arithmetic says, and no affected unit is left out.
    """
    del name  # there is one
    if plot is not None:
        _or_complain(lambda: plotting.see_that_it_can(plot))
    found = example()
    if as_json:
        answers.write_json(document(found))
    else:
        show(found)
    if plot is not None:
        _or_complain(lambda: plotting.draw(found, plot))
    raise typer.Exit(_code(found))


def _or_complain(draw: Callable[[], None]) -> None:
    try:
        draw()
    except plotting.PlotError as error:
        sys.stderr.write(f"lineside example: {error}\n")
        raise typer.Exit(exits.REFUSED) from error


def show_measured() -> int:
    """Measure the example and print it; return the exit code."""
    found = example()
    show(found)
    return _code(found)


def _code(found: Example) -> int:
    return exits.OK if found.agrees else exits.REFUSED


def show(found: Example) -> None:
    """Print the example as a table, with bars, and what it says."""
    console = screen.plain()
    shift = found.shift
    units, faulty = shift.units, shift.faulty
    console.print(
        f"{units:,} units; one supplier lot, and {faulty} units in a row got the faulty part of it "
        f"(units {shift.place + 1:,} to {shift.place + faulty:,}).\n"
        "The same shift, recorded in each of these ways and recalled from its events:\n"
    )
    console.print(_table(found))
    lot, serial = found.rows[0], found.rows[-1]
    console.print(
        f"\nrecall by lot {lot.recalled:,}, by serial {serial.recalled:,}: "
        f"a difference of {lot.recalled - serial.recalled:,} units",
        style="bold",
    )
    console.print(
        f"Serials alone do not do it: where nobody recorded what went into each unit, it is "
        f"{found.unlinked:,} again."
    )
    console.print(_trade(found))
    verdict = "agrees with" if found.agrees else "DIFFERS from"
    console.print(
        f"Measured from {sum(row.events for row in found.rows):,} events, over all "
        f"{units - faulty + 1:,} places where the faulty box could have come; {verdict} the "
        "arithmetic.",
        style="green" if found.agrees else "bold red",
    )


def _table(found: Example) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("tracked by")
    for heading in ("recalled", "mean", "computed", "s+d-1", "least", "most", "records"):
        table.add_column(heading, justify="right")
    table.add_column("mean over every place")
    for row in found.rows:
        figures = (row.recalled, row.over_places.mean, row.expected.mean, row.rule_of_thumb)
        ends = (row.over_places.least, row.over_places.most, -(-found.shift.units // row.size))
        bar = "█" * max(1, round(_BAR * row.over_places.mean / found.shift.units))
        colour = "green" if row.agrees else "bold red"
        cells = [_figure(each) for each in (*figures, *ends)]
        table.add_row(row.tracked, *cells, Text(bar, style=colour))
    return table


def _figure(value: int | Fraction) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{float(value):,.1f}"


def _trade(found: Example) -> str:
    """Return what each step of finer records saves, and what it costs (D-11)."""
    whole, units = found.rows[0], found.shift.units
    told = []
    for row in found.rows[1:]:
        if row.size in {500, 1}:
            saved = float(whole.over_places.mean - row.over_places.mean)
            more = -(-units // row.size) - -(-units // whole.size)
            told.append(
                f"{row.tracked} save {saved:,.0f} units on average for {more:,} more records"
            )
            whole = row
    return "The trade: " + "; then ".join(told).replace("serial save", "serials save") + "."


def document(found: Example) -> dict[str, Any]:
    """Return the example as `--json` writes it."""
    return {
        "units": found.shift.units,
        "affected": found.shift.faulty,
        "place": found.shift.place,
        "rows": [_row(row) for row in found.rows],
        "serials_without_links": found.unlinked,
        "agrees": found.agrees,
    }


def _row(row: Measured) -> dict[str, Any]:
    plain = asdict(row) | {"agrees": row.agrees}
    for name in ("over_places", "expected"):
        plain[name]["mean"] = float(plain[name]["mean"])
    return plain
