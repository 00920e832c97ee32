"""What a station makes of its orders: the part of its plan that is about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique


@unique
class Reached(StrEnum):
    """What follows when an order has its quantity."""

    WARN = "warn"
    """It is told, and work goes on."""
    END = "end"
    """The order ends; what follows has none until the next begins."""
    REFUSE = "refuse"
    """Further units are refused (answer 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlan:
    """What counts to an order, and what belongs to it."""

    quantity: str | None = None
    """The tag that says how many are to be made; None: the label or the command says it."""
    product: str | None = None
    """The tag that names what is to be made."""
    reached: Reached = Reached.WARN
    good_only: bool = True
    """Whether only good units count to the quantity; else every one."""
    refuses_wrong: bool = True
    """Whether a unit of another product is refused (answer 6); else it is recorded and says so."""
    products: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Per product of an order: what its units may be instead of just that."""
    resumes: bool = True
    """Whether an order that is started again goes on counting where it ended."""

    @property
    def tags(self) -> frozenset[str]:
        """The tags beside that of the order."""
        return frozenset(tag for tag in (self.quantity, self.product) if tag)
