"""The two machines as the demo holds them: a process each, and what it has told so far."""

from __future__ import annotations

from pathlib import Path

from agent.demo.plc import Stage
from agent.demo.process import PATIENCE_S, Machine, free_port, python
from agent.demo.truth import Fact, FillerTruth, PressTruth

ANSWER_S = 60.0
"""Longest wait for an answer: the agent may be killed, start again and judge anew meanwhile."""


class Press:
    """The press and the person's button on it."""

    def __init__(self, directory: Path, *, scan_ms: int = 10, settle_ms: int = 20) -> None:
        self.truth = PressTruth()
        self.port = free_port()
        self._memory = directory / "press.memory"
        settings = {"port": self.port, "scan-ms": scan_ms, "settle-ms": settle_ms}
        options = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        command = python("agent.demo.press", *options, "--memory", str(self._memory))
        self.machine = Machine("press", command, directory / "press.log", self._hear)
        self._has_power = False
        self._ups = 0
        self._frees = 0

    def _hear(self, fact: Fact) -> None:
        self.truth.fold(fact)
        match fact["said"]:
            case "up":
                self._has_power = True
                self._ups += 1
            case "off":
                self._has_power = False
            case "free":
                self._frees += 1

    async def switch_on(self, *, kept: bool = True) -> None:
        """Give it power; without its memory it begins anew.

        Raises:
            TimeoutError: it does not come up.
        """
        if not kept:
            self._memory.unlink(missing_ok=True)
        ups = self._ups
        await self.machine.switch_on()
        await self.machine.until(lambda: self._ups > ups, "comes up", PATIENCE_S)

    async def lose_power(self, *, at: Stage | None = None) -> None:
        """Take the power away, at once or when the function block reaches a stage."""
        self.machine.tell("off", **({"at": at} if at else {}))
        await self.machine.gone()

    async def until_ready(self, within_s: float) -> None:
        """Return once the agent says that it can record.

        Raises:
            TimeoutError: it does not.
        """
        await self.machine.until(lambda: self.truth.ready, "the agent says ready", within_s)

    async def stroke(self, part: str, *, force_kn: float, ok: bool) -> int | None:
        """Press the part in the machine and return the answer that let go of it.

        None: the press lost its power before it could ask, or forgot that it had asked; the part
        is to be pressed again. It waits for power and for `ready`, as the machine does.

        Raises:
            TimeoutError: no answer came; the part is still held.
        """
        await self.machine.until(lambda: self._has_power, "has power", ANSWER_S)
        ups, frees, answers = self._ups, self._frees, dict(self.truth.answers)
        self.machine.tell("stroke", part=part, force_kn=force_kn, ok=ok)

        def over() -> bool:
            restarted = self._ups > ups and self._has_power
            return self._frees > frees or (restarted and self.truth.stage is Stage.IDLE)

        await self.machine.until(over, f"answers for {part}", ANSWER_S)
        new = [answer for request, answer in self.truth.answers.items() if request not in answers]
        return new[0] if new else None


class Filler:
    """The filling machine."""

    def __init__(self, directory: Path) -> None:
        self.truth = FillerTruth()
        self.port = free_port()
        memory = directory / "filler.memory"
        command = python("agent.demo.filler", "--port", str(self.port), "--memory", str(memory))
        self.machine = Machine("filler", command, directory / "filler.log", self._hear)
        self._ups = 0
        self._stops = 0

    def _hear(self, fact: Fact) -> None:
        self.truth.fold(fact)
        self._ups += fact["said"] == "up"
        self._stops += fact["said"] == "stopped"

    async def switch_on(self) -> None:
        """Give it power.

        Raises:
            TimeoutError: it does not come up.
        """
        ups = self._ups
        await self.machine.switch_on()
        await self.machine.until(lambda: self._ups > ups, "comes up", PATIENCE_S)

    async def lose_power(self) -> None:
        """Take the power away; it remembers its counter and its lot."""
        self.machine.tell("off")
        await self.machine.gone()

    def lot(self, name: str) -> None:
        """Change to another lot."""
        self.machine.tell("lot", lot=name)

    def run(self, per_s: float) -> None:
        """Fill at this rate from now on."""
        self.machine.tell("run", per_s=per_s)

    async def stop(self) -> None:
        """Fill no more, and know how many were made."""
        stops = self._stops
        self.machine.tell("stop")
        await self.machine.until(lambda: self._stops > stops, "stops", PATIENCE_S)
