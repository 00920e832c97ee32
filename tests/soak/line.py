"""A line that knows the truth: its machine, its people, and what goes wrong."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tests.soak.agent import Agent
from tests.soak.feeds import Feed, SerialFeed, feeds_of
from tests.soak.plans import Plan
from tests.soak.plc import Plc, Reader
from tests.soak.truth import Cycle, Truth
from tests.soak.world import Process, World

STORED = 1


class Line(ABC):
    """One station; what differs by strategy is in `tests.soak.lines`."""

    def __init__(self, plan: Plan, world: World) -> None:
        self.plan, self.world, self.truth = plan, world, Truth()
        self.station = plan.station
        self.agent = Agent(plan.station, world)
        self.plc = Plc(plan.station, world, self.agent, self.truth)
        self.readers = {name: Reader(name, world, self.agent) for name in plan.readers}
        self.feeds: tuple[Feed, ...] = feeds_of(
            plan.station.components,
            world,
            self.readers["scanner"],
            self.truth,
            faulty=plan.faulty,
        )
        self.units = 0
        self.is_over = False
        """Whether no cycle begins any more."""
        self.is_fragile = False
        """Whether a mistake was made that the next scan shows."""
        self.quiet_ms: int | None = None
        """When everything that was begun has come to its end."""
        self.plc.passes = plan.passes
        self.plc.polled = self._polled()

    def _polled(self) -> list[str]:
        tags = [t for h in self.station.handshakes for t in (h.trigger, h.request, h.abort)]
        tags += [tag for watch in self.station.watches for tag in watch.life_tags]
        return [tag for tag in tags if tag]

    # -------------------------------------------------------------- running

    def run(self, cycles: int) -> None:
        """Let the line work for so many cycles, then come to rest."""
        self.agent.start()
        if self.station.handshakes or self.station.counter:
            self.world.start(self.plc.driver())
        for reader in self.readers.values():
            self.world.start(reader.driver())
        for feed in self.feeds:
            self.world.start(feed.supply())
        if self.plan.faulty:
            self.world.start(self._faults())
        self.world.start(self._work(cycles))
        while self.quiet_ms is None or self.world.ms < self.quiet_ms:
            self.world.step()

    def _work(self, cycles: int) -> Process[None]:
        yield 1_000
        for _ in range(cycles):
            yield from self.one()
        self.is_over = True
        yield from self.finish()
        for feed in self.feeds:
            feed.is_last = True
            while feed.is_due or feed.is_changing:
                yield 100
        self.quiet_ms = self.world.ms + self.station.pairing.window_ms + 15_000

    @abstractmethod
    def one(self) -> Process[None]:
        """Make one unit, or what takes its place."""

    def finish(self) -> Process[None]:
        """Bring to its end what a strategy has left open."""
        yield from ()

    # -------------------------------------------------------------- the machine

    def is_old_seen(self) -> bool:
        """Return whether a code that stays from the cycle before can be told: by what moves on.

        The cycle before has its answer, so that its code is known.
        """
        before = list(self.truth.cycles.values())[-2:-1]
        is_known = bool(before) and bool(before[0].answers)
        return is_known and all(handshake.guard for handshake in self.station.handshakes)

    def next_unit(self) -> str:
        """Return a new unit; now and then one that was here before, for rework."""
        if self.plan.faulty and self.units > 3 and self.world.chance(0.04):
            return f"SN-{self.world.between(1, self.units - 2)}"
        self.units += 1
        return f"SN-{self.units}"

    def process(self, cycle: Cycle) -> Process[int | None]:
        """Run a cycle through `begin`, work and `end`; return the last answer."""
        *begins, end = self.station.handshakes
        for begin in begins:
            answer = yield from self.plc.ask(begin, cycle.number)
            if answer != STORED:
                return answer
        yield from self.prepare()
        yield from self.machine(cycle)
        cycle.ended_ms = self.world.ms
        self.world.start(self.meanwhile(cycle))
        return (yield from self.plc.ask(end, cycle.number))

    def meanwhile(self, cycle: Cycle) -> Process[None]:
        """Say what people do while the machine asks."""
        del cycle
        yield from ()

    def prepare(self) -> Process[None]:
        """Scan the components of this unit."""
        before = list(self.truth.cycles.values())[-2:-1]
        for feed in self.feeds:
            if isinstance(feed, SerialFeed):
                feed.is_left = not before or not before[0].answers
            yield from feed.prepare()

    def machine(self, cycle: Cycle) -> Process[None]:
        """Work, and draw what each unit needs."""
        for feed in self.feeds:
            for _ in cycle.units:
                yield self.world.between(20, 400)
                while not feed.may_draw:
                    yield 20
                cycle.draws.setdefault(feed.position, set()).update(feed.draw())
        yield self.world.between(50, 500)
        self.step_counter()

    def step_counter(self) -> None:
        """Let the machine count its stroke."""
        counter = self.station.counter
        modulus = counter.modulus if counter else 65_536
        self.plc.tags["count"] = (int(self.plc.tags["count"]) + 1) % modulus

    # -------------------------------------------------------------- what goes wrong

    def _faults(self) -> Process[None]:
        acts = {
            "kill": self._kill,
            "reboot": self._reboot,
            "cut": self._cut,
            "unplug": self._unplug,
            "kept": self._restart,
            "forgets": self._forget,
            "slow": self._slow,
            "torn": self._torn,
            "bad": self._bad,
            "lost": self._lose_samples,
            "step": self._step,
            "deaf": self._deaf,
            "abort": self._abort,
        }
        while not self.is_over:
            yield self.world.between(2_000, 25_000)
            if not any(feed.is_changing for feed in self.feeds) and self.may_fail():
                yield from acts[self.world.random.choice(list(acts))]()

    def may_fail(self) -> bool:
        """Return whether something may go wrong now: no two things that hide each other."""
        return self.agent.up and not self.is_fragile

    def _kill(self) -> Process[None]:
        """The agent is killed, and starts again after a while."""
        yield from self._down(reboot=False)

    def _reboot(self) -> Process[None]:
        """The gateway loses power."""
        if self.world.chance(0.3):
            yield from self._down(reboot=True)

    def _down(self, *, reboot: bool) -> Process[None]:
        self.agent.kill()
        since_ms = self.world.ms
        yield self.world.between(200, 8_000)
        if reboot:
            self.agent.reboot()
        self.agent.start()
        self.truth.away.append((since_ms, self.world.ms))

    def _cut(self) -> Process[None]:
        self.plc.cut(self.world.between(20, 6_000))
        yield from ()

    def _unplug(self) -> Process[None]:
        self.world.random.choice(list(self.readers.values())).cut(self.world.between(100, 5_000))
        yield from ()

    def _restart(self) -> Process[None]:
        self.plc.restart(forgets=False)
        yield from ()

    def _forget(self) -> Process[None]:
        """The PLC loses its memory, where that can be seen at all."""
        numbered = all(h.request for h in self.station.handshakes)
        seen = self.plan.watched or (numbered and self.plc.answered_here > 3)
        if seen and self.agent.linked:
            self.plc.restart(forgets=True)
        yield from ()

    def _slow(self) -> Process[None]:
        before, self.agent.commit_ms = self.agent.commit_ms, (500, 7_000)
        yield self.world.between(2_000, 10_000)
        self.agent.commit_ms = before

    def _torn(self) -> Process[None]:
        self.agent.torn = 0.5
        yield self.world.between(2_000, 10_000)
        self.agent.torn = 0.0

    def _bad(self) -> Process[None]:
        if self.plc.polled:
            tag = self.world.random.choice(self.plc.polled)
            self.plc.turn_bad(tag, self.world.between(50, 3_000))
        yield from ()

    def _lose_samples(self) -> Process[None]:
        self.plc.lose_samples()
        yield from ()

    def _step(self) -> Process[None]:
        self.agent.step_clock(self.world.random.choice([-3_600_000, -700, 900, 30_000]))
        yield from ()

    def _deaf(self) -> Process[None]:
        self.agent.lookups = 0.3
        yield self.world.between(2_000, 10_000)
        self.agent.lookups = 1.0

    def _abort(self) -> Process[None]:
        self.plc.aborts = 0.7
        yield self.world.between(2_000, 8_000)
        self.plc.aborts = 0.0
