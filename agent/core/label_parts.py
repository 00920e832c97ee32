"""What is remembered of labels that stand for a command and wait for their unit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label that was scanned and waits for its unit at its reader."""

    address: str
    """Of its scan."""
    means: str
    device: str
    reason: str
    """Its text: why it is done."""
    latest_ms: int
    old: str = ""
    """Of `reidentify`: the identity that was scanned first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsState:
    """The labels that wait, the newest last; one a reader."""

    waiting: tuple[Label, ...] = ()
