"""The command line: a table of commands, each imported only when it is called.

`--version` and `--help` answer before anything heavy is imported. A new command is its module and
one line in `COMMANDS`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agent.cli import exits


class Command(NamedTuple):
    """One command: where it is, and what it does in one line."""

    target: str
    """`module:function`; typer reads the function's arguments."""
    summary: str
    is_plain: bool = False
    """Whether the function reads its arguments itself, for a process that is to stay small."""


COMMANDS: Mapping[str, Command] = {
    "run": Command(
        "agent.cli.run:run", "run the stations of a file or folder (the daemon)", is_plain=True
    ),
    "demo": Command("agent.cli.demo:demo", "a simulated line on real protocols, reconciled"),
    "example": Command(
        "agent.cli.example:run", "the worked example, measured: 5,000 recalled, or 140"
    ),
    "check": Command("agent.cli.check:check", "validate station files; reaches no device"),
    "plan": Command("agent.cli.plan:plan", "lot or serial for each product, why, and at what cost"),
    "schema": Command("agent.cli.schema:schema", "print the JSON Schema of a station file"),
    "try": Command("agent.cli.try_:try_", "all but PLC writes and publishing; nothing is kept"),
    "probe": Command("agent.cli.probe:probe", "show every tag of every device as it is now"),
    "decode": Command("agent.cli.decode:decode", "what is this code, part by part"),
    "do": Command(
        "agent.cli.do:do", "tell a running station: block a lot, correct, …", is_plain=True
    ),
    "events": Command("agent.cli.events:events", "what happened, read beside the daemon"),
    "trace": Command(
        "agent.cli.trace:trace", "the history of a unit; what the store is fed from", is_plain=True
    ),
    "where-used": Command("agent.cli.where:where_used", "what a lot, component or unit went into"),
    "where-from": Command("agent.cli.where:where_from", "what a unit or lot is made of"),
    "recall": Command("agent.cli.recall:recall", "which units to take back, and why"),
    "oee": Command("agent.cli.oee:oee", "availability, performance, quality, and the losses"),
    "doctor": Command(
        "agent.cli.doctor:doctor", "what is recorded in vain, fails or lags, and why"
    ),
    "export": Command("agent.cli.export:export", "events for others: EPCIS, CSV, Parquet"),
    "verify": Command("agent.cli.verify:verify", "prove that the journal is whole"),
    "audit": Command(
        "agent.cli.audit:audit", "prove that whoever listens to a broker gets everything"
    ),
    "collect": Command(
        "agent.cli.collect:collect", "keep a plant's events in a trace store, and prove it"
    ),
    "quarantine": Command(
        "agent.cli.quarantine:quarantine",
        "events that a sink cannot take: list, show, release",
        is_plain=True,
    ),
    "checkpoint": Command(
        "agent.cli.checkpoint:checkpoint", "keys for signatures; prove what arrived", is_plain=True
    ),
    "certificate": Command(
        "agent.cli.certificate:certificate", "our own certificate for OPC UA", is_plain=True
    ),
}
"""Every command, in the order of `--help`."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name, and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    first = given[0] if given else "--help"
    if first in {"--version", "-V"}:
        sys.stdout.write(f"lineside {_version()}\n")
        sys.exit(exits.OK)
    if first in {"--help", "-h", "help"}:
        sys.stdout.write(_help())
        sys.exit(exits.OK if given else exits.USAGE)
    if first not in COMMANDS:
        sys.stderr.write(_unknown(first))
        sys.exit(exits.USAGE)
    _run(first, given[1:])


def _run(name: str, arguments: Sequence[str]) -> None:
    """Import one command and hand it its arguments; it exits."""
    from importlib import import_module  # noqa: PLC0415 - not for `--version`

    module, function = COMMANDS[name].target.split(":")
    command = getattr(import_module(module), function)
    if COMMANDS[name].is_plain:
        sys.exit(command(arguments))

    import typer  # noqa: PLC0415 - a third of a second that `--version` does without

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name)(command)
    app(args=list(arguments), prog_name=f"lineside {name}")


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - asked for by one option only

    return version("lineside")


def _help() -> str:
    width = max(len(name) for name in COMMANDS)
    lines = [f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        (
            "Usage: lineside COMMAND [ARGUMENTS]",
            "",
            "Sees what passes a machine, binds each unit or lot, and loses nothing.",
            "",
            "Commands:",
            *lines,
            "",
            "Options:",
            "  --version  print the version",
            "  --help     this text; after a command: what it takes",
            "",
        )
    )


def _unknown(word: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - on a slip only

    near = get_close_matches(word, COMMANDS, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(COMMANDS)}"
    return f"lineside: no command '{word}'; {hint}\n"
