"""The mode of the machine in a station file: its keys (`track.mode`)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from agent.config.quantities import Name
from agent.core.station import Mode
from drivers.options import Options


def _listed(value: object) -> object:
    """Return a single number as a list of one: `automatic: 1`."""
    return value if isinstance(value, list) else [value]


Numbers = Annotated[
    tuple[Annotated[int, Field(strict=True)], ...],
    BeforeValidator(_listed),
    WithJsonSchema(
        {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}
    ),
]
"""One whole number or several."""


class ModeSection(Options):
    """In which mode the machine works. Only what it makes automatically is production."""

    tag: Name
    """A whole number or a bit, on the device of the handshakes: it is read with each cycle."""
    values: dict[Mode, Numbers]
    """Which number is which mode: `{automatic: 1, manual: [2, 3]}`; `automatic` is needed. Any
    other number is recorded as `unknown`."""
    others: Literal["record", "bind"] = "record"
    """A cycle in another mode: `record` it, bound to no unit, with answer 1 or 2 by its verdict;
    its scan is spent. Or `bind` it to its unit, which may have been here before."""
