"""`lineside audit`: does who listens to this broker get everything, and does an archive hold it?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from agent.app import auditing
from agent.cli import exits, screen

_SHOWN = 5
"""Ranges named for each station; `--json` has them all."""


def audit(
    have: Annotated[
        list[Path] | None,
        typer.Argument(help="JSON lines of what is held already: a file sink's, an archive's."),
    ] = None,
    *,
    broker: Annotated[
        str | None, typer.Option(help="mqtts://HOST, or mqtt://HOST: listened to, and asked.")
    ] = None,
    since: Annotated[
        auditing.Since,
        typer.Option(
            "--from",
            help=(
                "From where on, without files: `now`; `oldest` that stations still keep, which "
                "asks for all of it; `all`: the very first. With files: from the oldest in them."
            ),
        ),
    ] = auditing.Since.NOW,
    wait: Annotated[
        float, typer.Option(help="Seconds of listening before anything is asked.")
    ] = 10,
    save: Annotated[
        Path | None, typer.Option(help="Append what came and was not held to this file.")
    ] = None,
    root: Annotated[str, typer.Option(help="First part of every topic.")] = "lineside",
    user: Annotated[str | None, typer.Option(help="User name at the broker.")] = None,
    password: Annotated[
        str | None, typer.Option(help="Where it is found: file:/PATH, env:NAME, credential:NAME.")
    ] = None,
    ca: Annotated[str | None, typer.Option(help="PEM file of the broker's authority.")] = None,
    certificate: Annotated[str | None, typer.Option(help="PEM file of our certificate.")] = None,
    key: Annotated[str | None, typer.Option(help="PEM file of its key.")] = None,
    version: Annotated[str, typer.Option(help="MQTT's version: 5, or 3.1.1.")] = "5",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a station.")] = False,
) -> None:
    """Prove that nothing lacks, station by station, or name the ranges; ask for what lacks.

    Exit code 0: everything is proven. 1: something lacks, was altered, or nobody was heard.
    """
    if broker is None and not have:
        _complain("name a --broker, or files to look at", exits.USAGE)
    try:
        found = auditing.audited(
            auditing.Wanted(
                options=None
                if broker is None
                else auditing.options_of(
                    {
                        "url": broker,
                        "root": root,
                        "user": user,
                        "password": password,
                        "ca": ca,
                        "certificate": certificate,
                        "key": key,
                        "version": int(version) if version.isdecimal() else version,
                    }
                ),
                since=since,
                wait_s=wait,
                files=have or (),
                save=save,
            )
        )
    except auditing.AuditError as error:
        _complain(str(error), exits.REFUSED)
    except KeyboardInterrupt:
        _complain("given up; nothing is proven", exits.REFUSED)
    told = list(auditing.documents(found))
    if as_json:
        sys.stdout.write("".join(json.dumps(one) + "\n" for one in told))
    else:
        _show(told)
    if not told:
        heard = f"nobody was heard below {root}/v1: check --root, or --wait longer"
        _complain("these files hold no event" if broker is None else heard, exits.REFUSED)
    raise typer.Exit(exits.OK if auditing.is_well(found) else exits.REFUSED)


def _complain(text: str, code: int) -> None:
    sys.stderr.write(f"lineside audit: {text}\n")
    raise typer.Exit(code)


def _show(told: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("station", "from", "up to", "epochs", "events", "missing", "forks", "proven"):
        is_number = column in {"epochs", "events", "missing", "forks"}
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for one in told:
        missing = sum(gap["to"] - gap["from"] + 1 for gap in one["missing"])
        table.add_row(
            one["station"],
            one["since"] or "the first",
            one["upto"] or "-",
            str(len(one["epochs"])),
            str(sum(epoch["events"] for epoch in one["epochs"])),
            str(missing),
            str(len(one["forks"])),
            "yes" if one["is_complete"] else "no",
        )
    console = screen.plain(elsewhere=200)
    console.print(table)
    for one in told:
        for line in _reasons(one):
            console.print(f"{one['station']}: {line}", soft_wrap=True)


def _open_ends(one: dict[str, Any]) -> list[str]:
    """Return of which epochs nobody has said where they end, and who would have."""
    names = [epoch["epoch"] for epoch in one["epochs"]]
    if one["open_end"] and not names:
        return ["nobody has said where its newest epoch ends: no `position` was heard"]
    return [
        f"nobody has said where {epoch['epoch']} ends: "
        + (
            "no `position` was heard"
            if epoch["epoch"] == names[-1]
            else "the first event of the epoch after it lacks, or all of that"
        )
        for epoch in one["epochs"]
        if one["open_end"] and epoch["is_running"] and epoch["end"] is None
    ]


def _reasons(one: dict[str, Any]) -> list[str]:
    """Return what keeps a station from being proven, or should be looked at, in plain words."""
    lines = [
        f"{gap['epoch']}-{gap['from']}…{gap['to']} is {gap['why']}"
        for gap in one["missing"][:_SHOWN]
    ]
    if len(one["missing"]) > _SHOWN:
        lines.append(f"and {len(one['missing']) - _SHOWN} ranges more: see --json")
    lines += _open_ends(one)
    lines += [
        f"{fork['of'] or 'nothing'} is followed by {' and by '.join(fork['into'])}: a cloned "
        "gateway, or a restored backup"
        for fork in one["forks"]
    ]
    lines += [f"{address} came with two contents" for address in one["conflicts"][:_SHOWN]]
    lines += [f"{address} does not follow the one before it" for address in one["broken"][:_SHOWN]]
    lines += [f"not believed: {why}" for why in one["altered"][:_SHOWN]]
    lines += [f"{asked} was refused: {why}" for asked, why in list(one["refused"].items())[:_SHOWN]]
    lines += [
        f"{epoch['orphaned']} is known to nobody after it (orphaned)"
        for epoch in one["epochs"]
        if epoch["orphaned"]
    ]
    if one["missing"] and one["online"] is not True:
        is_off = one["online"] is False
        lines.append(f"{'it is offline' if is_off else 'no broker knows it'}, and was not asked")
    if not one["answers"]:
        lines.append("it was asked, and did not answer: is `control` allowed in the broker?")
    return lines
