"""The agent around the core, in virtual time: journal, asks, timer, outputs, kills and restarts.

It does what the engine and the supervisor do, with random but bounded delays, and checks at each
step what must hold of every decision: addresses without a gap, the planned state a fold of the
events, every frame of a reader an event or a counted repeat.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

from agent.core import binder
from agent.core import events as ev
from agent.core.state import (
    Ask,
    ComponentAsk,
    Decision,
    EventAsk,
    Health,
    LookupAsk,
    PackageAsk,
    SnapshotAsk,
    State,
    Working,
)
from agent.core.station import Station
from drivers.base import (
    AnyObservation,
    AskAnswered,
    ClockMoved,
    ClockState,
    CodeScanned,
    Instant,
    Quality,
    Scalar,
    SnapshotRead,
    TagValue,
    TimerFired,
)
from tests.soak.world import Process, World

MORNING_MS = 1_796_029_200_000
COMPARE_EVERY = 16
"""At how many decisions with events the fold is compared as a whole; it is made at each."""


class BrokenError(AssertionError):
    """A law does not hold."""


def must(holds: object, law: str) -> None:
    """Refuse what breaks a law.

    Raises:
        BrokenError: it does not hold.
    """
    if not holds:
        raise BrokenError(law)


class Agent:
    """One station's agent, as its devices see it."""

    def __init__(self, station: Station, world: World) -> None:
        self.station, self.world = station, world
        self.up = False
        self.runs = self.steps = self.session = 0
        self.boot_ms, self.boot_id = 0, "boot-1"
        self.boots = {self.boot_id: 0}
        """Per boot: the moment of the world at which it began."""
        self.wall_step_ms = 0
        self.events: list[ev.Event] = []
        self.n_durable = 0
        self.state = self.durable = binder.initial(station)
        self.working = Working()
        self.commit_ms = (1, 15)
        """How long a commit takes, at the least and at the most."""
        self.lookups = 1.0
        """The share of look-ups that are answered in time."""
        self.read_tags: Callable[[SnapshotAsk], Mapping[str, Scalar] | None] = lambda _ask: None
        """What a snapshot shows; None: the PLC cannot be read."""
        self.torn = 0.0
        self.hold: Callable[[str, Scalar], None] = lambda _tag, _value: None
        """Takes what is written to the PLC."""
        self.linked = False
        """Whether the PLC can be written."""
        self._disk_ms = 0
        self._writing = False
        self._wakeup_ms: int | None = None
        self._visits: dict[str, list[ev.UnitEvent]] = defaultdict(list)
        self._parts: dict[str, ev.Event] = {}

    # -------------------------------------------------------------- runs

    @property
    def is_slow(self) -> bool:
        """Whether a commit may take seconds."""
        return self.commit_ms[1] > 100 or self._disk_ms > self.world.ms + 100

    @property
    def is_durable(self) -> bool:
        """Whether everything that was decided is on disk."""
        return self.up and self.n_durable == len(self.events)

    def kept(self) -> Process[bool]:
        """Wait until what was decided is on disk; return false if the agent was killed before."""
        session, n = self.session, len(self.events)
        while session == self.session and self.n_durable < n:
            yield 10
        return session == self.session

    @property
    def now(self) -> Instant:
        """Both clocks."""
        return Instant(
            wall_ms=MORNING_MS + self.world.ms + self.wall_step_ms,
            offset_min=60,
            boot_ms=self.world.ms - self.boot_ms,
            boot_id=self.boot_id,
            clock_state=ClockState.SYNCED,
        )

    def start(self) -> None:
        """Begin an epoch from what is durable, with a fold of the newest complete set."""
        self.runs += 1
        self.session += 1
        self.up, self.working = True, Working()
        must(self._recovered() == self.durable, "recovery folds to what was durable")
        last = self.events[-1] if self.events else None
        beginning = binder.Beginning(
            epoch=f"{self.runs:06d}-aa",
            version="1",
            previous_epoch=last.epoch if last else None,
            previous_seq=last.seq if last else None,
            previous_hash="00" if last else None,
        )
        self.state = self.durable
        self._take(binder.start(self.state, beginning, self.now), begins=True)

    def _recovered(self) -> State:
        carried = [
            n for n, e in enumerate(self.events) if isinstance(e, ev.StateCarried) and e.last
        ]
        since = carried[-1] + 1 - len(binder.PARTS) if carried else 0
        return reduce(binder.evolve, self.events[since:], binder.initial(self.station))

    def kill(self) -> None:
        """Stop at once: only what is durable is left."""
        self.up = self.linked = False
        self.session += 1
        self.events = self.events[: self.n_durable]
        self.state = self.durable
        self._wakeup_ms, self._writing = None, False
        self._disk_ms = self.world.ms
        self._visits.clear()
        self._parts.clear()
        for event in self.events:
            self._note(event)

    def reboot(self) -> None:
        """Lose power too: the boot clock begins anew."""
        self.boot_ms, self.boot_id = self.world.ms - 5_000, f"boot-{len(self.boots) + 1}"
        self.boots[self.boot_id] = self.boot_ms

    def step_clock(self, step_ms: int) -> None:
        """Let the wall clock jump."""
        self.wall_step_ms += step_ms
        self.observe(ClockMoved, step_ms=step_ms)

    # -------------------------------------------------------------- decisions

    def observe(
        self,
        kind: Callable[..., AnyObservation],
        *,
        device: str = "",
        between_ms: tuple[int, int] | None = None,
        **members: Any,  # noqa: ANN401 - whatever the observation has
    ) -> str | None:
        """Let the core decide what was seen; return the observation's id, None while it is down."""
        if not self.up:
            return None
        self.steps += 1
        earliest_ms, latest_ms = between_ms or (self.world.ms, self.world.ms)
        observation = kind(
            id=f"{self.runs}-{self.steps}",
            device=device,
            earliest_ms=earliest_ms - self.boot_ms,
            latest_ms=latest_ms - self.boot_ms,
            received=self.now,
            **members,
        )
        repeats = self.working.repeats
        decision = binder.decide(self.state, self.working, observation, self.now)
        if isinstance(observation, CodeScanned):
            told = any(observation.id in event.because for event in decision.events)
            counted = decision.working.repeats.get(device) != repeats.get(device)
            must(told or counted, f"the frame {observation.raw!r} has no event")
        self._take(decision)
        return observation.id

    def _take(self, decision: Decision, *, begins: bool = False) -> None:
        if decision.events:
            before = 0 if begins else self.state.seq
            seqs = [event.seq for event in decision.events]
            must(seqs == list(range(before + 1, before + 1 + len(seqs))), "addresses have a gap")
            must(len({event.epoch for event in decision.events}) == 1, "one epoch a decision")
            if not begins and len(self.events) % COMPARE_EVERY == 0:
                folded = reduce(binder.evolve, decision.events, self.state)
                must(folded == decision.state, "the planned state is the fold of the events")
            self.events += decision.events
            for event in decision.events:
                self._note(event)
            self._commit(len(self.events), decision.state)
        self.state, self.working = decision.state, decision.working
        for ask in decision.asks:
            self._ask(ask)
        self._wake(decision.wakeup_ms)
        self._write_soon()

    def _commit(self, n: int, state: State) -> None:
        session = self.session
        took_ms = self.world.between(*self.commit_ms)
        self._disk_ms = max(self._disk_ms, self.world.ms + took_ms)  # what waits goes together

        def landed() -> None:
            if session == self.session:
                self.n_durable, self.durable = n, state
                self._write_soon()

        self.world.at(self._disk_ms, landed)

    def _wake(self, wakeup_ms: int | None) -> None:
        if wakeup_ms is None or wakeup_ms == self._wakeup_ms:
            return
        self._wakeup_ms = wakeup_ms
        session = self.session

        def fire() -> None:
            if session == self.session and self._wakeup_ms == wakeup_ms:
                self._wakeup_ms = None
                self.observe(TimerFired)

        self.world.at(wakeup_ms + self.boot_ms + self.world.between(0, 3), fire)

    # -------------------------------------------------------------- asks

    def _ask(self, ask: Ask) -> None:
        session, random = self.session, self.world.random

        def answer() -> None:
            if session != self.session:
                return
            if isinstance(ask, SnapshotAsk):
                self._read(ask)
            elif isinstance(ask, EventAsk | PackageAsk):
                self.observe(AskAnswered, ask=ask.id, known=False)
            elif random.random() < self.lookups:
                self.observe(AskAnswered, **self._looked_up(ask))
            elif random.random() < 0.5:
                self.observe(AskAnswered, ask=ask.id, known=False)

        self.world.after(self.world.between(1, 20), answer)

    def _read(self, ask: SnapshotAsk) -> None:
        shown = self.read_tags(ask)
        if shown is None:
            return
        tags = dict.fromkeys((*ask.guard, *ask.tags))
        values = tuple(TagValue(tag=t, value=shown[t], quality=Quality.GOOD) for t in tags)
        self.observe(
            SnapshotRead,
            device="plc",
            ask=ask.id,
            group=ask.handshake,
            values=values,
            coherent=not self.world.chance(self.torn),
            tries=1,
        )

    def _looked_up(self, ask: LookupAsk | ComponentAsk) -> dict[str, Any]:
        """Return what the planned events say."""
        known = {"ask": ask.id, "known": True, "knowledge_as_of": self.state.epoch}
        if isinstance(ask, ComponentAsk):
            last = self._parts.get(ask.component)
            unit = last.unit if isinstance(last, ev.ComponentInstalled) else None
            return known | {"seen_at": last.address if last else None, "installed_in": unit}
        seen = self._visits[ask.unit]
        return known | {
            "seen_at": seen[-1].address if seen else None,
            "seen_kind": seen[-1].kind if seen else None,
            "visits": sum(isinstance(event, ev.UnitCompleted) for event in seen),
        }

    def _note(self, event: ev.Event) -> None:
        if isinstance(event, ev.UnitEvent) and event.unit is not None:
            self._visits[event.unit].append(event)
        elif isinstance(event, ev.ComponentInstalled | ev.ComponentRemoved):
            self._parts[event.component] = event

    # -------------------------------------------------------------- outputs

    def _write_soon(self) -> None:
        if self._writing or not self.linked:
            return
        self._writing, session = True, self.session

        def write() -> None:
            if session == self.session:
                self._writing = False
                self._write()

        self.world.after(self.world.between(1, 15), write)

    def _write(self) -> None:
        """Write what is due; nothing of it without its record on disk (D-19)."""
        if not self.linked:
            return
        health = Health(now_ms=self.now.boot_ms)
        due = binder.due(self.durable, self.working, health, "plc")
        self.working = binder.handed_over(self.working, due.standing)
        for group in due.groups:
            for tag, value in group.values:
                self.hold(tag, value)
