"""A station's core with its outside played by hand: PLC tags, reader, clock, journal.

The rig checks at every step what must always hold: the planned state is the fold of the events,
addresses have no gap, a wakeup lies ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from typing import Any, TypeVar

from agent.core import binder
from agent.core.events import (
    CommandRefused,
    Event,
    UnitEvent,
)
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.state import (
    Ask,
    CommandReply,
    ComponentAsk,
    Decision,
    EventAsk,
    Health,
    LookupAsk,
    NotReady,
    PackageAsk,
    SnapshotAsk,
    State,
    Working,
)
from agent.core.station import (
    By,
    Component,
    Counter,
    Handshake,
    Pairing,
    Policy,
    Ready,
    Station,
    Strategy,
)
from drivers.base import (
    AnyObservation,
    AskAnswered,
    ClockState,
    CodeScanned,
    CommandGiven,
    Instant,
    LinkChanged,
    Quality,
    Scalar,
    SnapshotRead,
    TagFault,
    TagValue,
    TimerFired,
    ValuesSeen,
    WriteGroup,
)
from tests import knowledge

MORNING_MS = 1_796_029_200_000
"""2026-11-30T09:00:00Z, the wall clock at boot time 0."""

E = TypeVar("E", bound=Event)
Seen = TypeVar("Seen", bound=AnyObservation)

END = Handshake(
    name="end",
    device="plc",
    trigger="trigger",
    request="request",
    modulus=65_536,
    guard=("count",),
    values=("force",),
    unit=None,
    verdict="ok",
    result="result",
    ack="ack",
    answer_within_ms=5_000,
)
BEGIN = replace(
    END,
    name="begin",
    trigger="b_trigger",
    request="b_request",
    guard=(),
    values=(),
    verdict=None,
    result="b_result",
    ack="b_ack",
)
RULES = (
    ScanRule(match=RegexMatch(pattern=r"SN-\d+"), means=Means.UNIT),
    ScanRule(match=RegexMatch(pattern=r"L-\d+"), means=Means.COMPONENT, position="housing"),
    ScanRule(match=RegexMatch(pattern=r"ECU-\d+"), means=Means.COMPONENT, position="ecu"),
    ScanRule(match=RegexMatch(pattern=r"WO-\d+"), means=Means.ORDER),
    ScanRule(match=RegexMatch(pattern="ORDER END"), means=Means.ORDER_END),
    ScanRule(match=RegexMatch(pattern=r"LOT-\d+"), means=Means.LOT),
    ScanRule(match=RegexMatch(pattern=r"OP-(?P<operator>\d+)"), means=Means.OPERATOR),
    ScanRule(match=RegexMatch(pattern="OP OFF"), means=Means.OPERATOR_OFF),
    ScanRule(match=RegexMatch(pattern="CANCEL"), means=Means.CANCEL),
    ScanRule(match=RegexMatch(pattern=r"CAR-\d+"), means=Means.CARRIER),
)
PRESS = Station(
    path="acme/press-07",
    machine="press-07",
    config="c1",
    by=By.SERIAL,
    pairing=Pairing(strategy=Strategy.SCAN_THEN_CYCLE, window_ms=30_000, settle_ms=200),
    handshakes=(END,),
    scans=RULES,
    no_reads={"scanner": frozenset({b"NOREAD"})},
    ready=Ready(device="plc", tag="ready", reason="reason", text="text"),
    devices=("plc", "scanner"),
)
"""Serial by scan, one handshake with request numbers."""
CAMERA = replace(
    PRESS,
    pairing=replace(PRESS.pairing, strategy=Strategy.TAG),
    handshakes=(replace(END, unit="code"),),
)
"""Serial by tag."""
INTERLOCK = replace(PRESS, handshakes=(BEGIN, END))
"""`begin` with a scan, then `end`."""
FILLER = Station(
    path="acme/filler",
    machine="filler",
    config="c1",
    by=By.LOT,
    pairing=Pairing(strategy=Strategy.COUNT_ONLY, window_ms=30_000, settle_ms=200),
    counter=Counter(device="plc", tag="count", modulus=65_536, max_step=5, fastest_ms=1),
    lot="lot",
    lot_device="plc",
    order="order",
    order_device="plc",
    scans=RULES,
    devices=("plc",),
)
"""Counts pieces to the lot that a tag names."""
HOUSING = Component(position="housing", by=By.LOT, required=False)
ECU = Component(position="ecu", by=By.SERIAL, required=False)
__all__ = ["BEGIN", "CAMERA", "ECU", "END", "FILLER", "HOUSING", "INTERLOCK", "PRESS", "Policy"]


def instant(boot_ms: int, boot_id: str = "boot-1") -> Instant:
    """Return a moment of a clock that never steps."""
    return Instant(
        wall_ms=MORNING_MS + boot_ms,
        offset_min=60,
        boot_ms=boot_ms,
        boot_id=boot_id,
        clock_state=ClockState.SYNCED,
    )


class Rig:
    """One station, driven step by step."""

    def __init__(self, station: Station, *, start: bool = True) -> None:
        self.station = station
        self.ms = 1_000
        self.boot_id = "boot-1"
        self.runs = 0
        self.events: list[Event] = []
        self.state = binder.initial(station)
        self.durable = self.state
        self.hold_commits = False
        """While set, what is planned does not become durable."""
        self.working = Working()
        self.asks: list[Ask] = []
        self.checks: list[Ask] = []
        """Questions of serial components and of commands; answered at once, unless held."""
        self.hold_checks = False
        self.wakeup_ms: int | None = None
        self.decision = Decision(events=(), state=self.state, working=self.working)
        self.command_replies: list[CommandReply] = []
        """To the newest command."""
        self.tags: dict[str, Scalar] = {
            "trigger": False,
            "request": 0,
            "b_trigger": False,
            "b_request": 0,
            "count": 0,
            "force": 1.5,
            "ok": True,
            "code": "",
            "boots": 1,
            "life": 1,
            "mode": 1,
            "recipe": "",
            "lot": "",
            "order": "",
            "abort": False,
        }
        self.bad: set[str] = set()
        """Tags that read BAD."""
        self.device: dict[str, Scalar] = {}
        """What the agent has written."""
        self.reason = NotReady.READY
        self.observations: list[AnyObservation] = []
        if start:
            self.start()

    # -------------------------------------------------------------- runs

    def start(self, lost: tuple[tuple[str, int, int, str], ...] = ()) -> Decision:
        """Begin an epoch from what is in the journal."""
        self.runs += 1
        self.state = reduce(binder.evolve, self.events, binder.initial(self.station))
        self.working, self.asks, self.checks = Working(), [], []
        last = self.events[-1] if self.events else None
        beginning = binder.Beginning(
            epoch=f"{self.runs:06d}-aa",
            version="1",
            previous_epoch=last.epoch if last else None,
            previous_seq=last.seq if last else None,
            previous_hash="00" if last else None,
            lost=lost,
        )
        decision = binder.start(self.state, beginning, self.now)
        return self._take(decision, replace(self.state, epoch=beginning.epoch, seq=0))

    def restart(self, *, reboot: bool = False) -> None:
        """Kill the agent and start it again: only what is durable is left."""
        self.events = self.events[: self.n_durable]
        if reboot:
            self.boot_id, self.ms = f"boot-{self.runs + 1}", 5_000
        self.start()

    def up(self) -> None:
        """Bring up both links and read the first snapshots; the tags are as they stand."""
        self.link("scanner", up=True)
        self.link("plc", up=True)
        self.answer()

    @property
    def now(self) -> Instant:
        """The rig's clock."""
        return instant(self.ms, self.boot_id)

    @property
    def n_durable(self) -> int:
        """How many events are on disk."""
        return next(
            (n for n, e in enumerate(self.events, 1) if e.address == self._durable_address), 0
        )

    @property
    def _durable_address(self) -> str:
        return f"{self.durable.epoch}-{self.durable.seq}"

    # -------------------------------------------------------------- steps

    def observe(self, kind: Callable[..., Seen], **members: Any) -> Decision:  # noqa: ANN401 - fields
        """Let the core decide one observation, and check what must always hold."""
        members = {
            "id": f"{self.runs}-{len(self.observations)}",
            "device": "",
            "earliest_ms": self.ms,
            "latest_ms": self.ms,
            "received": self.now,
        } | members
        observation = kind(**members)
        self.observations.append(observation)
        before = self.state
        decision = binder.decide(before, self.working, observation, self.now)
        assert decision.wakeup_ms is not None
        assert decision.wakeup_ms > self.ms
        return self._take(decision, before)

    def _take(self, decision: Decision, before: State) -> Decision:
        assert reduce(binder.evolve, decision.events, before) == decision.state
        seqs = [event.seq for event in decision.events]
        assert seqs == list(range(before.seq + 1, before.seq + 1 + len(seqs)))
        self.events += decision.events
        self.state, self.working = decision.state, decision.working
        for ask in decision.asks:
            if isinstance(ask, ComponentAsk | EventAsk | PackageAsk) or not getattr(
                ask, "handshake", "-"
            ):
                self.checks.append(ask)
            else:
                self.asks.append(ask)
        self.command_replies += decision.command_replies
        self.wakeup_ms, self.decision = decision.wakeup_ms, decision
        if not self.hold_commits:
            self.durable = self.state
        return decision

    def turn(self, ms: int) -> None:
        """Let time pass; timers fire at the moments that the core asked for."""
        until = self.ms + ms
        while self.wakeup_ms is not None and self.wakeup_ms <= until:
            self.ms = max(self.ms, self.wakeup_ms)
            self.observe(TimerFired)
        self.ms = until

    def link(self, device: str, *, up: bool, faults: tuple[TagFault, ...] = ()) -> Decision:
        """Let a link come up or go down."""
        if device == "plc":
            self.asks = [ask for ask in self.asks if not isinstance(ask, SnapshotAsk)]
        return self.observe(LinkChanged, device=device, up=up, reason="cut", faults=faults)

    def plc(self, took_ms: int = 10, /, **tags: Scalar) -> Decision:
        """Let the PLC change tags, and the poll after `took_ms` see them."""
        self.tags |= tags
        self.ms += took_ms
        values = tuple(self._value(tag) for tag in tags)
        return self.observe(ValuesSeen, device="plc", earliest_ms=self.ms - took_ms, values=values)

    def _value(self, tag: str) -> TagValue:
        if tag in self.bad:
            return TagValue(tag=tag, value=None, quality=Quality.BAD, code="0x808C0000")
        return TagValue(tag=tag, value=self.tags[tag], quality=Quality.GOOD)

    def scan(self, code: str, *, took_ms: int = 20, **members: Any) -> Decision:  # noqa: ANN401 - fields
        """Let the reader send a code; badges as the rim hands them on."""
        self.ms += took_ms
        raw = code.encode()
        if code.startswith("OP-"):
            members, raw = {"operator": f"k:{code}"} | members, b""
        members = {"device": "scanner", "raw": raw} | members
        decision = self.observe(CodeScanned, earliest_ms=self.ms - took_ms, **members)
        if not self.hold_checks:
            self.check()
        return decision

    def command(self, name: str, /, **arguments: str | tuple[str, ...]) -> Decision:
        """Let a person give a command; what it asks is answered, unless checks are held."""
        about: dict[str, object] = {"who": "k:OP-7", "reason": "as told", "fault": None}
        about |= {key: arguments.pop(key) for key in about.keys() & arguments.keys()}
        given = tuple(
            (key, value)
            for key, values in arguments.items()
            for value in ((values,) if isinstance(values, str) else values)
        )
        self.command_replies.clear()
        decision = self.observe(CommandGiven, command=name, arguments=given, **about)
        if not self.hold_checks:
            self.check()
        return decision

    def refused(self) -> CommandRefused:
        """Return the newest refused command, which must be the newest event."""
        event = self.events[-1]
        assert isinstance(event, CommandRefused)
        return event

    # -------------------------------------------------------------- asks

    def answer(self) -> None:
        """Answer asks until none is open."""
        while self.asks:
            ask = self.asks.pop(0)
            if isinstance(ask, SnapshotAsk):
                self.read(ask)
            else:
                self.look_up(ask)

    def check(self, *, known: bool = True) -> None:
        """Answer what serial components and commands ask, by the events."""
        decision = self.decision
        while self.checks:
            ask = self.checks.pop(0)
            facts: dict[str, Any] = {}
            if isinstance(ask, ComponentAsk):
                facts = knowledge.of_component(self.events, ask.component)
            elif isinstance(ask, EventAsk):
                facts = {"event": knowledge.of_event(self.events, ask.address)}
            elif isinstance(ask, PackageAsk):
                facts = knowledge.of_package(self.events, ask.code)
            elif isinstance(ask, LookupAsk):
                facts = knowledge.of_unit(self.events, ask.unit, ask.handshake)
            as_of = self.state.epoch if known else None
            facts = facts if known else {}
            self.observe(AskAnswered, ask=ask.id, known=known, knowledge_as_of=as_of, **facts)
        self.decision = decision

    def home(self, code: str) -> str | None:
        """Return what a component or a child is in, by the events."""
        return knowledge.home(self.events, code)

    def open_ask(self) -> Ask:
        """Return the newest ask, taken from the open ones."""
        return self.asks.pop()

    def read(self, ask: Ask | None = None, *, coherent: bool = True) -> Decision:
        """Answer a snapshot ask from the tags."""
        ask = ask or self.open_ask()
        assert isinstance(ask, SnapshotAsk)
        tags = dict.fromkeys((*ask.guard, *ask.tags))
        return self.observe(
            SnapshotRead,
            device="plc",
            ask=ask.id,
            group=ask.handshake,
            values=tuple(self._value(tag) for tag in tags),
            coherent=coherent,
            tries=1,
        )

    def look_up(self, ask: Ask | None = None, *, known: bool = True) -> Decision:
        """Answer a look-up from the events."""
        ask = ask or self.open_ask()
        assert isinstance(ask, LookupAsk)
        facts = knowledge.of_unit(self.events, ask.unit, ask.handshake) if known else {}
        as_of = self.state.epoch if known else None
        return self.observe(AskAnswered, ask=ask.id, known=known, knowledge_as_of=as_of, **facts)

    # -------------------------------------------------------------- outputs

    def due(self, device: str = "plc") -> tuple[WriteGroup, ...]:
        """Pull what a device must hold, and let it hold that."""
        health = Health(now_ms=self.ms, reason=self.reason)
        due = binder.due(self.durable, self.working, health, device)
        self.working = binder.handed_over(self.working, due.standing)
        for group in due.groups:
            self.device |= dict(group.values)
        return due.groups

    def answered(self) -> int | None:
        """Pull the outputs and return the result that stands with its ack, None without."""
        self.due()
        return int(self.device["result"]) if self.device.get("ack") else None

    # -------------------------------------------------------------- whole cycles

    def cycle(self, request: int, **tags: Scalar) -> int | None:
        """Run a whole cycle and return the answer that the PLC reads."""
        self.plc(**{"trigger": True, "request": request, "count": request, **tags})
        self.answer()
        self.turn(self.station.pairing.settle_ms + 1)
        self.answer()
        self.due()
        answer = self.device.get("result") if self.device.get("ack") else None
        self.plc(trigger=False)
        self.due()
        return int(answer) if answer is not None else None

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def units(self) -> list[UnitEvent]:
        """Return the answers to handshakes."""
        return self.of(UnitEvent)

    def new(self) -> list[str]:
        """Return the kinds of the newest decision's events."""
        return [event.kind for event in self.decision.events]
