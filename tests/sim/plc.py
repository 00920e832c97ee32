"""The simulated PLC: the shipped function block, the machine's words, and a link that can go.

It scans when something it waits for has come, at its own ten milliseconds; the strokes that it was
asked about and the answers that it took are the truth that the oracle goes by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from agent.demo import plc
from drivers.base import (
    Emit,
    LinkChanged,
    LinkDownError,
    Quality,
    Scalar,
    SnapshotRead,
    TagGroup,
    TagValue,
    ValuesSeen,
    WriteGroup,
)
from tests.sim.world import GatewayClock, World

SCAN_MS = 10
POLL_MS = 50
TIMEOUT_S = 2.0
SETTINGS = plc.Settings()


@dataclass(slots=True)
class Stroke:
    """One part in the machine, as it truly was."""

    number: int
    part: str
    ok: bool
    lot: str
    """The lot that truly lay in the feeder."""
    raised_ms: int | None = None
    answers: list[tuple[int, int]] = field(default_factory=list)
    """(when, answer) as the PLC took them."""
    is_forgotten: bool = False
    """Whether the PLC lost its memory of it."""
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def force_kn(self) -> float:
        """The value that names this stroke."""
        return self.number + 0.5

    @property
    def answer(self) -> int | None:
        """The answer with which it was released; None: there is none, or only 7."""
        final = [answer for _, answer in self.answers if answer != plc.NOT_STORED]
        return final[-1] if final else None


class SimulatedPlc:
    """The program with its machine; it outlives every agent."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._memory = plc.Memory()
        self._offered: Stroke | None = None
        self._at_hand: Stroke | None = None
        self._woken = asyncio.Event()
        self._timer: asyncio.Task[None] | None = None
        self._timer_ms = 0
        self._boots, self._lives = 1, 1
        self._agent: dict[str, Scalar] = {}
        self.strokes: dict[int, Stroke] = {}
        self.changed = asyncio.Event()
        """Something that a poll would see, or the link."""
        self.link = 1
        """The number of the connection that is possible now."""
        self.is_reachable = True
        self.is_hung = False
        """Whether the wire swallows what is sent."""
        self.is_stopped = False
        self.late_ms = 0.0
        """How much later than it should a poll may come."""
        self._clear()

    # ------------------------------------------------------------- the machine

    @property
    def is_ready(self) -> bool:
        """What the agent says of itself, as the program reads it."""
        return bool(self._agent["ready"])

    @property
    def is_free(self) -> bool:
        """Whether a stroke can be offered."""
        return self._offered is None and plc.takes(self._memory) and not self.is_stopped

    def offer(self, stroke: Stroke) -> None:
        """Press the button."""
        self.strokes[stroke.number] = stroke
        self._offered = stroke
        self._woken.set()

    @property
    def is_open(self) -> bool:
        """Whether the request at hand has no answer yet."""
        return self._memory.stage in {plc.Stage.SETTLING, plc.Stage.ASKING}

    async def run(self) -> None:
        """Scan whenever there is something to see; return only by cancellation."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self._world.clock.sleep((SCAN_MS - self._world.now_ms % SCAN_MS) / 1000)
            if not self.is_stopped:
                self._scan()

    def _scan(self) -> None:
        self._world.steps += 1
        now_ms, before = self._world.now_ms, self._memory
        offered = self._offered if plc.takes(before) else None
        work = None
        if offered is not None:
            work = plc.Work(part=offered.part, force_kn=offered.force_kn, ok=offered.ok)
            self._at_hand, self._offered = offered, None
        image = plc.Image(
            ack=bool(self._agent["ack"]), result=_whole(self._agent["result"]), work=work
        )
        done = plc.step(before, image, now_ms, SETTINGS)
        self._memory = done.memory
        for fact in done.facts:
            self._take(fact, now_ms)
        if plc.takes(self._memory) and self._at_hand is not None:
            self._at_hand.is_over.set()
            self._at_hand = None
        if self._memory != before:
            self.changed.set()
        if plc.takes(self._memory) and self._offered is not None:
            self._wake_at(now_ms + SCAN_MS)
        self._wake_when_due(now_ms)

    def _take(self, fact: plc.Fact, now_ms: int) -> None:
        stroke = self._at_hand
        if stroke is None:
            return
        match fact:
            case plc.Raised():
                stroke.raised_ms = stroke.raised_ms or now_ms
            case plc.Answered(answer=answer):
                stroke.answers.append((now_ms, answer))
                self._world.say(f"plc: stroke {stroke.number} is answered {answer}")

    def _wake_when_due(self, now_ms: int) -> None:
        memory = self._memory
        waits = {
            plc.Stage.IDLE: (),
            plc.Stage.SETTLING: (memory.wait_ms, memory.wait_ms + SETTINGS.release_ms),
            plc.Stage.ASKING: (SETTINGS.answer_ms,),
            plc.Stage.RELEASING: (memory.wait_ms, memory.wait_ms + SETTINGS.release_ms),
        }[memory.stage]
        dues = [memory.since_ms + wait_ms for wait_ms in waits]
        if ahead := [due_ms for due_ms in dues if due_ms > now_ms]:
            self._wake_at(min(ahead))

    def _wake_at(self, at_ms: int) -> None:
        """Scan then, if nothing comes before."""
        if self._timer is not None and not self._timer.done():
            if self._world.now_ms < self._timer_ms <= at_ms:
                return
            self._timer.cancel()
        self._timer_ms = at_ms
        self._timer = asyncio.create_task(self._wake_later(at_ms), name="plc timer")

    async def _wake_later(self, at_ms: int) -> None:
        await self._world.clock.sleep((at_ms - self._world.now_ms) / 1000)
        self._woken.set()

    def close(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()

    # ------------------------------------------------------------- faults

    def cut_link(self) -> None:
        """End the connection that there is; the next one can be made."""
        self.link += 1
        self.changed.set()

    def restart(self, *, keeps_memory: bool) -> None:
        """Start the program anew: what the agent wrote is cleared (law 7 of the block)."""
        self._clear()
        self._boots += 1
        if not keeps_memory:
            self._lives += 1
            if self._at_hand is not None:
                self._at_hand.is_forgotten = True
                self._at_hand.is_over.set()
                self._at_hand = None
        kept = self._memory if keeps_memory else None
        self._memory = plc.restarted(kept, self._world.now_ms)
        self.cut_link()
        self._woken.set()

    def go_on(self) -> None:
        """Run the program again."""
        self.is_stopped = False
        self._woken.set()

    def _clear(self) -> None:
        self._agent = {"ack": False, "result": 0, "ready": False}

    # ------------------------------------------------------------- what the agent sees and writes

    def values(self) -> dict[str, Scalar]:
        """Return what a poll reads."""
        memory, work = self._memory, self._memory.work
        return {
            "request": memory.request,
            "counter": memory.count,
            "force": work.force_kn if work else 0.0,
            "code": work.part if work else "",
            "verdict": work.ok if work else False,
            "boots": self._boots,
            "life": self._lives,
            **self._agent,
            "trigger": memory.trigger,
        }

    def write(self, values: Sequence[tuple[str, Scalar]]) -> None:
        """Take what the agent writes."""
        for tag, value in values:
            if self._agent[tag] != value:
                self._agent[tag] = value
                self.changed.set()
                self._woken.set()


def _whole(value: Scalar) -> int:
    return int(value) if not isinstance(value, str) else 0


class PlcDriver:
    """One agent's way to that PLC (the protocol `Driver`)."""

    def __init__(
        self, plc: SimulatedPlc, clock: GatewayClock, world: World, is_over: Callable[[], bool]
    ) -> None:
        self._plc, self._clock, self._world, self._is_over = plc, clock, world, is_over
        self._link = 0
        self._numbers = count(1)

    async def run(self, emit: Emit) -> None:
        """Connect once, show all, then what has changed."""
        await self._world.pass_ms(5, 40)
        self._link = self._plc.link
        self._prove()
        now = self._clock.now()
        try:
            await emit(
                LinkChanged(
                    id=self._id(), device="plc", received=now,
                    earliest_ms=now.boot_ms, latest_ms=now.boot_ms, up=True,
                )
            )  # fmt: skip
            await self._poll(emit)
        finally:
            self._link = 0

    async def _poll(self, emit: Emit) -> None:
        shown: dict[str, Scalar] = {}
        looked_ms = self._clock.now().boot_ms
        since_ms = looked_ms
        while True:
            self._prove()
            now, values = self._clock.now(), self._plc.values()
            new = {tag: value for tag, value in values.items() if shown.get(tag) != value}
            if new:
                self._world.steps += 1
                await emit(
                    ValuesSeen(
                        id=self._id(), device="plc", received=now, earliest_ms=since_ms,
                        latest_ms=now.boot_ms, values=_good(new),
                    )
                )  # fmt: skip
            shown, looked_ms = values, now.boot_ms
            await self._plc.changed.wait()
            self._plc.changed.clear()
            self._prove()
            waited_ms = self._clock.now().boot_ms - looked_ms
            since_ms = looked_ms + waited_ms // POLL_MS * POLL_MS
            late_ms = self._world.source.uniform(0, self._plc.late_ms) if self._plc.late_ms else 0
            due_ms = since_ms + POLL_MS + late_ms
            await self._clock.sleep((due_ms - self._clock.now().boot_ms) / 1000)
            self._world.faults["late poll"] += late_ms > POLL_MS
            if self._plc.is_hung:
                await self._time_out()

    async def read(self, group: TagGroup) -> SnapshotRead:
        """Read guard, data, guard."""
        self._prove()
        begun_ms = self._clock.now().boot_ms
        guard = {tag: self._plc.values()[tag] for tag in group.guard}
        await self._turn()
        values = self._plc.values()
        await self._turn()
        again = {tag: self._plc.values()[tag] for tag in group.guard}
        now = self._clock.now()
        tags = dict.fromkeys((*group.guard, *group.tags))
        return SnapshotRead(
            id=self._id(), device="plc", received=now, earliest_ms=begun_ms,
            latest_ms=now.boot_ms, ask="", group=group.name,
            values=_good({tag: values[tag] for tag in tags}), coherent=guard == again, tries=1,
        )  # fmt: skip

    async def write(self, groups: Sequence[WriteGroup]) -> None:
        """Write group after group, and read back."""
        for group in groups:
            await self._turn()
            self._plc.write(group.values)
            await self._turn()

    async def _turn(self) -> None:
        """Let one request and its answer pass over the wire."""
        self._prove()
        await self._world.pass_ms(1, 6)
        if self._plc.is_hung:
            await self._time_out()
        self._prove()

    async def _time_out(self) -> None:
        await self._clock.sleep(TIMEOUT_S)
        self._world.faults["no answer from the PLC"] += 1
        if self._plc.link == self._link:
            self._plc.cut_link()
        raise LinkDownError("plc: no answer within 2 s")

    def _prove(self) -> None:
        plc = self._plc
        if self._is_over() or not plc.is_reachable or self._link != plc.link:
            raise LinkDownError("plc: there is no link")

    def _id(self) -> str:
        return f"plc:{next(self._numbers)}"


def _good(values: dict[str, Scalar]) -> tuple[TagValue, ...]:
    return tuple(
        TagValue(tag=tag, value=value, quality=Quality.GOOD) for tag, value in values.items()
    )
