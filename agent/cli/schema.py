"""`lineside schema`: the JSON Schema of a station file, for editors that check while one types."""

from __future__ import annotations

import json
import sys

import typer

from agent.app.registries import registries
from agent.cli import exits
from agent.config.schema import station_schema


def schema() -> None:
    """Print the JSON Schema of a station file, with every driver's and sink's options.

    `check` finds more: what one part of a file asks of another is in no schema.
    """
    sys.stdout.write(json.dumps(station_schema(registries()), indent=2, ensure_ascii=False) + "\n")
    raise typer.Exit(exits.OK)
