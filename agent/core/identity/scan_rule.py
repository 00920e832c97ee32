"""Scan rules of a station: which code means what, and what else must hold of it.

Laws:
    1. A code means something only under exactly one rule. Under none or several it is refused.
    2. A rule that could never work, or could guess, is refused when it is built: an identifier
       that is not allocated, a unit without a serial, an ambiguous pattern.
    3. What is taken off or folded before matching is declared in the rule, never guessed (D-86).

`judge` applies rules; `overlap` finds those that get in each other's way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum, unique
from functools import cache, cached_property
from typing import NamedTuple

from agent.core.identity import data_identifiers, hibc
from agent.core.identity.gs1 import format_of, item_number
from agent.core.identity.pattern import Pattern, compile_pattern
from agent.core.identity.reading import TOLERABLE, CodeError, Reason
from agent.core.identity.symbology import known

MOST_CHARACTERS = 512
"""A plain code longer than this is no code of a unit, lot or badge."""


@unique
class Means(StrEnum):
    """What a code stands for."""

    UNIT = "unit"
    LOT = "lot"
    LOT_END = "lot_end"
    """The lot that is open is made; what follows is of none until the next is named."""
    COMPONENT = "component"
    """Material for a position: a unit or a lot, by what its code carries."""
    CARRIER = "carrier"
    OPERATOR = "operator"
    """A badge; the rim puts a pseudonym in its place before anything else sees it (D-64)."""
    OPERATOR_OFF = "operator_off"
    ORDER = "order"
    ORDER_END = "order_end"
    CANCEL = "cancel"
    """Takes back the scans that wait."""
    REMOVED = "removed"
    """The serial component that the code names was taken out of its unit (D-42)."""
    UNLOAD = "unload"
    """What is loaded at the position is taken off; the quantity in the code is what is left."""
    EMPTIED = "emptied"
    """The vessel at the position was seen empty (D-48)."""
    RETURNED = "returned"
    """Loose material was taken back from the vessel; the code is its new lot (D-53)."""
    BLOCK = "block"
    """The lot or serial component that the code names must not be used any more (D-56)."""
    UNBLOCK = "unblock"
    LOT_PICK = "lot_pick"
    """Names a lot for the action on lots that comes next (D-52)."""
    LOT_SPLIT = "lot_split"
    """The label of what is split off the picked lot."""
    LOT_MERGE = "lot_merge"
    """The label of what the picked lots become."""
    LOT_ISSUE = "lot_issue"
    """A quantity of the lot leaves; without a quantity, all of it."""
    LOT_RETURN = "lot_return"
    """A quantity of the lot is back (D-53)."""
    LOT_RELABEL = "lot_relabel"
    """The new label of the picked lot."""
    CHILD = "child"
    """What goes into a parent: a unit, or a box that goes on a pallet (`track.packing`)."""
    PARENT = "parent"
    """What children go into: a box, a pallet, a container."""
    PARENT_END = "parent_end"
    """Nothing more goes into the parent that is open at the level."""
    UNPACK = "unpack"
    """The next child comes out of its parent, or the next parent is dissolved."""
    SCRAP = "scrap"
    """The next unit is scrap (D-36)."""
    REWORK = "rework"
    """The next unit may come once more (D-35)."""
    REIDENTIFY = "reidentify"
    """The next unit, by its old label, gets the one that is scanned after it (D-37)."""
    NOK = "nok"
    """The result of the next unit at a bench is NOK."""
    COMMANDED = "commanded"
    """A unit that a command is about; no rule says so, the label before it does."""


OF_LOTS = (
    Means.LOT_PICK,
    Means.LOT_SPLIT,
    Means.LOT_MERGE,
    Means.LOT_ISSUE,
    Means.LOT_RETURN,
    Means.LOT_RELABEL,
)
"""What is done to a lot as a whole: the code names the lot, and may say how much of it."""


COMMANDING = (Means.SCRAP, Means.REWORK, Means.REIDENTIFY, Means.NOK)
"""What is done to the unit that is scanned next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegexMatch:
    """A plain code, matched whole by a pattern (D-80).

    Named groups are the parts: the one named as what the rule means, or `id`, is the identity
    (else the whole code is); `gtin`, `product`, `serial`, `lot`, `expiry`, `quantity` are read.
    """

    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gs1Match:
    """A GS1 code that carries exactly these application identifiers."""

    ais: frozenset[str]
    also: frozenset[str] = frozenset()
    """Identifiers that may stand beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataMatch:
    """An ISO/IEC 15434 message that carries exactly these identifiers in one format.

    Or a HIBC code that carries exactly these parts; its format is `hibc`.
    """

    identifiers: frozenset[str]
    also: frozenset[str] = frozenset()
    format: str = "06"


Match = RegexMatch | Gs1Match | DataMatch

_TEXT_ELEMENT = re.compile(r"[A-Z]{3}")
_TAKES_VALUE = frozenset({Means.OPERATOR, Means.ORDER})
_SIGNALS = frozenset(
    {
        Means.OPERATOR_OFF,
        Means.ORDER_END,
        Means.LOT_END,
        Means.CANCEL,
        Means.UNLOAD,
        Means.EMPTIED,
        Means.PARENT_END,
        Means.UNPACK,
        *COMMANDING,
    }
)
_WHAT = {
    Means.COMPONENT: "a component",
    Means.UNLOAD: "an unload",
    Means.EMPTIED: "an emptied",
    Means.RETURNED: "a return",
    Means.CHILD: "a child",
    Means.PARENT: "a parent",
    Means.PARENT_END: "the end of a parent",
}
"""What happens at a position, or at a level of packing."""


class Way(NamedTuple):
    """How a rule wants a frame read."""

    plain: bool
    symbologies: frozenset[str]
    separator_text: str
    tolerates: frozenset[Reason]
    known_identifiers: frozenset[str]
    hibc: bool


@dataclass(frozen=True, kw_only=True, eq=True)
class ScanRule:
    """One rule: a match, its meaning, and the policy for codes that match."""

    match: Match
    means: Means
    position: str | None = None
    """Where a component goes; of parents and children: the level of packing."""
    role: str | None = None
    """The role in which a badge signs on; None: its number, or nothing, says it."""
    product: str | None = None
    """What the code's bearer is, where the code does not say it."""
    symbologies: frozenset[str] = frozenset()
    """AIM symbology identifiers allowed (`]d2`); empty: every one, and none.

    Naming one that the standard says carries plain data declares that this rule reads GS1 from
    it; naming any in a rule with a pattern declares that its data is plain text (D-71).
    """
    min_length: int = 1
    max_length: int = MOST_CHARACTERS
    """Length of the data, prefix and suffix included."""
    charset: str = ""
    """Characters that the identity may hold; empty: what the form allows."""
    caseless: bool = False
    """Whether a plain code is folded to upper case before it is matched (D-85)."""
    prefix: str = ""
    suffix: str = ""
    """Taken off a plain code, and required on it (D-83)."""
    check_digit: bool = False
    """Whether the identity of a plain code ends in a check digit of GS1's kind (D-73)."""
    gtins: frozenset[str] = frozenset()
    """GTINs allowed, 14 digits each; empty: every one."""
    product_pattern: str | None = None
    """What the product must match as a whole."""
    id_from: tuple[str, ...] = ()
    """Identifiers whose values are the identity; empty: by the standard."""
    product_from: str | None = None
    serial_from: str | None = None
    lot_from: str | None = None
    expiry_from: str | None = None
    quantity_from: str | None = None
    """Identifier (or named group) of each part; None: by the standard."""
    reject_day00: bool = False
    """Whether an expiry without a day is refused, as healthcare wants it (D-76)."""
    refuse_expired: bool = False
    """Whether material past its expiry on the day of the scan is refused."""
    separator_text: str = ""
    tolerates: frozenset[Reason] = frozenset()
    """As in `Profile`."""

    def __post_init__(self) -> None:
        """Refuse a rule that could never work or would have to guess.

        Raises:
            ValueError: with one sentence that says what is wrong.
        """
        _check_policy(self)
        match = self.match
        if isinstance(match, RegexMatch):
            _check_regex(self)
            return
        if isinstance(match, Gs1Match):
            _check_identifiers(self, match.ais, match.also)
            _check_shapes(match.ais | match.also, "05")
            return
        if match.format not in ("05", "06", "12", hibc.FORMAT):
            raise ValueError(f"format {match.format!r} is not one of 05, 06, 12")
        _check_identifiers(self, match.identifiers, match.also)
        _check_shapes(match.identifiers | match.also, match.format)

    def __hash__(self) -> int:
        """Return a hash of the parts that differ between the rules of a station."""
        return hash((self.match, self.means, self.position))

    @cached_property
    def pattern(self) -> Pattern | None:
        """The compiled pattern of a rule for plain codes, None for the others."""
        if not isinstance(self.match, RegexMatch):
            return None
        return _pattern(self.match.pattern, self.prefix, self.suffix, caseless=self.caseless)

    @cached_property
    def product_regex(self) -> Pattern | None:
        """The compiled pattern of the product, None if every product is allowed."""
        if self.product_pattern is None:
            return None
        return _pattern(self.product_pattern, "", "", caseless=False)

    @cached_property
    def ways(self) -> tuple[Way, Way]:
        """How the rule wants a frame read: one without a symbology identifier, and one with.

        Without symbologies of its own it trusts the identifier.
        """
        agreed: frozenset[str] = frozenset()
        is_hibc = isinstance(self.match, DataMatch) and self.match.format == hibc.FORMAT
        if isinstance(self.match, DataMatch) and not is_hibc:
            agreed = (self.match.identifiers | self.match.also) - set(data_identifiers.allocated())
        bare = Way(
            plain=isinstance(self.match, RegexMatch),
            symbologies=self.symbologies,
            separator_text=self.separator_text,
            tolerates=self.tolerates,
            known_identifiers=agreed,
            hibc=is_hibc,
        )
        return bare, bare if self.symbologies else bare._replace(plain=False)


@cache
def _pattern(source: str, prefix: str, suffix: str, *, caseless: bool) -> Pattern:
    return compile_pattern(source, prefix=prefix, suffix=suffix, caseless=caseless)


def _check_policy(rule: ScanRule) -> None:
    for symbology in sorted(rule.symbologies):
        if known(symbology) is None:
            raise ValueError(f"{symbology!r} is not an AIM symbology identifier such as ]d2")
    if not 1 <= rule.min_length <= rule.max_length <= MOST_CHARACTERS:
        raise ValueError(f"lengths must be 1 to {MOST_CHARACTERS}, the shorter first")
    if rule.means in _WHAT and rule.position is None:
        raise ValueError(f"{_WHAT[rule.means]} needs a position")
    if rule.position is not None and rule.means not in _WHAT:
        raise ValueError(f"a position belongs to a component, not to {rule.means}")
    if rule.role is not None and rule.means is not Means.OPERATOR:
        raise ValueError(f"a role belongs to an operator, not to {rule.means}")
    for gtin in sorted(rule.gtins):
        try:
            item_number(gtin, lengths=(14,))
        except CodeError as error:
            raise ValueError(f"GTIN {gtin!r}: {error.detail}") from None
    if wrong := sorted(rule.tolerates - TOLERABLE):
        raise ValueError(f"cannot be tolerated: {', '.join(wrong)}")
    _ = rule.product_regex  # a bad one is told now


def _check_regex(rule: ScanRule) -> None:
    _ = rule.pattern  # as above
    if rule.id_from:
        raise ValueError("a pattern names its identity by a group, not by id_from")


def _check_identifiers(rule: ScanRule, named: frozenset[str], also: frozenset[str]) -> None:
    if not named:
        raise ValueError("a match needs at least one identifier")
    for word, used in (
        ("prefix", rule.prefix),
        ("suffix", rule.suffix),
        ("caseless", rule.caseless),
        ("check_digit", rule.check_digit),
    ):
        if used:
            raise ValueError(f"{word} is for plain codes; this rule reads identified fields")
    parts = (
        rule.product_from,
        rule.serial_from,
        rule.lot_from,
        rule.expiry_from,
        rule.quantity_from,
    )
    for code in (*rule.id_from, *parts):
        if code is not None and code not in named | also:
            raise ValueError(f"{code} is not among the identifiers of the match")
    for code in rule.id_from:
        if code not in named:
            raise ValueError(f"{code} may be absent, so it cannot be the identity")
    if rule.means in _TAKES_VALUE and len(rule.id_from) != 1:
        raise ValueError(f"say by id_from which one identifier is the {rule.means}")
    if rule.means not in _TAKES_VALUE | _SIGNALS and not rule.id_from:
        _check_identity(rule, named)


def _check_identity(rule: ScanRule, named: frozenset[str]) -> None:
    if standard_identity(rule.match, rule.means, named) is None:
        wanted = {Means.UNIT: "a serial", Means.LOT: "a lot"}.get(rule.means, "an identity")
        listed = ", ".join(sorted(named))
        raise ValueError(f"{listed} give no {rule.means}: {wanted} is missing (D-74)")


def _check_shapes(codes: frozenset[str], number: str) -> None:
    for code in sorted(codes):
        if number == "05" and format_of(code) is None:
            raise ValueError(f"({code}) is not a GS1 application identifier")
        if number == "06" and data_identifiers.SHAPE.fullmatch(code) is None:
            raise ValueError(f"{code!r} is not a data identifier such as 1P")
        if number == hibc.FORMAT and code not in hibc.NAMES:
            listed = ", ".join(sorted(hibc.NAMES))
            raise ValueError(f"{code!r} is no part of a HIBC code; they are {listed}")
        if number == "12" and _TEXT_ELEMENT.fullmatch(code) is None:
            raise ValueError(f"{code!r} is not a text element identifier such as SER")


_GS1_UNITS = (
    ("01", "21"),
    ("03", "21"),
    ("8006", "21"),
    ("8010", "8011"),
    ("8004",),
    ("8003",),
    ("00",),
)
_GS1_LOTS = (("01", "10"), ("02", "10"), ("03", "10"), ("8006", "10"), ("8026", "10"))
_GS1_PRODUCTS = (("01",), ("02",), ("03",), ("8006",), ("8010",))
_GS1_CARRIERS = (("00",), ("8003",), ("8004",))
_HIBC_UNITS = (("item", "serial"),)
_HIBC_LOTS = (("item", "lot"),)
_DATA_UNITS = (
    *_HIBC_UNITS,
    ("25S",),
    ("37S",),
    ("25P", "S"),
    ("18V", "1P", "S"),
    ("1P", "S"),
    ("P", "S"),
)
_DATA_LOTS = (
    *_HIBC_LOTS,
    ("25T",),
    ("25P", "1T"),
    ("18V", "1P", "1T"),
    ("1P", "1T"),
    ("P", "1T"),
    ("P", "T"),
)
_DATA_PRODUCTS = (("item",), ("25P",), ("18V", "1P"), ("1P",), ("P",))
_DATA_CARRIERS = (("25B",), ("26B",), ("1J",), ("J",), ("1B",))

_BY_STANDARD: dict[tuple[bool, Means], tuple[tuple[str, ...], ...]] = {
    (True, Means.UNIT): _GS1_UNITS,
    (True, Means.LOT): _GS1_LOTS,
    (True, Means.COMPONENT): _GS1_UNITS + _GS1_LOTS + _GS1_PRODUCTS,
    (True, Means.CARRIER): _GS1_CARRIERS,
    (True, Means.REMOVED): _GS1_UNITS,
    (True, Means.RETURNED): _GS1_LOTS,
    (True, Means.BLOCK): _GS1_UNITS + _GS1_LOTS,
    (True, Means.UNBLOCK): _GS1_UNITS + _GS1_LOTS,
    (True, Means.CHILD): _GS1_UNITS,
    (True, Means.PARENT): _GS1_UNITS,
    (False, Means.UNIT): _DATA_UNITS,
    (False, Means.LOT): _DATA_LOTS,
    (False, Means.COMPONENT): _DATA_UNITS + _DATA_LOTS + _DATA_PRODUCTS,
    (False, Means.CARRIER): _DATA_CARRIERS,
    (False, Means.REMOVED): _DATA_UNITS,
    (False, Means.RETURNED): _DATA_LOTS,
    (False, Means.BLOCK): _DATA_UNITS + _DATA_LOTS,
    (False, Means.UNBLOCK): _DATA_UNITS + _DATA_LOTS,
    **{(True, means): _GS1_LOTS for means in OF_LOTS},
    **{(False, means): _DATA_LOTS for means in OF_LOTS},
    (False, Means.CHILD): _DATA_UNITS + _DATA_CARRIERS,
    (False, Means.PARENT): _DATA_UNITS + _DATA_CARRIERS,
}


def is_gs1(match: Match) -> bool:
    """Return whether a match reads application identifiers."""
    return isinstance(match, Gs1Match) or (isinstance(match, DataMatch) and match.format == "05")


def is_hibc(match: Match) -> bool:
    """Return whether a match reads HIBC codes."""
    return isinstance(match, DataMatch) and match.format == hibc.FORMAT


def standard_identity(
    match: Match, means: Means, present: frozenset[str]
) -> tuple[str, ...] | None:
    """Return the identifiers that by the standard make the identity, None if they are not there.

    A serial alone is no identity, and neither is a lot: both want the item they belong to (D-74).
    """
    options = _BY_STANDARD.get((is_gs1(match), means), ())
    return next((option for option in options if present.issuperset(option)), None)
