"""Trace, composed: which store, what is taken into it, which questions it is asked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from agent.app.naming import canonical_name
from agent.app.owner import as_owner
from agent.app.reading import period_ms
from agent.app.rim import secret, state_directory
from agent.app.trace_feeding import Fed, FeedError, feed, feed_known
from agent.trace import doctor, intake
from agent.trace.api import Node, Selection, Trace
from agent.trace.archive import DocumentError
from agent.trace.aside import all_aside
from agent.trace.doctor import Finding, Period
from agent.trace.genealogy import OTHER, STANDS_FOR, Answer, Links, recall, where_from, where_used
from agent.trace.holdings import moment
from agent.trace.importing import json_of, read_source
from agent.trace.recorded import InterchangeError, unkeepable
from agent.trace.store import Size, Store, TraceStoreError
from agent.trace.unmatched import unmatched

__all__ = [
    "QUESTIONS",
    "DocumentError",
    "Examined",
    "Fed",
    "FeedError",
    "InterchangeError",
    "Named",
    "Node",
    "QueryError",
    "SeveralError",
    "Size",
    "Store",
    "Trace",
    "TraceStoreError",
    "answer_all",
    "aside",
    "ask",
    "examine",
    "feed",
    "feed_known",
    "import_source",
    "known_name",
    "open_named",
    "open_store",
    "open_trace",
    "period",
    "read_queries",
    "selection",
    "shown",
    "store_name",
    "things",
    "unkeepable",
]

_GS1_ROOT = "https://id.gs1.org/"
_QUERIES = 'write [{"q": "recall", "of": "LOT-1"}]'

QUESTIONS: Mapping[str, Callable[[Links, str], Answer]] = {
    "where_used": where_used,
    "where_from": where_from,
    "recall": recall,
}


class SeveralError(ValueError):
    """A name may be any of several things; the text has them."""


class QueryError(Exception):
    """A list of queries is not one; the text says where."""


def open_store(given: str | None) -> Store:
    """Open the store that is named, by option, by LINESIDE_STORE, or the user's own.

    A database's password is what LINESIDE_STORE_PASSWORD refers to: `file:/PATH`, `credential:NAME`
    or `env:NAME`.

    Raises:
        TraceStoreError: it cannot be opened.
    """
    return open_named(store_name(given))


def open_named(where: str) -> Store:
    """Open a store by its name.

    Raises:
        TraceStoreError: it cannot be opened.
    """
    return Store.open(where, _store_password())


def store_name(given: str | None) -> str:
    """Return which store is meant; the user's own is begun if it is not there.

    Raises:
        TraceStoreError: the user's own cannot be begun.
    """
    where = given or os.environ.get("LINESIDE_STORE")
    if where is None:
        directory = state_directory()
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            where = str(_begun(directory / "trace.db"))
        except OSError as error:
            raise TraceStoreError(
                f"{directory}: {error.strerror}; name another place with --store"
            ) from error
    return where


def _begun(file: Path) -> Path:
    """Return a file that is there and is, also where root asks, that of whose its directory is."""
    if not file.exists():
        with as_owner(file.parent):
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return file


def _store_password() -> str | None:
    reference = os.environ.get("LINESIDE_STORE_PASSWORD")
    if reference is None:
        return None
    try:
        return secret(reference)
    except OSError as error:
        raise TraceStoreError(
            f"LINESIDE_STORE_PASSWORD: {reference} cannot be read: {error}"
        ) from error


def open_trace(given: str | None) -> Trace:
    """Open the store of `open_store` for questions.

    Raises:
        TraceStoreError: it cannot be opened.
    """
    return Trace(open_store(given))


@dataclass(frozen=True, slots=True)
class Named:
    """What somebody calls a lot, unit or component."""

    name: str
    """Under which the store knows it, if it does."""
    note: str | None = None
    """What to tell them: that half a code was enough, or what is like it."""
    is_known: bool = True


def known_name(trace: Trace, text: str) -> Named:
    """Return the name under which the store knows what somebody calls a lot, unit or component.

    A serial or a lot number is enough where one thing alone is called so.

    Raises:
        SeveralError: it may be one of several things.
        ValueError: it is a GS1 label, but a wrong one.
    """
    if trace.store.knows(text):
        return Named(text)
    name = canonical_name(text, (), datetime.now(UTC).date())
    if trace.store.knows(name):
        return Named(name)
    found = trace.ending(text)
    if len(found) > 1:
        several = "; ".join(shown(each) for each in found)
        raise SeveralError(f"'{text}' may be any of these, name one in full: {several}")
    if found:
        return Named(found[0], f"'{text}' is {shown(found[0])}")
    like = "; ".join(shown(each) for each in trace.similar(text))
    like = f"; similar are: {like}" if like else ""
    return Named(name, f"'{text}' is not known to this store{like}", is_known=False)


def things(names: Iterable[str]) -> list[str]:
    """Return those names that are things, and not what stands for something unknown."""
    return [name for name in names if not name.startswith(STANDS_FOR)]


def shown(name: str) -> str:
    """Return a name as people read it, in a line: none ends one."""
    return name.removeprefix(_GS1_ROOT).replace("\n", "␊")


def selection(*, since: str | None, until: str | None, **named: Any) -> Selection | None:  # noqa: ANN401 - names and bounds
    """Return what passed as somebody says it; None: nothing is said.

    Raises:
        ValueError: a moment or a bound is none, the end is before the beginning, or a bound has no
            value.
    """
    if named["value"] is None and (named["below"], named["above"]) != (None, None):
        raise ValueError("--below and --above are bounds of a --value")
    for bound in ("below", "above"):
        if named[bound] is not None and not isfinite(named[bound]):
            raise ValueError(f"--{bound} {named[bound]} is no bound; write a number")
    since_ms, until_ms = period_ms(since, until)
    asked = Selection(since_ms=since_ms, until_ms=until_ms, **named)
    return asked if asked.told() else None


@dataclass(frozen=True, slots=True)
class Examined:
    """What recorded data says of how it is recorded."""

    findings: list[Finding]
    is_recorded: bool
    """Whether there is anything to look at: that nothing was found says nothing otherwise."""


def period(since: str | None, until: str | None) -> Period:
    """Return a time as somebody says it.

    Raises:
        ValueError: a moment is none, or the end is before the beginning.
    """
    since_ms, until_ms = period_ms(since, until)
    return Period(since_ms=since_ms, until_ms=until_ms)


def examine(trace: Trace, period: Period) -> Examined:
    """Return what recorded data says of how it is recorded, within a time."""
    return Examined(doctor.examine(trace.store, period), doctor.is_recorded(trace.store, period))


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file or folder."""

    links: int
    shipments: int
    unknown: tuple[str, ...]
    """What was shipped of which this store knows nothing else."""
    told: tuple[str, ...] = ()
    """What is hardly meant as it stands, with its places."""


def import_source(store: Store, path: Path) -> Imported:
    """Take a file or folder in.

    What was shipped is named as in the list; a serial or a lot number is enough where one thing
    alone is called so.

    Raises:
        InterchangeError: it cannot be read.
        TraceStoreError: the store refused.
    """
    facts, body = read_source(path)
    names = _shipped_names(store, {each.thing for each in facts.shipments})
    facts.shipments[:] = [replace(each, thing=names[each.thing]) for each in facts.shipments]
    source = str(path.resolve())
    links = store.take(source, facts, body)
    unknown = unmatched(store.archive.connection, source)
    shipped = tuple(map(shown, unknown))
    return Imported(links, len(facts.shipments), shipped, tuple(facts.told))


def _shipped_names(store: Store, texts: Iterable[str]) -> dict[str, str]:
    trace, found = Trace(store), {}
    for text in sorted(texts):
        try:
            found[text] = known_name(trace, text).name
        except ValueError as error:
            raise InterchangeError(str(error)) from error
    return found


def aside(store: Store, *, again: bool) -> tuple[int, list[tuple[str, str, str]]]:
    """Return how many that were set aside are taken by now; of the rest time, topic and why.

    Raises:
        TraceStoreError: the store cannot be used now.
    """
    if again:
        gone, rest = intake.again(store, time.time_ns() // 1_000_000)
    else:
        connection = store.archive.connection
        gone, rest = 0, store.guarded(lambda: list(all_aside(connection)))
    return gone, [(moment(one.at_ms) or "", one.topic, one.why) for one in rest]


def ask(store: Store, question: str, of: str) -> dict[str, Any]:
    """Return one answer in the public form."""
    with store.snapshot():
        links = store if question == "where_from" else store.widened(of)
        found = asdict(QUESTIONS[question](links, of))
    return {"q": question, "of": of} | {
        part: [name for name in names if name != OTHER] for part, names in found.items()
    }


def answer_all(store: Store, queries: Iterable[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """Yield the answer to each question, in order."""
    for question, of in queries:
        yield ask(store, question, of)


def read_queries(path: Path) -> list[tuple[str, str]]:
    """Return the questions of a file: a JSON list of `{"q", "of"}`, or a document with `queries`.

    Raises:
        QueryError: it is neither, or asks what is not known.
    """
    try:
        document = json_of(path, path.read_bytes(), wanted=_QUERIES)
    except OSError as error:
        raise QueryError(f"{path}: {error.strerror}") from error
    except InterchangeError as error:
        raise QueryError(str(error)) from error
    queries = document.get("queries") if isinstance(document, dict) else document
    if not isinstance(queries, list):
        raise QueryError(f"{path}: no list of queries; {_QUERIES}")
    return [_query(path, number, query) for number, query in enumerate(queries, 1)]


def _query(path: Path, number: int, query: object) -> tuple[str, str]:
    if not isinstance(query, dict) or not isinstance(query.get("of"), str):
        raise QueryError(f'{path}: query {number}: write {{"q": "recall", "of": "LOT-1"}}')
    if why := unkeepable(query["of"]):
        raise QueryError(f"{path}: query {number}: of {query['of']!r}; {why}")
    question = query.get("q")
    if question not in QUESTIONS:
        known = ", ".join(QUESTIONS)
        raise QueryError(f"{path}: query {number}: q {question!r}; known are {known}")
    return str(question), query["of"]
