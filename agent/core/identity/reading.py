"""The words of identification: what was read, how it was read, and why it was refused.

Laws:
    1. A code is accepted whole or refused whole. Nothing is repaired by guess (D-85, D-86).
    2. A refusal names one reason and the byte of the raw read at which it shows.
    3. What a profile declares to be tolerable is accepted with a doubt, never silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum, unique
from types import MappingProxyType
from typing import NamedTuple

GS = "\x1d"
"""Separates elements (FNC1 as a reader sends it) and fields."""
RS = "\x1e"
"""Ends the header of an ISO/IEC 15434 message and each of its envelopes."""
EOT = "\x04"
"""Ends an ISO/IEC 15434 message."""

LONGEST_READ = 7_168
"""Bytes. The largest QR code holds 7,089 digits; what is longer is not one code."""


@unique
class Reason(StrEnum):
    """Why a code is refused. The words are public: events and metrics use them."""

    # What a code can have wrong by itself.
    EMPTY_DATA = "empty_data"
    EMPTY_VALUE = "empty_value"
    EMPTY_ELEMENT = "empty_element"
    UNKNOWN_AI = "unknown_ai"
    BAD_LENGTH = "bad_length"
    TOO_LONG = "too_long"
    BAD_CHARSET = "bad_charset"
    BAD_CHECK_DIGIT = "bad_check_digit"
    BAD_DATE = "bad_date"
    BAD_VALUE = "bad_value"
    MISSING_REQUIRED_AI = "missing_required_ai"
    INVALID_AI_PAIR = "invalid_ai_pair"
    REPEATED_AI = "repeated_ai"
    BAD_SYMBOLOGY_ID = "bad_symbology_id"
    SUSPECT_SEPARATOR = "suspect_separator"
    MISSING_EXPECTED_AI = "missing_expected_ai"
    UNDECIDED = "undecided"
    DL_ORDER = "dl_order"
    DL_QUALIFIER_IN_QUERY = "dl_qualifier_in_query"
    DL_NO_KEY = "dl_no_key"
    BAD_HEADER = "bad_header"
    BAD_IDENTIFIER = "bad_identifier"
    UNKNOWN_IDENTIFIER = "unknown_identifier"
    UNKNOWN_FORMAT = "unknown_format"
    NO_SEPARATORS = "no_separators"
    MISSING_HEADER_RS = "missing_header_rs"
    MISSING_TRAILER_RS = "missing_trailer_rs"
    MISSING_EOT = "missing_eot"
    MISSING_FORMAT_GS = "missing_format_gs"
    PLACEHOLDER_SEPARATOR = "placeholder_separator"
    EMPTY_FIELD = "empty_field"
    TRUNCATED = "truncated"
    TRAILING_DATA = "trailing_data"
    # What a station can have against a code that is right by itself.
    NO_RULE = "no_rule"
    AMBIGUOUS_RULES = "ambiguous_rules"
    WRONG_SYMBOLOGY = "wrong_symbology"
    WRONG_PROFILE = "wrong_profile"
    REPEATED_IDENTIFIER = "repeated_identifier"
    EXPIRED = "expired"


TOLERABLE = frozenset(
    {
        Reason.EMPTY_ELEMENT,
        Reason.MISSING_EXPECTED_AI,
        Reason.DL_QUALIFIER_IN_QUERY,
        Reason.UNKNOWN_IDENTIFIER,
        Reason.UNKNOWN_FORMAT,
        Reason.MISSING_HEADER_RS,
        Reason.MISSING_EOT,
        Reason.MISSING_TRAILER_RS,
        Reason.EMPTY_FIELD,
    }
)
"""Defects that a profile may declare as known of its labels; each leaves the pairs unchanged.

EMPTY_ELEMENT tolerates one leading separator only; two in a row stay refused (D-72).
"""


class CodeError(Exception):
    """The code is refused: it is wrong, or this station cannot tell what it is."""

    def __init__(self, reason: Reason, at: int, detail: str) -> None:
        super().__init__(f"{reason} at byte {at}: {detail}")
        self.reason = reason
        self.at = at
        """Offset into the bytes as received; the length where something is missing at the end."""
        self.detail = detail
        """One sentence for people. It may quote the code, so badges never get here (D-64)."""


@unique
class Assume(StrEnum):
    """What data without a symbology identifier is taken for."""

    GS1 = "gs1"
    PLAIN = "plain"
    UNKNOWN = "unknown"
    """Neither: what could be GS1 is refused as undecided, the rest is plain."""


@unique
class Form(StrEnum):
    """In which form the data was written."""

    ELEMENT_STRING = "gs1"
    DIGITAL_LINK = "digital_link"
    ITEM_NUMBER = "item_number"
    """A bare GTIN of EAN-8, EAN-13, UPC or ITF-14: no identifier is in the data."""
    ISO15434 = "iso15434"
    HIBC = "hibc"
    """A HIBC supplier label; its fields stand in one envelope of that name."""
    PLAIN = "plain"


class Field(NamedTuple):
    """One identified value, exactly as read."""

    identifier: str
    """Application identifier, data identifier or text element identifier; empty: opaque."""
    value: str
    at: int
    """Offset of the identifier (of the value, where none is in the data) in the raw bytes."""


class Doubt(NamedTuple):
    """A defect that the profile declares as known of its labels."""

    reason: Reason
    at: int


@dataclass(frozen=True, slots=True)
class Envelope:
    """One format envelope of an ISO/IEC 15434 message."""

    format: str
    fields: tuple[Field, ...]
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a code says: every pair in it is what the code's maker meant, as far as bytes tell."""

    form: Form
    symbology: str | None
    """The AIM symbology identifier as sent (`]d2`); None: the reader sent none."""
    text: str
    """The data between symbology identifier and line end, one character a byte."""
    fields: tuple[Field, ...] = ()
    envelopes: tuple[Envelope, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    ignored: tuple[str, ...] = ()
    """Parts that carry no pair: add-on symbols, text parameters of a link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How the codes of one reader and one kind of label are to be read."""

    reference_date: date
    """The day of the scan: decides the century of two-digit years (D-75)."""
    assume: Assume = Assume.UNKNOWN
    separator_text: str = ""
    """What the reader sends in place of a control character; empty: it sends control characters.

    Set it for keyboard-wedge readers, which cannot send GS (D-84).
    """
    expect: frozenset[str] = frozenset()
    """Identifiers that every label read here carries: how a lost separator shows (D-85)."""
    tolerates: frozenset[Reason] = frozenset()
    """Defects known of these labels, from `TOLERABLE`; such a reading carries a doubt."""
    read_as: Mapping[str, Assume] = field(default_factory=lambda: MappingProxyType({}))
    """Symbology identifiers that this station reads otherwise than the standard says (D-71)."""
    hibc: bool = False
    """Whether data that begins as a HIBC code does is one; else it is plain text."""
    known_identifiers: frozenset[str] = frozenset()
    """Data identifiers agreed with a partner beyond those of ANSI MH10.8.2."""

    def __post_init__(self) -> None:
        """Refuse a tolerance that would change what is read.

        Raises:
            ValueError: a reason in `tolerates` is not tolerable.
        """
        if wrong := sorted(self.tolerates - TOLERABLE):
            raise ValueError(f"cannot be tolerated: {', '.join(wrong)}")
