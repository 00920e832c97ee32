"""What goes into what, in a station file: the keys of `track.packing.NAME`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent.config.quantities import Name
from agent.core.levels import MOST_CHILDREN, Order, ParentBy
from agent.core.station import Policy
from drivers.options import Options


class LevelSection(Options):
    """One sort of parent: a box, a pallet, a container. Each child is in one parent at a time."""

    order: Order = Order.PARENT_FIRST
    """`parent-first`: the parent's code opens it, and what is read then goes in. `children-first`:
    what is read waits, and the parent's code takes it in and closes."""
    parent: ParentBy = ParentBy.SCAN
    """`scan`: a code whose rule means `parent`. `cycle`: the unit of the station's cycle is the
    parent; with `parent-first`, `begin` opens it and `end` closes it."""
    count: Annotated[int, Field(ge=1, le=MOST_CHILDREN)] | None = None
    """How many children are expected. Without it as many as come, at most 1000."""
    full: Literal["close", "wait"] = "close"
    """Of `parent-first`: whether the last child that is expected closes the parent, or it waits for
    a code that means `parent_end`, for `close`, or for the next parent."""
    fewer: Policy = Policy.RECORD
    """A parent with fewer children than expected: `refuse` to close it (of `cycle`: answer 6), or
    `record` it with the reason `count_short`."""
    more: Policy = Policy.REFUSE
    """A child beyond what is expected: `refuse` it, or `record` it with the reason `count_over`."""
    elsewhere: Policy = Policy.REFUSE
    """A child that is in another parent or unit, by what this station recorded: `refuse` it until
    it is taken out, or `record` a conflict, in which both are possible."""
    products: frozenset[str] = frozenset()
    """Products that belong in it, GTINs in quotes; empty: every one. Another one is refused."""
    product_pattern: str | None = None
    """What a child's product must match as a whole."""
    into: Name | None = None
    """The level that it goes into when it is closed, without its code being read again."""
    close: Name | None = None
    """Of `parent-first`: a boolean tag whose rise closes the parent, such as the light barrier that
    sees it leave."""
