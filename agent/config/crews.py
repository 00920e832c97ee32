"""The keys about people: `operators`, and `track.requires` (D-60 to D-66)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from agent.config.pairs import listed
from agent.config.quantities import Millis, Name, Reference, TimesOfDay
from agent.core.station import Policy
from drivers.options import Options

Heads = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=32)], ...],
    Field(min_length=1),
    BeforeValidator(listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class Operators(Options):
    """How people appear in events, and how many work here (D-60 to D-66)."""

    mode: Literal["pseudonym", "none", "clear"] = "pseudonym"
    """`pseudonym`: an HMAC of the badge. `none`: nobody is recorded. `clear`: the badge itself;
    only with the agreement of those concerned (D-66)."""
    key: Reference | None = None
    """Where the key of the pseudonyms is. Give stations one key if one person is to have one
    pseudonym at all of them; without it one is made in the state directory."""
    sessions: Literal["one", "several"] = "one"
    """`one`: another badge ends the session before it. `several`: each badge signs its own person
    on and off, and a code that means `operator_off` signs everybody off."""
    max: Annotated[int, Field(ge=2, le=100)] = 8
    """`several` only: how many may be signed on at once; the badge of one more is refused."""
    roles: dict[Name, Heads] = Field(default_factory=dict)
    """Roles by badge number: what the numbers begin with, `{inspector: "9", setter: ["80", "81"]}`.
    A `role` at the scan rule goes before; who has neither is an `operator`."""
    uncertainty: Millis = 0
    """How far a badge may lie from the change-over itself, either way. Units within it name both
    people, as possible (D-62)."""
    longest_cycle: Annotated[Millis, Field(gt=0)] = 10 * 60_000
    """How long ago a cycle can have begun where nothing says when: no `begin` and no scan before
    it. Who left earlier is not named with its unit."""
    idle: Millis | None = None
    """Ends sessions after this long without scan or cycle at the station. Set it where people leave
    without badging out (D-60)."""
    shift_ends: TimesOfDay = ()
    """When shifts end, by the clock on the wall: ["06:00", "14:00", "22:00"]. A session does not
    outlive its shift. It waits while the machine's clock is not set (D-91)."""
    shift_grace: Millis = 15 * 60_000
    """How long after its shift a session ends. Who badges on within this before a shift's end
    belongs to the next one."""


class OperatorNeed(Options):
    """Who must be signed on for a unit."""

    role: Name | None = None
    """In which role; without it in any."""
    at_least: Annotated[int, Field(ge=1, le=100)] = 1
    """How many of them."""
    missing: Policy = Policy.REFUSE
    """Without them: `refuse` the unit (answer 6), or `record` it and say so."""


class OrderNeed(Options):
    """An order must be running for a unit."""

    missing: Policy = Policy.REFUSE
    """As of an operator."""


def _form(value: object) -> str:
    """Return in which of its forms something is written: a word, a list, or a mapping."""
    if isinstance(value, str):
        return "by word"
    return "listed" if isinstance(value, list | tuple) else "by mapping"


class Requires(Options):
    """What must be there for a unit: `refuse` and `record` stand for `{missing: …}`."""

    operator: (
        Annotated[
            Annotated[Policy, Tag("by word")]
            | Annotated[OperatorNeed, Tag("by mapping")]
            | Annotated[Policy, Tag("listed")],
            Discriminator(_form),
        ]
        | None
    ) = None
    """Somebody is signed on."""
    order: (
        Annotated[
            Annotated[Policy, Tag("by word")]
            | Annotated[OrderNeed, Tag("by mapping")]
            | Annotated[Policy, Tag("listed")],
            Discriminator(_form),
        ]
        | None
    ) = None
    """An order is running."""


RequiresItem = Annotated[
    Annotated[Literal["operator", "order"], Tag("by word")]
    | Annotated[Requires, Tag("by mapping")]
    | Annotated[Requires, Tag("listed")],
    Discriminator(_form),
]
RequiresSection = Annotated[
    Annotated[tuple[RequiresItem, ...], Tag("listed")]
    | Annotated[Requires, Tag("by mapping")]
    | Annotated[Requires, Tag("by word")],
    Discriminator(_form),
]
"""A list of needs, or all of them as one mapping."""
