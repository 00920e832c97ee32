"""What can have happened at a station: frozen facts in the past tense, one class a kind.

Laws:
    1. An event is never changed. A correction is a new event that supersedes it (D-143).
    2. Its address (epoch, seq) is given when it is made: seq starts at 1 in each epoch, rises by
       one, and no address is ever used twice (D-88).
    3. The field names are public API: `agent.formats.json` writes them as they stand here, and
       leaves out a field that is None or empty.

One file, however long: it is the registry, and whoever consumes events reads it from top to bottom.
A new kind is a class here, its row in `evolve`, and a line in docs/CHANGES.md. `schema` rises when
the meaning of a field changes; a field added with a default does not raise it (D-141).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum, unique
from functools import wraps
from typing import ClassVar

from drivers.base import ClockState, Entry, FrameStatus, Quality, Scalar


@unique
class Certainty(StrEnum):
    """How sure a statement is (DESIGN 3)."""

    CERTAIN = "certain"
    POSSIBLE = "possible"
    REFUSED = "refused"


@unique
class Why(StrEnum):
    """Why a statement is not certain, or not made; the reasons of D-5 and the core's own."""

    BOUNDARY_UNCERTAIN = "boundary_uncertain"
    MATERIAL_UNKNOWN = "material_unknown"
    NO_LOT_OPEN = "no_lot_open"
    NO_SCAN = "no_scan"
    TWO_CANDIDATES = "two_candidates"
    SCAN_BEFORE_RESTART = "scan_before_restart"
    """The scan was pending when the agent went down: a newer one may have been missed."""
    REPEAT_POSSIBLE = "repeat_possible"
    """Nothing proves that this request was not answered before (D-20)."""
    REQUEST_ID_CONFLICT = "request_id_conflict"
    """A known request number came with other content, so it is not a repeat (D-20)."""
    BAD_CODE = "bad_code"
    BAD_QUALITY = "bad_quality"
    STALE_CODE = "stale_code"
    """The tag held the same code as for the cycle before, while the counter moved on (D-23)."""
    DUPLICATE = "duplicate"
    OPERATOR_MISSING = "operator_missing"
    ORDER_MISSING = "order_missing"
    ORDER_REACHED = "order_reached"
    """The order has its quantity, and no more units are made for it."""
    WRONG_PRODUCT = "wrong_product"
    """The unit is not what the order is for."""
    COMPONENT_MISSING = "component_missing"
    LOT_EXPIRED = "lot_expired"
    KNOWLEDGE_MISSING = "knowledge_missing"
    """The question could not be answered in time; the station's policy decided (D-41)."""
    PREVIOUS_MISSING = "previous_missing"
    """A station that the unit must have passed before has not completed it (D-38)."""
    PREVIOUS_NOK = "previous_nok"
    """A station before this one completed the unit last as NOK."""
    PREVIOUS_UNKNOWN = "previous_unknown"
    """A station before this one could not be asked, or is not certain that it was this unit."""
    UNIT_BLOCKED = "unit_blocked"
    """The unit itself is blocked (D-56)."""
    CLOCK_UNSYNCED = "clock_unsynced"
    VERDICT_UNKNOWN = "verdict_unknown"
    """The verdict tag could not be read GOOD, so the result is taken as NOK."""
    LIMIT_BREACHED = "limit_breached"
    """A value lies beyond its limits, so the result is NOK."""
    LIMIT_UNKNOWN = "limit_unknown"
    """A value or a limit could not be read GOOD, so the result is taken as NOK (D-96)."""
    CYCLE_BETWEEN = "cycle_between"
    """A cycle was aborted or missed after the scan: it may have been that one's (D-7, D-33)."""
    CAVITY_UNKNOWN = "cavity_unknown"
    """A code came whose cavity is not known, or one code for two cavities (D-23)."""
    QUEUE_LOST = "queue_lost"
    """The order of the parts between reader and station is not known (D-26)."""
    CARRIER_EMPTY = "carrier_empty"
    """Nothing was loaded on the carrier: a state, not an error (D-28)."""
    CARRIER_CONFLICT = "carrier_conflict"
    """The carrier was loaded twice, or its unit elsewhere: nothing says what is on it (D-28)."""
    CARRIER_CHANGED = "carrier_changed"
    """The carrier was loaded or unloaded during the cycle (D-23)."""
    READER_AWAY = "reader_away"
    """A reader could not be reached, or failed to read: what matters may have been missed."""
    ORDER_OF_FACTS = "order_of_facts"
    """Two facts overlap in time and their order matters (D-24)."""
    LOT_BLOCKED = "lot_blocked"
    """The lot or the serial component is blocked (D-56)."""
    WRONG_PART = "wrong_part"
    """What is at the position does not belong there (D-57)."""
    NOT_PRODUCTION = "not_production"
    """The cycle was not made automatically, and the station binds none of these to a unit."""
    MODE_UNKNOWN = "mode_unknown"
    """The machine's mode could not be read, or is none of those declared."""
    HOPPER_MIX = "hopper_mix"
    """Lots are mixed in a vessel: each that was put in since it was seen empty (D-48)."""
    CONFLICT = "conflict"
    """The serial component is in another unit, by what is known (D-42)."""
    PRODUCT_UNKNOWN = "product_unknown"
    """No product is named, or the station file has none that is called so."""
    PRODUCT_CHANGED = "product_changed"
    """The product changed while it was made: it may be of either (D-29)."""
    LOT_USED_UP = "lot_used_up"
    """By count nothing is left of the lot: another one may not have been scanned."""
    SCRAPPED = "scrapped"
    """The unit is scrap, until a correction says otherwise (D-36)."""
    REWORK_LIMIT = "rework_limit"
    """The unit was here as often as the station allows (D-35)."""
    IDENTITY_CONFLICT = "identity_conflict"
    """The unit has another identity by now: somebody else may bear this one (D-37)."""
    MULTI_LOT_LABEL = "multi_lot_label"
    """The label stands for several lots (D-51)."""
    NO_PARENT = "no_parent"
    """No parent is open that a child could go into, or that could be closed."""
    NO_CHILD = "no_child"
    """No child waits for the parent whose code was read."""
    COUNT_SHORT = "count_short"
    """Fewer children than are expected are in the parent."""
    COUNT_OVER = "count_over"
    """More children than the parent can take, or more serial components than the unit gets."""
    IN_ITSELF = "in_itself"
    """The parent is in what is to go into it: nothing is in itself, at whatever depth (D-9)."""
    NOT_PACKED = "not_packed"
    """What is to be taken out is in no parent, or the parent is empty, by what is known."""


@unique
class Result(StrEnum):
    """What the machine says of the unit."""

    OK = "ok"
    NOK = "nok"


@unique
class Verdict(StrEnum):
    """What a value is by its limits; what is not known to be good is never ok (D-96)."""

    OK = "ok"
    LOW = "low"
    HIGH = "high"
    UNKNOWN = "unknown"


@unique
class ExpiryReason(StrEnum):
    """Why a scan never met a cycle."""

    WINDOW = "window"
    """No cycle came within the pairing window."""
    CYCLE_REFUSED = "cycle_refused"
    """It belongs to a cycle that was refused or left unbound (D-24)."""
    SUPERSEDED = "superseded"
    """The same code was scanned again; the newer scan stands for it."""
    OTHER_BOOT = "other_boot"
    """It was pending over a boot of the gateway: its age is not known (D-91)."""
    HISTORY_LOST = "history_lost"
    """It was pending when a part of the history was lost, in which it may have been used."""
    COUNTED = "counted"
    """The cycle after it made a piece of a lot, which has no identity."""
    CANCELLED = "cancelled"
    """A cancel code was scanned (D-23)."""
    RESTART = "restart"
    """It named a lot for an action that never came before the agent ended: others may be missed."""
    CONFIG_CHANGED = "config_changed"
    """The station file was changed so that it can no longer meet its cycle."""


@unique
class LotAction(StrEnum):
    """What is done to a product lot as a whole (D-52, D-53)."""

    SPLIT = "split"
    MERGE = "merge"
    ISSUE = "issue"
    RETURN = "return"
    RELABEL = "relabel"


@unique
class LotFault(StrEnum):
    """Why an action on a lot was not taken."""

    NOTHING_PICKED = "nothing_picked"
    """Nobody said which lot it is about."""
    SEVERAL_PICKED = "several_picked"
    """More lots were named than the action is about."""
    BAD_QUANTITY = "bad_quantity"
    """The quantity is no amount, or nothing."""
    MEASURE_DIFFERS = "measure_differs"
    """The quantity is in another unit of measure than the lot is kept in: nothing is converted."""
    ITSELF = "itself"
    """The lot would come of itself."""
    CIRCULAR = "circular"
    """The lot would come of what it has gone into; what results needs an identity of its own."""
    LOT_EXISTS = "lot_exists"
    """The new identity is another lot's."""
    QUANTITY_MISMATCH = "quantity_mismatch"
    """The quantity does not fit what is known, and the station refuses that."""


@unique
class QueueLoss(StrEnum):
    """Why the order between a reader and its station is not known."""

    MISMATCH = "mismatch"
    """More or fewer parts than can be, or another part than was expected."""
    RESTART = "restart"
    """The agent or the reader was away, or a cycle has no record; a count confirms the order."""
    PLC_RESTARTED = "plc_restarted"
    """The PLC lost its memory: parts may have been moved (D-27)."""
    CONFIG_CHANGED = "config_changed"
    """The station file has another way to the station, or has one for the first time."""


@unique
class QueueSync(StrEnum):
    """What proved the order anew."""

    READER = "reader"
    COUNT = "count"
    CLEAR = "clear"


@unique
class SignOffReason(StrEnum):
    """Why an operator's session ended (D-60)."""

    BADGE_OUT = "badge_out"
    OTHER_BADGE = "other_badge"
    IDLE = "idle"
    SHIFT_END = "shift_end"
    RESTART = "restart"
    OTHER_ROLE = "other_role"
    """The same person signed on again in another role."""
    COMMAND = "command"
    CONFIG = "config"
    """The station file allows fewer people than were signed on, or writes people otherwise."""


@unique
class Declined(StrEnum):
    """Why a person's command was not carried out."""

    UNKNOWN_COMMAND = "unknown_command"
    BAD_ARGUMENT = "bad_argument"
    """One is missing, is not taken, or cannot be read."""
    NO_REASON = "no_reason"
    NOBODY = "nobody"
    """Nobody says who gave it."""
    KNOWLEDGE_MISSING = "knowledge_missing"
    """What it needs to know could not be looked up in time; it may be given again."""
    ALREADY = "already"
    """It is so already."""
    NOT_SO = "not_so"
    """What it takes back is not so."""
    BLOCKED = "blocked"
    """What it uses is blocked."""
    UNKNOWN = "unknown"
    """What it is about was never here, by what the station knows."""
    IN_USE = "in_use"
    """The identity that it gives is another unit's."""
    SUPERSEDED = "superseded"
    """The event is corrected already: its correction is what can be corrected."""
    SCRAPPED = "scrapped"
    LIMIT = "limit"
    """The station's limit is reached."""
    NOT_ALLOWED = "not_allowed"
    """The station file does not let it be done."""


@dataclass(frozen=True, kw_only=True)
class EventTime:
    """When it was learned, and when it happened if the device said so (D-87, D-89, D-91)."""

    received_ms: int
    """UTC ms; written as RFC 3339 with milliseconds under the name `received`."""
    offset_min: int
    boottime_ms: int
    boot_id: str
    clock_state: ClockState
    source_ms: int | None = None
    """The device's time, UTC ms, written as `source`; None where the device keeps none."""
    unsynced_s: int | None = None
    """In `holdover`: for how long no time source had set the clock; None in other states (D-90)."""


@dataclass(frozen=True, kw_only=True)
class OperatorRef:
    """Who worked: a pseudonym, never a badge (D-63, D-64)."""

    ref: str
    role: str = "operator"
    certainty: Certainty | None = None
    """`possible`: they may have left before it began, or come after it had ended (D-62); None:
    they were there."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a value may be, as it was in the same snapshot; both ends are good."""

    low: Scalar | None = None
    high: Scalar | None = None
    low_warn: Scalar | None = None
    high_warn: Scalar | None = None
    target: Scalar | None = None
    unread: tuple[str, ...] = ()
    """Which of them are set-points that could not be read GOOD."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """One captured value with its quality."""

    name: str
    value: Scalar | None
    quality: Quality
    code: str | None = None
    """The protocol's own code where the quality is not plain good."""
    measure: str | None = None
    """Unit of measure."""
    source_ms: int | None = None
    limits: Limits | None = None
    """In the value's own unit of measure."""
    verdict: Verdict | None = None
    """None: it has no limits."""
    warning: Verdict | None = None
    """`low` or `high`: within its limits, but so near that it is told."""


@dataclass(frozen=True, kw_only=True)
class ComponentUse:
    """What a unit received at one position: one candidate is certain, more are possible (D-44)."""

    position: str
    candidates: tuple[str, ...]
    """Lots or serials; empty when nothing is known to have been loaded. Of a position that takes
    several serials and is certain, each of them is in the unit."""
    certainty: Certainty
    why: Why | None = None
    loads: tuple[str, ...] = ()
    """Addresses of the loads behind the candidates."""


@dataclass(frozen=True, kw_only=True)
class LotAmount:
    """A lot, and how much of it."""

    lot: str
    quantity: str | None = None
    """In the event's unit of measure; None where nobody knows."""


@dataclass(frozen=True, kw_only=True)
class PreviousStation:
    """What a station that the unit must have passed before said of it (D-38, D-41)."""

    station: str
    address: str | None = None
    """Of the completion that counted, in that station's journal; None: it has none."""
    result: str | None = None
    knowledge_as_of: str | None = None
    """That station's address up to which it looked; None: it could not be asked."""
    incomplete: bool | None = None
    """True: it may have recorded more than was known of it, and nothing was concluded."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """The envelope that every event has."""

    kind: ClassVar[str]
    schema: ClassVar[int] = 1

    epoch: str
    seq: int
    station: str
    config: str
    """Hash of the station file under which it was concluded."""
    time: EventTime
    machine: str
    order: str | None = None
    operators: tuple[OperatorRef, ...] = ()
    certainty: Certainty = Certainty.CERTAIN
    why: tuple[Why, ...] = ()
    because: tuple[str, ...] = ()
    """Addresses of events, or ids of observations, that led here."""

    @property
    def address(self) -> str:
        """The event's address as text, `{epoch}-{seq}`."""
        return f"{self.epoch}-{self.seq}"


# ------------------------------------------------------------------ station


@dataclass(frozen=True, kw_only=True)
class AgentStarted(Event):
    """First event of each epoch: says where the one before ended, so that links can be proven."""

    kind = "agent_started"
    version: str
    previous_epoch: str | None = None
    """None only for the first epoch ever."""
    previous_seq: int | None = None
    previous_hash: str | None = None
    down_ms: int | None = None
    """How long the agent was away, where one boot covers it (D-91)."""


@dataclass(frozen=True, kw_only=True)
class AgentStopped(Event):
    """Last event of an epoch that ended in order, bar its signature; a killed agent has none."""

    kind = "agent_stopped"
    reason: str


@dataclass(frozen=True, kw_only=True)
class StateCarried(Event):
    """One concern's folded state, so that older events can be pruned (DESIGN 2)."""

    kind = "state_carried"
    part: str
    part_schema: int
    body: dict[str, object]
    last: bool
    """Whether this closes a complete set."""


@unique
class Fate(StrEnum):
    """What a change of the station file means for something that is open."""

    CONTINUES = "continues"
    POSSIBLE = "possible"
    """It goes on, but what was certain of it is so no more."""
    CLOSED = "closed"
    """It ended with the file that it was open under; its own event, where it has one, follows."""


@dataclass(frozen=True, kw_only=True)
class OpenThing:
    """Something that was open when the station file was changed."""

    what: str
    """`scan`, `request`, `unit`, `counter`, `lot`, `load`, `component`, `session`,
    `order`, `product`, `parent`, `carrier`, `loading`, `queue`, `device`, `bypass`, `key` or
    `state`."""
    name: str
    """The code, handshake, tag, lot, operator or whatever else it goes by."""
    fate: Fate
    why: str | None = None
    """What of the file was changed for it; None where it continues."""
    address: str | None = None
    """Of the event that opened it."""


@dataclass(frozen=True, kw_only=True)
class ConfigChanged(Event):
    """The station runs under another station file than before; says what continues and what not.

    What is closed has its own event in the same commit, with this one in `because`.
    """

    kind = "config_changed"
    previous_config: str
    previous_known: bool = False
    """Whether the journal holds what the file before said; without it the safe side is taken."""
    changed: tuple[str, ...] = ()
    """What differs, by its path in the plan that the core reads."""
    open_things: tuple[OpenThing, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LinkLost(Event):
    """A device could no longer be reached. Emitted once a change, not once an attempt."""

    kind = "link_lost"
    device: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class LinkRestored(Event):
    """A device can be reached (again, or for the first time in this epoch)."""

    kind = "link_restored"
    device: str
    down_ms: int | None = None
    """None where the loss was not seen in this boot."""
    losses: int | None = None
    """How often it was lost since `link_lost`: one that comes and goes is told once it holds. None
    where that was all."""


@dataclass(frozen=True, kw_only=True)
class DeviceStarted(Event):
    """A device that tells its starts is seen for the first time, or has started again (D-33)."""

    kind = "device_started"
    device: str
    boots: int | None = None
    """Its count of starts."""
    life: int | None = None
    """Its word that changes when, and only when, its memory was lost."""
    memory: str
    """`lost`: its requests and counters begin anew. `kept`, or `unknown`: seen for the first time,
    or it does not say."""


@dataclass(frozen=True, kw_only=True)
class ClockStepped(Event):
    """The wall clock jumped against the boot clock (D-90). Recorded events keep their times."""

    kind = "clock_stepped"
    step_ms: int
    """New wall time minus the one expected; negative is a step back."""


@dataclass(frozen=True, kw_only=True)
class SamplesLost(Event):
    """Values or scans were lost on the way to us."""

    kind = "samples_lost"
    device: str
    tag: str | None = None
    n: int | None = None
    """How many; None where nobody can know."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class FaultRaised(Event):
    """Something does not work as configured; it stands until `fault_cleared`."""

    kind = "fault_raised"
    source: str
    """Device, `device/tag`, `device:clock`, `sink/NAME/history` or part."""
    cause: str
    hint: str | None = None


@dataclass(frozen=True, kw_only=True)
class FaultCleared(Event):
    """A raised fault is gone."""

    kind = "fault_cleared"
    source: str


@dataclass(frozen=True, kw_only=True)
class HistoryLost(Event):
    """Recorded events no longer verify, or are not here, and cannot be delivered (S1, S2, P21)."""

    kind = "history_lost"
    lost_epoch: str
    first_seq: int
    last_seq: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class SinkSkipped(Event):
    """An optional sink lost this range to the quota (DESIGN 6)."""

    kind = "sink_skipped"
    sink: str
    from_address: str
    to_address: str
    n: int


@dataclass(frozen=True, kw_only=True)
class CheckpointSigned(Event):
    """All before it is signed: who has the public key can prove that nothing of it was changed.

    The signature is Ed25519 over the canonical JSON of {"type": "lineside.checkpoint.v1",
    "station", "epoch", "seq", "hash", "time", "key"}, from the fields below. Not made where the
    station file names no key, nor where nothing was recorded since the one before.
    """

    kind = "checkpoint_signed"
    signed_seq: int
    """`seq` of the signed event, in this epoch: the one right before this."""
    signed_hash: str
    """Its hash: the same as `prev`."""
    signed_at: str
    """`time` of the signature, by the gateway's clock."""
    key: str
    """`key` id: the first 16 hex digits of the SHA-256 of the public key's 32 bytes."""
    signature: str
    """64 bytes in hex."""


# ------------------------------------------------------------------ identification


@dataclass(frozen=True, kw_only=True)
class CodeScanned(Event):
    """A reader's code was accepted under exactly one scan rule."""

    kind = "code_scanned"
    device: str
    raw: str | None = None
    """The bytes as received, lower-case hex; None for a badge (D-64)."""
    symbology: str | None = None
    """The AIM symbology identifier, if the reader sent one."""
    means: str
    """`unit`, `lot`, `component`, `unload`, `emptied`, `returned`, `block`, `unblock`, `operator`,
    `order`, `cancel`; of lots `lot_end`, `lot_pick`, `lot_split`, `lot_merge`, `lot_issue`,
    `lot_return`, `lot_relabel`; of packing `child`, `parent`, `parent_end`, `unpack`; labels that
    stand for a command `scrap`, `rework`, `reidentify`, `nok`; `commanded`: the unit that one of
    them is about."""
    code: str
    """The identity in canonical text: Digital Link, plain text, or the operator's pseudonym."""
    product: str | None = None
    lot: str | None = None
    serial: str | None = None
    expiry: str | None = None
    """ISO date."""
    quantity: str | None = None
    measure: str | None = None
    """Unit of the quantity, where the code gives it."""
    position: str | None = None
    role: str | None = None
    """Of a badge: the role that its rule or its number gives; None: `operator`."""
    fields: tuple[tuple[str, str], ...] = ()
    """What the code carried, (identifier, value) in order."""
    doubtful: tuple[str, ...] = ()
    earliest_ms: int
    latest_ms: int
    """Boot-clock interval in which it was scanned."""
    parser: str
    """Version of the parser, so that a parser bug can be cured from `raw` (D-68)."""
    entry: Entry | None = None
    """`keyed`: a person keyed it by hand, `raw` is what a reader would have sent; `wedge`: it came
    from a reader that acts as a keyboard. None: a reader sent it (D-84, D-85)."""
    who: str | None = None
    """Who keyed it, as in `command_refused`."""
    entry_reason: str | None = None
    """Why it was keyed, in the person's words."""


@dataclass(frozen=True, kw_only=True)
class CodeRefused(Event):
    """A reader's code was not accepted; nothing is bound to it (D-85)."""

    kind = "code_refused"
    device: str
    raw: str | None = None
    reason: str
    detail: str | None = None
    earliest_ms: int | None = None
    latest_ms: int | None = None
    """Boot-clock interval in which it was scanned."""
    waits: bool = False
    """Whether the next cycle takes it for its own where no other code comes: answer 4."""
    entry: Entry | None = None
    """As in `code_scanned`, and so the two below."""
    who: str | None = None
    entry_reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class CodeRepeated(Event):
    """The same code came again at the same reader within the duplicate window (D-34)."""

    kind = "code_repeated"
    device: str
    raw: str | None = None
    code: str
    first: str
    """Address of the `code_scanned` that is repeated."""
    n: int
    """Repeats counted so far: 1 at the first, the total when `closed`."""
    closed: bool


@dataclass(frozen=True, kw_only=True)
class NoRead(Event):
    """The reader was triggered and read nothing (D-81)."""

    kind = "no_read"
    device: str
    raw: str | None = None


@dataclass(frozen=True, kw_only=True)
class ScanExpired(Event):
    """An accepted scan will never meet a cycle. `because` names the `code_scanned`."""

    kind = "scan_expired"
    code: str
    reason: ExpiryReason


@dataclass(frozen=True, kw_only=True)
class ScanTruncated(Event):
    """Bytes that never became a whole code (T3, D-83)."""

    kind = "scan_truncated"
    device: str
    raw: str | None = None
    """None where it began like a badge (D-64)."""
    status: FrameStatus


# ------------------------------------------------------------------ unit


@dataclass(frozen=True, kw_only=True)
class UnitEvent(Event):
    """What the answers to a handshake have in common (D-17, D-20, D-39)."""

    unit: str | None = None
    """The unit's identity in canonical text; None where there is none."""
    product: str | None = None
    """As its code says; else the station file's name of what is made."""
    products: tuple[str, ...] = ()
    """Where the product changed during the cycle, each that it may be of (`product_changed`)."""
    by: str | None = None
    """`serial`, `lot` or `both`: how its product is tracked, where that is per product (D-1)."""
    lot: str | None = None
    """The lot that it is one of, where its product is tracked by both."""
    lots: tuple[str, ...] = ()
    """Where the lot is not certain, each that it may be one of; `lot_why` says why."""
    from_lot: str | None = None
    """The lot that it was a piece of until it got its identity here."""
    from_lots: tuple[str, ...] = ()
    """As `lots`, of `from_lot`."""
    lot_why: tuple[Why, ...] = ()
    """With `no_lot_open` alone, nothing is known: it may be of every lot (D-4)."""
    cycle: str
    """The cycle's id; every event of one cycle carries the same (D-59)."""
    handshake: str
    """`begin` or `end`."""
    cavity: str | None = None
    """Where a machine makes several units a cycle: which of its cavities this one is of."""
    generation: int
    """The PLC's device generation (D-33)."""
    request: int | None = None
    """The PLC's request number; None where it has none."""
    content: tuple[Scalar | None, ...] = ()
    """What the guard held; with generation and request it names the request (D-20)."""
    count: int | None = None
    """The piece counter in the snapshot, where the station has one beside its handshake (D-29)."""
    mode: str | None = None
    """The machine's mode where it was not automatic, which is no production; or `unknown`."""
    answer: int
    """The code that the PLC is given (D-39)."""
    values: tuple[Value, ...] = ()
    components: tuple[ComponentUse, ...] = ()
    earliest_ms: int
    latest_ms: int
    """Boot-clock interval in which the trigger rose."""
    knowledge_as_of: str | None = None
    missing: tuple[str, ...] = ()
    """With `component_missing`: the positions that have not what a unit must get. With
    `operator_missing`: the roles that nobody, or too few, are signed on in."""
    operator_state: str | None = None
    """Where badges are read: `none`, nobody was signed on in this cycle (D-61), or `possible`: who
    is named may have been; None: who is named was there."""
    knowledge_since: str | None = None
    """What was before this address is not known: the look-up was lost; None: everything is."""
    previous: tuple[PreviousStation, ...] = ()
    """What the stations said that the unit must have passed before."""


@dataclass(frozen=True, kw_only=True)
class UnitStarted(UnitEvent):
    """The unit may run here (`begin`, answer 1)."""

    kind = "unit_started"


@dataclass(frozen=True, kw_only=True)
class UnitCompleted(UnitEvent):
    """The cycle is bound to one unit (`end`, answer 1 or 2)."""

    kind = "unit_completed"
    result: Result
    visit: int
    """1 for the first pass of this unit through this station (D-35)."""
    machine_result: Result | None = None
    """Where values have limits: what the machine says; None: nothing that could be read."""
    limits_result: Result | None = None
    """What the limits say; None: no value has any."""
    result_by: str | None = None
    """Where values have limits, whose word `result` is: `worst` of the two, `machine`, `limits`."""


@dataclass(frozen=True, kw_only=True)
class UnitRefused(UnitEvent):
    """Understood and declined with a named reason (answers 3 to 6)."""

    kind = "unit_refused"
    reason: Why
    raw: str | None = None
    """The code as read, hex, where a tag carried it and it was refused."""


@dataclass(frozen=True, kw_only=True)
class UnitUnbound(UnitEvent):
    """A cycle with no candidate or with several: recorded with all of them (D-25, answer 8).

    Or one that is no production (`not_production`): the machine goes on with answer 1 or 2.
    """

    kind = "unit_unbound"
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CycleCounted(UnitEvent):
    """The piece of this cycle is one of its lot and has no identity (answer 1 or 2).

    The number of pieces is not told here: a `lot_counted` has it, by the counter. Where the product
    changed, and no code came, the piece may be one of a lot or a unit without a code.
    """

    kind = "cycle_counted"
    result: Result | None = None
    """None at `begin`: the machine has not worked yet."""
    machine_result: Result | None = None
    limits_result: Result | None = None
    result_by: str | None = None
    """As in `unit_completed`."""


# ------------------------------------------------------------------ carrier


@dataclass(frozen=True, kw_only=True)
class CarrierLoaded(Event):
    """From here on the carrier bears the unit, until it is unloaded (D-28)."""

    kind = "carrier_loaded"
    carrier: str
    unit: str
    product: str | None = None
    earliest_ms: int
    latest_ms: int
    """Boot-clock interval in which carrier and unit were read."""


@dataclass(frozen=True, kw_only=True)
class CarrierUnloaded(Event):
    """The association named in `load` has ended. An empty carrier at the unload point has none."""

    kind = "carrier_unloaded"
    carrier: str
    unit: str
    load: str
    """Address of its `carrier_loaded`."""
    earliest_ms: int
    latest_ms: int


@dataclass(frozen=True, kw_only=True)
class CarrierConflict(Event):
    """A loaded carrier was loaded again, or its unit elsewhere: each of the units is possible.

    It closes nothing: a cycle on the carrier is unbound until it is unloaded (D-28).
    """

    kind = "carrier_conflict"
    carrier: str
    units: tuple[str, ...]
    loads: tuple[str, ...]
    """Addresses of the `carrier_loaded` that contradict each other."""


# ------------------------------------------------------------------ parent and child


@dataclass(frozen=True, kw_only=True)
class ParentOpened(Event):
    """From here on what is read goes into this parent: a box, a pallet, a container."""

    kind = "parent_opened"
    level: str
    """Which sort of parent, by its name in the station file."""
    parent: str
    product: str | None = None
    children: tuple[str, ...] = ()
    """What is in it already, by what is known: it was packed before and is opened again."""
    within: tuple[str, ...] = ()
    """What it is in itself, innermost first."""
    resumed: bool = False
    """It was open, and its code says that it still is: what comes is certain again."""
    earliest_ms: int
    latest_ms: int
    """Boot-clock interval in which its code was read."""


@dataclass(frozen=True, kw_only=True)
class UnitGathered(Event):
    """A child was accepted and waits for the code of its parent (`children-first`)."""

    kind = "unit_gathered"
    level: str
    child: str
    product: str | None = None
    n: int
    """How many wait, this one counted."""
    other: str | None = None
    """Another parent that it is in, by what is known."""
    earliest_ms: int
    """When it was read, by the boot clock, at the earliest."""


@dataclass(frozen=True, kw_only=True)
class UnitPacked(Event):
    """A child is in a parent: a unit in a box, a box on a pallet, to any depth.

    A child is certainly in one parent at a time; where two are possible, each has its event.
    """

    kind = "unit_packed"
    level: str
    child: str
    product: str | None = None
    """The child's."""
    parent: str
    n: int | None = None
    """How many are in the parent, this one counted; None: it is closed already."""


@dataclass(frozen=True, kw_only=True)
class UnitUnpacked(Event):
    """A child was taken out of its parent. What was packed stays in its history (D-35)."""

    kind = "unit_unpacked"
    child: str
    parent: str
    how: str
    """`scan`; `dissolved`: the parent with all that was in it; `command`."""
    who: str | None = None
    """The person who gave the command."""
    reason: str | None = None
    """In the person's words."""


@dataclass(frozen=True, kw_only=True)
class ParentClosed(Event):
    """Nothing more goes into the parent. Fewer or more than expected stand in `why`."""

    kind = "parent_closed"
    level: str
    parent: str
    product: str | None = None
    children: tuple[str, ...] = ()
    """Everything that is in it."""
    possible: tuple[str, ...] = ()
    """Those of them that may be in another parent instead."""
    expected: int | None = None
    how: str
    """`full`, `scan`, `tag`, `cycle`, `next`: another one was begun, `parent`: its code came last,
    `file`: the station file has no such level any more."""
    latest_ms: int
    """Until when, by the boot clock, what was read may have been meant for it."""


@dataclass(frozen=True, kw_only=True)
class ParentDissolved(Event):
    """A parent was unpacked: each that was in it has its `unit_unpacked` (D-132)."""

    kind = "parent_dissolved"
    parent: str
    children: tuple[str, ...]
    how: str
    """`scan` or `command`."""
    who: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class PackingConflict(Event):
    """A child goes into a parent while it is in another: both are possible (D-42)."""

    kind = "packing_conflict"
    level: str
    child: str
    parent: str
    other: str
    """The parent, or the unit, that it is in by what was known."""


@dataclass(frozen=True, kw_only=True)
class PackingRefused(Event):
    """A child does not go in, or a parent is not opened or closed: nothing has changed."""

    kind = "packing_refused"
    level: str
    means: str
    """What was read: `child`, `parent`, `parent_end` or `unpack`."""
    code: str
    parent: str | None = None
    """The parent that it was for; None: none was open."""
    reason: Why
    other: str | None = None
    """Where the child is, by what is known."""


# ------------------------------------------------------------------ queue


@dataclass(frozen=True, kw_only=True)
class QueueLost(Event):
    """The queue cannot be as it is known: nothing is bound by it until it is synced (D-26).

    Not emitted where the order is lost with a run, a link or a cycle: their own events say so.
    """

    kind = "queue_lost"
    reason: QueueLoss
    units: tuple[str, ...] = ()
    """The units that were thought to be inside."""


@dataclass(frozen=True, kw_only=True)
class QueueSynced(Event):
    """A sync point: from here the order is known, and what was bound before stands (D-26)."""

    kind = "queue_synced"
    how: QueueSync
    scans: tuple[str, ...] = ()
    """Addresses of the scans of the parts that are inside, the next one first."""


# ------------------------------------------------------------------ lot


@dataclass(frozen=True, kw_only=True)
class LotOpened(Event):
    """From here on the station makes this lot. The same lot again later is a new interval.

    A sub-lot, a slice or a container of a lot (D-1), is opened and closed as a lot of its own.
    """

    kind = "lot_opened"
    lot: str
    product: str | None = None
    previous: str | None = None
    """The lot, or sub-lot of the same lot, made until then; None where none was open."""
    part_of: str | None = None
    """Of a sub-lot: the lot that it is a part of."""
    carrier: str | None = None
    """Of a sub-lot by carrier: the container that its pieces go into."""
    from_count: int | None = None
    """Of a sub-lot that the agent cut by itself: the counter where it begins; nothing is in
    doubt."""
    quantity: str | None = None
    """How many pieces are in it, where its code says so."""
    earliest_ms: int
    latest_ms: int
    """Boot-clock interval in which the lot changed; pieces made within may be of either."""


@dataclass(frozen=True, kw_only=True)
class LotCounted(Event):
    """Pieces of one counter interval; never a row a piece (D-29)."""

    kind = "lot_counted"
    lot: str | None = None
    """None when no lot was open (`no_lot_open`), or when it is not known which one it was."""
    lots: tuple[str, ...] = ()
    """Where the lot may have changed within the interval, each that these pieces may belong to."""
    part_of: str | None = None
    """Where `lot`, or each of `lots`, is a sub-lot of one lot: that lot. Of it they are certainly,
    also where the sub-lot is in doubt."""
    product: str | None = None
    """What is counted, where products are told apart."""
    products: tuple[str, ...] = ()
    """Where the product may have changed within the interval, each that the pieces may be of; of
    one that is tracked by serial, they are units that have no record of their own."""
    tag: str
    from_count: int
    to_count: int
    n: int
    first_ms: int
    last_ms: int
    """Boot-clock times of the readings `from_count` and `to_count`; where a sub-lot was cut between
    two readings, of the readings around it."""
    components: tuple[ComponentUse, ...] = ()
    operator_state: str | None = None
    """As of a unit."""
    edge_ms: int | None = None
    """When the last of these pieces was counted at the earliest: the next may be begun by then."""


@dataclass(frozen=True, kw_only=True)
class LotClosed(Event):
    """The station no longer makes this lot, or this sub-lot."""

    kind = "lot_closed"
    lot: str
    n: int
    """Pieces counted certainly for it in this interval."""
    n_possible: int = 0
    """Pieces more that may be of this lot or of its neighbour."""
    measure: str | None = None
    """What is counted, where the station file says it."""
    remaining: str | None = None
    """Of a lot whose quantity is known and whose pieces get identities here: what is left of it at
    the most; below 0, more were made than were in it."""
    reason: str
    """`replaced`, `ended`, `history_lost`: the change of lot may have been lost, or
    `config_changed`: the station file names lots otherwise. Of a sub-lot also `full`, `time`,
    `carrier`: the next one was scanned, or `config`: it is cut no more."""
    part_of: str | None = None
    """Of a sub-lot: the lot that it is a part of."""
    to_count: int | None = None
    """Of a sub-lot that the agent cut by itself: the counter where it ends; nothing is in doubt."""
    earliest_ms: int
    latest_ms: int
    """Boot-clock interval in which it ended."""


@dataclass(frozen=True, kw_only=True)
class LotSplit(Event):
    """Part of a lot goes on under other identities: each child inherits all of it (D-52)."""

    kind = "lot_split"
    lot: str
    """The parent; what was not given to a child is left in it."""
    children: tuple[LotAmount, ...]
    measure: str | None = None
    whole: bool = False
    """Whether all of it was given to the children."""
    remaining: str | None = None
    """What is left at the least, by what is known; negative: more was given than it had; None:
    nobody knows."""
    remaining_possible: str | None = None
    """How much more may be left: pieces that may be of this lot or of its neighbour."""
    who: str | None = None
    """The person who gave the command."""
    reason: str | None = None
    """In the person's words."""


@dataclass(frozen=True, kw_only=True)
class LotMerged(Event):
    """Lots, or parts of them, go on under one identity: it is made of all of them (D-52)."""

    kind = "lot_merged"
    lot: str
    """What they became."""
    parents: tuple[LotAmount, ...]
    blended: bool = False
    """Whether they were mixed, so that all of it is made of each; else every piece is of one of
    them, and of which one nobody knows."""
    quantity: str | None = None
    """How much was put together, as said, else by what is known of the parents."""
    measure: str | None = None
    product: str | None = None
    """None where the parents are different products."""
    who: str | None = None
    """The person who gave the command."""
    reason: str | None = None
    """In the person's words."""


@dataclass(frozen=True, kw_only=True)
class LotIssued(Event):
    """A quantity leaves the lot, which goes on: a partial close. The lot may still be open."""

    kind = "lot_issued"
    lot: str
    quantity: str | None = None
    measure: str | None = None
    destination: str | None = None
    shipped: bool | None = None
    """True: it left the house with it; None: nobody says so."""
    document: str | None = None
    """The delivery note, or what else goes with it."""
    remaining: str | None = None
    """As in `lot_split`."""
    remaining_possible: str | None = None
    who: str | None = None
    """The person who gave the command."""
    reason: str | None = None
    """In the person's words."""


@dataclass(frozen=True, kw_only=True)
class LotReturned(Event):
    """A quantity that had left the lot is back (D-53)."""

    kind = "lot_returned"
    lot: str
    quantity: str | None = None
    measure: str | None = None
    shipped: bool | None = None
    """True: it had left the house, and is in it again; None: nobody says so."""
    origin: str | None = None
    """Who gives it back, where that is said."""
    document: str | None = None
    """The delivery note, or what else came with it."""
    remaining: str | None = None
    """What is in it now, at the least; None: nobody knows."""
    remaining_possible: str | None = None
    who: str | None = None
    """The person who gave the command."""
    reason: str | None = None
    """In the person's words."""


@dataclass(frozen=True, kw_only=True)
class LotRelabelled(Event):
    """The lot has another identity from here on, the same lot: what was recorded before stands."""

    kind = "lot_relabelled"
    lot: str
    """The old identity."""
    new_lot: str
    who: str | None = None
    """The person who gave the command."""
    reason: str | None = None
    """In the person's words."""


@dataclass(frozen=True, kw_only=True)
class QuantityMismatch(Event):
    """What was said of a lot's quantity does not fit what is known; nothing is corrected (D-52).

    `because` names the event that says it.
    """

    kind = "quantity_mismatch"
    lot: str
    action: LotAction
    stated: str
    expected: str
    """What it must be, or be at the most; where pieces are in doubt, at the least."""
    expected_most: str | None = None
    """What it can be at the most, where pieces are in doubt."""
    tolerance: str
    measure: str | None = None


@dataclass(frozen=True, kw_only=True)
class LotRefused(Event):
    """A scanned action on a lot was understood and not taken."""

    kind = "lot_refused"
    lot: str
    action: LotAction
    lots: tuple[str, ...] = ()
    """The other lots that it would have been about."""
    quantity: str | None = None
    measure: str | None = None
    cause: LotFault


# ------------------------------------------------------------------ product


@dataclass(frozen=True, kw_only=True)
class ProductChanged(Event):
    """From here on the station makes this product, tracked in this granularity (D-1).

    Not emitted where a station tracks everything alike.
    """

    kind = "product_changed"
    named: str | None = None
    """What its source calls it; None: nothing is named any more."""
    product: str | None = None
    """Its name in the station file; None where that has none which fits (`product_unknown`)."""
    by: str
    """`serial`, `lot` or `both`; of an unknown product as the station's policy says."""
    from_lot: bool = False
    """Whether its units are pieces of a lot until they get their identity here."""
    previous: str | None = None
    """What was named before."""
    source: str
    """`tag`, `order`, `scan`, or `file`: the station file says something else of it now."""
    earliest_ms: int
    latest_ms: int
    """Boot-clock interval of the change; what was made within may be of either product."""


# ------------------------------------------------------------------ material


@dataclass(frozen=True, kw_only=True)
class ComponentLoaded(Event):
    """From some moment in the interval on, the position is fed from this lot (D-43)."""

    kind = "component_loaded"
    position: str
    lot: str
    product: str | None = None
    expiry: str | None = None
    quantity: str | None = None
    measure: str | None = None
    """Unit of measure of the quantity."""
    lots: tuple[str, ...] = ()
    """The lots that the label names, where it names several: units may be of each (D-51)."""
    earliest_ms: int
    latest_ms: int
    """Boot-clock interval in which it began; of a splice, the pieces before the scan are in it."""
    meets_from_ms: int | None = None
    """A unit whose cycle ended from then on may have drawn from it, also where that was recorded
    before this scan: `earliest_ms`, widened by the position's uncertainty and shortest feed path
    (D-44); None: from `earliest_ms` on."""


@dataclass(frozen=True, kw_only=True)
class ComponentUnloaded(Event):
    """The load named in `load` no longer feeds the position."""

    kind = "component_unloaded"
    position: str
    lot: str
    load: str
    """Address of its `component_loaded`, or of its `load_refused`."""
    reason: str
    """`replaced` by the next load, `unloaded`, `spliced_out`: the pieces of the splice are made,
    `emptied`: nothing is left, `passed`: by plug flow it is gone (D-48), or `config_changed`: the
    station file no longer has the position, or has something else there."""
    remaining: str | None = None
    """What is left in it: as scanned, else by count; below 0, more was drawn than was in it."""
    measure: str | None = None
    earliest_ms: int
    latest_ms: int
    unsure_from_ms: int | None = None
    """A unit whose cycle ended from then on may have found it gone, also where that was recorded
    before: `earliest_ms`, widened as `meets_from_ms` of a load is; None: from `earliest_ms` on."""


@dataclass(frozen=True, kw_only=True)
class PositionEmptied(Event):
    """Somebody has seen that nothing is left at the position (D-48)."""

    kind = "position_emptied"
    position: str
    earliest_ms: int
    latest_ms: int


@dataclass(frozen=True, kw_only=True)
class MaterialReturned(Event):
    """Loose material was taken back from a vessel: a new lot, mixed of all that was in it (D-53).

    What stays in the vessel goes on feeding.
    """

    kind = "material_returned"
    position: str
    lot: str
    parents: tuple[str, ...] = ()
    """Each lot that may be in it; none: it is not known what was in the vessel."""
    loads: tuple[str, ...] = ()
    """Addresses of their loads."""
    quantity: str | None = None
    measure: str | None = None


@dataclass(frozen=True, kw_only=True)
class LoadRefused(Event):
    """What was scanned for a position must not be used there (D-54, D-56, D-57).

    Nobody knows whether it was put on all the same, or that what was on before was wrong too: from
    here on both may feed the position, until a load is accepted there or unloaded.
    """

    kind = "load_refused"
    position: str
    lot: str
    product: str | None = None
    expiry: str | None = None
    reason: Why
    """`wrong_part`, `lot_blocked` or `lot_expired`."""
    loads: tuple[str, ...] = ()
    """Addresses of what was on until then: units since may be wrong as well."""
    earliest_ms: int
    latest_ms: int
    meets_from_ms: int | None = None
    """As of `component_loaded`."""


@dataclass(frozen=True, kw_only=True)
class LoadEvent(Event):
    """What happens to one load while it is on."""

    position: str
    lot: str
    load: str
    """Address of its `component_loaded`."""


@dataclass(frozen=True, kw_only=True)
class LoadExpired(LoadEvent):
    """The load may not be used any more, from the next request on (D-54)."""

    kind = "load_expired"
    reason: str
    """`expiry`: its last day is over. `open_life`: it has been open for too long, as far as the
    boot clock can tell; after a boot nobody can tell (D-91)."""


@dataclass(frozen=True, kw_only=True)
class QuantityLow(LoadEvent):
    """The load will soon be used up (D-55)."""

    kind = "quantity_low"
    remaining: str
    """What is left at the least."""
    measure: str | None = None


@dataclass(frozen=True, kw_only=True)
class LoadUsedUp(LoadEvent):
    """By count it may be used up, and no next load was scanned (D-55).

    What is made until the next load has this lot as possible, and otherwise unknown material.
    """

    kind = "load_used_up"
    remaining: str
    """What is left at the least."""
    measure: str | None = None
    earliest_ms: int
    """From when on, by the boot clock."""


@dataclass(frozen=True, kw_only=True)
class QuantityOverrun(LoadEvent):
    """By count more was drawn than can have been in it: a load was not scanned (D-55)."""

    kind = "quantity_overrun"
    remaining: str
    """What would be left: negative."""
    measure: str | None = None


@dataclass(frozen=True, kw_only=True)
class LotBlocked(Event):
    """Nothing may be made from this lot or serial component from now on; the past stands (D-56)."""

    kind = "lot_blocked"
    lot: str
    source: str
    """`scan`, `file`: the station file names it, `command`, or `parent`: it is made of a blocked
    lot."""
    who: str | None = None
    """The person who gave the command."""
    reason: str | None = None
    """In the person's words."""


@dataclass(frozen=True, kw_only=True)
class LotUnblocked(Event):
    """A blocked lot or serial component may be used again."""

    kind = "lot_unblocked"
    lot: str
    source: str
    """Which of its blocks is taken back; with another one it stays blocked."""
    who: str | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class ComponentInstalled(Event):
    """A serial component went into a unit (D-42)."""

    kind = "component_installed"
    position: str
    component: str
    unit: str
    cycle: str
    who: str | None = None
    """The person who put it in by hand, in repair; None: the station's cycle did."""
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class ComponentRemoved(Event):
    """A serial component was taken out of the unit that it was in last (D-42)."""

    kind = "component_removed"
    component: str
    unit: str | None = None
    """The unit that it was in, where that was looked up."""
    position: str | None = None
    who: str | None = None
    """The person who says so by command; None: its removal was scanned."""
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class ComponentInUse(Event):
    """A serial component that waits for its unit is in a unit already, by what is known (D-42)."""

    kind = "component_in_use"
    position: str
    component: str
    unit: str
    """The unit that it is in; if it goes into the same again, that is no conflict."""
    installed: str
    """Address of its `component_installed`."""
    knowledge_as_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class ComponentUnchecked(Event):
    """Nobody could say in time whether a serial component that waits is in a unit (D-41)."""

    kind = "component_unchecked"
    position: str
    component: str


@dataclass(frozen=True, kw_only=True)
class ComponentConflict(Event):
    """One serial component is in two units: both are possible members of its recall (D-42, D-5)."""

    kind = "component_conflict"
    position: str
    component: str
    unit: str
    """The unit that it was scanned for now."""
    other: str
    """The unit that it is in by what was known."""


# ------------------------------------------------------------------ people and orders


@dataclass(frozen=True, kw_only=True)
class OperatorSignedOn(Event):
    """A session begins (D-60)."""

    kind = "operator_signed_on"
    operator: OperatorRef
    earliest_ms: int | None = None
    latest_ms: int | None = None
    """Boot-clock interval in which it began; None: when it was recorded."""


@dataclass(frozen=True, kw_only=True)
class OperatorSignedOff(Event):
    """A session ends; nobody is carried over (D-61)."""

    kind = "operator_signed_off"
    operator: OperatorRef
    reason: SignOffReason
    earliest_ms: int | None = None
    latest_ms: int | None = None
    """Boot-clock interval in which they left, as far as that is known; None: when recorded."""
    who: str | None = None
    remark: str | None = None
    """Of a command: who gave it, and why, in their words."""


@dataclass(frozen=True, kw_only=True)
class OrderStarted(Event):
    """From here on the station works on the order in `order`; again, where it ran before."""

    kind = "order_started"
    product: str | None = None
    """What is to be made, where that is said."""
    quantity: int | None = None
    """How many, where that is said."""
    good: int = 0
    nok: int = 0
    """What was made for it here before."""
    source: str | None = None
    """`scan`, `tag` or `command`."""
    who: str | None = None
    remark: str | None = None
    """Of a command: who gave it, and why, in their words."""


@dataclass(frozen=True, kw_only=True)
class OrderChanged(Event):
    """The order that runs is for another quantity or product than was said before."""

    kind = "order_changed"
    product: str | None = None
    quantity: int | None = None
    previous_product: str | None = None
    previous_quantity: int | None = None


@dataclass(frozen=True, kw_only=True)
class OrderReached(Event):
    """The order has its quantity. Told once, whatever follows from it."""

    kind = "order_reached"
    quantity: int
    good: int
    nok: int


@dataclass(frozen=True, kw_only=True)
class OrderOverrun(Event):
    """More is made for the order than was ordered. Told at the first; `order_ended` has all."""

    kind = "order_overrun"
    quantity: int
    good: int
    nok: int
    n: int
    """How many too many."""


@dataclass(frozen=True, kw_only=True)
class OrderEnded(Event):
    """The station no longer works on the order in `order`."""

    kind = "order_ended"
    reason: str
    """`scan`, `tag`, `command`, `next_order`, `quantity_reached`, `config_changed`: the station
    file names orders otherwise, or `history_lost`: its end may have been lost. Before counts were
    kept: `replaced`, `ended`."""
    product: str | None = None
    quantity: int | None = None
    good: int | None = None
    nok: int | None = None
    total: int | None = None
    """What was made for it here, in all its runs."""
    over: int | None = None
    """How many too many."""
    who: str | None = None
    remark: str | None = None
    """Of a command: who gave it, and why, in their words."""


# ------------------------------------------------------------------ machine


@dataclass(frozen=True, kw_only=True)
class CycleMissed(Event):
    """Cycles that no unit event stands for (D-7, D-21, D-29)."""

    kind = "cycle_missed"
    n: int | None
    """How many; None where nobody can know."""
    reason: str
    """`counter` and `request`: the number went on by more than one. `torn`: the snapshot never held
    still and the answer was 7; where the PLC asks again, `to_count` names the request."""
    from_count: int | None = None
    to_count: int | None = None
    """The numbers between which they lie: of the counter or of the requests."""
    first_ms: int | None = None
    last_ms: int | None = None
    """Boot-clock interval in which they were."""


@dataclass(frozen=True, kw_only=True)
class CycleAborted(Event):
    """A handshake ended before it was answered: trigger fell, or the PLC lost its memory (D-33).

    The second is told also where no request was open: what was pending is in doubt from here on.
    """

    kind = "cycle_aborted"
    handshake: str
    generation: int
    """The PLC's device generation from here on (D-33)."""
    request: int | None = None
    reason: str
    """`trigger_fell`, `plc_restarted`, `part_removed`: the machine said so. Of the unit that
    `begin` let in, and that will have no `end`, also `config_changed`, and `begun_anew`: another
    was let in before its `end`. The next `end` is then possible for either; `because` names it."""


@dataclass(frozen=True, kw_only=True)
class MachineStateChanged(Event):
    """The machine does something else than before, or can be seen again or no longer.

    Every change is told, however short; nothing is filtered (D-105, D-108, D-109).
    """

    kind = "machine_state_changed"
    source: str
    """`packml`, `word`, `bits` or `counter`: where it was seen."""
    state: str
    """PackML's word, where that is the source; else the category; `unknown` without contact."""
    category: str
    """`running`, `idle`, `stopped`, `planned_stop`, `setup`, `starved`, `blocked`, `suspended`
    (starved or blocked), `held`, `down`, or `unknown`: neither up nor down."""
    previous: str
    """The category before."""
    code: int | None = None
    """The number as the machine gave it."""
    reason: str | None = None
    """The machine's reason code."""
    mode: str | None = None
    """The machine's mode where it is not automatic, or `unknown`: that is no production."""
    earliest_ms: int
    latest_ms: int
    """Boot-clock interval in which it changed."""


@dataclass(frozen=True, kw_only=True)
class InterlockBypassed(Event):
    """The PLC let units go without an answer (D-40): they are unidentified units (D-7).

    The first reading of its counter is told with `n` 0.
    """

    kind = "interlock_bypassed"
    tag: str
    from_count: int
    to_count: int
    n: int | None
    """How many; None where nobody can know."""
    key_on: bool | None = None
    """Whether the bypass key is on, as far as it is read; without it no answer came in time."""
    first_ms: int
    last_ms: int
    """Boot-clock times of the readings `from_count` and `to_count`."""


@dataclass(frozen=True, kw_only=True)
class BypassSwitched(Event):
    """The bypass key was turned, or seen for the first time."""

    kind = "bypass_switched"
    on: bool


@dataclass(frozen=True, kw_only=True)
class CounterReset(Event):
    """A counter went back, or jumped further than pieces can be made; lost is unknown (D-31)."""

    kind = "counter_reset"
    tag: str
    from_count: int
    to_count: int
    reason: str
    """`reset`, `jump`, `memory_lost`: its PLC began anew, or `config_changed`: the station file
    names another counter, `to_count` is the last known and the next reading begins anew."""
    first_ms: int | None = None
    last_ms: int | None = None
    """Boot-clock times of the two readings: cycles between them may be lost (D-7)."""


# ------------------------------------------------------------------ commands of persons


@dataclass(frozen=True, kw_only=True)
class CommandEvent(Event):
    """What comes of a person's command."""

    who: str
    """The person, as the station's rules for operators let it be known: never a badge in clear,
    except by the named opt-out."""
    reason: str
    """In the person's words."""


@dataclass(frozen=True, kw_only=True)
class CommandRefused(CommandEvent):
    """A person gave a command that was not carried out; nothing else follows from it."""

    kind = "command_refused"
    command: str
    arguments: tuple[tuple[str, str], ...] = ()
    """(name, value) as given."""
    cause: Declined
    detail: str | None = None
    """What is wrong, and what to do."""


@dataclass(frozen=True, kw_only=True)
class OpenLifeRenewed(CommandEvent):
    """The open life of a package begins anew: it was baked, or is known to be good (D-54)."""

    kind = "open_life_renewed"
    lot: str
    """As its label names it."""


@dataclass(frozen=True, kw_only=True)
class UnitScrapped(CommandEvent):
    """The unit is scrap: it is refused wherever it comes, until this event is corrected (D-36)."""

    kind = "unit_scrapped"
    unit: str
    product: str | None = None


@dataclass(frozen=True, kw_only=True)
class UnitReworked(CommandEvent):
    """The unit may come to this station once more, though it was here before (D-35)."""

    kind = "unit_reworked"
    unit: str
    visit: int
    """The number of the visit that it is released for."""


@dataclass(frozen=True, kw_only=True)
class UnitReidentified(CommandEvent):
    """The unit bears another identity from here on, one to one; its past keeps the old (D-37)."""

    kind = "unit_reidentified"
    unit: str
    """The identity that it had."""
    new: str


@dataclass(frozen=True, kw_only=True)
class UnitShipped(CommandEvent):
    """A unit left the house, or a parent with all that is in it: a box, a pallet.

    What leaves of a lot without units is `lot_issued`. `why` names what should have kept it.
    """

    kind = "unit_shipped"
    unit: str
    """The unit, or the parent."""
    destination: str
    document: str | None = None
    """The delivery note, or what else goes with it."""


@dataclass(frozen=True, kw_only=True)
class UnitReturned(CommandEvent):
    """A unit that had left the house is in it again, or a parent with all that is in it."""

    kind = "unit_returned"
    unit: str
    """The unit, or the parent."""
    origin: str | None = None
    """Who gives it back, where that is said."""
    document: str | None = None
    """The delivery note, or what else came with it."""


@dataclass(frozen=True, kw_only=True)
class IdentityConflict(Event):
    """An identity that was replaced came again: both bearers are possible for either (D-37)."""

    kind = "identity_conflict"
    unit: str
    """The identity that came."""
    new: str
    """The identity that took its place."""
    cycle: str


# ------------------------------------------------------------------ correction


ITSELF = "lineside"
"""Who corrects where nobody does: the agent, by its rules."""


@dataclass(frozen=True, kw_only=True)
class EventCorrected(Event):
    """Supersedes one or more events, by a named person or by the agent's rules (D-143)."""

    kind = "event_corrected"
    supersedes: tuple[str, ...]
    """Addresses. They count no longer, for as long as this one is not superseded itself. Without
    `replacement` and not `retracted`, a unit event among them no longer says for certain which unit
    it was."""
    reason: str
    """In the person's words; `second_scan`: another code came within the window of the cycle;
    `queue_mismatch`: the queue that it was bound by was not as it was known; `queue_unproven`: too
    many were bound since its order was proven last."""
    who: str
    """A person, or `lineside` where the agent itself found that it can no longer be certain."""
    candidates: tuple[str, ...] = ()
    """The units that it may have been, as far as they are known; the one bound is among them."""
    corrects: str | None = None
    """The kind of the events that a person corrects; of a correction that is corrected, the kind of
    what that one corrected."""
    about: str | None = None
    """The unit, lot or component that they were about."""
    replacement: tuple[tuple[str, str], ...] = ()
    """(field, value) that are right instead; `values.NAME` for a captured value, `operator` once
    for each who was there. An empty value of `order` or `operator`: there was none. What is not
    named stays as it was."""
    retracted: bool = False
    """What they say was never so."""


@dataclass(frozen=True, kw_only=True)
class UnknownEvent(Event):
    """An event of a kind or schema that this version does not know: kept and passed on as is."""

    kind = "unknown"
    true_kind: str
    true_schema: int
    body: dict[str, object]


def _leaves(cls: type[Event]) -> list[type[Event]]:
    below = cls.__subclasses__()
    return [leaf for sub in below for leaf in _leaves(sub)] if below else [cls]


KINDS: dict[str, type[Event]] = {cls.kind: cls for cls in _leaves(Event) if cls is not UnknownEvent}
"""Every kind that this version knows, by name."""


def _set_at_once(cls: type[Event]) -> None:
    """Give the records of a kind all their fields at once.

    The library's `__init__` sets them one after the other, which takes twice as long with forty of
    them; it still refuses what does not fit.
    """
    of_library: Callable[..., None] = cls.__init__
    every = {each.name: each.default for each in fields(cls)}
    needed = {name for name, default in every.items() if default is MISSING}

    def init(self: Event, **given: object) -> None:
        values = every | given
        if len(values) != len(every) or not needed <= given.keys():
            of_library(self, **given)
        object.__setattr__(self, "__dict__", values)

    cls.__init__ = wraps(of_library)(init)  # type: ignore[method-assign]  # the same for each caller


for _kind in KINDS.values():
    _set_at_once(_kind)
