"""What truly happened at the simulated line; nothing of it is shown to the agent."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Cycle:
    """One run of the machine."""

    number: int
    """Travels in the values of its events."""
    units: dict[str | None, str]
    """Per cavity, None where there is one: what was in it."""
    began_ms: int
    ended_ms: int | None = None
    """When its trigger rose, None where it never did."""
    draws: dict[str, set[str]] = field(default_factory=dict)
    """Per position: every lot and serial that went in."""
    answers: list[int] = field(default_factory=list)
    """What the PLC took as an answer to its `end`, 7 apart."""
    begins: list[int] = field(default_factory=list)
    """The same of its `begin`."""


@dataclass(slots=True)
class Piece:
    """One piece of a counting machine."""

    at_ms: int
    lot: str | None
    draws: dict[str, set[str]]


@dataclass(slots=True)
class Truth:
    """Everything, in order."""

    cycles: dict[int, Cycle] = field(default_factory=dict)
    pieces: list[Piece] = field(default_factory=list)
    away: list[tuple[int, int]] = field(default_factory=list)
    """When the agent was down, or could not see the PLC: a recall names these as gaps (D-5)."""
    read_at: dict[int, int] = field(default_factory=dict)
    """Per moment at which a counting machine was polled: how many pieces it had made."""
    scanned: dict[str, int] = field(default_factory=dict)
    """Per observation of a bench's reader: its cycle."""
    lots: set[str] = field(default_factory=set)
    """Everything that was ever loaded or installed."""

    def begin(self, units: dict[str | None, str], now_ms: int) -> Cycle:
        """Begin a cycle with these units."""
        cycle = Cycle(number=len(self.cycles) + 1, units=units, began_ms=now_ms)
        self.cycles[cycle.number] = cycle
        return cycle
