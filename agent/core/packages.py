"""What parentage remembers: parents that are open, children that wait, scans in their turn.

What is closed is no state: it is asked. Times are milliseconds of the boot clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.core.events import Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Something that was read and waits for its turn: what came before it is decided first."""

    address: str
    """Of the event that says so."""
    epoch: str
    means: str
    """`child`, `parent`, `parent_end` or `unpack`."""
    level: str
    code: str
    product: str | None
    device: str
    """The reader; empty where none read it: the unit of a cycle, or what was closed here."""
    earliest_ms: int
    latest_ms: int
    doubts: tuple[Why, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One that is in an open parent."""

    code: str
    is_sure: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingChild:
    """One that waits for the code of its parent."""

    level: str
    code: str
    product: str | None
    address: str
    """Of what was read."""
    epoch: str
    earliest_ms: int
    doubts: tuple[Why, ...] = ()
    other: str | None = None
    """Another parent that it is in by what is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenParent:
    """A parent that takes children."""

    level: str
    parent: str
    product: str | None
    address: str
    epoch: str
    """Of the run in which it was opened, or confirmed by its code."""
    children: tuple[Child, ...] = ()
    doubts: tuple[Why, ...] = ()
    """Why what goes in from now on may go into another one."""
    within: tuple[str, ...] = ()
    """What it is in itself, innermost first."""
    latest_ms: int
    """When its code was read, at the latest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastClosed:
    """The parent of a level that was closed last: what was read before that may be its."""

    level: str
    parent: str
    latest_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PackingState:
    """What is being packed."""

    turns: tuple[Turn, ...] = ()
    open: tuple[OpenParent, ...] = ()
    """At most one a level."""
    waiting: tuple[WaitingChild, ...] = ()
    """Children that wait for their parent's code, in the order in which they came."""
    closed: tuple[LastClosed, ...] = ()
    """At most one a level."""
