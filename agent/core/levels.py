"""The plan of packing: what goes into what at this station, and what follows when it does not fit.

A level is one sort of parent: a box that holds units, a pallet that holds boxes. A station may have
several; what is closed at one goes into the next where the plan says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

MOST_CHILDREN = 1_000
"""Children of one parent where no number is expected: what is open is part of the state."""


@unique
class Order(StrEnum):
    """Which is read first."""

    PARENT_FIRST = "parent-first"
    """The parent's code opens it; what is read then goes in, until it is closed."""
    CHILDREN_FIRST = "children-first"
    """What is read waits; the parent's code takes it in, and closes."""


@unique
class ParentBy(StrEnum):
    """Where a parent's code comes from."""

    SCAN = "scan"
    CYCLE = "cycle"
    """The unit of the station's cycle is the parent: `begin` opens it, `end` closes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One sort of parent."""

    name: str
    order: Order = Order.PARENT_FIRST
    parent: ParentBy = ParentBy.SCAN
    count: int | None = None
    """How many children are expected; None: as many as come."""
    closes_full: bool = True
    """Whether the last one that is expected closes the parent (`parent-first`)."""
    refuses_fewer: bool = False
    """Whether a parent with fewer than expected cannot be closed; else that is recorded."""
    refuses_more: bool = True
    refuses_elsewhere: bool = True
    """Whether a child that is in another parent is refused; else a conflict is recorded (D-42)."""
    products: tuple[str, ...] = ()
    """Products that belong in it; none: every one."""
    product_pattern: str | None = None
    """What a child's product must match as a whole."""
    into: str | None = None
    """The level that a closed parent goes into as a child."""
    close_tag: str | None = None
    """The tag whose rise closes what is open."""
    close_device: str | None = None
    """The device that has it."""

    @property
    def most(self) -> int:
        """How many children one parent can take."""
        return self.count if self.count is not None and self.refuses_more else MOST_CHILDREN
