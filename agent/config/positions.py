"""The keys of a position that units receive material from: `track.components.NAME`."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from agent.config.problems import shown
from agent.config.quantities import Millis
from agent.core.amounts import amount, text
from agent.core.station import By, Policy, Until
from drivers.options import Options


def _amount(value: object) -> str:
    """Return an amount as decimal text: 5000, 0.25 or "0.250"."""
    if isinstance(value, float) and math.isfinite(value):
        written = text(Decimal(repr(value)))
    else:
        written = value if isinstance(value, str) else str(value)
    if isinstance(value, bool) or amount(written) is None:
        raise ValueError(f"{shown(value)} is no amount; write a number such as 5000 or 0.25")
    return written


Amount = Annotated[
    str,
    BeforeValidator(_amount),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^[0-9.]+$"}]}
    ),
]
"""An amount of material, held as decimal text: nothing is rounded."""


class ComponentSection(Options):
    """A position that units receive material from (D-43, D-44)."""

    by: Literal[By.SERIAL, By.LOT]
    """`lot`: a reel, a tank, a box feeds it. `serial`: each unit receives one of its own."""
    until: Until = Until.REPLACED
    """`replaced`: a load feeds its position until the next one is scanned. `spliced`: the next one
    is joined behind it while the machine runs. `emptied`: a hopper, tank or bowl, in which lots mix
    until a code that means `emptied` is scanned; before the first, its contents are not known."""
    splice_pieces: Annotated[int, Field(ge=0, le=10_000)] | None = None
    """Of `spliced`: how many pieces there are between the scan of the next load and the splice at
    the tool, either way. They have both loads as possible (D-47)."""
    plug_flow: Amount | None = None
    """Of `emptied`: how many times what was in the vessel must have been used until a lot counts as
    gone. Only where material surely leaves in the order in which it came; needs `use` (D-48)."""
    several_lots: str | None = Field(default=None, min_length=1, max_length=3)
    """What stands between the lots on a label that names several. A unit may be of each (D-51)."""
    required: bool = False
    """Whether a unit without a known load here is refused (answer 6)."""
    uncertainty: Millis = 0
    """How far the scan may lie from the change itself, either way. Units made within it have both
    loads as possible."""
    lag: tuple[Millis, Millis] = (0, 0)
    """Shortest and longest time from position to unit: the feed path."""
    products: frozenset[str] = frozenset()
    """Products that belong here, GTINs in quotes; empty: every one. Another one is refused when it
    is scanned, and no unit passes until the right one is (D-57)."""
    product_pattern: str | None = None
    """What the product must match as a whole. Where a list of products would be too long."""
    open_life: Annotated[Millis, Field(gt=0)] | None = None
    """How long a load may be used once it was scanned: floor life, pot life, thaw (D-54). A package
    that is taken off and comes back is as old as it was. A restart of the gateway's machine ends
    it, because nobody knows how long that took."""
    open_life_off: Literal["counts", "pauses"] = "counts"
    """Whether open life goes on while a load is taken off: it `counts`, or it `pauses` where what
    is taken off goes to dry or cold storage at once, until it is scanned again (D-54)."""
    unfit: Policy = Policy.REFUSE
    """A unit made from what is blocked, expired or the wrong part: `refuse` (answer 6), or `record`
    and say so."""
    pieces: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Of `serial`: how many components one unit gets here. Fewer are an incomplete kit: refused and
    named where the position is required; more are told bad at the scan and never chosen from:
    each is possible, with `count_over`."""
    installed: Policy = Policy.REFUSE
    """Of `serial`: a component that is in another unit, by what this station recorded: `refuse`
    (answer 3), or `record` a conflict. A code that means `removed` takes it out first (D-42)."""
    use: Amount | None = None
    """What one unit takes. With it the quantity of each load is counted down (D-55)."""
    measure: str | None = Field(default=None, min_length=1, max_length=32)
    """Unit of measure of `use`, `quantity`, `low` and `tolerance`. A label that names another one
    is not counted: nothing is converted."""
    quantity: Amount | None = None
    """What is in a load whose code does not say it."""
    low: Amount | None = None
    """How much may be left when `quantity_low` warns."""
    tolerance: Amount = "0"
    """How far the quantity on a label may be wrong. When no more than this is left and no next load
    was scanned, what follows may be of a load that nobody scanned: it is recorded as possible."""
