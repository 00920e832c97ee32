"""What truly happened, as those who did it wrote it down: the yardstick of the reconciliation.

Pure: a fold over the facts of `agent.demo.press` and `agent.demo.filler`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.demo.plc import NOT_STORED, Stage

Fact = Mapping[str, Any]
Request = tuple[int, int]
"""Device generation and request number: what names a request for good (D-20)."""


@dataclass(slots=True)
class PressTruth:
    """The press: who lay in the machine when which request was raised, and what it was told."""

    generation: int = 0
    """How often the PLC has begun without memory; 1 from its first start on."""
    stage: Stage = Stage.IDLE
    """Where the function block stood when it came up, or IDLE since."""
    ready: bool = False
    reason: int = 0
    text: str = ""
    parts: dict[Request, str] = field(default_factory=dict)
    """The part of each request that was raised."""
    answers: dict[Request, int] = field(default_factory=dict)
    """The answer other than 7 that the PLC read to a request."""
    answers_read: int = 0
    """How often it read an answer other than 7."""
    not_stored: int = 0
    """How often it read a 7."""
    forgotten: set[Request] = field(default_factory=set)
    """Requests that were up when the PLC lost its memory: it will never know their answers."""
    open: Request | None = None
    """The request that is raised and not answered (other than 7)."""
    alarms: int = 0

    def fold(self, fact: Fact) -> None:
        """Take one fact.

        Raises:
            AssertionError: the PLC broke its own law: one number for two parts.
        """
        match fact["said"]:
            case "up":
                self._up(kept=fact["kept"])
                self.stage = Stage(fact["stage"])
            case "ready":
                self.ready, self.reason, self.text = fact["ready"], fact["reason"], fact["text"]
            case "raised":
                request = (self.generation, fact["request"])
                if self.parts.setdefault(request, fact["part"]) != fact["part"]:
                    raise AssertionError(f"request {request} was raised for two parts")
                self.open = request
            case "answered":
                self._answered((self.generation, fact["request"]), fact["answer"])
            case "alarmed":
                self.alarms += fact["alarm"] != "none"
            case "free":
                self.stage = Stage.IDLE

    def _up(self, *, kept: bool) -> None:
        self.ready = False
        if kept:
            return
        self.generation += 1
        if self.open is not None:
            self.forgotten.add(self.open)
            self.open = None

    def _answered(self, request: Request, answer: int) -> None:
        if answer == NOT_STORED:
            self.not_stored += 1
            return
        self.answers_read += 1
        self.answers[request] = answer
        self.open = None


@dataclass(slots=True)
class FillerTruth:
    """The filler: how many pieces it has made."""

    first: int | None = None
    """The counter when it was first switched on."""
    count: int = 0
    lots: list[str] = field(default_factory=list)
    began: list[int] = field(default_factory=list)
    """The counter as each lot began."""

    def fold(self, fact: Fact) -> None:
        """Take one fact."""
        if "count" in fact:
            self.count = fact["count"]
            if self.first is None:
                self.first = self.count
        if fact["said"] == "lot":
            self.lots.append(fact["lot"])
            self.began.append(fact["count"])

    def pieces(self, lot: str) -> int:
        """Return how many pieces were made of a lot."""
        ends = (*self.began[1:], self.count)
        spans = zip(self.lots, self.began, ends, strict=True)
        return sum(end - begin for name, begin, end in spans if name == lot)

    @property
    def made(self) -> int:
        """Pieces made since it was first switched on."""
        return self.count - (self.first or 0)
