"""The faults of a simulation: drawn from the seed, several at a time, each begun and ended."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from tests.sim.gateway import Gateway
from tests.sim.person import Habits, Person
from tests.sim.world import World


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that is to come."""

    kind: str
    at_s: float
    for_s: float


@dataclass(frozen=True, slots=True)
class Happened:
    """One fault that came."""

    kind: str
    from_ms: int
    to_ms: int


class Director:
    """Brings the faults about."""

    def __init__(self, world: World, gateway: Gateway, person: Person) -> None:
        self._world, self._gateway, self._person = world, gateway, person
        self.happened: list[Happened] = []

    async def bring(self, fault: Fault) -> None:
        """Bring one fault about, and take it back."""
        await self._world.clock.sleep(fault.at_s)
        self._world.say(f"fault: {fault.kind} for {fault.for_s:.1f} s")
        begun_ms, refused = self._world.now_ms, self._gateway.outside.disk.refused
        if fault.kind != NOTHING:
            await KINDS[fault.kind](self, fault.for_s)
        if fault.kind in MEETS_A_WRITE and self._gateway.outside.disk.refused == refused:
            return  # nothing was to be written: it was not there
        self.happened.append(Happened(fault.kind, begun_ms, self._world.now_ms))

    def heal(self) -> None:
        """Let everything be well."""
        outside = self._gateway.outside
        outside.disk.heal()
        outside.disk.cut_after = None
        outside.plc.is_reachable, outside.plc.is_hung, outside.plc.late_ms = True, False, 0.0
        outside.plc.go_on()
        outside.reader.plug()
        broker = outside.broker
        broker.is_away = broker.refuses = broker.is_mute = False
        broker.poisons = 0
        self._person.habits = Habits()

    async def _last(self, for_s: float) -> None:
        await self._world.clock.sleep(for_s)

    def _count(self, what: str) -> None:
        self._world.faults[what] += 1

    # ------------------------------------------------------------- process and power

    async def _kill(self, for_s: float) -> None:
        del for_s
        self._gateway.die(power=False)

    async def _cut(self, for_s: float) -> None:
        del for_s
        self._gateway.die(power=True)

    async def _cut_in_a_write(self, for_s: float) -> None:
        self._gateway.outside.disk.cut_after = self._world.source.randint(1, 60)
        await self._last(for_s)

    async def _many_cuts(self, for_s: float) -> None:
        """Cut again and again, while the agent starts and recovers (P08, R10)."""
        for _ in range(self._world.source.randint(3, 6)):
            self._gateway.outside.disk.cut_after = self._world.source.randint(1, 40)
            await self._last(for_s / 6)

    async def _stop(self, for_s: float) -> None:
        del for_s
        if self._gateway.station is not None:
            self._count("stopped in order")
            self._gateway.stop()

    # ------------------------------------------------------------- disk

    async def _sync_fails_once(self, for_s: float) -> None:
        await self._disk_fails("sync", for_s, once=True)

    async def _sync_fails(self, for_s: float) -> None:
        await self._disk_fails("sync", for_s)

    async def _write_fails(self, for_s: float) -> None:
        await self._disk_fails("write", for_s)

    async def _disk_fails(self, what: str, for_s: float, *, once: bool = False) -> None:
        disk = self._gateway.outside.disk
        before, disk.fails, disk.fails_once = disk.refused, what, once
        await self._last(for_s)
        disk.fails, disk.fails_once = "", False
        self._world.faults[f"{what} failed"] += disk.refused - before

    async def _slow_disk(self, for_s: float) -> None:
        disk = self._gateway.outside.disk
        disk.slow_ms = self._world.source.choice([300, 3_000, 10_000])
        await self._last(for_s)
        disk.slow_ms = 0

    async def _disk_full(self, for_s: float) -> None:
        disk = self._gateway.outside.disk
        disk.room = self._world.source.randint(0, 40)
        self._count("disk full")
        await self._last(for_s)
        disk.room = None

    # ------------------------------------------------------------- PLC

    async def _link_lost(self, for_s: float) -> None:
        plc = self._gateway.outside.plc
        plc.is_reachable = False
        plc.cut_link()
        self._count("PLC link lost")
        await self._last(for_s)
        plc.is_reachable = True

    async def _link_flaps(self, for_s: float) -> None:
        for _ in range(self._world.source.randint(2, 8)):
            self._gateway.outside.plc.cut_link()
            self._count("PLC link lost")
            await self._last(for_s / 8)

    async def _plc_hangs(self, for_s: float) -> None:
        self._gateway.outside.plc.is_hung = True
        await self._last(for_s)
        self._gateway.outside.plc.is_hung = False

    async def _plc_restarts(self, for_s: float) -> None:
        del for_s
        self._count("PLC restarted, memory kept")
        self._gateway.outside.plc.restart(keeps_memory=True)

    async def _plc_forgets(self, for_s: float) -> None:
        del for_s
        self._count("PLC restarted, memory lost")
        self._gateway.outside.plc.restart(keeps_memory=False)

    async def _plc_stops(self, for_s: float) -> None:
        self._gateway.outside.plc.is_stopped = True
        self._count("PLC stopped")
        await self._last(for_s)
        self._gateway.outside.plc.go_on()

    async def _late_polls(self, for_s: float) -> None:
        self._gateway.outside.plc.late_ms = self._world.source.choice([200, 1_500, 4_000])
        await self._last(for_s)
        self._gateway.outside.plc.late_ms = 0.0

    # ------------------------------------------------------------- reader and hand

    async def _reader_gone(self, for_s: float) -> None:
        self._gateway.outside.reader.pull()
        self._count("reader unplugged")
        await self._last(for_s)
        self._gateway.outside.reader.plug()

    async def _bad_habits(self, for_s: float) -> None:
        draw = self._world.source.random
        self._person.habits = Habits(
            late=0.3 * draw(), twice=0.5 * draw(), noise=0.3 * draw(), forgets=0.3 * draw()
        )
        await self._last(for_s)
        self._person.habits = Habits()

    # ------------------------------------------------------------- broker

    async def _broker_away(self, for_s: float) -> None:
        broker = self._gateway.outside.broker
        broker.is_away = True
        broker.hang_up("broker: connection reset")
        self._count("broker away")
        await self._last(for_s)
        broker.is_away = False

    async def _broker_refuses(self, for_s: float) -> None:
        self._gateway.outside.broker.refuses = True
        await self._last(for_s)
        self._gateway.outside.broker.refuses = False

    async def _broker_mute(self, for_s: float) -> None:
        broker = self._gateway.outside.broker
        broker.is_mute = True
        await self._last(for_s)
        broker.is_mute = False
        if self._world.source.random() < 0.5:
            broker.hang_up("broker: connection reset")

    async def _taken_over(self, for_s: float) -> None:
        for _ in range(self._world.source.randint(1, 4)):
            self._count("session taken over")
            self._gateway.outside.broker.hang_up("broker: another client took over this client id")
            await self._last(for_s / 8)

    async def _poison(self, for_s: float) -> None:
        del for_s
        self._gateway.outside.broker.poisons += self._world.source.randint(1, 2)

    # ------------------------------------------------------------- clock

    async def _clock_steps(self, for_s: float) -> None:
        del for_s
        hour_ms = 3_600_000
        by_ms = self._world.source.choice([-hour_ms, -30_000, -1_000, 1_000, hour_ms, 24 * hour_ms])
        self._count("wall clock stepped")
        self._gateway.clock.step(by_ms)


KINDS: Mapping[str, Callable[[Director, float], Awaitable[None]]] = {
    "kill": Director._kill,  # noqa: SLF001 - the table of its own methods
    "power cut": Director._cut,  # noqa: SLF001 - as above
    "cut in a write": Director._cut_in_a_write,  # noqa: SLF001 - as above
    "many cuts": Director._many_cuts,  # noqa: SLF001 - as above
    "stop": Director._stop,  # noqa: SLF001 - as above
    "sync fails once": Director._sync_fails_once,  # noqa: SLF001 - as above
    "sync fails": Director._sync_fails,  # noqa: SLF001 - as above
    "write fails": Director._write_fails,  # noqa: SLF001 - as above
    "slow disk": Director._slow_disk,  # noqa: SLF001 - as above
    "disk full": Director._disk_full,  # noqa: SLF001 - as above
    "PLC link lost": Director._link_lost,  # noqa: SLF001 - as above
    "PLC link flaps": Director._link_flaps,  # noqa: SLF001 - as above
    "PLC hangs": Director._plc_hangs,  # noqa: SLF001 - as above
    "PLC restarts": Director._plc_restarts,  # noqa: SLF001 - as above
    "PLC forgets": Director._plc_forgets,  # noqa: SLF001 - as above
    "PLC stops": Director._plc_stops,  # noqa: SLF001 - as above
    "late polls": Director._late_polls,  # noqa: SLF001 - as above
    "reader unplugged": Director._reader_gone,  # noqa: SLF001 - as above
    "bad habits": Director._bad_habits,  # noqa: SLF001 - as above
    "broker away": Director._broker_away,  # noqa: SLF001 - as above
    "broker refuses": Director._broker_refuses,  # noqa: SLF001 - as above
    "broker mute": Director._broker_mute,  # noqa: SLF001 - as above
    "session taken over": Director._taken_over,  # noqa: SLF001 - as above
    "poison": Director._poison,  # noqa: SLF001 - as above
    "clock steps": Director._clock_steps,  # noqa: SLF001 - as above
}
"""What can happen, by name."""
NOTHING = "nothing"
"""What is drawn for an undisturbed run."""
MEETS_A_WRITE = frozenset({"sync fails", "sync fails once", "write fails"})
"""What nobody can notice until something is to be written."""


def drawn(
    source: random.Random, every_s: float, until_s: float, only: tuple[str, ...] = ()
) -> list[Fault]:
    """Return the faults of one simulation, up to a moment, a burst each so many seconds."""
    found, at_s = list[Fault](), 20.0
    while True:
        at_s += source.expovariate(1 / every_s)
        if at_s >= until_s:
            return found
        for _ in range(source.choice([1, 1, 1, 2, 3])):
            kind = source.choice(only or tuple(KINDS))
            begin_s = at_s + source.uniform(0, 10)
            for_s = min(source.choice([2, 8, 30, 90]) * source.uniform(0.5, 1.5), until_s - at_s)
            found.append(Fault(kind, begin_s, for_s))
