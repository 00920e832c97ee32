"""The simulated broker and the sink that speaks to it: confirms, refuses, is silent, hangs up.

A subscriber with a persistent session stands behind it: what the broker took is delivered, also
where the agent never heard of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.ports import Delivery, Refusal, RefusedError, SinkDownError
from agent.sinks.options import FORMATS, SinkOptions, SinkPlace, SinkSpec
from tests.sim.world import World

SILENCE_S = 30.0
"""A connection that confirms nothing for so long is given up."""


@dataclass(slots=True)
class Broker:
    """The broker; it outlives every agent."""

    world: World
    is_away: bool = False
    refuses: bool = False
    """Quota exceeded: each event is refused for now."""
    is_mute: bool = False
    """What it takes is not confirmed."""
    poisons: int = 0
    """So many events to come are refused for ever."""
    sessions: list[asyncio.Future[str]] = field(default_factory=list)
    """The connections there are; done with why one has ended."""
    taken: dict[str, list[bytes]] = field(default_factory=dict)
    """Per sink: what the subscriber got."""
    is_over: Callable[[], bool] = lambda: False
    """Whether the agent that is connected is dead."""
    confirms_unsent: bool = False
    """A control: what was sent counts as delivered."""

    def accept(self) -> asyncio.Future[str]:
        """Return a new connection."""
        session: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.sessions = [one for one in self.sessions if not one.done()]
        self.sessions.append(session)
        return session

    def hang_up(self, why: str) -> None:
        """Close every connection."""
        for session in self.sessions:
            if not session.done():
                self.world.faults["connection to the broker lost"] += 1
                session.set_result(why)


class BrokerOptions(SinkOptions):
    """Where on that broker a sink's events go."""

    root: str
    """The first part of every topic."""


class Place:
    """Where a sink finds its broker: set for the time of one simulation."""

    broker: Broker | None = None


class SimulatedSink:
    """One sink's connection to that broker (the port `Sink`)."""

    window = 20

    def __init__(self, options: BrokerOptions, place: SinkPlace, broker: Broker) -> None:
        self.counts: Counter[str] = Counter()
        self._name, self._clock, self._broker = place.name, place.clock, broker
        self._encode = FORMATS[options.format]
        self._session: asyncio.Future[str] | None = None
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._mute: list[asyncio.Future[None]] = []
        self._work = asyncio.Event()

    async def connect(self) -> None:
        """Reach the broker once."""
        broker = self._broker
        await broker.world.pass_ms(5, 60)
        if broker.is_away:
            raise SinkDownError("broker: connection refused; start it")
        self._session = broker.accept()

    def send(self, delivery: Delivery) -> asyncio.Future[None]:
        """Send one event."""
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._encode(delivery), confirmed))
        self._work.set()
        if self._broker.confirms_unsent:
            told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            told.set_result(None)
            confirmed.add_done_callback(_heard)
            return told
        return confirmed

    async def hold(self) -> None:
        """Let the broker have what is sent, until the connection ends."""
        session = self._session
        assert session is not None
        session.add_done_callback(lambda _: self._work.set())
        silence: asyncio.Task[None] | None = None
        try:
            while not session.done():
                await self._work.wait()
                self._work.clear()
                if self._waiting:
                    await self._broker.world.pass_ms(1, 30)
                if not session.done():
                    self._hand_over()
                if self._mute and silence is None:
                    silence = asyncio.create_task(self._give_up_later(session), name="silence")
            raise SinkDownError(session.result())
        finally:
            if silence is not None:
                silence.cancel()
            if not session.done():
                session.set_result("left")
            self._give_up()

    async def _give_up_later(self, session: asyncio.Future[str]) -> None:
        await self._clock.sleep(SILENCE_S)
        if not session.done():
            session.set_result(f"broker: did not confirm for {SILENCE_S:g} s; connecting anew")

    def _hand_over(self) -> None:
        """Give the broker everything that is under way; it answers in any order."""
        broker = self._broker
        if broker.is_over():
            return
        sent, self._waiting = self._waiting, []
        answers = [(confirmed, self._answer(payload)) for payload, confirmed in sent]
        broker.world.source.shuffle(answers)
        for confirmed, answer in answers:
            if broker.is_mute and answer is None:
                broker.world.faults["confirmation lost"] += 1
                self._mute.append(confirmed)
            elif not confirmed.done():
                if answer is None:
                    confirmed.set_result(None)
                else:
                    confirmed.set_exception(answer)

    def _answer(self, payload: bytes) -> RefusedError | None:
        broker = self._broker
        broker.world.steps += 1
        if broker.refuses:
            broker.world.faults["refused by quota"] += 1
            return RefusedError(Refusal.LATER, "refused by broker: quota exceeded (0x97)")
        if broker.poisons:
            broker.poisons -= 1
            broker.world.faults["refused for ever"] += 1
            return RefusedError(Refusal.NEVER, "refused by broker: payload format invalid (0x99)")
        broker.taken.setdefault(self._name, []).append(payload)
        return None

    def _give_up(self) -> None:
        lost = [*self._mute, *(confirmed for _, confirmed in self._waiting)]
        self._mute, self._waiting = [], []
        for confirmed in lost:
            if not confirmed.done():
                confirmed.set_exception(SinkDownError("broker: ended before it confirmed"))

    async def close(self) -> None:
        """Leave."""
        self._give_up()


def _heard(confirmed: asyncio.Future[None]) -> None:
    if not confirmed.cancelled():
        confirmed.exception()


def build(options: BrokerOptions, place: SinkPlace) -> SimulatedSink:
    """Return the sink, not yet connected."""
    assert Place.broker is not None
    return SimulatedSink(options, place, Place.broker)


SPEC = SinkSpec(
    summary="Publishes to a broker of a simulation.", options=BrokerOptions, build=build
)
