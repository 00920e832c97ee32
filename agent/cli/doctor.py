"""`lineside doctor`: what recorded data says of how it is recorded."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from agent.app import tracing
from agent.app.tracing import Examined
from agent.cli import answers, exits, screen

_TITLES = {
    "unlinked_serials": "serials that join nothing",
    "two_spellings": "one unit, two spellings",
    "scans_fail": "scans that fail",
    "scans_lag": "scans that lag",
    "scans_keyed": "codes keyed by hand",
    "lots_too_wide": "lots swept too wide",
    "links_unsure": "links that are only possible",
    "load_not_changed": "a load that was never changed",
    "previous_unknown": "stations before that were not known",
}


def doctor(
    *,
    since: Annotated[
        str | None, typer.Option(help="From then on: 2026-11-25T06:00:00+01:00, or 30d ago.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Until then; written alike.")] = None,
    store: Annotated[str | None, answers.STORE] = None,
    sources: Annotated[list[Path] | None, answers.FROM] = None,
    as_json: Annotated[bool, answers.AS_JSON] = False,
) -> None:
    """Find in the trace store what costs and does not pay: each with evidence, cost and cure.

    Serials that never join anything, scans that fail or lag, lots swept too wide, stations before
    that were not known. Exit code 0: nothing was found. 1: something was, or the store cannot be
    read. 2: the question is none. 3: nothing is recorded that could be looked at.
    """
    try:
        period = tracing.period(since, until)
    except ValueError as error:
        screen.tell(f"lineside doctor: {error}")
        raise typer.Exit(exits.USAGE) from error
    with answers.opened("doctor", store, sources or ()) as trace:
        examined = tracing.examine(trace, period)
        rests = [asdict(each) for each in trace.completeness()]
        imported = trace.store.imported()
    if as_json:
        found = [asdict(each) for each in examined.findings]
        body = {"is_recorded": examined.is_recorded, "findings": found}
        answers.write_json({**body, "rests_on": rests, "imported": imported})
    else:
        _show(examined, within=since is not None or until is not None)
        for line in answers.rests_on(rests, imported):
            screen.plain().print(line, style="dim")
    if examined.findings:
        raise typer.Exit(exits.REFUSED)
    answers.end(is_known=examined.is_recorded)


def _show(examined: Examined, *, within: bool) -> None:
    console = screen.plain()
    findings = examined.findings
    if not examined.is_recorded:
        where = "in that time" if within else "by a station: there is nothing to look at"
        console.print(f"Nothing is recorded {where}.", style="yellow")
        return
    if not findings:
        console.print("Nothing found.", style="green")
        return
    rows = [(each.place.station, _TITLES[each.mistake], each.shown_by) for each in findings]
    console.print(answers.table(("station", "finding", "shown by"), rows))
    for each in findings:
        place = each.place
        console.print(f"\n{place.station}: {_TITLES[each.mistake]}", style="bold")
        console.print(f"  {each.shown_by}, {place.since} to {place.until}")
        for example in each.examples:
            console.print(f"    {tracing.shown(example)}", style="dim")
        console.print(f"  costs: {each.costs}")
        console.print(f"  do: {each.do}")
    console.print()
