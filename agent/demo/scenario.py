"""The story that the demo tells: a shift in forty seconds, with what happens in a shift.

The person works without a pause; the acts below come between two parts, or beside them where that
is the point: the broker is away while the line keeps running.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from rich.console import Console

from agent.demo import codes
from agent.demo.line import PRESS, Line
from agent.demo.person import Made, Person
from agent.demo.plc import Stage
from agent.demo.reconcile import Check, reconcile
from agent.demo.tally import Reading
from agent.demo.view import Numbers, View, show_summary, view_for

OUTAGE_S = 10.0
PAUSE_S = 1.0
_HAND_S = 0.25
_LOOK_S = 0.25
_PIECES_PER_S = 7.0
_DRAIN_S = 60.0
"""Longer than the agent's longest pause between two calls on a broker that is away."""

ANSWERS = {
    1: "stored, OK",
    2: "stored, NOK",
    3: "duplicate: this unit already passed here",
    4: "bad code",
    6: "not released: operator, order or material missing",
    8: "stored, not bound to a unit",
}
"""What the lamp at the press says for an answer (D-39)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the demo was asked for."""

    forever: bool = False
    outage: bool = False
    broker: bool = True
    hand_s: float = _HAND_S
    outage_s: float = OUTAGE_S
    pause_s: float = PAUSE_S
    """How long the person just works between two acts."""


@dataclass(slots=True)
class Story:
    """One run of the demo on one line."""

    line: Line
    view: View
    wish: Wish
    person: Person = field(init=False)
    _lots: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.person = Person(self.line, hand_s=self.wish.hand_s)

    # -------------------------------------------------------------- acts

    async def nobody_signed_on(self) -> None:
        """A part before anybody has signed on."""
        await self._tell("nobody has signed on yet", self.person.part())

    async def sign_on(self) -> None:
        """Badge, order, and the first box of housings."""
        await self.person.sign_on()
        self.view.story("an operator signs on by badge (recorded as a pseudonym)")
        await self.person.scan(codes.ORDER)
        self.view.story(f"order {codes.ORDER} is scanned")
        await self.housings()

    async def housings(self) -> None:
        """Another box of housings at the press."""
        lot = self._next_lot("H")
        await self.person.scan(codes.component(lot))
        self.view.story(f"component lot {lot} of housings is loaded at the press")

    async def fill(self) -> None:
        """The filler begins its first lot, or goes on with another one."""
        lot = self._next_lot("F")
        self.line.filler.lot(lot)
        self.line.filler.run(_PIECES_PER_S)
        self.view.story(f"the filler makes lot {lot}")

    async def damaged(self) -> None:
        """A label that is misread: the check digit does not fit."""
        await self._tell(
            "a label is misread and refused, then read right", self.person.part(damaged=True)
        )

    async def bad_part(self) -> None:
        """A part that the machine itself finds NOK."""
        await self._tell("the press measures too little force", self.person.part(ok=False))

    async def unscanned(self) -> None:
        """A part whose label nobody scanned."""
        await self._tell("a part is pressed that nobody scanned", self.person.part(scanned=False))

    async def twice(self) -> None:
        """A part that comes a second time."""
        first = await self.person.part()
        await self._tell("the same part is put in again", self.person.part(serial=first.serial))

    async def broker_away(self) -> None:
        """The broker is gone for ten seconds; the line keeps running."""
        broker = self.line.broker
        if broker is None:
            self.view.story("no broker here, so none can be lost: events go to their files")
            return
        await broker.stop()
        self.view.story(f"the broker is gone; the line keeps running for {self.wish.outage_s:g} s")
        before = self._answered
        try:
            await self._work_for(self.wish.outage_s)
            self.line.look()
            waiting, answered = self.line.backlog, self._answered - before
        finally:  # who ends the story now still wants to see everything delivered
            await broker.start()
        self.view.story(
            f"the broker is back: {answered} parts were answered meanwhile, "
            f"{waiting} events wait in the journals until the agent calls again"
        )
        await self._work_until(lambda: self.line.backlog == 0, _DRAIN_S)
        if self.line.backlog == 0:
            self.view.story("every event that waited was delivered")

    async def agent_killed(self) -> None:
        """The agent is killed while a request stands, and started again.

        A part that has its answer before anybody could act is one more part, and not shown.
        """
        press, killed = self.line.press, False
        while not killed:
            asked = len(press.truth.parts)
            async with asyncio.TaskGroup() as tasks:
                working = tasks.create_task(self.person.part())
                await self._asks_after(asked)
                if press.truth.open is not None:
                    killed = True
                    await self.line.kill_agent()
                    self.view.story("kill -9 of the agent while a part waits for its answer")
                    self.line.start_agent()
        answer = working.result().answer
        self.view.story(f"the agent is back, and the part has its answer: {ANSWERS[answer]}")

    async def _asks_after(self, asked: int) -> None:
        """Return once the press has asked for more parts than that."""
        press = self.line.press
        await press.machine.until(lambda: len(press.truth.parts) > asked, "asks", _DRAIN_S)

    async def plc_restarted(self) -> None:
        """The PLC loses its power while it asks, and comes back with its memory."""
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(self.person.part())
            await self.line.press.lose_power(at=Stage.ASKING)
            self.view.story("the press's PLC loses power while it asks; its memory is kept")
            await self.line.press.switch_on()
        answer = working.result().answer
        self.view.story(f"the same request is answered: {ANSWERS[answer]}")

    async def plc_forgot(self) -> None:
        """The PLC comes back without its memory: request numbers begin anew."""
        await self.line.press.lose_power()
        await self.line.press.switch_on(kept=False)
        await self._tell(
            "the press's PLC comes back without its memory, numbers begin anew", self.person.part()
        )

    async def unplugged(self) -> None:
        """The scanner is pulled out and put back."""
        self.line.scanner.unplug()
        self.view.story("the scanner is unplugged: the press is not ready")
        try:
            await self.line.until(
                lambda: not self.line.press.truth.ready, "the lamp goes out", _DRAIN_S
            )
        finally:
            self.line.scanner.plug()
        await self._tell("the scanner is plugged in again", self.person.part())

    # -------------------------------------------------------------- between them

    async def _tell(self, what: str, making: Awaitable[Made]) -> None:
        made = await making
        self.view.story(f"{what}: answer {made.answer}, {ANSWERS[made.answer]}")

    async def _work_for(self, length_s: float) -> None:
        until_s = asyncio.get_running_loop().time() + length_s
        while asyncio.get_running_loop().time() < until_s:
            await self.person.part()

    async def _work_until(self, true: Callable[[], bool], within_s: float) -> None:
        until_s = asyncio.get_running_loop().time() + within_s
        while not true() and asyncio.get_running_loop().time() < until_s:
            await self.person.part()
            self.line.look()

    def _next_lot(self, letter: str) -> str:
        self._lots[letter] = self._lots.get(letter, 0) + 1
        return f"{letter}-2407{self._lots[letter]:02d}"

    @property
    def _answered(self) -> int:
        return len(self.line.press.truth.answers)

    # -------------------------------------------------------------- the whole

    async def run(self) -> None:
        """Tell the story once; with `forever` again and again until cancelled."""
        await self.nobody_signed_on()
        await self.sign_on()
        await self.fill()
        for round_ in count():
            for act in self._acts():
                await act()
                await self._work_for(self.wish.pause_s)
            if not self.wish.forever:
                return
            self.view.story(f"round {round_ + 2} begins; end with Ctrl-C")

    def _acts(self) -> list[Callable[[], Awaitable[None]]]:
        acts: list[Callable[[], Awaitable[None]]] = [
            self.damaged, self.bad_part, self.housings, self.fill, self.unscanned, self.twice,
            self.broker_away,
        ]  # fmt: skip
        if self.wish.outage:
            acts += [self.agent_killed, self.plc_restarted, self.unplugged, self.plc_forgot]
        return acts

    async def end(self) -> list[Check]:
        """Stop the line in order and compare the books."""
        await self.line.settle()
        return reconcile(self.line.books())


@asynccontextmanager
async def _watched(line: Line, view: View) -> AsyncIterator[None]:
    """Show how things stand for as long as the body runs."""

    async def watch() -> None:
        while True:
            line.look()
            view.numbers(numbers_of(line))
            await asyncio.sleep(_LOOK_S)

    watching = asyncio.create_task(watch(), name="view")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def numbers_of(line: Line) -> Numbers:
    """Return how a line stands."""
    press, filler = line.press.truth, line.filler.truth
    broker = "none" if line.broker is None else ("up" if line.broker.running else "away")
    return Numbers(
        scanned=line.scanner.scans,
        cycles=len(press.parts),
        bound=line.tallies[PRESS].kinds["unit_completed"],
        answered=len(press.answers),
        committed=line.committed,
        published=len(line.delivered.events),
        pieces=filler.made,
        lot=filler.lots[-1] if filler.lots else "",
        broker=broker,
        agent="up" if line.agent.running else "down",
        ready=press.ready,
    )


async def play(
    directory: Path,
    reading: Reading,
    wish: Wish,
    *,
    stop: asyncio.Event,
    console: Console | None = None,
) -> bool:
    """Run the demo in a directory and return whether the books agree.

    Args:
        directory: Everything that is written lies in it.
        reading: How a journal is read.
        wish: What is to be shown.
        stop: Set to end the story early and in order.
        console: Where to show it; standard output if not given.

    Raises:
        StartError: something of the line does not come up.
        TimeoutError: the line stands still.
    """
    console = console or Console()
    console.print("starting two PLCs, a scanner, a broker and the agent ...")
    async with Line(directory, reading, broker=wish.broker) as line:
        console.print(line.places, highlight=False, soft_wrap=True)
        if line.broker is None:
            console.print("no Mosquitto here: events go to files alone (apt install mosquitto)")
        view = view_for(console)
        story = Story(line, view, wish)
        with view:
            async with _watched(line, view):
                await _until_stopped(story.run(), stop)
                checks = await story.end()
                view.numbers(numbers_of(line))
        show_summary(console, checks)
        return all(check.ok for check in checks)


async def _until_stopped(story: Awaitable[None], stop: asyncio.Event) -> None:
    """Let the story run to its end, or to where it is stopped."""
    telling = asyncio.ensure_future(story)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((telling, stopped), return_when=asyncio.FIRST_COMPLETED)
        if telling.done():
            telling.result()
    finally:
        telling.cancel()
        stopped.cancel()
        await asyncio.gather(telling, stopped, return_exceptions=True)
