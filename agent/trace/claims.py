"""What the proof of completeness is made from, and what it says (see `completeness.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

Place = tuple[str, int]
"""An address: epoch and seq."""


def ordinal(epoch: str) -> int:
    """Return which run of the agent an epoch is: 42 for `000042-9f3a1c7e` (D-88).

    Raises:
        ValueError: it is no epoch.
    """
    return int(epoch.partition("-")[0])


# ------------------------------------------------------------------ what comes in


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What the proof needs of one event."""

    station: str
    epoch: str
    seq: int
    hash: str
    prev: str | None = None
    """Hash of the event before it; None for a station's very first."""
    after: Place | None = None
    """The event before it on a filtered stream; None on a full one."""
    starts: bool = False
    """Whether it is `agent_started`."""
    previous: Place | None = None
    """Of `agent_started`: where the epoch before ended; None for a station's very first."""
    previous_hash: str | None = None
    lost: tuple[str, int, int] | None = None
    """Of `history_lost`: epoch, first and last seq of what the station itself has lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What a retained `position` says: how far a station's journal reaches."""

    station: str
    epoch: str
    last_seq: int
    last_hash: str
    first_kept: Place | None
    """The oldest event that can still be asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a finished `resend` says: this range was sent, in so many events."""

    station: str
    epoch: str
    first: int
    last: int
    sent: int
    is_filtered: bool
    """Whether the stream has holes by intent; else only the events themselves prove anything."""
    starts: bool = False
    """Whether it names where the epoch before ended; a filtered stream may have no such event."""
    previous: Place | None = None
    """As of `Link`."""


# ------------------------------------------------------------------ what comes out


@unique
class Lack(StrEnum):
    """Why a range is not there."""

    MISSING = "missing"
    """It can be asked for."""
    GONE = "gone"
    """The station no longer keeps it."""
    LOST = "lost"
    """The station has lost it itself: by its `history_lost`, or its next epoch knows less."""


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """Numbers of one epoch, both ends included."""

    epoch: str
    first: int
    last: int

    def __str__(self) -> str:
        """Return it as `{epoch}-{first}` or `{epoch}-{first}…{last}`."""
        return f"{self.epoch}-{self.first}" + (f"…{self.last}" if self.last > self.first else "")

    def __len__(self) -> int:
        """Return how many events they are."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Gap:
    """A range that is not there, and why."""

    range: Range
    why: Lack


@dataclass(frozen=True, slots=True)
class Fork:
    """Two or more epochs that follow the same one: a cloned gateway, or a restored backup."""

    of: str | None
    """The epoch that they follow; None: each says that it is the station's first."""
    into: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """What is there of one run of the agent."""

    epoch: str
    events: int
    """How many are held."""
    end: int | None
    """Its last seq, as far as anybody has said; None: nobody has."""
    is_running: bool
    """Whether no other epoch follows it, so that only `position` tells its end."""
    gaps: tuple[Gap, ...]
    orphaned: Range | None
    """What is held beyond the end that the next epoch knows of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StationReport:
    """Whether everything of a station is there, as far as was asked."""

    station: str
    is_complete: bool
    since: str | None
    """Address from which completeness was asked for; None: from the station's first event on."""
    upto: str | None
    """Newest address up to which nothing lacks; None: not even the first is there."""
    epochs: tuple[EpochReport, ...]
    forks: tuple[Fork, ...]
    conflicts: tuple[str, ...]
    """Addresses that came with two contents."""
    broken: tuple[str, ...]
    """Addresses whose `prev` is not the hash of the event before them."""
    open_end: bool
    """Whether nobody has said where the newest epoch ends, or one that another must follow."""

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Every range that is not there, oldest first."""
        return tuple(gap for epoch in self.epochs for gap in epoch.gaps)

    @property
    def to_ask(self) -> tuple[Range, ...]:
        """What a `resend` should be asked for, oldest first."""
        return tuple(gap.range for gap in self.gaps if gap.why is Lack.MISSING)
