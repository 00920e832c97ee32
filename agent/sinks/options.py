"""What a sink says about itself: its options, and how it is built into its place.

The station file is validated against these models before anything is reached, so a sink's module
must import its transport's library only when it is built, never when imported.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from agent.core.events import KINDS
from agent.formats.cloudevents import envelope
from agent.ports import Address, Clock, Delivery, Files, Recorded, Row, Sink, Worker
from agent.sinks.values import ValueFeed

Encode = Callable[[Delivery], bytes]
"""One event as this sink sends it."""


@unique
class Oddity(StrEnum):
    """What a sink counts, and tells once a connection, though it stops nothing."""

    NO_SUBSCRIBERS = "no_subscribers"
    """The broker took an event that nobody had subscribed to."""
    NOT_RETAINED = "not_retained"
    """The broker keeps no retained messages."""
    REFUSED_STATUS = "refused_status"
    """Health or position was refused."""
    STRAY_ACKNOWLEDGEMENTS = "stray_acknowledgements"
    """Confirmations of nothing that was under way."""
    TAKEN_OVER = "taken_over"
    """Another client came under our name at the broker: an alarm, it may be a cloned gateway."""
    NO_CONTROL = "no_control"
    """The broker does not let us subscribe to `control`: nobody can ask for a resend."""
    REFUSALS_UNSEEN = "refusals_unseen"
    """The connection is MQTT 3.1.1, in which a broker cannot say what it refuses."""
    RESENDS = "resends"
    """Requests on `control` that were answered; told the first time of each connection."""
    RESENT = "resent"
    """Events that were sent again for them."""
    REFUSED_REQUESTS = "refused_requests"
    """Messages on `control` that are no request, or one too many; commands that are not obeyed."""
    VALUES_DROPPED = "values_dropped"
    """Values that could not wait for a broker or host any longer."""
    TOO_LARGE = "too_large"
    """Values whose message is larger than the broker takes."""
    MEMORY_LOST = "memory_lost"
    """What a sink kept about its sessions cannot be read."""
    REBIRTHS = "rebirths"
    """Births that were sent again on a live connection: asked for, or for a new metric."""
    HISTORY_UNKNOWN = "history_unknown"
    """The other side holds events of this station that its journal does not know: an alarm."""
    POSITION_UNREAD = "position_unread"
    """The broker does not let us read our own `position`, or what stands there is none."""


_SECRET = re.compile(r"credential:[\w.@-]+|file:/.+|env:[A-Za-z_]\w*")
_EPOCH = re.compile(r"[0-9]{6}-[0-9a-f]{8}")
_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_SEQ = (1 << 40) - 1
_START = r"^(oldest|now|[0-9]{6,}-[0-9a-f]{8}-[1-9][0-9]*)$"
_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE = re.compile(r"^\s*(\d+)\s*(KiB|MiB|GiB)\s*$")


def secret_reference(value: str) -> str:
    """Return the reference to a secret as it stands.

    Raises:
        ValueError: it is no reference; a secret itself has no place in a station file.
    """
    if not _SECRET.fullmatch(value):
        raise ValueError(
            "not a reference to a secret; write credential:NAME, file:/PATH or env:NAME"
        )
    return value


def size_bytes(value: object) -> object:
    """Return a size such as `64MiB` in bytes.

    Raises:
        ValueError: the text is no whole number with KiB, MiB or GiB.
    """
    match = _SIZE.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a size; write a whole number with KiB, MiB or GiB")
    return int(match[1]) * _UNITS[match[2]]


def _known_kind(value: str) -> str:
    if value not in KINDS:
        raise ValueError(f"no event is called {value!r}; the kinds are {', '.join(sorted(KINDS))}")
    return value


SecretReference = Annotated[str, AfterValidator(secret_reference)]
"""Where a secret is to be found: a systemd credential, a file, a variable of the environment."""

SizeBytes = Annotated[
    int,
    BeforeValidator(size_bytes),
    WithJsonSchema({"type": "string", "pattern": _SIZE.pattern, "examples": ["64MiB"]}),
]
"""A size in bytes, written in the station file with its unit."""


def _some_kinds(kinds: tuple[str, ...]) -> tuple[str, ...]:
    if not kinds:
        raise ValueError("no kind is named; leave the key out for all of them")
    return kinds


EventKind = Annotated[str, AfterValidator(_known_kind)]


class EntryOptions(BaseModel):
    """An entry of `publish`: frozen; unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, defer_build=True
    )

    @property
    def doubts(self) -> tuple[tuple[str, str], ...]:
        """What is doubtful though it is allowed: (key, why), told by `check` and at each start."""
        return ()

    @property
    def sees_refusals(self) -> bool:
        """Whether the other side can say that it did not take an event."""
        return True


class SinkOptions(EntryOptions):
    """What every sink of events can be told."""

    required: bool = True
    """Whether the journal keeps what this sink has not confirmed, however full the disk. Turn it
    off for a sink that may lose events so that the line can go on (`sink_skipped` names them)."""

    kinds: Annotated[tuple[EventKind, ...], AfterValidator(_some_kinds)] | None = None
    """The kinds of events this sink gets; all of them when left out. With a choice, each event
    carries `after`, the one before it on this stream, so that completeness can still be proven."""

    start: Annotated[str, Field(pattern=_START)] = "oldest"
    """Where a sink begins that was not there before: with the `oldest` event that is kept, `now`,
    or an address such as `000042-9f3a1c7e-17`. Once it has begun this says nothing any more."""

    format: Literal["json"] = "json"
    """What a message looks like: a CloudEvents envelope in JSON around the event as stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far the journal reaches: what the retained `position` says off the box (DESIGN 3)."""

    epoch: str
    first_kept: str | None
    """Address of the oldest event that can still be sent again."""
    last_seq: int
    last_hash: str


def position_of(journal: Recorded) -> Position | None:
    """Return where the journal stands, None while it is empty."""
    last, last_hash, first = journal.last, journal.last_hash, journal.first_kept
    if last is None or last_hash is None:
        return None
    return Position(
        epoch=last.epoch,
        first_kept=None if first is None else str(first),
        last_seq=last.seq,
        last_hash=last_hash,
    )


def not_known(held: Address) -> str:
    """Return why a run is over whose journal does not know what the other side holds."""
    return (
        f"holds {held} of this station, which the journal does not know; a new epoch begins, and "
        "says so"
    )


def held_position(epoch: object, seq: object, digest: object) -> tuple[Address, str] | None:
    """Return address and hash of an event that the other side says it holds; None: it is none."""
    if not isinstance(epoch, str) or type(seq) is not int or not isinstance(digest, str):
        return None
    if not _EPOCH.fullmatch(epoch) or not 1 <= seq <= _MOST_SEQ or not _HASH.fullmatch(digest):
        return None
    return Address(epoch, seq), digest


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineNow:
    """What the machine does, by events on disk; no text where that is not known."""

    as_of: Address
    """The newest event that was taken into account."""
    state: str | None = None
    category: str | None = None
    reason: str | None = None
    mode: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What happens at a station beside its events, for a sink that shows it."""

    feed: ValueFeed
    """The values of tags; it outlives the sink, and with it what could not be sent yet."""
    machine: Callable[[], MachineNow | None]
    """What the machine does now; None: the station looks at no state."""
    files: Files
    """For what the sink has to remember over restarts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkPlace:
    """What a sink is given of the world around it."""

    name: str
    """Its name in the station file."""
    station: str
    """The station's path: `acme/graz/assembly/line-3/press-07`."""
    directory: Path
    """The station's state directory, where relative paths begin."""
    clock: Clock
    worker: Worker
    """A thread of its own for what blocks; its owner closes it."""
    position: Callable[[], Position | None]
    """Where the journal stands now: `position_of` it."""
    status: Callable[[], Mapping[str, object] | None]
    """What the station does now, for the retained `state`; None: nothing can be said."""
    read: Callable[[Address | None, int], Awaitable[list[Row]]]
    """Returns stored events after an address: `Recorded.read`."""
    set_aside: Callable[[], Awaitable[frozenset[Address]]]
    """Returns the addresses in this sink's quarantine, which are never sent again by request."""
    secret: Callable[[str], str]
    """What a reference stands for, read anew each time. Raises OSError or KeyError: not there."""
    warn: Callable[[Oddity, str], None]
    """Told (reason, text) of what should be looked at but stops nothing, once a connection."""
    live: Live | None = None
    """What happens at the station beside its events; None for a sink that sends events alone."""
    is_known: Callable[[Address, str], Awaitable[bool]] | None = None
    """Told address and hash of the newest event that the other side holds, before anything is sent.
    False: this run is over, and nothing is to be sent in it. None: nobody wants to know."""
    figures: Callable[[], Mapping[str, object] | None] = lambda: None
    """The key figures of the running shift, made anew now and then; None: there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSpec:
    """One line in the registry: everything the rest of the product knows of a sink."""

    summary: str
    """One sentence for the generated page."""
    options: type[EntryOptions]
    build: Callable[[Any, SinkPlace], Sink]
    """(options, place) -> the sink, not yet connected."""
    live: bool = False
    """Whether it is shown the values of tags; its options have `tags` and `buffer`."""


def encode_json(delivery: Delivery) -> bytes:
    """Return the event in its CloudEvents envelope (D-115).

    Raises:
        ValueError: what is stored is no event.
    """
    after = None if delivery.after is None else str(delivery.after)
    return envelope(delivery.row.body, after=after, resend=delivery.resend)


FORMATS: Mapping[str, Encode] = {"json": encode_json}
"""How events are written, by the name of the format."""
