"""The keys of a station file that no driver or sink brings, as pydantic models (DESIGN 9).

The text beneath a key is its documentation: it says what the key does and when to change it, and
stands in the JSON Schema and in docs/station-file.md. Names and meanings are public (STYLE 3.12).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, WithJsonSchema, model_validator

from agent.config.crews import Operators, RequiresSection
from agent.config.elsewhere import NeighboursSection
from agent.config.figures import OeeSection
from agent.config.granular import Because, ProductSection, Source
from agent.config.interlocks import LookupSection
from agent.config.limits import LimitSection
from agent.config.lot_keys import LotsSection, SublotsSection
from agent.config.modes import ModeSection
from agent.config.ordered import OrderSection
from agent.config.packages import LevelSection
from agent.config.pairs import Names, Pair
from agent.config.positions import ComponentSection
from agent.config.quantities import (
    Millis,
    Modulus,
    Name,
    Reference,
    Size,
    StationPath,
    Zone,
)
from agent.config.states import StateSection
from agent.config.watched import WatchSection
from agent.core.bounds import ResultBy
from agent.core.identity.reading import TOLERABLE, Reason
from agent.core.identity.scan_rule import MOST_CHARACTERS
from agent.core.station import By, Outcome, Policy
from drivers.options import Options

_DAY_MS = 86_400_000


class Journal(Options):
    """Where events are kept, and how long after every sink has them."""

    path: str = "default"
    """Folder of the journal; `default` is the station's folder in the state directory. Change it to
    put the journal on another disk."""
    keep: Millis = 30 * _DAY_MS
    """How long delivered events stay for re-sending. Lengthen it where a consumer may be
    rebuilt."""
    quota: Size = 4 * 2**30
    """Most disk space. Size it as rate x longest outage x 2 (D-13): 600 bytes an event."""


class Checkpoints(Options):
    """Signatures in the stream of events: by the public key, who has it proves what came before."""

    key: Reference | None = None
    """Where the private key is, as `lineside checkpoint key` makes it. Without it nothing is
    signed. It is read anew for each signature: another key takes effect by itself."""
    every: Annotated[Millis, Field(ge=1_000)] = 15 * 60_000
    """How often, if anything was recorded since. What came after the newest signature is not
    proven by it: shorten it where that matters. Each takes some 800 bytes."""


class Match(Options):
    """Which codes a rule is for: one of `regex`, `gs1`, `di` and `hibc`."""

    regex: str | None = None
    """A plain code, matched whole. The group named as what the rule means, or `id`, is the identity
    (else the whole code is); groups `gtin`, `product`, `serial`, `lot`, `expiry`, `quantity` are
    read. Look-around, back-references and ambiguous patterns are refused."""
    gs1: tuple[str, ...] | None = None
    """A GS1 code with exactly these application identifiers, in quotes: ["01", "21"]."""
    di: tuple[str, ...] | None = None
    """An ISO/IEC 15434 message with exactly these identifiers: ["1P", "S"]."""
    hibc: tuple[str, ...] | None = None
    """A HIBC label (UDI) with exactly these parts, of item, lot, serial, expiry, made, quantity."""
    also: tuple[str, ...] = ()
    """Identifiers or parts that may stand beside those of `gs1`, `di` or `hibc`."""
    format: Literal["05", "06", "12"] | None = None
    """Format of a `di` message: 06 data identifiers (the default), 05 GS1, 12 text."""

    @model_validator(mode="after")
    def _is_one_sort(self) -> Self:
        """Refuse a match that is none or two.

        Raises:
            ValueError: not exactly one sort is given, or a key of another sort.
        """
        sorts = ("regex", "gs1", "di", "hibc")
        given = [key for key in sorts if getattr(self, key) is not None]
        if len(given) != 1:
            found = f"{' and '.join(given)} stand side by side" if given else "nothing is matched"
            raise ValueError(f"{found}; give one of {', '.join(sorts)}")
        if self.also and self.regex is not None:
            raise ValueError("`also` is for identifiers; a pattern has optional groups")
        if self.format is not None and self.di is None:
            raise ValueError("`format` is for `di`; remove it")
        return self


class ScanSection(Options):
    """One rule: which codes mean what. A code that no rule or two rules match is refused."""

    match: Match
    """Which codes."""
    means: Literal[
        "unit",
        "lot",
        "lot_end",
        "component",
        "removed",
        "unload",
        "emptied",
        "returned",
        "carrier",
        "block",
        "unblock",
        "operator",
        "operator_off",
        "order",
        "order_end",
        "cancel",
        "child",
        "parent",
        "parent_end",
        "unpack",
        "lot_pick",
        "lot_split",
        "lot_merge",
        "lot_issue",
        "lot_return",
        "lot_relabel",
        "scrap",
        "rework",
        "reidentify",
        "nok",
    ]
    """What they stand for. `lot_end` closes the lot that is made, `removed` names a serial
    component that was taken out of its unit, `unload` takes off what is at the position (of a
    vessel: what was refused, and not put in), `emptied` says that nothing is left in a vessel,
    `returned` is the label of what was taken back from one, `block` and `unblock` name a lot or a
    serial component, `cancel` takes back the scans that wait. Of `track.packing`: `child` goes
    into a parent, `parent` opens it or takes its children in, `parent_end` closes it, and after
    `unpack` the next child comes out, or the next parent is dissolved. `lot_pick` names a lot,
    and `lot_split` (a part of it), `lot_merge` (what the picked ones become) or `lot_relabel` the
    label that it gets; `lot_issue` and `lot_return` say that a quantity of a lot leaves, or is
    back. `scrap`, `rework` and `reidentify` do the same as those commands by the keyboard: then
    the unit is scanned at the same reader, for `reidentify` by its old label and its new one;
    `nok` makes the result of the next unit at a bench NOK. Who is signed on has done it, and the
    label's text (its group `id`) is the reason."""
    position: Name | None = None
    """Where a component goes or is taken off, a key of `track.components`; of a child and a parent
    the level, a key of `track.packing`."""
    role: Name | None = None
    """Of a badge: the role in which it signs on, where badges of several roles look different."""
    product: str | None = None
    """What the bearer is, where the code does not say it."""
    symbologies: frozenset[str] = frozenset()
    """AIM symbology identifiers allowed (`]d2`). Set it where the reader sends them and labels of
    several kinds come by."""
    min_length: int = 1
    """Shortest code, prefix and suffix included."""
    max_length: int = MOST_CHARACTERS
    """Longest code."""
    charset: str = ""
    """Characters that the identity may hold; empty: what the form allows."""
    caseless: bool = False
    """Whether a plain code is folded to upper case. Only where labels mean both alike (D-85)."""
    prefix: str = ""
    """Taken off a plain code, and required on it."""
    suffix: str = ""
    """As `prefix`, at the end."""
    check_digit: bool = False
    """Whether a plain code ends in a check digit of GS1's kind (D-73)."""
    gtins: frozenset[str] = frozenset()
    """GTINs allowed, 14 digits in quotes; empty: every one."""
    product_pattern: str | None = None
    """What the product must match as a whole."""
    id_from: tuple[str, ...] = ()
    """Identifiers whose values are the identity, where the standard's choice is not meant."""
    product_from: str | None = None
    """Identifier or group of the product; so also for the four below."""
    serial_from: str | None = None
    """Of the serial."""
    lot_from: str | None = None
    """Of the lot."""
    expiry_from: str | None = None
    """Of the expiry date."""
    quantity_from: str | None = None
    """Of the quantity."""
    reject_day00: bool = False
    """Whether an expiry without a day is refused, as healthcare wants it (D-76)."""
    refuse_expired: bool = False
    """Whether material past its expiry on the day of the scan is refused."""
    separator_text: str = ""
    """What the reader sends in place of a control character. Keyboard-wedge readers only (D-84)."""
    tolerates: Annotated[
        frozenset[Reason],
        WithJsonSchema(
            {"type": "array", "items": {"enum": sorted(reason.value for reason in TOLERABLE)}}
        ),
    ] = frozenset()
    """Defects known of these labels, which are then accepted with a doubt."""


class ReadyTags(Options):
    """Where the agent says whether it can record."""

    tag: Name
    """Boolean tag: the PLC starts no cycle while it is false."""
    reason: Name | None = None
    """Integer tag for the reason word, 0 when ready."""
    text: Name | None = None
    """Text tag for the HMI."""


class Handshake(Options):
    """One four-phase handshake with a PLC, all of it on one device (D-18)."""

    trigger: Name
    """The PLC raises it when the data stands, and drops it when it has read the answer."""
    request: Name | None = None
    """Counts requests; what makes a repeat the same event (D-20). Leave it out only where the PLC
    program cannot be changed: then a restart can mean `repeat_possible`."""
    guard: Names = ()
    """What must hold still while the data is read: the piece counter, a sequence word (D-21)."""
    values: Names = ()
    """Tags recorded with the unit."""
    unit: Name | None = None
    """The tag that carries the unit's code; strategy `tag` only."""
    carrier: Name | None = None
    """The tag that carries the carrier's code; strategy `carrier` only. Without it the carrier is
    scanned at the machine."""
    verdict: Name | None = None
    """Boolean tag: the machine's own OK. Without it every stored unit is OK."""
    abort: Name | None = None
    """Boolean tag: the part was taken out. The request under which it is seen is aborted, and its
    scan is spent; a PLC that waits all the same reads 7. Between `begin` and `end`, the unit that
    `begin` let in will have no `end`."""
    result: Name
    """Where the answer is written (D-39), before the ack."""
    result_request: Name | None = None
    """Where it is written, with the result, which request the answer is for: a PLC that gives
    requests up can tell a late answer from its own."""
    ack: Name
    """Raised after the result, dropped after the trigger. A tag of its own, no bit of a word that
    the PLC writes too."""
    ready: Name | None = None
    """As `track.ready.tag`."""
    reason: Name | None = None
    """As `track.ready.reason`."""
    text: Name | None = None
    """As `track.ready.text`."""
    answer_within: Annotated[Millis, Field(gt=0)] = 5_000
    """After this long without a commit the answer is 7, not stored (D-40). Less than the PLC's own
    time-out."""


class CounterSection(Options):
    """A piece counter (D-29 to D-31)."""

    tag: Name
    """The counter's tag; it declares its `modulus`."""
    max_step: Annotated[int, Field(ge=1)] = 100
    """A counter that falls from within this of its modulus to below it has wrapped; any other fall
    is a reset. More than the pieces made in the longest time between two polls."""
    fastest: Annotated[Millis, Field(gt=0)]
    """Fastest cycle time; a counter that rises faster has jumped and is not believed."""


class ReworkSection(Options):
    """Units that come again (D-35)."""

    limit: Annotated[int, Field(ge=0, le=1_000)]
    """How often: with 2, the fourth visit of a unit is refused (answer 6), and no person can let it
    in."""


class BypassSection(Options):
    """Units that the PLC lets go without an answer, counted by itself (D-40)."""

    passed: Name
    """The counter of these units; it declares its `modulus`."""
    key: Name | None = None
    """Boolean tag: the bypass key is on."""


class FromTag(Options):
    """A text that a PLC tag holds."""

    tag: Name
    """The tag that holds it."""


def _is_scanned(value: object) -> str:
    """Return which of its two forms a source has: a word, or a mapping."""
    return "by word" if isinstance(value, str) else "by mapping"


LotSource = Annotated[
    Annotated[Literal["scan"], Tag("by word")] | Annotated[FromTag, Tag("by mapping")],
    Discriminator(_is_scanned),
]


class Track(Options):
    """What is bound to what, and what happens when it cannot be."""

    by: Literal[By.SERIAL, By.LOT, By.BOTH, "product"]
    """`serial`: each unit has an identity of its own. `lot`: pieces are counted to a lot (D-12).
    `both`: units with an identity of their own, each of them one of the lot that is open.
    `product`: each product as `products` says (D-1)."""
    because: Because | None = None
    """Why this level was chosen; `check` compares it with the level (D-14)."""
    product: Source | None = None
    """`by: product` only, where the station learns which product it makes: `{tag: NAME}`, `{orders:
    {BEGIN: PRODUCT}}` by how the order's number begins, or `scan`: by the product in the codes of
    units and lots."""
    unknown_product: str = "strictest"
    """`by: product` only, what is done while the product is not known: `strictest` tracks in the
    finest of the levels declared, `refuse` answers 6 to units and counts pieces all the same, or
    the name of a product, as which it is tracked. The record says that it was not known."""
    from_lot: bool = False
    """Whether units are pieces of a lot until they get their identity here: a marking station."""
    pair: Pair
    """How a code and a cycle find each other."""
    begin: Handshake | None = None
    """"May this unit run here?", asked before the machine works."""
    end: Handshake | None = None
    """"Store this", asked after the machine has worked."""
    ready: ReadyTags | None = None
    """Where the agent says whether it can record; it may stand in a handshake instead."""
    bypass: BypassSection | None = None
    """Units that the PLC lets go without an answer: recorded once contact is back."""
    state: StateSection | None = None
    """What the machine does: running, idle, down; the raw material of OEE."""
    limits: dict[Name, LimitSection] = Field(default_factory=dict)
    """Per recorded value: what it may be. A breach makes the unit NOK, or is recorded."""
    result_by: ResultBy = ResultBy.WORST
    """Whose word is the result where values have limits. `worst`: OK only where the machine's
    `verdict` and the limits agree. `machine`, `limits`: the other one is recorded beside it."""
    mode: ModeSection | None = None
    """In which mode the machine works; without it every cycle is production."""
    watch: dict[Name, WatchSection] = Field(default_factory=dict)
    """Per device: whether its program runs, and how it knows that the agent does."""
    counter: CounterSection | None = None
    """The piece counter: what `count-only` counts, and elsewhere what shows missed cycles."""
    lot: LotSource | None = None
    """Where it is learned which lot is made, or marked: `scan`, or `{tag: NAME}`."""
    sublots: SublotsSection | None = None
    """Cuts the lot that is counted into sub-lots, so that less of it is recalled."""
    lots: LotsSection = LotsSection()
    """Quantities of product lots, and what is done to them as a whole."""
    order: OrderSection | None = None
    """What the station works on: by tag, or by scan and command where it has no `tag`."""
    requires: RequiresSection = ()
    """What must be there for a unit. `[operator, order]` refuses one without them,
    `{operator: record}` goes on and says so; `[{operator: {role: inspector, at_least: 1}}]`."""
    components: dict[Name, ComponentSection] = Field(default_factory=dict)
    """Positions that material is loaded at."""
    packing: dict[Name, LevelSection] = Field(default_factory=dict)
    """What goes into what, by sorts of parent: units in a box, boxes on a pallet, to any depth."""
    blocked: tuple[str, ...] = ()
    """Lots and serial components that must not be used, as `lineside decode` names them (D-56). A
    scan whose rule means `block` does the same while the station runs."""
    duplicates: Literal["refuse", "retest", "record"] = "refuse"
    """A unit that already passed here: `refuse` (answer 3), or `record` another visit (D-35).
    `retest`: one whose newest result here is NOK may come again, one that was OK is refused. One
    that a person has released (`lineside do STATION rework UNIT`) comes once more."""
    rework: ReworkSection | None = None
    """How often a unit may come again; without it there is no limit."""
    previous: tuple[StationPath, ...] = ()
    """Stations, by their paths, that must have completed a unit as OK before it may be processed
    here (answer 5). Each has a file in the same folder, or is one of `neighbours` (D-38)."""
    unknown: Policy = Policy.RECORD
    """What to do when it cannot be known in time whether it passed here before, or at a station of
    `previous`: `refuse` (answer 5), or `record` and say so (D-41)."""
    lookup_within: Annotated[Millis, Field(gt=0)] = 500
    """How long that question may take."""
    repeat_window: Millis = 1_000
    """The same code again within this, at the same reader and with no cycle between, is a repeat,
    no new scan. Half the shortest cycle for a fixed reader (D-82)."""
    answers: dict[Outcome, Annotated[int, Field(ge=1, le=32_767)]] = Field(default_factory=dict)
    """Other numbers for the answers, where a PLC program has its own (D-39)."""


class TagSection(Options):
    """What every tag can say, whatever its driver; the address is the driver's."""

    device: Name
    """The device that has it."""
    write: bool = False
    """Whether the agent may write it. Nothing else is ever written."""
    modulus: Modulus | None = None
    """Counters and request numbers: where they wrap to 0 (D-30). Never guessed from the width."""
    measure: str | None = Field(default=None, min_length=1, max_length=32)
    """Unit of measure of a recorded value."""


class SinkSection(Options):
    """What every sink says; the rest is the sink's own."""

    sink: str
    """Which kind of sink."""


class DeviceSection(Options):
    """What every device says; the rest is its driver's."""

    driver: str
    """Which driver."""


class StationFile(Options):
    """One station: one place, one file, one journal."""

    station: StationPath
    """Where it is: an ISA-95 equipment path. It stands in every event and topic."""
    machine: str = Field(min_length=1, max_length=64)
    """The machine's name in events."""
    timezone: Zone
    """IANA time zone of the place; events carry UTC and the offset."""
    operators: Operators = Operators()
    """How people appear in events."""
    journal: Journal = Journal()
    """Where events are kept, and how long."""
    checkpoints: Checkpoints = Checkpoints()
    """Whether what is recorded is signed, and how often."""
    lookup: LookupSection = LookupSection()
    """How long it is known which units were here."""
    neighbours: NeighboursSection | None = None
    """Stations of other gateways that count as those of this folder do."""
    devices: dict[Name, dict[str, Any]] = Field(min_length=1)
    """What is connected: a name of your own, a driver, its options."""
    tags: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    """What is read and written: a name of your own, a device, the address there."""
    scans: list[ScanSection] = Field(default_factory=list)
    """Which codes mean what. A code that two rules match is refused; rules that can overlap are."""
    products: dict[Name, ProductSection] = Field(default_factory=dict)
    """`by: product` only: how each product is tracked."""
    track: Track
    """What is bound to what."""
    oee: OeeSection | None = None
    """What key figures are measured against: ideal cycle times, shifts."""
    publish: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    """Where events go."""
