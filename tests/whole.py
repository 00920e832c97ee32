"""All that an event says, for tests that compare the whole of it."""

from __future__ import annotations

from dataclasses import MISSING, fields

from agent.core.events import Event

ENVELOPE = frozenset({"epoch", "seq", "station", "config", "time", "machine"})
"""What the draft fills in alike for every event."""


def whole(event: Event) -> dict[str, object]:
    """Return what an event says beside its address and place: every field not at its default."""
    said = {field.name: getattr(event, field.name) for field in fields(event)}
    defaults = {
        field.name: field.default for field in fields(event) if field.default is not MISSING
    }
    return {
        name: value
        for name, value in said.items()
        if name not in ENVELOPE and not (name in defaults and value == defaults[name])
    }
