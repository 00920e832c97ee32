"""Where a machine's state is seen, in a station file: its keys (`track.state`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent.config.modes import Numbers
from agent.config.quantities import Millis, Name
from agent.core.packml import PackState
from agent.core.station import Numbering
from drivers.options import Options

CategoryName = Literal[
    "running",
    "idle",
    "stopped",
    "planned_stop",
    "setup",
    "starved",
    "blocked",
    "suspended",
    "held",
    "down",
]
"""What a machine state can be said to be; `unknown` is for what cannot be seen."""


class StateSection(Options):
    """What the machine does, seen one way: `packml`, `word`, `run`, or the counter with `ideal`."""

    packml: Name | None = None
    """The tag that holds the PackML state; it needs `numbering`."""
    numbering: Numbering | None = None
    """`packtags` (and OPC 30050) or `opc30060`: 4 is Idle in one and Execute in the other, so look
    into the machine's papers."""
    categories: dict[PackState, CategoryName] = Field(default_factory=dict)
    """What a PackML state is, where that is not the usual: `{suspended: starved}`."""
    word: Name | None = None
    """A tag of the machine's own, a whole number; it needs `values`."""
    values: dict[CategoryName, Numbers] = Field(default_factory=dict)
    """Which numbers are what: `{running: 1, down: [4, 5]}`. Any other is unknown."""
    run: Name | None = None
    """Boolean tag: the machine runs."""
    fault: Name | None = None
    """Boolean tag beside `run`: it has a fault. Without either it is idle."""
    ideal: Annotated[Millis, Field(gt=0)] | None = None
    """Ideal cycle time, where nothing but `track.counter` tells whether the machine runs."""
    factor: Annotated[int, Field(ge=1)] = 3
    """Without a cycle for so many ideal cycle times the machine has stopped."""
    reason: Name | None = None
    """The tag that holds the machine's reason code."""
