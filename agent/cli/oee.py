"""`lineside oee`: availability, performance, quality and their losses, by ISO 22400."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from agent.app import figures
from agent.cli import answers, exits, screen
from agent.cli.answers import Form

_RATIOS = ("availability", "performance", "quality", "oee")
_TIMES = ("planned_busy", "actual_production", "unknown", "planned_down")
_NUMBERS = ("produced", "good", "unjudged", "unreconciled")


def oee(
    path: Annotated[
        Path, typer.Argument(help="A station file or a folder of them: shifts, ideal cycle times.")
    ],
    *,
    since: Annotated[
        str, typer.Option(help="Shifts from then on: 2026-11-25T06:00:00+01:00, or how long ago.")
    ] = "24h",
    until: Annotated[str | None, typer.Option(help="Shifts until then; written alike.")] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Of {', '.join(figures.DIMENSIONS)}; repeatable. Default: a row a shift."
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(help="Read from this trace store (a file, or a URL), not from the journals."),
    ] = None,
    state: Annotated[Path | None, typer.Option(help="Where journals are kept.")] = None,
    as_json: Annotated[bool, answers.AS_JSON] = False,
    as_csv: Annotated[bool, answers.AS_CSV] = False,
) -> None:
    """Show availability, performance, quality and OEE of whole shifts, and where the time went.

    What is not known is shown as such, never as 0 or 100 %. Reads only; the daemon may be running.

    Exit code 1: something cannot be read; it is named. 2: the question is none. 78: the station
    file is refused.
    """
    form = answers.form("oee", as_json=as_json, as_csv=as_csv)
    try:
        asked = figures.asked(since, until, by or (), round(time.time() * 1000))
    except ValueError as error:
        _complain(str(error), exits.USAGE)
    try:
        found = figures.figures_of(path, asked, state=state, store=store)
    except figures.ConfigError as error:
        _complain(str(error), exits.CONFIG)
    except (figures.SourceError, figures.TraceStoreError) as error:
        _complain(str(error), exits.REFUSED)
    if form is Form.JSON:
        answers.write_json(found)
    elif form is Form.CSV:
        answers.write_csv(*_plain(found))
    else:
        _show(found)
    for unread in found["unread"]:
        screen.tell(f"lineside oee: not in it: {unread}")
    raise typer.Exit(exits.REFUSED if found["unread"] else exits.OK)


def _complain(text: str, code: int) -> NoReturn:
    sys.stderr.write(f"lineside oee: {screen.pictured(text)}\n")
    raise typer.Exit(code)


def _plain(found: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
    """Return the rows as flat columns; each loss category is one, by sum of its reasons."""
    rows = found["rows"]
    categories = sorted({loss["category"] for row in rows for loss in row["losses"]})
    columns = [*found["by"], "in_shift", "begin", "end", "is_over"]
    for ratio in _RATIOS:
        columns += [ratio, f"{ratio}_low", f"{ratio}_high", f"{ratio}_why"]
    columns += ["coverage", *(f"{name}_s" for name in _TIMES)]
    columns += [*(f"{category}_s" for category in categories), *_NUMBERS, "checks"]
    return columns, [_cells(row, found["by"], categories) for row in rows]


def _cells(row: dict[str, Any], by: list[str], categories: list[str]) -> list[Any]:
    cells = [row[name] for name in (*by, "in_shift", "begin", "end", "is_over")]
    for name in _RATIOS:
        cells += [row[name].get(key) for key in ("value", "low", "high", "why")]
    cells += [row["coverage"], *(row["times_s"][name] for name in _TIMES)]
    lost = dict.fromkeys(categories, 0.0)
    for loss in row["losses"]:
        lost[loss["category"]] += loss["s"]
    return [*cells, *lost.values(), *(row[name] for name in _NUMBERS), " ".join(row["checks"])]


def _show(found: dict[str, Any]) -> None:
    console = screen.plain()
    by = [name for name in found["by"] if name != "station" or len(found["stations"]) > 1]
    columns = [*by, "A", "E", "Q", "OEE", "made", "good", "busy", "ran", "lost most by"]
    console.print(answers.table(columns, [_told(row, by) for row in found["rows"]]))
    for row in found["rows"]:
        for line in _notes(row, by):
            console.print(line, style="yellow")
    for each in found["stations"]:
        seen = each["as_of"] or "no event"
        console.print(f"{each['station']}: as of {seen}, {each['timezone']}", style="dim")
    if not found["rows"]:
        console.print("no shift in this time: see --since and --until", style="yellow")


def _told(row: dict[str, Any], by: list[str]) -> list[Any]:
    named = [row[name] for name in by]
    if by and not row["in_shift"]:
        named[-1] = "outside shifts" if named[-1] is None else f"{named[-1]} (outside shifts)"
    elif by and named[-1] is not None and not row["is_over"]:
        named[-1] = f"{named[-1]} (running)"
    times = row["times_s"]
    losses = [*row["losses"]]
    if times["unknown"]:
        losses.append({"category": "unknown", "reason": None, "s": times["unknown"]})
    most = sorted(losses, key=lambda loss: -loss["s"])[:3]
    lost = ", ".join(f"{_loss(loss)} {_span(loss['s'])}" for loss in most)
    ratios = [_ratio(row[name]) for name in _RATIOS]
    spans = [_span(times["planned_busy"]), _span(times["actual_production"])]
    is_judged = row["quality"].get("why") != "no_verdict"
    return [*named, *ratios, row["produced"], row["good"] if is_judged else "-", *spans, lost]


def _loss(loss: dict[str, Any]) -> str:
    return f"{loss['category']} {loss['reason']}" if loss["reason"] else str(loss["category"])


def _ratio(ratio: dict[str, Any]) -> str:
    """Return a ratio in percent; with bounds only, both; with neither, a dash."""
    if ratio["value"] is not None:
        return f"{ratio['value']:.1%}"
    low, high = ratio.get("low"), ratio.get("high")
    if low is not None and high is not None:
        return f"{low:.1%}..{high:.1%}"
    return "-" if low is None else f"over {low:.1%}"


def _span(length_s: float) -> str:
    minutes, seconds = divmod(round(length_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


def _notes(row: dict[str, Any], by: list[str]) -> list[str]:
    """Return what a row's numbers need to be understood."""
    told = [str(row[each]) for each in by if row[each] is not None]
    where = [] if row["in_shift"] else ["outside shifts"]
    name = " ".join([*told, *where]) or " or ".join(f"no {each}" for each in by) or "together"
    why: dict[str, list[str]] = {}
    for ratio in _RATIOS:
        reason = row[ratio].get("why")
        if reason is not None:
            why.setdefault(reason, []).append(ratio)
    lines = [f"{name}: {' and '.join(each)}: {reason}" for reason, each in why.items()]
    counts = row["counts"]
    if "unreconciled" in row["checks"]:
        parts = ", ".join(
            f"{counts[key]} {key}" for key in ("units", "pieces", "missed", "bypassed")
        )
        lines.append(
            f"{name}: {row['unreconciled']:+d} unreconciled: {counts['counted']} counted, {parts}"
        )
    lines += [f"{name}: {check}" for check in row["checks"] if check != "unreconciled"]
    if counts["outside"]:
        lines.append(f"{name}: {counts['outside']} made in planned down time, in no number here")
    return lines
