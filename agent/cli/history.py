"""`lineside trace UNIT`: its history under all its names, and what is in it, as a tree."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from rich.text import Text
from rich.tree import Tree

from agent.app import reading, tracing
from agent.cli import answers, exits, screen
from agent.cli.answers import Form


def unit(
    name: Annotated[str, typer.Argument(metavar="UNIT", help="A unit, lot or serial component.")],
    *,
    svg: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the tree into an SVG file.")
    ] = None,
    store: Annotated[str | None, answers.STORE] = None,
    sources: Annotated[list[Path] | None, answers.FROM] = None,
    as_json: Annotated[bool, answers.AS_JSON] = False,
    as_csv: Annotated[bool, answers.AS_CSV] = False,
) -> None:
    """Show the history of a unit, and what is in it.

    Exit code 3: nobody knows the name. 1: the store or a source cannot be read.
    """
    form = answers.form("trace", as_json=as_json, as_csv=as_csv)
    with answers.opened("trace", store, sources or ()) as trace:
        named = answers.named("trace", trace, name)
        newest = trace.newest_name(named.name)
        names = trace.names(newest)
        entries = trace.history(newest)
        corrections = trace.corrections(newest)
        root = trace.tree(newest)
        rests = [asdict(each) for each in trace.completeness()]
        imported = trace.store.imported()
    if svg is not None:
        try:
            _draw(root, newest, svg)
        except OSError as error:
            screen.tell(f"lineside trace: {svg}: {error.strerror}")
            raise typer.Exit(exits.REFUSED) from error
    rows = [_row(entry, names) for entry in entries]
    if form is Form.JSON:
        body = {"of": named.name, "is_known": named.is_known, "names": names}
        body |= {"history": entries, "corrections": corrections, "holds": asdict(root)}
        answers.write_json({**body, "rests_on": rests, "imported": imported})
    elif form is Form.CSV:
        answers.write_csv(_COLUMNS, rows)
    else:
        _show(names, rows, corrections, root)
        for line in answers.rests_on(rests, imported):
            screen.plain().print(line, style="dim")
    answers.end(is_known=named.is_known)


def _show(
    names: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    corrections: Sequence[Mapping[str, Any]],
    root: tracing.Node,
) -> None:
    console = screen.plain()
    if len(names) > 1:
        others = ", ".join(map(tracing.shown, names[1:]))
        console.print(f"{tracing.shown(names[0])}, also called {others}", style="bold")
    answers.show(console, _COLUMNS, rows)
    for line in answers.corrected(corrections):
        console.print(line, style="yellow")
    console.print(_tree(root))


_COLUMNS = ("time", "station", "address", "kind", "what", "corrected by")


def _row(entry: dict[str, Any], names: Collection[str]) -> tuple[Any, ...]:
    event = entry["event"]
    about = (each for each in (event.get("unit"), event.get("lot")) if each in names)
    told = reading.tell_document(event, next(about, None))
    if event.get("order"):
        told += f" order={event['order']}"
    corrected = ", ".join(entry["corrected_by"])
    corrected = corrected if entry["counts"] else f"retracted by {corrected}"
    return entry["time"], entry["station"], entry["address"], entry["kind"], told, corrected


def _tree(root: tracing.Node) -> Tree:
    drawn = Tree(Text(screen.pictured(tracing.shown(root.name))))
    stack = [(root, drawn)]
    while stack:
        node, place = stack.pop()
        stack += [(child, place.add(_label(child))) for child in node.children]
    return drawn


def _label(node: tracing.Node) -> Text:
    label = Text(screen.pictured(tracing.shown(node.name)))
    if not node.is_certain:
        label.append(" possible", style="yellow")
    if node.why:
        label.append(f" {node.why}", style="dim")
    if node.until is not None:
        label.append(f" until {node.until}", style="dim")
    if node.is_cut:
        label.append(" …", style="dim")
    return label


def _draw(root: tracing.Node, title: str, path: Path) -> None:
    """Draw a tree as wide as it is, dark on white for a printer; the file needs no network."""
    tree = _tree(root)
    width = max(_NARROWEST, screen.drawing(_WIDEST).measure(tree).maximum)
    drawing = screen.drawing(width)
    drawing.print(tree)
    svg = drawing.export_svg(title=tracing.shown(title), theme=DEFAULT_TERMINAL_THEME)
    path.write_text(_FONT_OF_THE_NET.sub("", svg), encoding="utf-8")


_NARROWEST, _WIDEST = 60, 10_000
_FONT_OF_THE_NET = re.compile(r"\s*@font-face \{[^}]*\}")
