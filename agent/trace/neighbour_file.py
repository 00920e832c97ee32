"""The file of what a station elsewhere says of units: its facts, and what has come of its events.

Laws:
    1. When `take` returns, what was taken is on disk: the broker may forget it.
    2. Twice is once, and the order is of no matter: a fact stands under its event's address. Two
       contents under one address: the first stays, and it is remembered that there were two.
    3. An event that says what this version cannot read is not taken: it is a hole, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import orjson

from agent.core.events import UnknownEvent
from agent.core.facts import KINDS, Block, Correction, Fact, facts
from agent.formats.codec import FormatError
from agent.formats.json import from_document
from agent.trace import asking
from agent.trace.account import Account, check
from agent.trace.claims import Link, Place
from agent.trace.facts_file import FactsFile
from agent.trace.took import OTHER_CONTENT, Proven
from drivers.base import SET_CLOCKS

_UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What an event that is not as an agent writes it may come to while it is read."""
_BLOCKS = (Block, Correction)


@dataclass(slots=True)
class Heard:
    """What a batch came down to."""

    new: int = 0
    known: int = 0
    refused: list[tuple[Proven, str]] = field(default_factory=list)
    """What was not taken, and why."""
    unreadable: list[Link] = field(default_factory=list)
    """Of those: what a resend would not make better."""
    is_news: bool = False
    """Whether it says anything of units, lots or components."""
    may_block: bool = False
    """Whether it may change what is blocked."""


class NeighbourFile(FactsFile):
    """One open file. After an error it is closed: open it again."""

    MORE: ClassVar[tuple[str, ...]] = (
        "CREATE TABLE IF NOT EXISTS epochs (name TEXT PRIMARY KEY, said TEXT NOT NULL) STRICT",
        """CREATE TABLE IF NOT EXISTS marks (
             epoch TEXT NOT NULL, seq INTEGER NOT NULL, mark INTEGER NOT NULL,
             PRIMARY KEY (epoch, seq)) STRICT, WITHOUT ROWID""",
    )

    def __init__(self, path: Path, station: str) -> None:
        self.account = Account(station)
        super().__init__(path, station)

    def _read(self) -> None:
        super()._read()
        self.account.is_filtered = self._noted("filtered") != ""
        for name, said in self._db.execute("SELECT name, said FROM epochs"):
            self.account.restore(str(name), orjson.loads(str(said)))

    # -------------------------------------------------------------- taking

    def take(self, events: Sequence[Proven], now_ms: int) -> Heard:
        """Take proven events of this station in, in any order, and commit.

        Raises:
            StoreError: nothing was taken; take them again.
        """
        heard = Heard()
        with self._guard("write"):
            self._begin()
            touched: dict[str, None] = {}
            for one in events:
                touched |= dict.fromkeys(self._take(one, heard, now_ms))
            self._keep_account(touched)
            if heard.may_block:
                self.blocked = asking.blocked(self._db)
        self.commit()
        return heard

    def _take(self, one: Proven, heard: Heard, now_ms: int) -> Iterable[str]:
        """Take an event; return the epochs of which something is new."""
        link = one.link
        try:
            check(link)
            at_ms = _recorded(one.event["time"], now_ms)
            found = () if (link.epoch, link.seq) in self.account else _facts(one.event)
            with self._db:  # a savepoint: all that it says, or nothing
                self._put(link, found)
        except _UNREADABLE as error:
            heard.refused.append((one, f"{type(error).__name__}: {error}"))
            heard.unreadable.append(link)
            return ()
        if (link.epoch, link.seq) not in self.account:
            self.account.take(link, at_ms)
            self._note_filter(one)
            heard.new += 1
            heard.is_news = heard.is_news or bool(found)
            heard.may_block = heard.may_block or any(isinstance(each, _BLOCKS) for each in found)
            return self.account.touched(link)
        heard.known += 1
        if not self._is_other(link):
            return ()
        heard.refused.append((one, OTHER_CONTENT))
        self.account.differs(link, at_ms)
        return (link.epoch,)

    def _note_filter(self, one: Proven) -> None:
        """Take from the newest event whether the stream leaves out some kinds of events now."""
        is_filtered = one.link.after is not None
        if (
            is_filtered != self.account.is_filtered
            and not one.members.get("resend")  # it says nothing of the stream
            and self.account.is_newest(one.link)
        ):
            self.account.is_filtered = is_filtered

    def _put(self, link: Link, found: tuple[Fact, ...]) -> None:
        if found:
            self._keep(found)
            sql = "INSERT OR IGNORE INTO marks (epoch, seq, mark) VALUES (?, ?, ?)"
            self._db.execute(sql, (link.epoch, link.seq, _mark(link)))

    def _is_other(self, link: Link) -> bool:
        sql = "SELECT mark FROM marks WHERE (epoch, seq) = (?, ?)"
        kept = self._db.execute(sql, (link.epoch, link.seq)).get
        return kept is not None and kept != _mark(link)

    def _keep_account(self, epochs: Iterable[str]) -> None:
        for name in epochs:
            said = orjson.dumps(self.account.said(name)).decode()
            self._db.execute(
                "INSERT OR REPLACE INTO epochs (name, said) VALUES (?, ?)", (name, said)
            )
        self._note("filtered", "yes" if self.account.is_filtered else "")

    def leave_out(self) -> None:
        """Note that the stream leaves out some kinds of events.

        Raises:
            StoreError: it cannot be written.
        """
        self.account.is_filtered = True
        with self._guard("write"):
            self._begin()
            self._note("filtered", "yes")
        self.commit()

    def forget_facts(self, before_ms: int) -> None:
        """Let go of facts that are older than a moment, some at a time.

        Raises:
            StoreError: it cannot be written.
        """
        while self.forget(before_ms):
            self.commit()
        self.commit()

    def forget_runs(self, before_ms: int, kept: Place) -> None:
        """Let go of the account of runs that ended before a moment, and before what is kept there.

        Raises:
            StoreError: it cannot be written.
        """
        gone = self.account.forget(before_ms, kept)
        if not gone:
            return
        with self._guard("write"):
            self._begin()
            for name in gone:
                self._db.execute("DELETE FROM epochs WHERE name = ?", (name,))
                self._db.execute("DELETE FROM marks WHERE epoch = ?", (name,))
        self.commit()


def _recorded(time: Any, now_ms: int) -> int:  # noqa: ANN401 - JSON from outside
    """Return when an event was recorded; one whose clock was not set may be from just now.

    Raises:
        ValueError: it does not say when; or another of `_UNREADABLE`.
    """
    at_ms = round(datetime.fromisoformat(time["received"]).timestamp() * 1000)
    return at_ms if time["clock_state"] in SET_CLOCKS else now_ms


def _facts(event: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Return what an event says.

    Raises:
        ValueError: it says what this version cannot read; or another of `_UNREADABLE`.
    """
    if event["kind"] not in KINDS:
        return ()
    decoded = from_document({**event})
    if isinstance(decoded, UnknownEvent):
        said = f"{event['kind']} of schema {event['schema']} is newer than this version"
        raise FormatError(said)
    return facts(decoded)


def _mark(link: Link) -> int:
    """Return enough of a hash to see a difference."""
    return int(link.hash[:15], 16)
