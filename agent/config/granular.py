"""The keys of a product, and of where a station learns which one it makes (D-1, D-12)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from agent.config.quantities import Name
from agent.core.station import By
from drivers.options import Options

Because = Literal["value", "risk", "regulated", "volume"]


def _listed(value: object) -> object:
    """Return a single name as a list of one: `ids: "4711"`."""
    return [value] if isinstance(value, str) else value


Ids = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=128)], ...],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class ProductSection(Options):
    """One product that the station makes, with the granularity that it is tracked in."""

    by: By
    """`serial`: each unit has an identity of its own. `lot`: pieces are counted to a lot. `both`:
    units with an identity of their own, each of them one of a lot."""
    because: Because | None = None
    """Why this level was chosen; `check` compares it with the level (D-14)."""
    ids: Ids = ()
    """What its source calls it, in quotes: article numbers, recipes, GTINs of 14 digits. Left out,
    with no `pattern` either: its name."""
    pattern: str | None = None
    """What its source may call it besides, matched as a whole."""
    from_lot: bool = False
    """Whether its units are pieces of a lot until they get their identity here: a marking station.
    Their records name the lot that they come from, and what is left of it is counted down."""


class ProductSource(Options):
    """Where a station learns its product; one of `tag` and `orders`."""

    tag: Name | None = None
    """The tag that holds what the product is called: its recipe, its article number."""
    orders: dict[str, Name] = Field(default_factory=dict)
    """By the order: how its number begins, and the product of `products` that this means. The
    longest that fits counts."""

    @model_validator(mode="after")
    def _is_one_source(self) -> Self:
        """Refuse a product that comes from nowhere or from two sources.

        Raises:
            ValueError: not exactly one source is given.
        """
        if (self.tag is not None) == bool(self.orders):
            found = "`tag` and `orders` stand side by side" if self.orders else "no source is given"
            raise ValueError(f"{found}; give one of tag, orders")
        return self


def _by_word(value: object) -> str:
    """Return which of its two forms a source has: a word, or a mapping."""
    return "by word" if isinstance(value, str) else "by mapping"


Source = Annotated[
    Annotated[Literal["scan"], Tag("by word")] | Annotated[ProductSource, Tag("by mapping")],
    Discriminator(_by_word),
]
