"""`lineside where-used` and `lineside where-from`: up and down through any number of levels."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.app import tracing
from agent.cli import answers, screen
from agent.cli.answers import Form

NAME = typer.Argument(metavar="NAME", help="A lot, serial component or unit, as on its label.")


def where_used(
    name: Annotated[str, NAME],
    *,
    store: Annotated[str | None, answers.STORE] = None,
    sources: Annotated[list[Path] | None, answers.FROM] = None,
    as_json: Annotated[bool, answers.AS_JSON] = False,
    as_csv: Annotated[bool, answers.AS_CSV] = False,
) -> None:
    """Show every lot and unit that holds it now, the certain and the possible apart.

    Exit code 3: nobody knows the name. 1: the store or a source cannot be read.
    """
    form = answers.form("where-used", as_json=as_json, as_csv=as_csv)
    _answer("where-used", name, store, sources or (), form)


def where_from(
    name: Annotated[str, NAME],
    *,
    store: Annotated[str | None, answers.STORE] = None,
    sources: Annotated[list[Path] | None, answers.FROM] = None,
    as_json: Annotated[bool, answers.AS_JSON] = False,
    as_csv: Annotated[bool, answers.AS_CSV] = False,
) -> None:
    """Show every lot and unit that is in it now, the certain and the possible apart.

    Exit code 3: nobody knows the name. 1: the store or a source cannot be read.
    """
    form = answers.form("where-from", as_json=as_json, as_csv=as_csv)
    _answer("where-from", name, store, sources or (), form)


def _answer(
    command: str,
    name: str,
    store: str | None,
    sources: list[Path] | tuple[Path, ...],
    form: Form,
) -> None:
    with answers.opened(command, store, sources) as trace:
        named = answers.named(command, trace, name)
        ask = trace.where_used if command == "where-used" else trace.where_from
        found = ask(named.name)
        rests = [asdict(each) for each in trace.completeness()]
        imported = trace.store.imported()
    certain, possible = (tracing.things(names) for names in (found.certain, found.possible))
    rows = [*((each, "certain") for each in certain), *((each, "possible") for each in possible)]
    if form is Form.JSON:
        body: dict[str, Any] = {
            "q": command.replace("-", "_"),
            "of": named.name,
            "is_known": named.is_known,
        }
        body |= {"certain": certain, "possible": possible, "rests_on": rests, "imported": imported}
        answers.write_json(body)
    elif form is Form.CSV:
        answers.write_csv(("name", "certainty"), rows)
    else:
        console = screen.plain()
        shown = [(tracing.shown(name), certainty) for name, certainty in rows]
        console.print(answers.table(("name", "certainty"), shown))
        console.print(f"{len(certain)} certain, {len(possible)} possible", style="bold")
        for line in answers.rests_on(rests, imported):
            console.print(line, style="dim")
    answers.end(is_known=named.is_known)
