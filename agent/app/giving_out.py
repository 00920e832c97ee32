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
from agent.app.reading import moment_ms
from agent.app.tracing import open_store
from agent.config.problems import ConfigError, did_you_mean
from agent.formats.epcis.common import Settings
from agent.formats.epcis.ids import Ids
from agent.formats.tables import TABLES
from agent.trace.said import UNREADABLE
from agent.trace.store import Store, TraceStoreError
from agent.trace.wanted import Wanted

__all__ = [
    "FORMS",
    "TABLES",
    "Asked",
    "ConfigError",
    "Exported",
    "SourceError",
    "TraceStoreError",
    "asked",
    "give",
]

EPCIS = "epcis"
FORMS = (EPCIS, *TABLES)
_BASE = re.compile(r"(https?://[^\s/]+/(?:[^\s]*/)?|urn:[a-z0-9][a-z0-9-]*:(?:[^\s]*:)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which form of which events."""

    form: str
    paths: tuple[Path, ...]
    wanted: Wanted
    store: str | None
    ids: Ids


def asked(
    form: str,
    paths: Sequence[Path],
    *,
    since: str | None,
    until: str | None,
    station: str | None,
    store: str | None,
    base: str | None,
) -> Asked:
    """Return what somebody asks for.

    Raises:
        ValueError: there is no such form, a moment is none, or nothing says where to read.
    """
    if form not in FORMS:
        raise ValueError(f"nothing is exported as '{form}'; {did_you_mean(form, FORMS)}")
    if bool(paths) == (store is not None):
        raise ValueError("name station files, journals or JSON lines, or a --store")
    if base is not None and not _BASE.fullmatch(base):
        raise ValueError(f"'{base}' is no base of ids; write https://id.acme.com/ or urn:acme:")
    return Asked(
        form=form,
        paths=tuple(paths),
        wanted=Wanted(
            station=station,
            since_ms=None if since is None else moment_ms(since),
            until_ms=None if until is None else moment_ms(until),
        ),
        store=store,
        ids=Ids() if base is None else Ids(base),
    )


def give(
    what: Asked,
    out: Path | None,
    *,
    state: Path | None = None,
    commissions: Sequence[str] = (),
    progress: Progress | None = None,
) -> Exported:
    """Write it; return what came of it.

    Raises:
        ConfigError: a station file says nothing usable.
        SourceError: something cannot be read or written.
        TraceStoreError: the store cannot be opened.
    """
    with ExitStack() as undo:
        sources: list[EventSource]
        if what.store is not None:
            sources = _of_store(undo.enter_context(open_store(what.store)), what)
        else:
            sources = find_sources(what.paths, state)
        with _lines_told(sources):
            if what.form != EPCIS:
                return export_table(what.form, sources, what.wanted, out, progress=progress)
            settings = Settings(ids=what.ids, commissions=frozenset(commissions))
            created = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            with written_to(out) as file:
                return export_epcis(
                    sources, what.wanted, settings, file, created=created, progress=progress
                )


def _of_store(store: Store, what: Asked) -> list[EventSource]:
    """Return the stations of a store that are asked for.

    Raises:
        SourceError: there is none: an empty table would be read as nothing that happened.
    """
    sources, wanted = store_sources(store), what.wanted.station
    found = [each for each in sources if wanted in {None, each.name}]
    if not sources:
        raise SourceError(f"{what.store}: no events in this store; see `lineside trace update`")
    if not found:
        hint = did_you_mean(str(wanted), [each.name for each in sources])
        raise SourceError(f"no station '{wanted}' in this store" + (f"; {hint}" if hint else ""))
    return found


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
