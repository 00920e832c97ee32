"""The trace store: what is in what, for a gateway (SQLite) or a plant (PostgreSQL).

    with Store.open("trace.db") as store:
        store.take("mes-2025.json", facts, body)
        recall(store, "CL-100")

A source is taken in whole, in one transaction, in the place of what it had brought before: taking
it in twice is taking it in once. Everything can be derived anew from `sources.body`.

SQLite is opened through Python's own library, so with a rollback journal and never as a write-ahead
log (PITFALLS S8); the journal of a station is never opened this way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import (
    ColumnElement,
    Engine,
    Select,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError

from agent.trace.archive import Archive, Taken, note_beginnings
from agent.trace.engines import RowError, TraceStoreError, engine_of, is_of_the_row, shown, why
from agent.trace.fetching import STATION
from agent.trace.genealogy import OTHER, Kind, Links, Use
from agent.trace.kits import LINKS, drawn_links
from agent.trace.outdated import import_is_anew, note_outdated, outdated
from agent.trace.rows import (
    NAMES_AT_ONCE,
    among,
    lock,
    pieces,
    reading,
)
from agent.trace.said import UNKNOWN
from agent.trace.tables import (
    ABOUT,
    META,
    METADATA,
    MIGRATIONS,
    REASONS,
    SCRAPPED,
    SOURCES,
    THINGS,
    USES,
)
from agent.trace.taking import Brought, take_source
from agent.trace.widened import Widened

__all__ = ["RowError", "Size", "Store", "TraceStoreError"]

T = TypeVar("T")

SCHEMA_VERSION = 10
_BEGINNINGS = 3
"""Since this version a store knows of events since when they may have been."""
_OUTDATED = frozenset({10})
"""These versions derive more from the same events than those before them (outdated.py)."""
_SNAPSHOT = {
    "sqlite": "BEGIN",
    "postgresql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
}
_OPENING = 1_819_176_307
"""The advisory lock under which a store is prepared: a number that nobody else in it uses."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much a store holds."""

    sources: int
    things: int
    units: int
    uses: int


class Store:
    """One trace store, open (the `Links` of genealogy.py)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection = engine.connect()
        with ExitStack() as undo:
            undo.callback(self.close)
            self._prepare()
            self.archive = Archive(self._connection)
            undo.pop_all()

    @classmethod
    def open(cls, where: str, password: str | None = None) -> Store:
        """Open a store, made if it is not there.

        Args:
            where: The path of a file, or `postgresql://USER@HOST/DATABASE`.
            password: Of the user of a database, where it asks for one.

        Raises:
            TraceStoreError: it cannot be opened, or was made by a newer version.
        """
        try:
            return cls(engine_of(where, password))
        except DBAPIError as error:
            raise TraceStoreError(f"{shown(where)}: {why(error)}") from error

    def _prepare(self) -> None:
        with self._connection.begin():
            if self._engine.dialect.name != "sqlite":  # two may begin the same one at once
                self._connection.execute(select(func.pg_advisory_xact_lock(_OPENING)))
            METADATA.create_all(self._connection)
            found = self._connection.scalar(select(META.c.value).where(META.c.name == "schema"))
            if found is None:
                values = {"name": "schema", "value": str(SCHEMA_VERSION)}
                self._connection.execute(insert(META).values(values))
            elif int(found) > SCHEMA_VERSION:
                raise TraceStoreError(
                    f"{self._engine.url}: made by a newer version; install that version again"
                )
            else:
                self._migrate(int(found))

    def _migrate(self, found: int) -> None:
        """Bring a store of an older version up to this one."""
        for version in range(found + 1, SCHEMA_VERSION + 1):
            for on, step in MIGRATIONS[version]:
                if on in ("", self._engine.dialect.name):
                    self._connection.execute(text(step))
            if version == _BEGINNINGS:
                note_beginnings(self._connection)
            if version in _OUTDATED:
                note_outdated(self._connection)
            values = {"value": str(version)}
            self._connection.execute(update(META).where(META.c.name == "schema").values(values))

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Answer all that is asked within from one state, whatever is written meanwhile.

        A question takes many queries. Between two of them a collector may move a unit from where it
        was not looked for yet to where it was looked for already: it would be missing.

        Raises:
            TraceStoreError: the database refused.
        """
        if self._connection.in_transaction():
            yield
            return
        try:
            with self._connection.begin():
                self._connection.exec_driver_sql(_SNAPSHOT[self._engine.dialect.name])
                yield
        except DBAPIError as error:
            raise self._refused(error) from error

    def size(self) -> Size:
        """Return how much is in it."""
        count = self._connection.scalar
        with reading(self._connection):
            return Size(
                sources=count(select(func.count()).select_from(SOURCES)) or 0,
                things=count(select(func.count()).select_from(THINGS)) or 0,
                units=count(select(func.count()).where(THINGS.c.is_unit)) or 0,
                uses=count(select(func.count()).select_from(LINKS)) or 0,
            )

    def knows(self, name: str) -> bool:
        """Whether something is called so."""
        asked = select(THINGS.c.id).where(THINGS.c.name == name)
        with reading(self._connection):
            return self._connection.scalar(asked) is not None

    def widened(self, of: str) -> Links:
        """Return the links for questions upwards from a thing.

        One that is in nothing for sure, and was never loaded anywhere, may be wherever it is not
        known what was there (D-44).
        """
        uses = [use for use in self.above([of]) if use.stands]
        is_placed = any(use.options == 1 or use.holder.startswith(UNKNOWN) for use in uses)
        if is_placed or (self.units([of]) and not uses):
            return self
        asked = select(THINGS.c.name).where(THINGS.c.name.startswith(UNKNOWN))
        with reading(self._connection):
            places = [name for (name,) in self._connection.execute(asked) if name != OTHER]
        return Widened(self, of, places)

    def imported(self) -> list[str]:
        """Return the names of the sources that were imported, no stations."""
        asked = select(SOURCES.c.name).order_by(SOURCES.c.name)
        with reading(self._connection):
            found = [name for (name,) in self._connection.execute(asked)]
        return [name for name in found if not name.startswith(STATION)]

    def noted(self, prefix: str) -> dict[str, str]:
        """Return the notes whose names begin so, by the rest of their names."""
        asked = select(META.c.name, META.c.value).where(META.c.name.startswith(prefix))
        with reading(self._connection):
            found = self._connection.execute(asked).fetchall()
        return {name.removeprefix(prefix): value for name, value in found}

    def outdated(self) -> list[str]:
        """Return what an older version derived, and what to do; with it no answer is to be trusted.

        Nothing where all is as this version derives it.
        """
        with reading(self._connection):
            return list(outdated(self._connection))

    def note(self, name: str, value: str) -> None:
        """Keep a note in the store."""
        with self._connection.begin():
            lock(self._connection)
            self._connection.execute(delete(META).where(META.c.name == name))
            self._connection.execute(insert(META).values(name=name, value=value))

    # -------------------------------------------------------------- in

    def take(self, source: str, facts: Brought, body: bytes) -> int:
        """Take a source's facts in, in the place of what it brought before; return how many slots.

        Args:
            source: Its name; the same name is the same source.
            facts: What it comes down to.
            body: What it was made from as `zlib` packs it, kept so that this can be done anew.

        Raises:
            TraceStoreError: the store refused; nothing of it was taken.
        """
        try:
            with self._connection.begin():
                lock(self._connection)
                import_is_anew(self._connection, source)
                return take_source(self._connection, source, facts, body)
        except DBAPIError as error:
            raise TraceStoreError(f"{self._engine.url}: {why(error)}") from error

    def take_events(self, documents: Iterable[Mapping[str, Any]]) -> Taken:
        """Take events of stations in, as stored or in their CloudEvents envelope, in any order.

        An event that is held already changes nothing. What they come down to is derived at once,
        of older events too where the new ones speak of them.

        Raises:
            DocumentError: one is no event; some before it may have been taken.
            RowError: the database cannot hold one of them.
            TraceStoreError: the store refused; what was taken before is kept.
        """
        try:
            return self.archive.take(documents)
        except DBAPIError as error:
            raise self._refused(error) from error

    def _refused(self, error: DBAPIError) -> TraceStoreError:
        kind = RowError if is_of_the_row(error) else TraceStoreError
        return kind(f"{self._engine.url}: {why(error)}")

    def guarded(self, job: Callable[[], T]) -> T:
        """Return what a job on this store's connection returns.

        Raises:
            TraceStoreError: the database refused.
        """
        try:
            return job()
        except DBAPIError as error:
            raise self._refused(error) from error

    def lease(self, name: str, who: str, now_ms: int, for_ms: int) -> bool:
        """Take something for a while, or keep it; return whether it is `who` that has it now.

        Raises:
            TraceStoreError: the store refused.
        """
        try:
            with self._connection.begin():
                lock(self._connection)
                asked = select(META.c.value).where(META.c.name == name)
                holder, _, until_ms = (self._connection.scalar(asked) or "").rpartition(" ")
                if holder not in ("", who) and int(until_ms) > now_ms:
                    return False
                self._connection.execute(delete(META).where(META.c.name == name))
                value = f"{who} {now_ms + for_ms}"
                self._connection.execute(insert(META).values(name=name, value=value))
                return True
        except DBAPIError as error:
            raise self._refused(error) from error

    def rebuild(self) -> int:
        """Derive everything that comes of events anew; return how many events there are."""
        try:
            return self.archive.rebuild()
        except DBAPIError as error:
            raise TraceStoreError(f"{self._engine.url}: {why(error)}") from error

    # -------------------------------------------------------------- out: the port Links

    def above(self, things: Collection[str]) -> Iterator[Use]:
        """Return each use that has one of these as its option."""
        return self._uses(_OPTION.c.name, things)

    def below(self, holders: Collection[str]) -> Iterator[Use]:
        """Return each use of these holders' slots."""
        return self._uses(_HOLDER.c.name, holders)

    def _uses(self, column: ColumnElement[Any], names: Collection[str]) -> Iterator[Use]:
        for some in pieces(names, NAMES_AT_ONCE):
            are_they = among(self._connection, column, some)
            for asked in _EACH_KIND_OF_ROW:
                for row in self._all(asked.where(are_they)):
                    source, slot, kind, holder, option, options, since, until, why = row
                    yield Use(
                        (source, slot),
                        _KINDS[kind],
                        holder,
                        option,
                        options,
                        -inf if since is None else since,
                        inf if until is None else until,
                        REASONS[why or 0],
                    )

    def units(self, things: Collection[str]) -> set[str]:
        """Return which of these are units."""
        return self._named(THINGS.c.is_unit, things)

    def scrapped(self, things: Collection[str]) -> set[str]:
        """Return which of these were scrapped: a file said so, or an event that stands."""
        by_event = exists().where(ABOUT.c.thing == THINGS.c.id, ABOUT.c.role == "scrapped")
        by_file = exists().where(SCRAPPED.c.thing == THINGS.c.id)
        return self._named(or_(by_file, by_event), things)

    def _named(self, flag: ColumnElement[bool], things: Collection[str]) -> set[str]:
        found: set[str] = set()
        for some in pieces(things, NAMES_AT_ONCE):
            asked = select(THINGS.c.name).where(flag, among(self._connection, THINGS.c.name, some))
            found.update(name for (name,) in self._all(asked))
        return found

    def _all(self, asked: Any) -> Sequence[Any]:  # noqa: ANN401 - rows are what was asked for
        with reading(self._connection):
            return self._connection.execute(asked).fetchall()


_HOLDER, _OPTION = THINGS.alias("holder"), THINGS.alias("option")


def _by_name(links: Select[Any]) -> Select[Any]:
    """Return links with names in the place of numbers."""
    source, slot, kind, holder, option, *rest = links.selected_columns
    return (
        links.with_only_columns(source, slot, kind, _HOLDER.c.name, _OPTION.c.name, *rest)
        .join(_HOLDER, _HOLDER.c.id == holder)
        .join(_OPTION, _OPTION.c.id == option)
    )


_EACH_KIND_OF_ROW = (_by_name(select(USES)), _by_name(drawn_links()))
"""Not one statement of both: each finds its way by its own indexes."""
_KINDS = {kind.value: kind for kind in Kind}
