"""What can be seen of a device, and what a driver owes: the words that drivers and core share.

Laws:
    1. Everything the agent learns is an observation. It says when it happened: between
       `earliest_ms` and `latest_ms` by our boot-time clock (DOMAIN D-24), never "about then".
    2. A value never travels without its quality, and a BAD one carries no value (D-96).
    3. A driver makes one attempt. It does not retry, log or swallow; whoever supervises it does.

This module is pure and imports the standard library only; `agent.core` depends on it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum, unique
from typing import Protocol, Self

Scalar = bool | int | float | str
"""What a tag can hold. Integers beyond 2**53 stay integers here; JSON writes them as strings."""


@unique
class Quality(StrEnum):
    """How far a value can be trusted; the severities of OPC UA (D-95)."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    BAD = "bad"


@unique
class ClockState(StrEnum):
    """What is known about the wall clock (D-90)."""

    SYNCED = "synced"
    HOLDOVER = "holdover"
    UNSYNCED = "unsynced"
    STEPPED = "stepped"


_FIRST_DAY = date(1970, 1, 1).toordinal()
_DAY_MS = 86_400_000
SET_CLOCKS = frozenset({ClockState.SYNCED, ClockState.HOLDOVER})
"""States in which the time of day counts: set by a time source, now or before it was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One reading of both clocks together: wall time for records, boot time for durations."""

    wall_ms: int
    """UTC, milliseconds since 1970."""
    offset_min: int
    """Local offset from UTC in minutes; stands beside UTC, never replaces it (D-89)."""
    boot_ms: int
    """CLOCK_BOOTTIME in milliseconds; comparable only within one `boot_id` (D-91)."""
    boot_id: str
    clock_state: ClockState
    unsynced_s: int | None = None
    """In HOLDOVER: for how long no time source has set the wall clock; None in other states."""

    @property
    def day(self) -> date:
        """The date by the station's calendar; century and expiry rules need it (D-75)."""
        return date.fromordinal(_FIRST_DAY + (self.wall_ms + self.offset_min * 60_000) // _DAY_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagValue:
    """One value one driver saw once: never without quality, never stale under a good one."""

    tag: str
    value: Scalar | None
    """None exactly when `quality` is BAD."""
    quality: Quality
    code: str = ""
    """The protocol's own code (`0x80340000`, `exception 2`); empty where it has none to give."""
    source_ms: int | None = None
    """When it happened by the device's clock, UTC ms; None if the device keeps none."""
    ahead_ms: int | None = None
    """How far the device's time was ahead of ours, where it is no time for that (D-92)."""

    def __post_init__(self) -> None:
        """Refuse a value that does not fit its quality.

        Raises:
            ValueError: a BAD value is present, or a GOOD or UNCERTAIN one is missing.
        """
        if (self.value is None) != (self.quality is Quality.BAD):
            raise ValueError(f"{self.tag}: value {self.value!r} does not fit {self.quality}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TagFault:
    """A tag that the device has not got as configured: an engineer edits the file."""

    tag: str
    cause: str
    """What the device says, with its own code: `BadNodeIdUnknown (0x80340000)`."""
    hint: str
    """What to do about it, one sentence."""


@unique
class FrameStatus(StrEnum):
    """What the scanner's framer makes of the bytes between two ends (D-83)."""

    OK = "ok"
    NO_READ = "noread"
    INVALID = "invalid"
    """A control character inside that no code carries."""
    OVERLONG = "overlong"
    PARTIAL = "partial"
    """Cut by silence, by a disconnect or by a new start; never bound to a unit."""


@unique
class Entry(StrEnum):
    """How a code came in, where that is worth a mark (D-84, D-85)."""

    KEYED = "keyed"
    """A person keyed it by hand."""
    WEDGE = "wedge"
    """By a reader that acts as a keyboard, and changes what it does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was learned once. It happened in [earliest_ms, latest_ms] by our boot clock."""

    id: str
    """Unique within one run of the agent; what `because` names when no event stands for it."""
    device: str
    """The device's name in the station file; empty for what the engine itself saw."""
    earliest_ms: int
    latest_ms: int
    received: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesSeen(Observation):
    """Values that a poll or a subscription brought, newest last."""

    values: tuple[TagValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRead(Observation):
    """The answer to a snapshot ask: guard, data, guard (D-21)."""

    ask: str
    """The ask that this answers; empty when a driver is read outside the engine."""
    group: str
    values: tuple[TagValue, ...]
    """Every tag of the group, guard tags included, as last read."""
    coherent: bool
    """Whether the guard read the same before and after the data."""
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeScanned(Observation):
    """What a reader sent between two ends, as received."""

    raw: bytes
    """The bytes as framed; empty when they were a badge and `operator` stands for them (D-64)."""
    status: FrameStatus = FrameStatus.OK
    operator: str | None = None
    """The pseudonym that the rim put in place of a badge's bytes."""
    role: str | None = None
    """The role that the badge gives; None: `operator`."""
    hidden_length: int | None = None
    """How long a failed read was that began like a badge: all that is kept of it (D-64)."""
    entry: Entry | None = None
    """None: a reader decoded it and sent it as it is."""
    who: str | None = None
    """Who keyed it, as the rim lets it be known."""
    entry_reason: str | None = None
    """Why it was keyed, in the person's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged(Observation):
    """The link to a device came up or went down."""

    up: bool
    reason: str = ""
    """Why it went down, one line that names the endpoint; empty when it came up."""
    faults: tuple[TagFault, ...] = ()
    """Tags that this device has not got as configured; the rest works."""
    warnings: tuple[str, ...] = ()
    """What the device does less well than asked for (it samples more slowly), a line each. No tag
    is at fault and nothing is unsafe: a station is ready in spite of them."""
    losses: int = 1
    """Of a link that came up: how often it was lost since it last was told to be up."""

    @classmethod
    def at(
        cls,
        now: Instant,
        name: str,
        device: str,
        *,
        up: bool,
        reason: str = "",
        faults: tuple[TagFault, ...] = (),
        warnings: tuple[str, ...] = (),
        losses: int = 1,
    ) -> Self:
        """Return that a link changed at the moment in which it is seen; `name` is its id."""
        return cls(
            id=name,
            device=device,
            earliest_ms=now.boot_ms,
            latest_ms=now.boot_ms,
            received=now,
            up=up,
            reason=reason,
            faults=faults,
            warnings=warnings,
            losses=losses,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesLost(Observation):
    """Values were lost on the way: a device's queue or ours ran over (D-95, D-157)."""

    tag: str | None
    count: int | None
    """How many, None where nobody can know."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired(Observation):
    """A moment that `decide` asked to be woken at has come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSeen:
    """What is known of one recorded event, for whoever wants to correct it (D-143)."""

    address: str
    kind: str
    about: str | None = None
    """The unit, lot or component that it is about."""
    superseded_by: str | None = None
    """Address of the correction that stands instead; None: the event stands."""
    supersedes: tuple[str, ...] = ()
    """Of a correction: what it supersedes."""
    corrects: str | None = None
    """Of a correction by a person: the kind of what it corrects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousSeen:
    """What a station says of a unit that must have passed it before (D-38)."""

    station: str
    known: bool
    """False: it could not be asked, not in time, or what is known of it may not be all (D-41)."""
    address: str | None = None
    """Of the unit's newest completion there; None: it has none."""
    result: str | None = None
    certain: bool = True
    """Whether it is certain that it was this unit."""
    as_of: str | None = None
    """The station's address up to which it looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAnswered(Observation):
    """The answer to a lookup ask, or that none came in time."""

    ask: str
    known: bool
    """False when the question could not be answered: the station's policy decides (D-41)."""
    seen_at: str | None = None
    """Address of the newest unit event of this unit at this station; None: never here."""
    seen_kind: str | None = None
    """The kind of that event."""
    seen_result: str | None = None
    """Its result, where the kind has one."""
    visits: int = 0
    """How many `unit_completed` this unit has here."""
    done_result: str | None = None
    """The result of the newest of them; None: there is none, or nobody can say."""
    knowledge_as_of: str | None = None
    """The address up to which the answer looked."""
    installed_in: str | None = None
    """The unit that a serial component is in, where one was asked about; None: in none."""
    position: str | None = None
    """The position that it has there."""
    scrapped: bool = False
    """Whether the unit is scrap by what is known (D-36)."""
    reworked: bool = False
    """Whether it was released for another visit, and has not come since (D-35)."""
    names: tuple[str, ...] = ()
    """Every identity that the unit is known by, where there are others (D-37)."""
    renamed_to: str | None = None
    """The identity that took the place of the one asked for; None: it stands."""
    event: EventSeen | None = None
    """The event that was asked about; None: there is none under that address."""
    within: tuple[str, ...] = ()
    """What a package or unit is in, innermost first, where one was asked about."""
    contents: tuple[str, ...] = ()
    """The children in it."""
    components: tuple[str, ...] = ()
    """The serial components in it."""
    blocked: tuple[str, ...] = ()
    """What is blocked of the unit and of the lots that were asked about (D-56)."""
    previous: tuple[PreviousSeen, ...] = ()
    """What the stations say that it must have passed before (D-38)."""
    knowledge_since: str | None = None
    """What was before this address is not known; None: everything is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMoved(Observation):
    """The wall clock jumped against the boot clock (D-90)."""

    step_ms: int
    """New wall time minus the one expected; negative is a step back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGiven(Observation):
    """A person gave a command by hand (D-143); no device brought it."""

    command: str
    """Its name, whether there is such a command or not."""
    who: str
    """The person as the rim lets it be known: never a badge, except in mode `clear` (D-64)."""
    reason: str
    """Why, in the person's words."""
    arguments: tuple[tuple[str, str], ...] = ()
    """(name, value) as given; a name may come several times, a number is decimal text."""
    fault: str | None = None
    """What the rim found wrong with it: then it is refused with these words."""
    scan: CodeScanned | None = None
    """The code that it gives in the place of a reader, whichever reader that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeSkipped(Observation):
    """An optional sink has to give up events so that there is room for new ones (D-142)."""

    sink: str
    first: str
    """Address of the first event."""
    last: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldChanged(Observation):
    """Whether a cycle could be recorded has changed: the disk is full, or no longer (D-142)."""

    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSigned(Observation):
    """The newest recorded event was signed, and by its hash all before it (X06)."""

    epoch: str
    seq: int
    """Of the event that was signed. Another one is the newest by now: the signature is dropped."""
    hash: str
    at: str
    """When, as the signature has it."""
    key: str
    """The id of the public key."""
    signature: str


AnyObservation = (
    ValuesSeen
    | SnapshotRead
    | CodeScanned
    | LinkChanged
    | SamplesLost
    | TimerFired
    | AskAnswered
    | ClockMoved
    | CommandGiven
    | RangeSkipped
    | HoldChanged
    | HeadSigned
)
"""The closed union of what `decide` can be given."""

Emit = Callable[[AnyObservation], Awaitable[None]]
"""Where a driver hands its observations; it waits while the receiver is full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagGroup:
    """Tags to be read as one coherent whole: guard, data, guard (D-21)."""

    name: str
    guard: tuple[str, ...]
    """Tags that must read the same before and after; empty where the device offers none."""
    tags: tuple[str, ...]
    """Data tags; may repeat guard tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteGroup:
    """Values to be written together, before the next group, and read back."""

    device: str
    values: tuple[tuple[str, Scalar], ...]
    """(tag, value) in writing order."""


class DriverError(Exception):
    """What a driver may raise: the classes below say who has to act."""


class LinkDownError(DriverError):
    """The device cannot be reached now. The supervisor connects again."""


class DriverConfigError(DriverError):
    """The station file asks for what this device has not got. An engineer edits the file."""

    def __init__(self, tag: str | None, cause: str, hint: str) -> None:
        super().__init__(f"tag '{tag}': {cause}; {hint}" if tag else f"{cause}; {hint}")
        self.tag = tag
        self.cause = cause
        self.hint = hint


class Clock(Protocol):
    """Time as the agent knows it; tests turn the hands themselves."""

    def now(self) -> Instant:
        """Return the wall clock and the boot-time clock, read together."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Return after that long by this clock."""
        ...


class Driver(Protocol):
    """One device, one attempt: it connects, says what it sees, and never hides a failure."""

    async def run(self, emit: Emit) -> None:
        """Connect once, emit `LinkChanged(up=True)` and then what is seen; never return.

        Raises:
            LinkDownError: the device cannot be reached, or no longer.
            DriverConfigError: nothing of what is configured can work with this device.
        """
        ...

    async def read(self, group: TagGroup) -> SnapshotRead:
        """Return the group's values, coherent if the guard held still within the tries.

        Raises:
            LinkDownError: there is no link, or it broke; `run` ends as well.
        """
        ...

    async def write(self, groups: Sequence[WriteGroup]) -> None:
        """Write the groups in order, reading each back before the next.

        Raises:
            LinkDownError: there is no link, it broke, or the device does not hold the value.
            DriverConfigError: a tag is not declared for writing or the device refuses the write.
        """
        ...
