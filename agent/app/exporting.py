"""Exports, composed: from which events, what becomes of corrections, in which form (D-131, D-143).

Laws:
    1. Memory grows with the corrections, never with the events.
    2. A file that is there is whole: it gets its name when its last byte is written.
    3. An event that would break the rules of EPCIS is not written; it is named.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

import orjson

from agent.app.event_sources import EventSource, corrections
from agent.app.parquet import write_parquet
from agent.app.placing import placed
from agent.formats.epcis.common import DOCUMENT_CONTEXT
from agent.formats.epcis.mapping import Document, Epcis, Mapper, Settings, declared_wrong
from agent.formats.epcis.rules import event_problems
from agent.formats.tables import TABLES, Row, Sort, Table
from agent.trace.corrections import place_of, standing
from agent.trace.said import plant_address
from agent.trace.wanted import Wanted

Progress = Callable[[int], None]
PROGRESS_EVERY = 5_000
_WIDE = 1 << 63


@dataclass(slots=True)
class Exported:
    """What came of an export."""

    read: int = 0
    """Events of ours that were read."""
    written: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    """What has no place in this form, by reason."""
    refused: list[str] = field(default_factory=list)
    """What would break the rules of the form: addresses, and why."""


def watched(
    events: Iterable[Document], done: Exported, progress: Progress | None
) -> Iterator[Document]:
    """Yield events, counted and told."""
    for event in events:
        done.read += 1
        if progress is not None and done.read % PROGRESS_EVERY == 0:
            progress(done.read)
        yield event


@contextmanager
def written_to(path: Path | None) -> Iterator[IO[str]]:
    """Give a text file to write, or standard output; what is written by halves gets no name.

    Raises:
        SourceError: it cannot be written.
    """
    if path is None:
        yield sys.stdout
        return
    with placed(path) as file:
        text = TextIOWrapper(file, "utf-8", newline="")
        try:
            yield text
        finally:
            text.detach()  # what was written goes to the file, which is not ours to close


# ------------------------------------------------------------------ EPCIS


def export_epcis(
    sources: Sequence[EventSource],
    wanted: Wanted,
    settings: Settings,
    out: IO[str],
    *,
    created: str,
    progress: Progress | None = None,
) -> Exported:
    """Write an EPCIS document of what the sources have.

    Args:
        sources: Where the events are.
        wanted: Which of them.
        settings: How ids are told.
        out: Where to.
        created: The document's creationDate, RFC 3339.
        progress: Called now and then with the number of events read.

    Raises:
        SourceError: a source cannot be read.
    """
    done = Exported()
    head = {
        "@context": DOCUMENT_CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": created,
    }
    out.write(json.dumps(head)[:-1] + ', "epcisBody": {"eventList": [')
    for source in sources:
        mapping = _Mapping(settings, corrections(source, wanted))
        for event in watched(source.read(wanted), done, progress):
            _write(out, mapping.take(event), done)
        _write(out, mapping.mapper.finish(), done)
        done.left_out.update(mapping.mapper.left_out)
    out.write("\n]}}\n")
    return done


def _write(out: IO[str], events: Iterable[Epcis], done: Exported) -> None:
    for event in events:
        problems = list(event_problems(event))
        if problems:
            done.refused.append(f"{event['lineside:event']}: {problems[0]}")
            continue
        out.write(",\n" if done.written else "\n")
        out.write(orjson.dumps(event).decode())
        done.written += 1


class _Mapping:
    """A mapper that knows what was said later to correct an event."""

    def __init__(self, settings: Settings, chains: dict[str, list[Document]]) -> None:
        self.mapper = Mapper(settings)
        self._chains = chains
        self._kept: dict[str, Document] = {}
        """Events that are corrected later, by station and address."""
        self._installs: dict[str, list[Document]] = {}
        """Of those that are cycles, the installations of their parts: what is right of the cycle is
        right of them."""
        self._about: dict[str, list[str]] = {}
        """Per correction: which events it is about, itself or through others."""
        for address, chain in chains.items():
            for each in chain:
                self._about.setdefault(plant_address(each), []).append(address)

    def take(self, event: Document) -> list[Epcis]:
        """Return what becomes of an event; a correction tells again what it corrects."""
        found = self.mapper.take(event)
        if self._chains:
            self._keep(event)
            if event["kind"] == "event_corrected":
                found += self._corrected(event)
        return found

    def _keep(self, event: Document) -> None:
        address = plant_address(event)
        if address in self._chains and event["kind"] != "event_corrected":
            self._kept[address] = event
        if event["kind"] == "component_installed" and event.get("because"):
            cycle = f"{event['station']}/{event['because'][0]}"
            if cycle in self._chains:
                self._installs.setdefault(cycle, []).append(event)

    def _corrected(self, correction: Document) -> Iterator[Epcis]:
        """Yield what was told and is wrong, declared so, and what is right instead (D-131)."""
        for address in self._about.get(plant_address(correction), ()):
            event, chain = self._kept.get(address), self._chains[address]
            if event is None:  # it was not asked for, or is a correction itself
                continue
            until = [each for each in chain if place_of(each) < place_of(correction)]
            before = self._as_told(address, event, until)
            after = self._as_told(address, event, [*until, correction])
            if [each["eventID"] for each in before] == [each["eventID"] for each in after]:
                continue
            ids = [each["eventID"] for each in after]
            at = correction["time"]["received"]
            is_gone = standing(event, [*until, correction]) is None
            for each in before:
                yield declared_wrong(each, at, is_retracted=is_gone, ids=ids)
            yield from after

    def _as_told(self, address: str, event: Document, chain: Sequence[Document]) -> list[Epcis]:
        """Return what an event is told as, after some corrections."""
        installs = self._installs.get(address, ())
        parts = [each["component"] for each in installs]
        if not chain:
            found = self.mapper.whole(event, parts)
            return found + [told for each in installs for told in self.mapper.whole(each, ())]
        stands = standing(event, chain)
        if stands is None:
            return []
        right: dict[str, Any] = {"corrected_by": list(stands.by)}
        if stands.doubts:
            right["certainty"] = "possible"
        found = self.mapper.whole({**stands.event, **right}, parts)
        for each in installs:
            found += self.mapper.whole({**each, **right, "unit": stands.event.get("unit")}, ())
        return found


# ------------------------------------------------------------------ tables


def export_table(
    name: str,
    sources: Sequence[EventSource],
    wanted: Wanted,
    path: Path | None,
    *,
    progress: Progress | None = None,
) -> Exported:
    """Write a table of what the sources have, as it stands after every correction.

    Args:
        name: A key of `TABLES`.
        sources: Where the events are.
        wanted: Which of them.
        path: Where to; Parquet by its ending, else CSV. None: CSV to standard output.
        progress: Called now and then with the number of events read.

    Raises:
        SourceError: a source cannot be read, or the file not be written.
    """
    done, table = Exported(), TABLES[name]
    asked = replace(wanted, kinds=table.kinds)
    rows = _rows(table, sources, asked, done, progress)
    if path is not None and path.suffix.lower() == ".parquet":
        done.written = write_parquet(path, table, _fitting(table, rows, done))
        return done
    with written_to(path) as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(column.name for column in table.columns)
        for row in rows:
            writer.writerow(row)
            done.written += 1
    return done


def _fitting(table: Table, rows: Iterator[Row], done: Exported) -> Iterator[Row]:
    """Yield rows whose whole numbers have 64 bits, as columns of whole numbers do in a file."""
    places = [at for at, column in enumerate(table.columns) if column.sort is Sort.WHOLE]
    for row in rows:
        wide = {at for at in places if row[at] is not None and not -_WIDE <= row[at] < _WIDE}
        if wide:
            done.left_out["whole numbers beyond 64 bits with a sign, which CSV has"] += len(wide)
        yield tuple(None if at in wide else value for at, value in enumerate(row)) if wide else row


def _rows(
    table: Table,
    sources: Sequence[EventSource],
    wanted: Wanted,
    done: Exported,
    progress: Progress | None,
) -> Iterator[Row]:
    is_raw = not table.kinds  # every event, as it was recorded, corrections among them
    for source in sources:
        chains = {} if is_raw else corrections(source, wanted)
        for event in watched(source.read(wanted), done, progress):
            chain = chains.get(plant_address(event)) if chains else None
            stands = None if chain is None else standing(event, chain)
            if chain is not None and stands is None:
                done.left_out["retracted"] += 1
                continue
            yield from table.rows(event if stands is None else stands.event)
