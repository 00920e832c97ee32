"""The hash chain: what makes a stored event provable from its own bytes.

A row's body is the canonical JSON of the event (with `prev`, the hash of the event before; the very
first event of a journal has none), and `"hash"` as one more member at its end. The hash is SHA-256
over the canonical JSON without `hash`, so these bytes prove themselves: cut the member off, hash
the rest. A consumer that parsed the JSON takes `hash` out, writes canonical JSON and compares.

Whatever a row is asked for comes from a body that was proven first, never from another column.

Where old rows were pruned the chain begins at an edge: address and hash of the newest of them are
kept (in the database and in the mark), and the oldest row that is left names that hash as `prev`.
So nothing more can be taken off the old end unseen, and whoever holds the pruned events, as each
required sink does, can prove that these follow those.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

import orjson

from agent.core.events import Event
from agent.formats.codec import wall_ms
from agent.formats.json import canonical_document, document, subject
from agent.ports import Address, Row

_OPENING, _CLOSING = b',"hash":"', b'"}'
_HASH_LENGTH = 64
SEAL_LENGTH = len(_OPENING) + _HASH_LENGTH + len(_CLOSING)

_SEQ_BITS = 40


def seal(event: Event, prev: str | None) -> Row:
    """Return an event as the row to store: encoded, linked to its predecessor and hashed.

    Args:
        event: The event, its address given.
        prev: The hash of the row before it in the journal, over epochs; None for the very first.

    Raises:
        ValueError: the event has no canonical JSON.
    """
    members = document(event)
    if prev is not None:
        members["prev"] = prev
    text = canonical_document(event, members)
    digest = sha256(text).hexdigest()
    return Row(
        epoch=event.epoch,
        seq=event.seq,
        kind=members["kind"],
        unit=subject(members),
        wall_ms=event.time.received_ms,
        body=text[:-1] + _OPENING + digest.encode() + _CLOSING,
        hash=digest,
    )


@lru_cache(maxsize=64)
def ordinal(epoch: str) -> int:
    """Return the ordinal of an epoch: 42 for `000042-9f3a1c7e` (D-88).

    Raises:
        ValueError: it is no epoch.
    """
    return int(epoch.partition("-")[0])


def place(address: Address) -> int:
    """Return where an address stands in the table: one number that sorts as the address does."""
    return ordinal(address.epoch) << _SEQ_BITS | address.seq


def place_of(row: Row) -> int:
    """Return where a row stands in the table."""
    return ordinal(row.epoch) << _SEQ_BITS | row.seq


def ordinal_at(where: int) -> int:
    """Return the ordinal of the epoch that a place belongs to."""
    return where >> _SEQ_BITS


def seq_at(where: int) -> int:
    """Return the seq that a place stands for."""
    return where & (1 << _SEQ_BITS) - 1


End = tuple[str, int, str]
"""Where a chain ends: epoch, seq and hash of its last row."""
BEGINNING: End = ("", 0, "")


def follow(end: End, rows: Iterable[Row]) -> End:
    """Return where a chain ends with rows added to it.

    Raises:
        ValueError: a row does not follow: seq rises by one, a later epoch begins with 1, and each
            row carries the hash of the one before.
    """
    epoch, seq, digest = end
    for row in rows:
        if row.epoch == epoch:
            is_next = row.seq == seq + 1
        else:
            is_next = row.seq == 1 and (not epoch or ordinal(row.epoch) > ordinal(epoch))
        if not is_next:
            raise ValueError(f"{row.address} does not follow {epoch}-{seq}")
        if digest and f'"prev":"{digest}"'.encode() not in row.body:
            raise ValueError(f"{row.address} does not carry the hash of {epoch}-{seq}")
        epoch, seq, digest = row.epoch, row.seq, row.hash
    return (epoch, seq, digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """A row whose hash fits its content, with what links it to others."""

    row: Row
    place: int
    prev: str | None
    """The hash of the row before it."""
    previous: Address | None
    """For `agent_started`: where the epoch before ended."""
    in_set: bool
    """Whether it is part of a set of `state_carried`."""
    closes_set: bool


@dataclass(frozen=True, slots=True)
class Edge:
    """Where the old end of a journal is: the newest row that was pruned."""

    address: Address
    hash: str

    def __str__(self) -> str:
        """Return it as one word."""
        return f"{self.address.epoch}/{self.address.seq}/{self.hash}"

    @classmethod
    def parse(cls, word: str) -> Edge | None:
        """Return what `str` made a word of; None where it is none."""
        epoch, _, rest = word.partition("/")
        seq, _, digest = rest.partition("/")
        return cls(Address(epoch, int(seq)), digest) if digest else None

    @property
    def place(self) -> int:
        """Where it stood."""
        return place(self.address)

    def proven(self) -> Proven:
        """Return what is left of the row, for the walk."""
        epoch, seq = self.address.epoch, self.address.seq
        row = Row(epoch=epoch, seq=seq, kind="", unit=None, wall_ms=0, body=b"", hash=self.hash)
        return Proven(
            row=row, place=self.place, prev=None, previous=None, in_set=False, closes_set=False
        )


def prove(body: object) -> Proven | None:
    """Return the row that a stored body is, or None where its hash does not fit."""
    if not isinstance(body, bytes) or len(body) <= SEAL_LENGTH:
        return None
    text, seal_text = body[:-SEAL_LENGTH], body[-SEAL_LENGTH:]
    digest = sha256(text + b"}").hexdigest()
    if seal_text != _OPENING + digest.encode() + _CLOSING:
        return None
    try:
        return _linked(body, digest, orjson.loads(body))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None  # hashed, but by nobody of ours


def _linked(body: bytes, digest: str, members: dict[str, Any]) -> Proven:
    row = Row(
        epoch=members["epoch"],
        seq=members["seq"],
        kind=members["kind"],
        unit=subject(members),
        wall_ms=wall_ms(members["time"]["received"]),
        body=body,
        hash=digest,
    )
    previous = members.get("previous_epoch") if row.kind == "agent_started" else None
    is_carried = row.kind == "state_carried"
    return Proven(
        row=row,
        place=place(row.address),
        prev=members.get("prev"),
        previous=Address(previous, members["previous_seq"]) if previous else None,
        in_set=is_carried,
        closes_set=is_carried and members["last"] is True,
    )
