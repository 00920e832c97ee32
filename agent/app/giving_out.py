"""What `lineside export` asks for: which events, from where, in which form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.app.event_sources import EventSource, SourceError
from agent.app.exporting import Exported, Progress, export_epcis, export_table, written_to
from agent.app.other_sources import LinesSource, find_sources, store_sources, wrong_line
from agent.app.reading import period_ms
from agent.app.together import together
from agent.app.tracing import open_store
from agent.config.problems import ConfigError, did_you_mean
from agent.formats.epcis.common import Settings
from agent.formats.epcis.ids import Ids
from agent.formats.tables import TABLES
from agent.trace.said import UNREADABLE
from agent.trace.store import TraceStoreError
from agent.trace.wanted import Wanted

__all__ = [
    "FORMS",
    "TABLES",
    "Asked",
    "ConfigError",
    "Exported",
    "SourceError",
    "TraceStoreError",
    "UnknownStationError",
    "asked",
    "give",
]

EPCIS = "epcis"
FORMS = (EPCIS, *TABLES)
_UPDATE = "see `lineside trace update`"
_BASE = re.compile(r"(https?://[^\s/]+/(?:[^\s]*/)?|urn:[a-z0-9][a-z0-9-]*:(?:[^\s]*:)?)")


class UnknownStationError(Exception):
    """A station is named of which there is nothing; the text says what is like it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which form of which events."""

    form: str
    paths: tuple[Path, ...]
    wanted: Wanted
    store: str | None
    ids: Ids
    commissions: frozenset[str] = frozenset()
    """Stations at which units get their identity."""


def asked(
    form: str,
    paths: Sequence[Path],
    *,
    since: str | None,
    until: str | None,
    station: str | None,
    store: str | None,
    base: str | None,
    commissions: Sequence[str] = (),
) -> Asked:
    """Return what somebody asks for.

    Raises:
        ValueError: there is no such form, a moment is none, nothing says where to read, or a
            table is asked for by what only EPCIS has.
    """
    if form not in FORMS:
        raise ValueError(f"nothing is exported as '{form}'; {did_you_mean(form, FORMS)}")
    if form != EPCIS and (base is not None or commissions):
        raise ValueError(f"--base and --commissions are EPCIS's; {form} have names as recorded")
    if bool(paths) == (store is not None):
        raise ValueError("name station files, journals or JSON lines, or a --store")
    if base is not None and not _BASE.fullmatch(base):
        raise ValueError(f"'{base}' is no base of ids; write https://id.acme.com/ or urn:acme:")
    since_ms, until_ms = period_ms(since, until)
    return Asked(
        form=form,
        paths=tuple(paths),
        wanted=Wanted(station=station, since_ms=since_ms, until_ms=until_ms),
        store=store,
        ids=Ids() if base is None else Ids(base),
        commissions=frozenset(commissions),
    )


def give(
    what: Asked,
    out: Path | None,
    *,
    state: Path | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Write it; return what came of it.

    Raises:
        ConfigError: a station file says nothing usable.
        SourceError: something cannot be read or written.
        TraceStoreError: the store cannot be opened.
        UnknownStationError: a station is named of which nothing is there.
    """
    with ExitStack() as undo:
        found: list[EventSource]
        if what.store is not None:
            found = store_sources(undo.enter_context(open_store(what.store)))
            if not found:
                raise SourceError(f"{what.store}: no events in this store; {_UPDATE}")
        else:
            found = find_sources(what.paths, state)
        with _lines_told(found):
            _know_stations(found, what)
            sources = _of_station(together(found), what.wanted.station)
            if what.form != EPCIS:
                return export_table(what.form, sources, what.wanted, out, progress=progress)
            settings = Settings(ids=what.ids, commissions=what.commissions)
            created = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            with written_to(out) as file:
                return export_epcis(
                    sources, what.wanted, settings, file, created=created, progress=progress
                )


def _know_stations(sources: Sequence[EventSource], what: Asked) -> None:
    """See that there are events of every station that is named.

    Raises:
        UnknownStationError: there are none: what it is named for would silently not be done, or
            an empty table be read as nothing that happened.
    """
    asked = what.commissions | ({what.wanted.station} if what.wanted.station is not None else set())
    if not asked:
        return
    known = sorted({station for source in sources for station in source.stations()})
    for station in sorted(asked.difference(known)):
        hint = did_you_mean(station, known) if known else ""
        where = "this store" if what.store is not None else "what is named"
        raise UnknownStationError(
            f"no station '{station}' in {where}" + (f"; {hint}" if hint else "")
        )


def _of_station(sources: Sequence[EventSource], station: str | None) -> list[EventSource]:
    return [each for each in sources if station is None or station in each.stations()]


@contextmanager
def _lines_told(sources: Iterable[EventSource]) -> Iterator[None]:
    """Name the line of a file that is not as an agent writes it, where something is wrong with one.

    Whatever else is wrong is a mistake of ours, and goes on as it is.
    """
    try:
        yield
    except UNREADABLE as error:
        files = (each.path for each in sources if isinstance(each, LinesSource))
        wrong = next((line for line in map(wrong_line, files) if line is not None), None)
        if wrong is None:
            raise
        raise SourceError(wrong) from error
