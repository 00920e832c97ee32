"""`lineside verify`: is every recorded event there, unaltered and in its place?"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from agent.app import reading
from agent.cli import exits


def verify(
    path: Annotated[
        Path, typer.Argument(help="A station file, a folder of them, or a journal's directory.")
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a journal.")] = False,
    state: Annotated[Path | None, typer.Option(help="Where journals are kept.")] = None,
    public_key: Annotated[
        list[Path] | None,
        typer.Option(help="Check the signatures too, by this key; may be given several times."),
    ] = None,
) -> None:
    """Prove chain, sequence, links and mark of every journal; name the first bad event.

    With a public key the signed checkpoints are checked too, and one has to hold.

    Exit code 0: whole. 1: something is missing or altered, or there is no journal.
    """
    whole = True
    try:
        for journal in reading.find_journals(path, state):
            whole = _is_whole(journal, public_key or (), as_json=as_json) and whole
    except reading.ConfigError as error:
        sys.stderr.write(f"lineside verify: {error}\n")
        raise typer.Exit(exits.CONFIG) from error
    except (reading.JournalError, reading.KeyFileError) as error:
        sys.stderr.write(f"lineside verify: {error}\n")
        raise typer.Exit(exits.REFUSED) from error
    raise typer.Exit(exits.OK if whole else exits.REFUSED)


def _is_whole(journal: Path, public_keys: Sequence[Path], *, as_json: bool) -> bool:
    """Say what one journal is worth; one that cannot be read hides no other."""
    progress = _progress if sys.stderr.isatty() else None
    try:
        report = reading.verify_journal(journal, progress, public_keys)
    except reading.JournalError as error:
        sys.stderr.write(f"lineside verify: {error}\n")
        return False
    sys.stdout.write(_as_json(report) if as_json else f"{report.text()}\n")
    return report.is_whole


def _progress(rows: int) -> None:
    sys.stderr.write(f"\r{rows} events ")


def _as_json(report: reading.Report) -> str:
    found = {**asdict(report), "directory": str(report.directory), "is_whole": report.is_whole}
    return json.dumps(found, default=str) + "\n"
