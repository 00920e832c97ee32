"""The keys of product lots: `track.lots`, and how they are cut into sub-lots, `track.sublots`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from agent.config.positions import Amount
from agent.config.problems import shown
from agent.config.quantities import Millis
from agent.core.lot_plan import Sublots
from drivers.options import DURATION_SCHEMA, Options, seconds

_SHORTEST_S = 1.0
_CARRIER = "carrier"


def _every(value: object) -> Sublots:
    """Return what `500`, `30min` or `carrier` says.

    Raises:
        ValueError: it says none of the three.
    """
    if value == _CARRIER:
        return Sublots(by_carrier=True)
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 1:
            raise ValueError(f"{value} is no number of pieces; write 1 or more")
        return Sublots(every_n=value)
    try:
        length_s = seconds(value)
    except ValueError:
        length_s = None
    if not isinstance(length_s, float):
        raise ValueError(  # noqa: TRY004 - pydantic makes its message of a ValueError
            f"{shown(value)} is none of the three; write pieces (500), a time (30min) or carrier"
        )
    if length_s < _SHORTEST_S:
        raise ValueError(f"{shown(value)} is shorter than a row of counts; write 1s or more")
    return Sublots(every_ms=round(length_s * 1000))


Every = Annotated[
    Sublots,
    BeforeValidator(_every),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 1}, {"const": _CARRIER}, DURATION_SCHEMA]}
    ),
]


class SublotsSection(Options):
    """How a lot is cut while it is made: what is recalled is the sub-lots touched (D-10)."""

    every: Every
    """`500`: pieces, cut by the counter itself. `30min`: from its first piece. `carrier`: each
    container whose code is scanned (`means: carrier`) when it is put on. A sub-lot is opened and
    closed as `LOT/0001`, or `LOT/CARRIER`."""


class LotsSection(Options):
    """Product lots: their quantities, and what is done to them as a whole (D-52, D-53)."""

    measure: Annotated[str, Field(min_length=1, max_length=32)] | None = None
    """What is counted, as it stands in events: `pcs`. Labels and commands without a unit of
    measure mean this one; nothing is converted."""
    tolerance: Amount = "0"
    """How far a quantity may be from what is known before it is a `quantity_mismatch`."""
    mismatch: Literal["record", "refuse"] = "record"
    """What does not fit what is known: `record` it as it was said, with a `quantity_mismatch`; or
    `refuse` it, and the person at the reader is told. What was done all the same is then in no
    genealogy: refuse only where nothing leaves without an answer."""
    merge: Literal["commingle", "blend"] = "commingle"
    """What merging does. `commingle`: pieces lie side by side, and each is of one of the lots.
    `blend`: they are mixed, as liquids and powders are, and all of it is made of each."""
    pick_within: Annotated[Millis, Field(gt=0)] = 300_000
    """How long a lot that was picked by scan (`means: lot_pick`) waits for its split, merge or new
    label. Never over a restart."""
