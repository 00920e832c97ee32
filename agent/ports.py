"""What the outside must offer: every clock, disk, thread, broker and random bit comes in here.

The real ones are small classes at the rim; a test or a simulation passes its own (DESIGN 8).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import NamedTuple, Protocol, Self, TypeVar

from drivers.base import Clock, EventSeen, Instant, PreviousSeen

__all__ = [
    "Address",
    "Clock",
    "Delivery",
    "Files",
    "HeldFile",
    "Instant",
    "Journal",
    "PreviousSeen",
    "Random",
    "Recorded",
    "Recovery",
    "Refusal",
    "RefusedError",
    "Row",
    "Sink",
    "SinkDownError",
    "StoreError",
    "TraceLookup",
    "UnitSeen",
    "Worker",
]

T = TypeVar("T")


# ------------------------------------------------------------------ machine


class Worker(Protocol):
    """One thread that does one thing at a time; inline in a simulation."""

    def run(self, job: Callable[[], T]) -> Awaitable[T]:
        """Return what `job` returns, done off the event loop, in the order of the calls.

        A thread begins when this is called, not when it is awaited.
        """
        ...

    def close(self) -> None:
        """Let the running job finish and end the thread."""
        ...


class Random(Protocol):
    """Randomness: epoch ids, jitter."""

    def token_hex(self, n_bytes: int) -> str:
        """Return that many random bytes as lower-case hex."""
        ...

    def uniform(self, low: float, high: float) -> float:
        """Return a number between the two."""
        ...


class HeldFile(Protocol):
    """A file that stays open: opening costs a third of what a small write does."""

    def overwrite(self, offset: int, content: bytes) -> None:
        """Write in place and fdatasync; the file keeps its size."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Files(Protocol):
    """The few files beside the database (mark, ballast): what a simulated disk must offer."""

    def read(self, path: Path, offset: int = 0, limit: int = -1) -> bytes | None:
        """Return the file from `offset` on, at most `limit` bytes; None where there is none."""
        ...

    def size(self, path: Path) -> int | None:
        """Return the length in bytes, or None where there is no such file."""
        ...

    def create(self, path: Path, content: bytes) -> None:
        """Write a new file and its directory entry through to the disk."""
        ...

    def fill(self, path: Path, size: int) -> None:
        """Write a new file of that many bytes, none of which compresses away, to the disk."""
        ...

    def hold(self, path: Path) -> HeldFile:
        """Open a file that is written in place again and again."""
        ...

    def lay_out(self, path: Path, size: int) -> None:
        """Make a file at least that long by zero bytes at its end, through to the disk."""
        ...

    def copy(self, source: Path, target: Path) -> None:
        """Write a copy of a file and its directory entry through to the disk."""
        ...

    def replace(self, source: Path, target: Path) -> None:
        """Give a file another's name in one step, through to the disk."""
        ...

    def remove(self, path: Path) -> None:
        """Remove the file if it is there, through to the disk."""
        ...

    def free_bytes(self, directory: Path) -> int:
        """Return the space left for an unprivileged writer."""
        ...


# ------------------------------------------------------------------ journal


class Address(NamedTuple):
    """Where an event stands: epochs sort as text, seq counts from 1 within one (D-88)."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        """Return `{epoch}-{seq}`, as in `because`."""
        return f"{self.epoch}-{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address that reads `{epoch}-{seq}`.

        Raises:
            ValueError: it does not end in a number.
        """
        epoch, _, seq = text.rpartition("-")
        return cls(epoch, int(seq))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One event as it is stored, hashed and delivered."""

    epoch: str
    seq: int
    kind: str
    unit: str | None
    """Unit or lot that the event is about, for look-ups; None where there is none."""
    wall_ms: int
    body: bytes
    """The event's JSON, `hash` included: exactly what a consumer gets in `data`."""
    hash: str
    """SHA-256 over the canonical JSON without `hash`, lower-case hex."""

    @property
    def address(self) -> Address:
        """The row's address."""
        return Address(self.epoch, self.seq)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What was found when the journal was opened."""

    last: Row | None
    """The newest row, None in an empty journal."""
    highest_ordinal: int
    """Highest epoch ordinal that journal or mark know; 0 for none."""
    fold: tuple[Row, ...]
    """Rows to fold, oldest first: from the newest complete set of `state_carried` on."""
    lost: tuple[tuple[str, int, int, str], ...]
    """(epoch, first seq, last seq, reason) of what does not verify, for `history_lost`."""
    set_aside: tuple[Path, ...]
    """Copies of damaged files."""
    mark_rebuilt: bool = False
    """The mark was missing or unreadable, so that a shortened history could not be noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSeen:
    """What is known of a unit at this station."""

    address: str | None
    """The newest unit event of it here; None: never here."""
    kind: str | None
    result: str | None
    visits: int
    as_of: str
    """Everything kept up to this address was looked through; what was pruned is not known."""
    done_result: str | None = None
    """The result of its newest completion here, whatever was recorded of it since."""
    scrapped: bool = False
    """Whether its newest word is that it is scrap (D-36)."""
    reworked: bool = False
    """Whether it was released for another visit, and was not completed since (D-35)."""
    names: tuple[str, ...] = ()
    """Every identity that the unit is known by, where there are others (D-37)."""
    renamed_to: str | None = None
    """The identity that took the place of this one (D-37)."""
    previous: tuple[PreviousSeen, ...] = ()
    """What the stations say that it must have passed before (D-38)."""
    since: str = ""
    """What was before this address is not known; empty: everything is."""
    version: tuple[int, ...] = ()
    """Of the sources beside this station's own that were asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentSeen:
    """What a serial component or a child is in, by what this station recorded."""

    address: str | None
    """The newest event that put it into something or took it out; None: never here."""
    unit: str | None
    """None: in none."""
    as_of: str
    """Everything up to this address was looked through."""
    position: str | None = None
    """Where in the unit it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageSeen:
    """What something is in, and what is in it, by what this station recorded."""

    address: str | None
    """The newest event that put it into something or took it out; None: never here."""
    within: tuple[str, ...]
    """What it is in, innermost first."""
    contents: tuple[str, ...]
    """The children in it, of a parent."""
    components: tuple[str, ...] = ()
    """The serial components in it, of a unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentsSeen:
    """What is in a closed parent or in a unit, by what this station recorded."""

    children: tuple[str, ...]
    components: tuple[str, ...]
    names: tuple[str, ...] = ()
    """Every identity that it is known by, where that is known (D-37)."""


class StoreError(Exception):
    """What is stored cannot be read now, or not be added to."""


class Recorded(Protocol):
    """What was recorded at this station, for whoever passes it on."""

    async def read(self, after: Address | None, limit: int) -> list[Row]:
        """Return durable rows after an address (None: from the oldest kept), oldest first."""
        ...

    def cursor(self, sink: str) -> Address | None:
        """Return how far a sink has confirmed, None if it never has."""
        ...

    def move_cursor(self, sink: str, to: Address) -> None:
        """Record how far a sink has confirmed; durable with the next commit or soon after."""
        ...

    @property
    def last(self) -> Address | None:
        """The newest durable address."""
        ...

    @property
    def last_hash(self) -> str | None:
        """The hash of the newest durable row."""
        ...

    @property
    def first_kept(self) -> Address | None:
        """The oldest row kept."""
        ...

    async def wait_beyond(self, address: Address | None) -> None:
        """Return when a durable row after the address exists."""
        ...


class Journal(Recorded, Protocol):
    """What happened at this station, in order, on disk."""

    def append(self, rows: Sequence[Row]) -> asyncio.Future[None]:
        """Queue one decision's rows for the next commit; done when they are durable and marked.

        Decisions that go into one commit may share its future: wait for it shielded. It fails with
        the journal's error if the commit failed or is in doubt; then every later append fails too,
        and the journal must be opened again (PITFALLS S5).
        """
        ...

    async def close(self) -> None:
        """Commit what waits, checkpoint, close."""
        ...


class TraceLookup(Protocol):
    """What can be known of a unit beyond the station's state: of this station, and of others.

    The others are stations of the same process, and those of other gateways that are followed: what
    they record are facts like these, and the core cannot tell the two apart.
    """

    async def unit_seen(self, unit: str, handshake: str) -> UnitSeen:
        """Return the newest durable unit event of a unit at this station and its visits."""
        ...

    async def component_seen(self, component: str) -> ComponentSeen:
        """Return what a serial component or a child is in, by durable events of this station."""
        ...

    async def contents_seen(self, parent: str) -> ContentsSeen:
        """Return what is in a closed parent or in a unit, by the durable events of this station."""
        ...

    async def event_seen(self, address: Address) -> EventSeen | None:
        """Return what is known of a durable event; None: it is not kept, or there never was one."""
        ...

    async def reach(self, address: Address) -> None:
        """Return once answers cover this station's events up to an address.

        Raises:
            StoreError: they will not.
        """
        ...

    def blocked(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return which of these lots, units or components are blocked, as far as it is known."""
        ...

    def is_current(self, seen: UnitSeen) -> bool:
        """Return whether an earlier answer still holds, this station's own newest events aside."""
        ...


# ------------------------------------------------------------------ sinks


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one sink."""

    row: Row
    after: Address | None = None
    """The previous address on this stream where the sink is filtered (D-138)."""
    resend: bool = False


@unique
class Refusal(StrEnum):
    """Whether a refused event can pass later (D-118)."""

    LATER = "later"
    """Quota, not authorised, busy: the sink pauses."""
    NEVER = "never"
    """Too large, malformed, poison: the event goes to the sink's quarantine."""


class SinkDownError(Exception):
    """The sink cannot be reached now. The publisher tries again with back-off."""


class RefusedError(Exception):
    """The sink refused one event."""

    def __init__(self, refusal: Refusal, cause: str) -> None:
        super().__init__(cause)
        self.refusal = refusal
        self.cause = cause


class Sink(Protocol):
    """One transport outwards. It confirms or refuses each event; it keeps no queue of its own."""

    @property
    def window(self) -> int:
        """How many unconfirmed events it takes at once, read anew for each send."""
        ...

    async def connect(self) -> None:
        """Make one attempt to be ready.

        Raises:
            SinkDownError: it cannot be reached; the text names it and says what to do.
        """
        ...

    async def hold(self) -> None:
        """Drive the connection for as long as it lasts; what is sent moves only meanwhile.

        Raises:
            SinkDownError: it broke.
        """
        ...

    def send(self, delivery: Delivery) -> asyncio.Future[None]:
        """Start one delivery; done when the other side has confirmed it.

        The future fails with RefusedError, or with SinkDownError when the connection broke.
        """
        ...

    @property
    def counts(self) -> Mapping[str, int]:
        """What was odd but stopped nothing, counted by reason."""
        ...

    async def close(self) -> None:
        """Say goodbye and let go of the connection."""
        ...
