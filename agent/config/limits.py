"""What a recorded value may be, in a station file: the keys of `track.limits.NAME`."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Tag, WithJsonSchema, model_validator

from agent.config.problems import shown
from agent.config.quantities import Name
from drivers.options import Options


class SetPoint(Options):
    """A limit that the PLC holds."""

    tag: Name
    """The tag that holds it, on the device of the handshake: it is read in the same snapshot."""


def _form(value: object) -> str:
    """Return which of its two forms a limit has: a number, or a mapping."""
    return "by mapping" if isinstance(value, dict | SetPoint) else "by number"


def _number(value: object) -> int | float:
    """Return a number as it was written."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ValueError(f"{shown(value)} is no number; write one, or {{tag: NAME}}")
    return value


_Number = Annotated[int | float, BeforeValidator(_number), WithJsonSchema({"type": "number"})]
Bound = Annotated[
    Annotated[_Number, Tag("by number")] | Annotated[SetPoint, Tag("by mapping")],
    Discriminator(_form),
]
_NAMES = ("low", "low_warn", "target", "high_warn", "high")
"""Every bound, from the lowest to the highest."""


class LimitSection(Options):
    """What a value may be, in its own unit of measure; both ends are good.

    Each is a number, or `{tag: NAME}` for a set-point that the PLC holds.
    """

    low: Bound | None = None
    """Less is `low`."""
    high: Bound | None = None
    """More is `high`."""
    low_warn: Bound | None = None
    """Less is still ok, and told as a warning."""
    high_warn: Bound | None = None
    """More is still ok, and told as a warning."""
    target: Bound | None = None
    """What it should be; recorded with the value, judges nothing."""
    breach: Literal["nok", "record"] = "nok"
    """What a value is that is not known to be within its limits: the unit is `nok` (answer 2), or
    `record` its verdict and go on. That takes in one that cannot be read."""

    @property
    def bounds(self) -> dict[str, Any]:
        """Every bound that is given, from the lowest to the highest."""
        given = {name: getattr(self, name) for name in _NAMES}
        return {name: bound for name, bound in given.items() if bound is not None}

    @model_validator(mode="after")
    def _judges(self) -> Self:
        """Refuse limits that no value can be beyond, or that no value can be within.

        Raises:
            ValueError: neither `low` nor `high` is given, or the numbers are out of order.
        """
        if self.low is None and self.high is None:
            raise ValueError("judges nothing; give `low`, `high` or both")
        numbers = [(k, b) for k, b in self.bounds.items() if not isinstance(b, SetPoint)]
        for (lower, less), (higher, more) in pairwise(numbers):
            if less > more:
                raise ValueError(f"`{lower}` {less} is above `{higher}` {more}; put them in order")
        return self
