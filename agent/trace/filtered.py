"""What is known not to be on a filtered stream, kept with the store, so that it proves them too.

Each event of a filtered stream names the address before it (`after`), and an answered `resend`
speaks for its range (completeness.py, 3). Both are kept per epoch; of a full stream there is
nothing to keep.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from sqlalchemy import Connection, insert, select, update

from agent.trace.claims import Answered, Place
from agent.trace.completeness import Ledger
from agent.trace.spans import Spans
from agent.trace.tables import STREAMS


@dataclass(slots=True)
class Said:
    """What was said of one epoch."""

    covered: list[list[int]] = field(default_factory=list)
    """Numbers that are held, or are not on this stream."""
    over: list[tuple[int, str, int]] = field(default_factory=list)
    """Events whose `after` lies in an older epoch: seq, that epoch, seq there."""
    follows: list[tuple[str, int] | None] = field(default_factory=list)
    """Where the epoch before ended, as an answer said; [None]: there is none before."""

    def cover(self, first: int, last: int) -> None:
        """Note that nothing else of the stream lies here."""
        spans = Spans()
        for low, high in [*self.covered, (first, last)]:
            spans.add(low, high)
        self.covered = [list(each) for each in spans]


def note(
    connection: Connection, epoch: int, name: str, afters: Iterable[tuple[int, Place]]
) -> None:
    """Note what events of an epoch say: (seq, the address before it on the stream)."""
    said = said_of(connection, [epoch]).get(epoch, Said())
    before = asdict(said)
    for seq, (older, older_seq) in afters:
        if older == name:
            said.cover(older_seq + 1, seq)
        elif (seq, older, older_seq) not in said.over:
            said.over.append((seq, older, older_seq))
    if asdict(said) != before:
        _keep(connection, epoch, said)


def note_answer(connection: Connection, epoch: int, answer: Answered) -> None:
    """Note what an answer says, all of whose events are held."""
    said = said_of(connection, [epoch]).get(epoch, Said())
    said.cover(answer.first, answer.last)
    if answer.starts:
        said.follows = [answer.previous]
    _keep(connection, epoch, said)


def _keep(connection: Connection, epoch: int, said: Said) -> None:
    values = {"said": json.dumps(asdict(said))}
    changed = connection.execute(update(STREAMS).where(STREAMS.c.epoch == epoch).values(values))
    if not changed.rowcount:
        connection.execute(insert(STREAMS).values(epoch=epoch, **values))


def said_of(connection: Connection, epochs: Iterable[int] | None = None) -> dict[int, Said]:
    """Return what was said, by epoch; None: of all."""
    asked = select(STREAMS.c.epoch, STREAMS.c.said)
    if epochs is not None:
        asked = asked.where(STREAMS.c.epoch.in_(list(epochs)))
    return {number: _said(text) for number, text in connection.execute(asked)}


def _said(text: str) -> Said:
    members = json.loads(text)
    return Said(
        covered=members["covered"],
        over=[(seq, older, older_seq) for seq, older, older_seq in members["over"]],
        follows=[None if each is None else (each[0], each[1]) for each in members["follows"]],
    )


def tell(ledger: Ledger, station: str, epoch: str, said: Said) -> None:
    """Hand on to a ledger what was said."""
    for first, last in said.covered:
        ledger.cover(station, epoch, first, last)
    for seq, older, older_seq in said.over:
        ledger.follow(station, (epoch, seq), (older, older_seq))
    for previous in said.follows:
        ledger.begin(station, epoch, previous)
