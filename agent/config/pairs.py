"""How a code and a cycle find each other: `track.pair` of a station file (D-23)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from agent.config.quantities import Millis, Name
from agent.core.station import Strategy
from drivers.options import Options


def listed(value: object) -> object:
    """Return a single name as a list of one: `guard: counter`."""
    return [value] if isinstance(value, str) else value


Names = Annotated[
    tuple[Name, ...],
    BeforeValidator(listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class CavitySection(Options):
    """One cavity of a machine that makes several units a cycle; one of `tag`, `reader`, `mark`."""

    tag: Name | None = None
    """The tag that carries the code of the unit in it."""
    reader: Name | None = None
    """The reader that reads the units of this cavity alone."""
    mark: str | None = None
    """What the group `cavity` of a code's pattern holds where the code is of this cavity."""
    verdict: Name | None = None
    """Boolean tag: the machine's own OK for this cavity; else that of the handshake."""

    @model_validator(mode="after")
    def _is_one_source(self) -> Self:
        """Refuse a cavity whose code comes from nowhere or from two sources.

        Raises:
            ValueError: not exactly one source is given.
        """
        given = [key for key in ("tag", "reader", "mark") if getattr(self, key) is not None]
        if len(given) != 1:
            found = f"{' and '.join(given)} stand side by side" if given else "no source is given"
            raise ValueError(f"{found}; give one of tag, reader, mark")
        return self


class Pair(Options):
    """How a code and a cycle find each other (D-23, D-24)."""

    strategy: Strategy
    """`scan-then-cycle`: a scan, then the cycle. `cycle-then-scan`: the cycle, then its scan.
    `fifo`: parts keep their order from a reader upstream. `tag`: the PLC carries the code.
    `carrier`: a carrier is read, and says which unit it bears.
    `multi-cavity`: several units a cycle. `scan-only`: the scan is the cycle. `count-only`: a
    counter, and the lot that is open."""
    window: Millis | None = None
    """A scan older than this at the trigger is no candidate: a little longer than the slowest way
    from scan to cycle start; 30s where it is not said. `cycle-then-scan`: how long the PLC waits
    for the scan after its trigger; 3s. `carrier`: also how long after its carrier a unit may be
    read at the load point; 10s. `scan-only`: two codes within it are no choice; 1s."""
    settle: Millis = 200
    """How long to wait before deciding that no scan came. Longer than the scanner's delay."""
    late: Millis = 0
    """How long after a refused cycle's end a scan still belongs to it. Only where scans trail, and
    less than the pause between two parts: else the next part's scan is taken for this one's."""
    load: Names = ()
    """`carrier` only: readers at the load point, where a carrier is read and then its unit."""
    unload: Names = ()
    """`carrier` only: readers where a carrier, or its unit, is read when the two part. A carrier
    that is loaded again without it is a conflict."""
    entry: Name | None = None
    """`fifo` only: the reader upstream that every part passes."""
    length: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    """`fifo` only: fewest and most parts between reader and station when the station asks, its own
    part counted. As narrow as the line allows: a part that was taken off by hand shows here."""
    unread: Literal["rejected", "enters"] = "enters"
    """`fifo` only: what becomes of a part that could not be read. `rejected` where a gate takes it
    out before the station."""
    sync: Name | None = None
    """`fifo` only: a second reader, at the station; the part that it reads is the next cycle's."""
    inside: Name | None = None
    """`fifo` only: integer tag with the number of parts inside, by sensors."""
    clear: Name | None = None
    """`fifo` only: boolean tag, true while nothing is inside. One of `sync`, `inside` and `clear`
    is needed: without them the order would never be known again after a restart. Of 1,000 units
    that were bound without such a proof, the older half is corrected to possible ones."""
    cavities: dict[Name, CavitySection] = Field(default_factory=dict)
    """`multi-cavity` only: the places of the machine, each with the source of its code."""
