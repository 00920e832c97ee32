"""Which database a store is in, how it is opened, and why it is not.

SQLite is opened through Python's own library, so with a rollback journal and never as a write-ahead
log (PITFALLS S8). PostgreSQL is read and written at READ COMMITTED: who writes holds the store's
one lock first (`rows.lock`), and then sees all that others have written before.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NoSuchModuleError

from agent.ports import StoreError

_POSTGRES = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_CONNECT = {"connect_timeout": "10", "keepalives_idle": "30", "tcp_user_timeout": "30000"}
"""What libpq is told, unless the URL says otherwise: a server that is gone is noticed."""
_WAITS = ("SET lock_timeout = '30s'", "SET idle_in_transaction_session_timeout = '60s'")
"""Nobody waits for ever for a collector that was stopped in the middle."""
_BUSY_S = 10.0
"""How long a SQLite file that another process writes is waited for."""
_CACHE_KIB = 16_384
"""Of a SQLite file: with the 2 MiB that it has by itself, a recall among 100,000 units reads
most pages twice."""
_OF_THE_ROW = re.compile(r"22|23|54")
"""Classes of SQLSTATE that are about what was written: bad data, a broken key, too long."""


class TraceStoreError(StoreError):
    """The store cannot be used; the text names it and says what to do."""


class RowError(TraceStoreError):
    """The store works, but cannot hold what it was given."""


def engine_of(where: str, password: str | None = None) -> Engine:
    """Return the engine for a file or a PostgreSQL URL, not yet connected.

    Raises:
        TraceStoreError: it names neither, or PostgreSQL's driver is not installed.
    """
    try:
        url = make_url(where) if "://" in where else URL.create("sqlite", database=where)
        if url.drivername in _POSTGRES:
            return _postgres(url, password)
        engine = create_engine(url, connect_args={"timeout": _BUSY_S})
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise TraceStoreError(
            f"{shown(where)}: {error}; name a file or a PostgreSQL URL"
        ) from error
    if url.database not in {None, "", ":memory:"}:
        _begin(str(url.database))
    event.listen(engine, "connect", _plain_file)
    return engine


def _begin(path: str) -> None:
    """Let a new file be its owner's alone: it says who worked when. SQLite makes it for all."""
    with contextlib.suppress(OSError):  # opening it says what is wrong
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _postgres(url: URL, password: str | None) -> Engine:
    url = url.set(drivername="postgresql+psycopg")
    if password is not None:
        url = url.set(password=password)
    given = {name: value for name, value in _CONNECT.items() if name not in url.query}
    try:
        engine = create_engine(url, isolation_level="READ COMMITTED", connect_args=given)
    except ImportError as error:
        raise TraceStoreError(f"{url}: {error}; install lineside[postgres]") from error
    event.listen(engine, "connect", _patient)
    return engine


def _plain_file(connection: Any, record: object) -> None:  # noqa: ANN401 - whatever the driver has
    """Set a SQLite connection up: a rollback journal (S8), and room for the pages in use."""
    del record
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")


def _patient(connection: Any, record: object) -> None:  # noqa: ANN401 - as above
    """Set a PostgreSQL session up: how long it waits for others, and they for it."""
    del record
    for setting in _WAITS:
        connection.execute(setting)
    connection.commit()


def shown(where: str) -> str:
    """Return a store's name without a password."""
    if "://" not in where:
        return where
    try:
        return str(make_url(where))
    except ArgumentError:
        return where.partition("://")[0] + "://…"


def why(error: DBAPIError) -> str:
    """Return what a database says, in one line."""
    return " ".join(str(error.orig).split())


def is_of_the_row(error: DBAPIError) -> bool:
    """Whether a database refuses what was written, and would again; else it cannot be used now."""
    if isinstance(error, DataError | IntegrityError):
        return True
    state = getattr(error.orig, "sqlstate", None)
    return bool(state and _OF_THE_ROW.match(state))
