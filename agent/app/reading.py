"""Journals as commands read them: found by station file or folder, read beside a live daemon."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson

from agent.app.keyfiles import KeyFileError
from agent.app.naming import canonical_name
from agent.app.plant import station_directory
from agent.app.registries import registries
from agent.app.rim import state_directory
from agent.config.load import load_folder
from agent.config.problems import ConfigError
from agent.core.events import KINDS
from agent.core.station import Station
from agent.journal.errors import JournalError
from agent.journal.reader import JournalReader, Query
from agent.journal.verify import Report, verify
from agent.ports import Row

__all__ = [
    "CARRIED",
    "ConfigError",
    "JournalError",
    "KeyFileError",
    "Places",
    "Query",
    "Report",
    "Row",
    "Told",
    "find_journals",
    "find_places",
    "moment_ms",
    "period_ms",
    "read_events",
    "tell",
    "tell_document",
    "verify_journal",
]

CARRIED = "state_carried"
"""Bookkeeping that comes in sets at each start: people see it only where they name the kind."""

_AGO = re.compile(r"^(\d+(?:\.\d+)?)(s|min|h|d)(?: ago)?$")
_AGO_S = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_LEFT_OUT = {
    "body",
    "content",
    "cycle",
    "earliest_ms",
    "fields",
    "first_ms",
    "generation",
    "handshake",
    "knowledge_as_of",
    "last_ms",
    "latest_ms",
    "parser",
    "product",
    "raw",
    "serial",
    "symbology",
}
"""Fields that a table row spares; `--json` has them all."""
_GS1_ROOT = "https://id.gs1.org/"
_ENVELOPE = {
    "because",
    "certainty",
    "config",
    "epoch",
    "hash",
    "kind",
    "machine",
    "operators",
    "order",
    "prev",
    "schema",
    "seq",
    "station",
    "time",
    "why",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One event in the words of a table row."""

    address: str
    time: str
    """Local time of the station, with its offset."""
    kind: str
    subject: str
    rest: str


@dataclass(frozen=True, slots=True)
class Places:
    """What a path on the command line leads to."""

    journals: tuple[Path, ...]
    stations: tuple[Station, ...] = ()
    """Whose they are, where the path names station files."""

    def unit_named(self, text: str, day: date | None = None) -> str:
        """Return the canonical text of what somebody calls a unit or lot.

        Raises:
            ValueError: it is a GS1 label, but a wrong one, or one that names nothing.
        """
        return canonical_name(text, self.stations, day or datetime.now(UTC).date())


_LEFT = ("journal.db", "mark")
"""By one of these a journal's directory is known: somebody may have taken the other away."""


def find_places(path: Path, state: Path | None) -> Places:
    """Return the journals that a station file, a folder of them, or a journal names.

    Raises:
        ConfigError: the station files say nothing usable.
        JournalError: the path cannot be looked at.
    """
    try:
        for journal in (path, path / "journal"):
            if any((journal / name).exists() for name in _LEFT):
                return Places((journal,))
        folder = load_folder(path, registries(), is_run=False)
    except OSError as error:
        raise JournalError(_why(error)) from error
    if not folder.stations:
        raise ConfigError(folder.problems)
    root = state or state_directory()
    journals = (
        config.journal.path or station_directory(root, config.station.path) / "journal"
        for config in folder.stations
    )
    return Places(tuple(journals), tuple(config.station for config in folder.stations))


def find_journals(path: Path, state: Path | None) -> list[Path]:
    """Return the journals of `find_places`.

    Raises:
        ConfigError: the station files say nothing usable.
        JournalError: the path cannot be looked at.
    """
    return list(find_places(path, state).journals)


def _why(error: OSError) -> str:
    who = "; run it as the agent's user" if isinstance(error, PermissionError) else ""
    return f"{error.filename}: {error.strerror}{who}"


def moment_ms(text: str, now: datetime | None = None) -> int:
    """Return a moment in UTC ms: RFC 3339 (`2026-11-25T06:00:00Z`), or how long ago (`2h ago`).

    Raises:
        ValueError: it is neither.
    """
    ago = _AGO.match(text.strip())
    if ago:
        now = now or datetime.now(UTC)
        try:
            then = now - timedelta(seconds=float(ago[1]) * _AGO_S[ago[2]])
        except OverflowError:
            raise ValueError(f"'{text}' is no moment: that is before all time") from None
        return int(then.timestamp() * 1000)
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"'{text}' is no moment; write 2026-11-25T06:00:00+01:00, or how long ago: 2h"
        ) from None
    if then.tzinfo is None:  # the gateway's clock on the wall need not be that of the station
        raise ValueError(
            f"'{text}' is no moment without its offset; write {then.isoformat()}+01:00"
        )
    return int(then.timestamp() * 1000)


def period_ms(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """Return a time as somebody says it, each end of it in UTC ms; None: open.

    Raises:
        ValueError: a moment is none, or the end is before the beginning.
    """
    since_ms = None if since is None else moment_ms(since)
    until_ms = None if until is None else moment_ms(until)
    if since_ms is not None and until_ms is not None and until_ms < since_ms:
        raise ValueError(f"--until {until} is before --since {since}")
    return since_ms, until_ms


def epoch_named(text: str) -> str:
    """Return an epoch's name.

    Raises:
        ValueError: it is none; an address is not one either.
    """
    if not re.fullmatch(r"[0-9]{1,12}-[0-9a-f]+", text):
        raise ValueError(f"'{text}' is no epoch; write it as addresses begin, 000042-9f3a1c7e")
    return text


def read_events(directory: Path, query: Query) -> Iterator[Row]:
    """Yield a journal's events, each proven.

    Raises:
        JournalError: there is no journal, or it cannot be read.
        ValueError: a kind is unknown.
    """
    for kind in query.kinds:
        if kind not in KINDS:
            raise ValueError(f"no kind '{kind}'; known: {', '.join(sorted(KINDS))}")
    try:
        with JournalReader(directory) as reader:
            yield from reader.query(query)
    except OSError as error:
        raise JournalError(_why(error)) from error


def verify_journal(
    directory: Path,
    progress: Callable[[int], None] | None = None,
    public_keys: Sequence[Path] = (),
) -> Report:
    """Prove a whole journal, and with public keys the signatures in it.

    Raises:
        JournalError: there is no journal, or it cannot be opened.
        KeyFileError: a public key is none.
    """
    check = None
    if public_keys:
        from agent.app import checkpoints  # noqa: PLC0415 - only who checks signatures pays for it

        check = checkpoints.checker(public_keys)
    try:
        return verify(directory, progress, check)
    except OSError as error:
        raise JournalError(_why(error)) from error


def tell(row: Row) -> Told:
    """Return an event as a person reads it."""
    event: dict[str, Any] = orjson.loads(row.body)
    subject = _subject(row, event)
    return Told(
        address=str(row.address),
        time=_local(event["time"]),
        kind=row.kind,
        subject=subject.removeprefix(_GS1_ROOT),
        rest=tell_document(event, subject),
    )


def _subject(row: Row, event: dict[str, Any]) -> str:
    names = (event.get(key) for key in ("code", "device", "part", "sink"))
    subject = row.unit or next((str(name) for name in names if name), "")
    return str(event.get("order", "")) if row.kind.startswith("order_") else subject


def tell_document(event: dict[str, Any], subject: str | None = None) -> str:
    """Return what an event says in the words of a table's cell; what it is about is left out."""
    body = {
        key: value
        for key, value in event.items()
        if key not in _ENVELOPE | _LEFT_OUT and value != subject
    }
    words = [f"{key}={_short(value)}" for key, value in body.items()]
    if event["certainty"] != "certain":
        words.insert(0, f"{event['certainty']} ({', '.join(event.get('why', []))})")
    if event.get("operators"):
        words.append("operator=" + ",".join(o["ref"][:17] for o in event["operators"]))
    return " ".join(words)


def _local(time: dict[str, Any]) -> str:
    zone = timezone(timedelta(minutes=time["offset_min"]))
    received = datetime.fromisoformat(time["received"]).astimezone(zone)
    return received.isoformat(sep=" ", timespec="milliseconds")


def _short(value: object) -> str:
    """Return a value in few signs."""
    if isinstance(value, list):
        return ",".join(_short(item) for item in value)
    if isinstance(value, dict):
        if "ref" in value:
            return str(value["ref"])[:17]
        name = value.get("position") or value.get("name")
        held = value.get("candidates", value.get("value"))
        return f"{name}:{'?' if held is None else _short(held)}" if name else "…"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).removeprefix(_GS1_ROOT)
