"""A code that a person keys in becomes what a reader would have sent, concealed alike (D-64)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from agent.app.naming import as_read
from agent.core.command import Names
from agent.core.commands import TABLE
from agent.core.station import Station
from drivers.base import CodeScanned, CommandGiven, Entry

Conceal = Callable[[CodeScanned], CodeScanned]


def with_scan(given: CommandGiven, station: Station, conceal: Conceal, day: date) -> CommandGiven:
    """Return a command with the code that it keys in as a scan; any other command as it is.

    A badge's number stands in it no more than in the scan of the badge. Without a scan the code
    has a character that no reader sends.
    """
    known = TABLE[given.command].arguments if given.command in TABLE else ()
    keyed = {one.name: one.is_optional for one in known if one.names is Names.KEYED}
    arguments, scan = [], None
    for name, value in given.arguments:
        if name not in keyed:
            arguments.append((name, value))
            continue
        seen = conceal(_seen(given, as_read(value, station, day)))
        arguments.append((name, _shown(seen, value)))
        if not keyed[name]:  # the other one is only compared with it
            scan = seen if _is_sent(value) else None
    return replace(given, arguments=tuple(arguments), scan=scan)


def _seen(given: CommandGiven, raw: bytes) -> CodeScanned:
    return CodeScanned(
        id=given.id,
        device="",
        earliest_ms=given.earliest_ms,
        latest_ms=given.latest_ms,
        received=given.received,
        raw=raw,
        entry=Entry.KEYED,
        who=given.who,
        entry_reason=given.reason,
    )


def _shown(seen: CodeScanned, value: str) -> str:
    """Return how a code may stand in the command's own record."""
    if seen.operator is not None:
        return seen.operator
    return value if seen.hidden_length is None else f"{seen.hidden_length} characters"


def _is_sent(value: str) -> bool:
    """Whether each character is one byte, as readers send them."""
    return value == value.encode("latin-1", "replace").decode("latin-1")
