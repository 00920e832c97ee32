"""`lineside recall`: which units to take back, why, and what that rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from agent.app import tracing
from agent.cli import answers, exits
from agent.cli.answers import Form

_COLUMNS = ("unit", "certainty", "reasons", "first_seen", "last_seen", "last_station", "in", "left")
_PARTS = ("certain", "possible", "scrapped", "cleared")


def recall(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A lot, serial component or unit.")
    ] = None,
    *,
    station: Annotated[
        str | None, typer.Option(help="What passed there: its path, or the end of it.")
    ] = None,
    machine: Annotated[str | None, typer.Option(help="What was made on it.")] = None,
    since: Annotated[
        str | None, typer.Option(help="From then on: 2026-11-25T06:00:00+01:00, or 2h ago.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Until then; written alike.")] = None,
    operator: Annotated[str | None, typer.Option(help="The operator's reference.")] = None,
    order: Annotated[str | None, typer.Option(help="What was made for it.")] = None,
    value: Annotated[
        str | None, typer.Option(help="A captured value; without a bound: beyond its limits.")
    ] = None,
    below: Annotated[float | None, typer.Option(help="The value is below this.")] = None,
    above: Annotated[float | None, typer.Option(help="The value is above this.")] = None,
    store: Annotated[str | None, answers.STORE] = None,
    sources: Annotated[list[Path] | None, answers.FROM] = None,
    as_json: Annotated[bool, answers.AS_JSON] = False,
    as_csv: Annotated[bool, answers.AS_CSV] = False,
) -> None:
    """List the units to take back: certain and possible, why, and what the answer rests on.

    Exit code 1: the store or a source cannot be read. 2: the question is none.
    """
    form = answers.form("recall", as_json=as_json, as_csv=as_csv)
    try:
        selection = tracing.selection(
            station=station,
            machine=machine,
            since=since,
            until=until,
            operator=operator,
            order=order,
            value=value,
            below=below,
            above=above,
        )
    except ValueError as error:
        _refuse(str(error))
    if (name is None) == (selection is None):
        _refuse("name a lot, serial or unit, or say what passed where (--station, …)")
    with answers.opened("recall", store, sources or ()) as trace:
        asked = selection if name is None else answers.named("recall", trace, name)
        report = trace.recall(asked) if asked is not None else {}
    if selection is not None:
        for unknown in report["unknown"]:
            typer.echo(f"lineside recall: {unknown}", err=True)
    if form is Form.JSON:
        answers.write_json(report)
    elif form is Form.CSV:
        answers.write_csv(_COLUMNS, _rows(report))
    else:
        _show(report)


def _refuse(text: str) -> NoReturn:
    typer.echo(f"lineside recall: {text}", err=True)
    raise typer.Exit(exits.USAGE)


def _rows(report: dict[str, Any]) -> list[list[Any]]:
    rows = []
    for certainty in _PARTS:
        for each in report[certainty]:
            cells = {**each, "certainty": certainty, "reasons": " ".join(each["reasons"])}
            rows.append([cells[column] for column in _COLUMNS])
    for each in report["unidentified"]:
        name = f"up to {_up_to(each)} unidentified"
        when = (each["from"], each["to"], each["station"])
        rows.append([name, "possible", "unbound_cycle", *when, None, None])
    return rows


def _up_to(each: dict[str, Any]) -> str:
    more = " and an unknown number of" if each["unknown_more"] else ""
    return f"{each['up_to']}{more}"


def _show(report: dict[str, Any]) -> None:
    console = answers.console()
    console.print(answers.table(_COLUMNS, _rows(report)))
    counts = (f"{len(report[part])} {part}" for part in _PARTS)
    console.print(", ".join(counts), style="bold")
    for each in report["unidentified"]:
        console.print(
            f"and up to {_up_to(each)} unidentified units from {each['station']} "
            f"between {each['from']} and {each['to']}"
        )
    for each in report["lots"]:
        why = " ".join((each["certainty"], *each["reasons"]))
        console.print(f"lot {each['lot']}: {each['pieces']:,} pieces, {why}")
    scopes = (f"{name.replace('_', ' ')} {n:,}" for name, n in report["scopes"].items())
    console.print("scope: " + ", ".join(scopes))
    for line in answers.rests_on(report["rests_on"], report["imported"]):
        console.print(line, style="dim")
    console.print(report["assumption"], style="dim")
    console.print(f"content hash {report['content_hash']}", style="dim")
