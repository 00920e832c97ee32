"""What a driver says about itself: its options, its tags' options, and how to build it.

The station file is validated against these models before any device is reached, so a driver's
module must import its protocol library only when it is built or run, never when imported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drivers.base import Clock, Driver, TagFault

_UNITS_S = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)\s*$")


def seconds(value: object) -> object:
    """Return a duration such as `200ms`, `5s`, `2min`, `8h`, `30d` in seconds.

    Raises:
        ValueError: the text is no number with one of these units. (Bare numbers are refused: a
            duration without its unit is a guess.)
    """
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a duration; write a number with ms, s, min, h or d")
    return float(match[1]) * _UNITS_S[match[2]]


DURATION_SCHEMA = {
    "type": "string",
    "pattern": _DURATION.pattern,
    "examples": ["200ms", "30s", "8h"],
}
"""A duration as the station file writes it, for JSON Schema."""

Seconds = Annotated[float, BeforeValidator(seconds), WithJsonSchema(DURATION_SCHEMA)]
"""A duration in seconds, written in the station file with its unit."""


class Options(BaseModel):
    """Options as a station file gives them: frozen; unknown keys are errors.

    A model's validator is built when a file is first validated by it: a section within another one
    is built with that one, and needs none of its own.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, defer_build=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """One tag that a device is asked for."""

    name: str
    address: Any
    """The driver's own tag options (an instance of `DriverSpec.tag_options`)."""
    write: bool = False
    fast: bool = False
    """Trigger and request of a handshake: polled or sampled at their own short interval."""


def _is_deaf(options: object) -> bool:
    """Return that a device has no ears: one with tags is told by them."""
    del options
    return False


def _no_faults(options: object, tags: Sequence[Tag]) -> Sequence[TagFault]:
    """Return that nothing more can be said of the tags before the device is reached."""
    del options, tags
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSpec:
    """One line in the registry: everything the rest of the product knows of a driver."""

    summary: str
    """One sentence for the generated page."""
    options: type[Options]
    """The device's options."""
    tag_options: type[Options] | None
    """A tag's options beside the common ones; None for a device without tags (a scanner)."""
    build: Callable[[str, Any, Sequence[Tag], Clock], Driver]
    """(device name, options, tags, clock) -> the driver, not yet connected."""
    endpoint: Callable[[Any], str]
    """What two stations that share this device have in common: `opc.tcp://host:4840`."""
    shareable: bool = True
    """Whether several stations of a process may use one connection (a scanner: no)."""
    is_told: Callable[[Any], bool] = _is_deaf
    """(options) -> whether a reader is told what became of its codes."""
    faults: Callable[[Any, Sequence[Tag]], Sequence[TagFault]] = _no_faults
    """(options, tags) -> the tags that cannot work on this device, as far as the station file alone
    shows it. Pure: nothing is reached, no protocol library is loaded."""
