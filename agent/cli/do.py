"""`lineside do`: a person tells a running station what no device can see.

Its arguments are read by the standard library: each command has its own, from the core's table.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.app import giving
from agent.cli import exits


class _NotGivenError(Exception):
    """What is to be sent is not whole, so nothing is; the text says what to do."""


def do(arguments: Sequence[str]) -> int:
    """Give one command to a running station; return 0 once it is recorded, 1 if it is refused.

    What is asked for at the terminal and not given ends it before anything is sent.
    """
    given = _parser().parse_args(arguments)
    named = {
        argument.name: _values(getattr(given, argument.name.replace("-", "_")))
        for argument in giving.TABLE[given.command].arguments
    }
    try:
        place = giving.place_of(given.station, given.state)
        if given.command == "scan" and not named["again"]:
            named["again"] = _asked_again(place, given.reader)
    except giving.ConfigError as error:
        return _complain(str(error), exits.CONFIG)
    except (giving.GivingError, _NotGivenError) as error:
        return _complain(str(error), exits.REFUSED)
    return _give(place, given, {name: values for name, values in named.items() if values})


def _give(place: giving.Place, given: argparse.Namespace, named: dict[str, list[str]]) -> int:
    """Send a command that is whole, and tell what came of it."""
    try:
        told = giving.give(place, given.command, given.who, given.reason, named)
    except giving.GivingError as error:
        return _complain(str(error), exits.REFUSED)
    except KeyboardInterrupt:
        text = f"interrupted before station {place.station} answered. {giving.LOOK}"
        return _complain(text, exits.REFUSED)
    if not told.accepted:
        at = f" (recorded as {told.address})" if told.address else ""
        return _complain(f"refused: {told.error}{at}", exits.REFUSED)
    sys.stdout.write(f"recorded: {told.address}\n")
    then = giving.TABLE[given.command].then
    if then:
        words = {name: shlex.join(values) for name, values in named.items()}
        sys.stderr.write(f"lineside do: {then.format_map(words)}\n")
    return exits.OK


def _asked_again(place: giving.Place, reader: str | None) -> list[str]:
    """Return a code that has to be keyed in twice as the person at the terminal keys it again.

    The question goes where complaints go, so that it is seen where the answer is redirected.

    Raises:
        _NotGivenError: nobody can be asked, or nobody answers.
    """
    if not (reader in place.keyed_twice if reader else place.keyed_twice):
        return []
    if sys.stdin is None or not sys.stdin.isatty():
        raise _NotGivenError(
            "a code has to be keyed in twice here; where nobody can be asked, say it once more by "
            "--again CODE; nothing is sent"
        )
    try:
        sys.stderr.write("the code once more: ")
        sys.stderr.flush()
        line = sys.stdin.readline()
    except UnicodeDecodeError as error:
        raise _NotGivenError("what was keyed in is no text; nothing is sent") from error
    except (KeyboardInterrupt, OSError):  # the terminal may be gone
        line = ""
    code = line.removesuffix("\n")
    if not code:
        sys.stderr.write("" if line else "\n")
        raise _NotGivenError("the code was not keyed in once more; nothing is sent")
    return [code]


def _values(value: str | list[str] | None) -> list[str]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _complain(text: str, code: int) -> int:
    sys.stderr.write(f"lineside do: {text}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lineside do",
        description="Tell a running station what no device can see; done once it is recorded.",
    )
    parser.add_argument("station", type=Path, help="the station file")
    parser.add_argument("--state", type=Path, help="where journals are kept")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in giving.TABLE.items():
        one = commands.add_parser(name, help=command.about, description=command.about)
        for argument in command.arguments:
            _add(one, argument)
        one.add_argument("--who", required=True, help="who says so: a badge as scanned, or a name")
        one.add_argument("--reason", required=True, help="why, in a few words; no names in it")
    return parser


def _add(parser: argparse.ArgumentParser, argument: giving.Argument) -> None:
    """Add an argument of a command: by its place, or as an option where it may be left out."""
    many = {"nargs": "+"} if argument.is_many else {}
    if not argument.is_optional:
        parser.add_argument(argument.name, help=argument.about, **many)  # type: ignore[arg-type]  # a dict of options
        return
    action = {"action": "append"} if argument.is_many else {}
    parser.add_argument(f"--{argument.name}", help=argument.about, **action)  # type: ignore[arg-type]  # a dict of options
