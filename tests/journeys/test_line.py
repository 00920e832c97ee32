"""The whole line, with everything that can happen to it in one go (the journey of one event)."""

import asyncio
from pathlib import Path

from agent.app.demo import READING
from agent.demo import codes
from agent.demo.line import Line
from agent.demo.person import Person
from agent.demo.plc import Stage
from agent.demo.reconcile import reconcile, report, unit_events

CYCLES = 500
WITHIN_S = 60.0
HAND_S = 0.02
FEWEST_BOUND = CYCLES - 20
"""A scan can fall into a moment in which nobody listens; more than a few were a fault."""


class Shift:
    """A person who works without a pause, and who counts."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.person = Person(line, hand_s=HAND_S)
        self.done = 0
        self._made = asyncio.Condition()

    async def work(self) -> None:
        """Make parts, some of them bad, with other housings now and then, until all are made."""
        while self.done < CYCLES:
            if self.done % 50 == 0:
                await self.person.scan(codes.component(f"H-{self.done:04d}"))
            await self.person.part(ok=self.done % 7 != 0)
            async with self._made:
                self.done += 1
                self._made.notify_all()

    async def reach(self, parts: int) -> None:
        """Return when so many are made."""
        async with self._made:
            await self._made.wait_for(lambda: self.done >= parts)


async def trouble(line: Line, shift: Shift) -> None:
    """Do to the line what a plant does to it, while it works."""
    broker, press = line.broker, line.press
    assert broker is not None, "mosquitto is not installed: `make setup` does that"

    await shift.reach(60)
    await broker.stop()
    await shift.reach(110)
    await broker.start()

    await shift.reach(150)
    await press.lose_power(at=Stage.ASKING)
    await press.switch_on()

    await shift.reach(200)
    line.scanner.unplug()
    await press.machine.until(lambda: not press.truth.ready, "is told that it is blind", WITHIN_S)
    line.scanner.plug()

    await shift.reach(250)
    await press.machine.until(lambda: press.truth.open is not None, "asks", WITHIN_S)
    await line.kill_agent()
    line.start_agent()

    await shift.reach(320)
    await press.lose_power(at=Stage.IDLE)
    await press.switch_on(kept=False)

    await shift.reach(360)
    await line.filler.lose_power()
    await line.filler.switch_on()
    line.filler.run(20)

    await shift.reach(400)
    await line.kill_agent()
    await press.lose_power()
    await press.switch_on()
    line.start_agent()


async def test_everything_answered_is_delivered_once_with_its_unit(tmp_path: Path) -> None:
    """Whatever fails meanwhile, the answered requests are exactly the delivered ones.

    Each has one address and the unit that truly lay in the machine, or none; sequences have no
    gap, links and hashes fit, the pieces add up, and both journals are whole.
    """
    async with Line(tmp_path, READING, scan_ms=5, settle_ms=5) as line:
        shift = Shift(line)
        await shift.person.sign_on()
        await shift.person.scan(codes.ORDER)
        line.filler.lot("F-1")
        line.filler.run(20)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(shift.work())
            tasks.create_task(trouble(line, shift))
        line.filler.lot("F-2")
        await line.settle()
        checks = reconcile(line.books())

        assert all(check.ok for check in checks), report(checks)
        truth = line.press.truth
        assert truth.generation == 2
        assert {request for request, _ in unit_events(line.delivered)} == set(truth.answers)
        assert len(truth.answers) >= CYCLES
        assert line.delivered.kinds()["unit_completed"] >= FEWEST_BOUND, report(checks)


async def test_plc_that_forgets_while_it_asks_shifts_nothing(tmp_path: Path) -> None:
    """Its request may have been recorded before it forgot; no part gets another one's record.

    The same part is pressed again, under a number of the next generation, and is a duplicate if
    the first stroke was recorded.
    """
    async with Line(tmp_path, READING, scan_ms=5, settle_ms=5) as line:
        person = Person(line, hand_s=HAND_S)
        await person.sign_on()
        await person.scan(codes.ORDER)
        await person.scan(codes.component("H-1"))
        for _ in range(3):
            for _ in range(3):
                await person.part()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(person.part())
                await line.press.lose_power(at=Stage.ASKING)
                await line.press.switch_on(kept=False)
        await line.settle()
        checks = reconcile(line.books())
        assert all(check.ok for check in checks), report(checks)
        truth = line.press.truth
        assert truth.generation == 4
        assert len(truth.answers) == 12
        recorded = {request for request, _ in unit_events(line.delivered)}
        assert set(truth.answers) <= recorded <= set(truth.answers) | truth.forgotten
