"""`lookup`: what a station remembers of units beyond its journal, as a pydantic model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agent.config.quantities import Millis
from drivers.options import Options

_DAY_MS = 86_400_000


class LookupSection(Options):
    """What the station remembers of units beyond its journal."""

    keep: Annotated[Millis, Field(gt=0)] = 400 * _DAY_MS
    """How long it is known that a unit was here, what came of it, and where serial components are.
    Longer than a unit may be away, and no shorter than `journal.keep`: a line a visit."""
