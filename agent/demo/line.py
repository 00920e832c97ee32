"""The line: two machines, a scanner, a broker, a consumer, and the agent as a process of its own.

Everything is real and on loopback, in one directory, and gone when the line is closed. What could
go wrong at a plant can be done to it: the broker or a PLC away, the scanner unplugged, the agent
killed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.demo.broker import Broker, mosquitto
from agent.demo.delivered import Delivered
from agent.demo.handles import Filler, Press
from agent.demo.process import Child, StartError, python
from agent.demo.reconcile import Books, Committed
from agent.demo.scanner import Scanner
from agent.demo.stations import write_stations
from agent.demo.subscriber import Subscriber
from agent.demo.tally import Reading, Tally

PRESS = "demo/line-1/press"
FILLER = "demo/line-1/filler"
STATIONS = (PRESS, FILLER)
_LOOK_S = 0.1
SETTLE_S = 60.0
"""Longer than the agent's longest pause between two calls on a broker that is away."""
READY_S = 60.0
"""How long the agent may take until the press may work."""


class Line:
    """The whole line, set up by `async with` and cleared away after it.

    Args:
        directory: Everything that is written lies in it.
        reading: How a journal is read.
        scan_ms: The press's PLC scan.
        settle_ms: How long its data stands before the trigger rises.
        broker: Whether to look for Mosquitto at all.
    """

    def __init__(
        self,
        directory: Path,
        reading: Reading,
        *,
        scan_ms: int = 10,
        settle_ms: int = 20,
        broker: bool = True,
    ) -> None:
        self.directory = directory
        self.delivered = Delivered()
        self.press = Press(directory, scan_ms=scan_ms, settle_ms=settle_ms)
        self.filler = Filler(directory)
        self.scanner = Scanner(directory / "scanner")
        program = mosquitto() if broker else None
        self.broker = Broker(program, directory / "broker") if program else None
        state = directory / "state"
        self.tallies = {name: Tally(state / name / "journal", reading) for name in STATIONS}
        self.audits = {name: state / name / "audit.jsonl" for name in STATIONS}
        self.agent = Child(
            "agent",
            python("agent", "run", str(directory / "stations"), "--state", str(state)),
            directory / "agent.log",
        )
        self._subscriber: Subscriber | None = None
        self._read: dict[str, int] = dict.fromkeys(STATIONS, 0)

    async def __aenter__(self) -> Self:
        """Set everything up; return when the first part may come.

        Raises:
            StartError: something does not come up.
        """
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._clear_away)
            await self._set_up()
            undo.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every process."""
        await self._clear_away()

    async def _set_up(self) -> None:
        self.scanner.plug()
        write_stations(
            self.directory / "stations",
            press_port=self.press.port,
            filler_port=self.filler.port,
            scanner=self.scanner.link,
            broker_port=self.broker.port if self.broker else None,
        )
        if self.broker is not None:
            await self.broker.start()
            self._subscriber = Subscriber(self.broker.port, self._hear)
            await self._subscriber.start()
        try:
            await asyncio.gather(self.press.switch_on(), self.filler.switch_on())
            self.start_agent()
            await self._unless_agent_ends(self.press.until_ready(READY_S))
            await self.until(self._filler_is_watched, "the filler's counter is read", READY_S)
        except TimeoutError as error:
            raise StartError(f"{error}\n{self.agent.last_words()}") from error

    async def _unless_agent_ends(self, waiting: Coroutine[object, object, None]) -> None:
        awaited = asyncio.ensure_future(waiting)
        ended = asyncio.ensure_future(self.agent.ended())
        try:
            await asyncio.wait((awaited, ended), return_when=asyncio.FIRST_COMPLETED)
            if not awaited.done():
                words = self.agent.last_words()
                raise StartError(f"the agent ended with code {ended.result()}:\n{words}")
            awaited.result()
        finally:
            awaited.cancel()
            ended.cancel()
            await asyncio.gather(awaited, ended, return_exceptions=True)

    def _filler_is_watched(self) -> bool:
        tally = self.tallies[FILLER]
        tally.update()
        return tally.kinds["lot_counted"] > 0

    async def _clear_away(self) -> None:
        self.scanner.unplug()
        if self._subscriber is not None:
            await self._subscriber.stop()
            self._subscriber = None  # the last reference
        machines = (self.press.machine, self.filler.machine)
        await asyncio.gather(*(machine.off() for machine in machines), self.agent.kill())
        if self.broker is not None:
            await self.broker.stop()

    # -------------------------------------------------------------- the agent

    def start_agent(self) -> None:
        """Start the daemon, as systemd would."""
        self.agent.start()

    async def kill_agent(self) -> None:
        """Kill it at whatever instruction it is, and know that it is gone."""
        await self.agent.kill()

    async def stop_agent(self) -> int:
        """Let it end in order; return its exit code."""
        await self.agent.stop()
        return await self.agent.ended()

    async def settle(self) -> None:
        """Stop filling, let everything be recorded and delivered, and end the agent in order.

        It does not insist: what is missing after the time allowed shows in the books.
        """
        await self.filler.stop()

        def settled() -> bool:
            self.look()
            counted = sum(tally.pieces for tally in self.tallies.values())
            return self.press.truth.open is None and counted >= self.filler.truth.made

        with contextlib.suppress(TimeoutError):
            await self.until(settled, "the last part and piece are recorded", SETTLE_S)
        await self.until_delivered(SETTLE_S)
        await self.stop_agent()
        await self.until_delivered(SETTLE_S)

    # -------------------------------------------------------------- what came of it

    def _hear(self, topic: str, payload: bytes) -> None:
        if "/events/" in topic:
            self.delivered.take(payload)

    def look(self) -> None:
        """Read what was committed since the last look, and without a broker what was delivered."""
        for tally in self.tallies.values():
            tally.update()
        if self.broker is None:
            for name, audit in self.audits.items():
                self._follow(name, audit)

    def _follow(self, name: str, audit: Path) -> None:
        if not audit.exists():
            return
        with audit.open("rb") as file:
            file.seek(self._read[name])
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read[name] += len(whole)
        for line in whole.splitlines():
            self.delivered.take(line)

    @property
    def places(self) -> str:
        """Where everything is, for whoever wants to look with tools of their own."""
        broker = f"mqtt://127.0.0.1:{self.broker.port}" if self.broker else "none"
        return (
            f"press opc.tcp://127.0.0.1:{self.press.port}, "
            f"filler modbus://127.0.0.1:{self.filler.port}, "
            f"scanner {self.scanner.link}, broker {broker}"
        )

    @property
    def committed(self) -> int:
        """Events in the journals, as of the last look."""
        return sum(tally.committed for tally in self.tallies.values())

    @property
    def backlog(self) -> int:
        """Events committed and not delivered, as of the last look."""
        return max(0, self.committed - len(self.delivered.events))

    def books(self) -> Books:
        """Return everything that can be compared, as it is now; both journals are verified."""
        self.look()
        return Books(
            press=self.press.truth,
            filler=self.filler.truth,
            press_station=PRESS,
            filler_station=FILLER,
            committed={
                name: Committed(
                    kinds=tally.kinds,
                    last=tally.last,
                    pieces=tally.pieces,
                    verdict=tally.verify(),
                )
                for name, tally in self.tallies.items()
            },
            delivered=self.delivered,
        )

    async def until(self, true: Callable[[], bool], what: str, within_s: float) -> None:
        """Return once something is true; it is asked again and again.

        Raises:
            TimeoutError: it has not become true in time.
        """
        try:
            async with asyncio.timeout(within_s):
                while not true():  # noqa: ASYNC110 - a growing file tells nobody
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise TimeoutError(f"{what}: not within {within_s:g} s") from None

    async def until_delivered(self, within_s: float) -> bool:
        """Return whether everything committed by now is delivered within the time."""

        def drained() -> bool:
            self.look()
            return self.backlog == 0

        try:
            await self.until(drained, "everything delivered", within_s)
        except TimeoutError:
            return False
        return True
