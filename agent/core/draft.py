"""One decision in the making: events get their addresses and are folded in as they are added.

The parts of the binder write on one draft, so that each sees what the one before concluded. It
lives inside one call of `decide`; nothing of it outlasts the call, which is therefore pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from agent.core.anew import replace
from agent.core.events import Certainty, Event, EventTime, OperatorRef, Why
from agent.core.state import Ask, CommandReply, Decision, Live, Reply, State, Working
from drivers.base import CodeScanned, Instant

E = TypeVar("E", bound=Event)
Evolve = Callable[[State, Event], State]
Fold = Callable[[State, Any], State]
"""One part's `evolve` of one kind; it is only ever called with events of that kind."""


class Draft:
    """What `decide` has concluded so far."""

    def __init__(self, state: State, working: Working, now: Instant, evolve: Evolve) -> None:
        self.state = state
        self.station = state.station
        """The plan that the station works by."""
        self.working = working
        self.now = now
        self.events: list[Event] = []
        self.asks: list[Ask] = []
        self.replies: list[Reply] = []
        self.command_replies: list[CommandReply] = []
        self.keyed: CodeScanned | None = None
        """A code that a person has keyed in, yet to be judged."""
        self._evolve = evolve

    @property
    def now_ms(self) -> int:
        """The boot clock."""
        return self.now.boot_ms

    def head(
        self,
        *,
        because: tuple[str, ...] = (),
        certainty: Certainty = Certainty.CERTAIN,
        why: tuple[Why, ...] = (),
        source_ms: int | None = None,
    ) -> dict[str, Any]:
        """Return the envelope of the next event: its address, time, and who and what is on."""
        state, now = self.state, self.now
        return {
            "epoch": state.epoch,
            "seq": state.seq + 1,
            "station": state.station.path,
            "config": state.station.config,
            "time": EventTime(
                received_ms=now.wall_ms,
                offset_min=now.offset_min,
                boottime_ms=now.boot_ms,
                boot_id=now.boot_id,
                clock_state=now.clock_state,
                source_ms=source_ms,
                unsynced_s=now.unsynced_s,
            ),
            "machine": state.station.machine,
            "order": state.people.order,
            "operators": self.on(),
            "certainty": certainty,
            "why": why,
            "because": because,
        }

    def on(self) -> tuple[OperatorRef, ...]:
        """Return who is signed on now."""
        sessions = self.state.people.sessions
        return tuple(OperatorRef(ref=s.ref, role=s.role) for s in sessions) if sessions else ()

    def add(self, event: E) -> E:
        """Conclude an event made with `head`; the state knows it from here on."""
        self.events.append(event)
        self.state = self._evolve(self.state, event)
        self.station = self.state.station
        return event

    def ask_id(self) -> str:
        """Return a new id for an ask: a late answer to the run before means nothing in this one."""
        self.working = replace(self.working, asked=self.working.asked + 1)
        return f"{self.state.epoch}-ask-{self.working.asked}"

    def live(self, handshake: str) -> Live:
        """Return how a handshake stands on this link."""
        return self.working.live.get(handshake) or Live()

    def set_live(self, handshake: str, live: Live) -> None:
        """Note how a handshake stands now."""
        self.working = replace(self.working, live={**self.working.live, handshake: live})

    def decision(self, wakeup_ms: int | None) -> Decision:
        """Return what has been concluded."""
        return Decision(
            events=tuple(self.events),
            state=self.state,
            working=self.working,
            asks=tuple(self.asks),
            replies=tuple(self.replies),
            command_replies=tuple(self.command_replies),
            wakeup_ms=wakeup_ms,
        )
