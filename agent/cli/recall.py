"""`lineside recall`: which units to take back, why, and what that rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from agent.app import tracing
from agent.cli import answers, exits, screen
from agent.cli.answers import Form

_COLUMNS = (
    "unit",
    "certainty",
    "reasons",
    "first_seen",
    "last_seen",
    "last_station",
    "in",
    "shipped",
    "shipped_at",
    "shipped_to",
    "document",
    "shipped_in",
    "shipped_why",
    "left",
    "pieces",
)
_SHOWN = (
    "unit",
    "certainty",
    "reasons",
    "first_seen",
    "last_seen",
    "last_station",
    "in",
    "shipped",
    "shipped_to",
)
_IN = _SHOWN.index("in")
_TIMES = (_SHOWN.index("first_seen"), _SHOWN.index("last_seen"))
_MOST_TOLD = 5
_WHYS = {
    "no_records": "nobody records shipping there",
    "before_records": "seen last before shipping was recorded",
    "after_records": "seen last after the newest record of shipping",
    "gap": "events of a station that ships are missing",
    "unmatched_shipment": "something left later of which nothing else is known",
    "seen_after": "a list has it as shipped before a station saw it last",
    "may_be_in": "it may be in what left or came back",
    "part_of_lot": "a part of its lot left or came back",
    "never_seen": "no station saw it",
}
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

    Exit code 3: nobody knows the name, station, machine, …; the answer is given all the same.
    1: the store or a source cannot be read. 2: the question is none.
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
        asked = selection if name is None else answers.named("recall", trace, name).name
        report = trace.recall(asked) if asked is not None else {}
    if selection is not None:
        for unknown in report["unknown"]:
            screen.tell(f"lineside recall: {unknown}")
    if form is Form.JSON:
        answers.write_json(report)
    elif form is Form.CSV:
        written = answers.write_csv(_COLUMNS, [*_rows(report), *_rows_of_lots(report)])
        for line in (*_beside(report), *_statement(report)):
            screen.tell(line)
        screen.tell(f"SHA-256 of this CSV, as sha256sum has it: {written}")
    else:
        _show(report)
    answers.end(is_known=report["is_known"])


def _refuse(text: str) -> NoReturn:
    screen.tell(f"lineside recall: {text}")
    raise typer.Exit(exits.USAGE)


def _rows(report: dict[str, Any], columns: tuple[str, ...] = _COLUMNS) -> list[list[Any]]:
    rows = []
    for certainty in _PARTS:
        for each in report[certainty]:
            cells = {**each, "certainty": certainty, "reasons": " ".join(each["reasons"])}
            rows.append([cells.get(column) for column in columns])
    for each in report["unidentified"]:
        cells = {
            "unit": f"up to {_up_to(each)} unidentified",
            "certainty": "possible",
            "reasons": "unbound_cycle",
            "first_seen": each["from"],
            "last_seen": each["to"],
            "last_station": each["station"],
        }
        rows.append([cells.get(column) for column in columns])
    return rows


def _rows_of_lots(report: dict[str, Any]) -> list[list[Any]]:
    """Return a row for each lot whose pieces are counted and not named."""
    rows = []
    for each in report["lots"]:
        cells = {**each, "unit": each["lot"], "reasons": " ".join(each["reasons"])}
        rows.append([cells.get(column) for column in _COLUMNS])
    return rows


def _up_to(each: dict[str, Any]) -> str:
    more = " and an unknown number of" if each["unknown_more"] else ""
    return f"{each['up_to']}{more}"


def _show(report: dict[str, Any]) -> None:
    console = screen.plain()
    rows = _rows(report, _SHOWN)
    for row in rows:
        row[0] = tracing.shown(row[0])
        row[_IN] = tracing.shown(row[_IN] or "")
        for place in _TIMES:
            row[place] = _to_the_second(row[place])
    answers.show(console, _SHOWN, rows)
    counts = (f"{len(report[part])} {part}" for part in _PARTS)
    console.print(", ".join(counts), style="bold")
    for unknown in report["unknown"]:
        console.print(unknown, style="bold")
    for line in _beside(report):
        console.print(line)
    for line in _statement(report):
        console.print(line, style="dim")


def _to_the_second(moment: str | None) -> str | None:
    return None if moment is None else f"{moment.partition('.')[0]}Z"


def _beside(report: dict[str, Any]) -> Iterator[str]:
    """Yield what belongs to the list and is no unit of it, a line each."""
    for each in report["unidentified"]:
        yield (
            f"and up to {_up_to(each)} unidentified units from {each['station']} "
            f"between {each['from']} and {each['to']}"
        )
    for each in report["lots"]:
        why = " ".join((each["certainty"], *each["reasons"]))
        lot, out = tracing.shown(each["lot"]), each["shipped"]
        if each["shipped_quantity"] is not None and out == "in_part":
            out = f"{each['shipped_quantity']} of it shipped"
        yield f"lot {lot}: {each['pieces']:,} pieces, {why}, {out}"
    yield from _shipping(report)
    yield from answers.corrected(report["corrections"])
    scopes = (f"{name.replace('_', ' ')} {n:,}" for name, n in report["scopes"].items())
    yield "scope: " + ", ".join(scopes)


def _shipping(report: dict[str, Any]) -> Iterator[str]:
    """Yield how many left the house, and why that is not known of the others."""
    units = [each for part in _PARTS for each in report[part]]
    if not units:
        return
    words = Counter(each["shipped"].replace("_", " ") for each in units)
    whys = Counter(each["shipped_why"] for each in units if each["shipped_why"])
    told = ", ".join(f"{n:,} {word}" for word, n in sorted(words.items()))
    because = "; ".join(f"{n:,}: {_WHYS[why]}" for why, n in sorted(whys.items()))
    yield f"shipping: {told}" + (f" ({because})" if because else "")


def _statement(report: dict[str, Any]) -> Iterator[str]:
    """Yield what the list rests on, and its hash."""
    yield from answers.rests_on(report["rests_on"], report["imported"])
    if report["shipping"]["unmatched"]:
        lone = report["shipping"]["unmatched"]
        first = ", ".join(map(tracing.shown, lone[:_MOST_TOLD]))
        more = ", …" if len(lone) > _MOST_TOLD else ""
        yield f"{len(lone):,} left or came back of which nothing else is known: {first}{more}"
    for each in report["shipping"]["sources"]:
        yield f"shipping by {each['source']}, {each['since']} to {each['until']}"
    yield report["assumption"]
    yield f"content hash of the same as --json: {report['content_hash']}"
