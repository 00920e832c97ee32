"""The keys of `track.order`: where an order is named, what counts to it, what belongs to it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from agent.config.pairs import listed
from agent.config.quantities import Name
from agent.core.order_plan import Reached
from agent.core.station import Policy
from drivers.options import Options

Products = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    Field(min_length=1),
    BeforeValidator(listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class OrderSection(Options):
    """What the station works on; without `tag` an order is scanned, or given by a command."""

    tag: Name | None = None
    """The tag that names the order; empty: there is none."""
    quantity: Name | None = None
    """The tag that says how many are to be made; 0: nobody has said. Without it the label says it:
    its group or identifier of the quantity, such as (37)."""
    product: Name | None = None
    """The tag that names what is to be made. Without it the label says it: its group `product` or
    `gtin`, or its item number."""
    reached: Reached = Reached.WARN
    """What follows when the quantity is reached. `warn`: it is told, and work goes on. `end`: the
    order ends. `refuse`: further units are refused (answer 6)."""
    counts: Literal["good", "all"] = "good"
    """Which units count to the quantity. One that is reworked counts once."""
    wrong_product: Policy = Policy.REFUSE
    """A unit whose product is known, and is not that of the order: `refuse` (answer 6), or `record`
    it and say so."""
    products: dict[str, Products] = Field(default_factory=dict)
    """Per product as orders call it: what its units may be, `{"A-100": ["09506000134352"]}`.
    Without it they are of just that product."""
    again: Literal["continue", "new"] = "continue"
    """An order that is started again goes on counting where it ended, or counts anew; `new` where
    one number stands for many runs."""
