"""`lineside trace`: what is fed into the trace store, the history of a unit, many questions."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from agent.app import tracing
from agent.cli import exits, screen
from agent.cli.answers import STORE, tell_outdated
from agent.cli.history import unit

_MOST_TOLD = 5
_ABOUT = """`lineside trace UNIT` shows a unit's history, and what is in it.

What feeds the store, and questions by the list, are below. Other questions are commands of
their own: where-used, where-from, recall, doctor.
"""
_app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, help=_ABOUT
)


def trace(arguments: Sequence[str]) -> int:
    """Run `lineside trace …`; a word that is no command is a unit, or an option of its question."""
    given = list(arguments)
    if given and given[0] not in _COMMANDS | {"--help"}:
        given.insert(0, "unit")
    _app(args=given, prog_name="lineside trace")
    return exits.OK  # not reached: typer exits


@_app.command("import")
def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(help="trace-v1 (.json, or a folder), or .csv of units or shipments."),
    ],
    *,
    store: Annotated[str | None, STORE] = None,
) -> None:
    """Take history of other systems into the trace store; the same file again replaces itself."""
    try:
        with tracing.open_store(store) as opened:
            for path in paths:
                taken = tracing.import_source(opened, path)
                sys.stdout.write(f"{path}: {screen.pictured(_told(taken))}\n")
                _remark(taken.told)
            tell_outdated("trace import", opened)
            size = opened.size()
            sys.stdout.write(
                f"store: {size.sources:,} sources, {size.units:,} units, {size.uses:,} links\n"
            )
    except (tracing.InterchangeError, tracing.TraceStoreError) as error:
        screen.tell(f"lineside trace import: {error}")
        raise typer.Exit(exits.REFUSED) from error


def _told(taken: tracing.Imported) -> str:
    """Return what came of a file, in a line."""
    if not taken.shipments:
        return f"{taken.links:,} links taken in"
    told = f"{taken.shipments:,} shipments taken in"
    if taken.unknown:
        first = ", ".join(taken.unknown[:_MOST_TOLD]) + (
            ", …" if len(taken.unknown) > _MOST_TOLD else ""
        )
        told += f"; {len(taken.unknown):,} of things that this store does not know: {first}"
    return told


def _remark(told: Sequence[str]) -> None:
    """Say on standard error what was taken as it stands, and is hardly meant so."""
    for each in told[:_MOST_TOLD]:
        screen.tell(f"{each}; taken as it stands: is it a slip?")
    if len(told) > _MOST_TOLD:
        sys.stderr.write(f"and {len(told) - _MOST_TOLD:,} more like that\n")


@_app.command()
def answer(
    queries: Annotated[Path, typer.Argument(help='JSON: [{"q": "recall", "of": "LOT-1"}, …].')],
    *,
    store: Annotated[str | None, STORE] = None,
) -> None:
    """Answer many questions at once, as one JSON list in their order."""
    try:
        asked = tracing.read_queries(queries)
        with tracing.open_store(store) as opened:
            tell_outdated("trace answer", opened)
            answers = list(tracing.answer_all(opened, asked))
    except (tracing.QueryError, tracing.TraceStoreError) as error:
        screen.tell(f"lineside trace answer: {error}")
        raise typer.Exit(exits.REFUSED) from error
    sys.stdout.write(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")


@_app.command()
def update(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="A station file, a folder of them, a journal, or JSON lines of the file sink."
        ),
    ],
    *,
    store: Annotated[str | None, STORE] = None,
    state: Annotated[Path | None, typer.Option(help="Where journals are kept.")] = None,
) -> None:
    """Take what stations recorded into the trace store; from then on each question reads on."""
    try:
        with tracing.open_store(store) as opened:
            for path in paths:
                for fed in tracing.feed(opened, path, state):
                    n = fed.taken
                    sys.stdout.write(f"{fed.source}: {n.new:,} new events, {n.known:,} known\n")
            tell_outdated("trace update", opened)
    except (tracing.FeedError, tracing.TraceStoreError) as error:
        sys.stderr.write(f"lineside trace update: {error}\n")
        raise typer.Exit(exits.REFUSED) from error


@_app.command()
def rebuild(*, store: Annotated[str | None, STORE] = None) -> None:
    """Derive everything anew from the events that the store holds."""
    try:
        with tracing.open_store(store) as opened:
            sys.stdout.write(f"derived anew from {opened.rebuild():,} events\n")
    except tracing.TraceStoreError as error:
        sys.stderr.write(f"lineside trace rebuild: {error}\n")
        raise typer.Exit(exits.REFUSED) from error


@_app.command()
def aside(
    *,
    again: Annotated[bool, typer.Option("--again", help="Take what can be taken by now.")] = False,
    store: Annotated[str | None, STORE] = None,
) -> None:
    """List the messages that a collector could not take, and why."""
    try:
        with tracing.open_store(store) as opened:
            gone, rest = tracing.aside(opened, again=again)
    except tracing.TraceStoreError as error:
        sys.stderr.write(f"lineside trace aside: {error}\n")
        raise typer.Exit(exits.REFUSED) from error
    if again:
        sys.stdout.write(f"{gone:,} taken\n")
    for at, topic, why in rest:
        sys.stdout.write(f"{at}  {topic}  {why}\n")
    raise typer.Exit(exits.REFUSED if rest else exits.OK)


_app.command()(unit)
_COMMANDS = frozenset({"import", "answer", "update", "rebuild", "aside", "unit"})
