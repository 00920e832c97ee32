"""AIM symbology identifiers: what a reader says about the symbol before it gives the data.

We judge the identifier before any parser sees the data: `]d1` with text like `01…` is plain
data, whatever a parser would make of it (D-71).

Source: ISO/IEC 15424 (letters and modifiers); GS1 General Specifications, figure 5.1.2-2.
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import NamedTuple

from agent.core.identity.reading import CodeError, Reason


@unique
class Carries(StrEnum):
    """What the data of a symbol is, as the symbology identifier alone tells."""

    ELEMENT_STRING = "GS1 element string"
    EAN13 = "GTIN-13 or GTIN-12"
    EAN13_ADD_ON = "GTIN-13 with an add-on symbol"
    EAN8 = "GTIN-8"
    ITF14 = "GTIN-14"
    PLAIN = "plain data"


NAMES = {
    "A": "Code 39",
    "B": "Telepen",
    "C": "Code 128",
    "D": "Code One",
    "E": "EAN/UPC",
    "F": "Codabar",
    "G": "Code 93",
    "H": "Code 11",
    "I": "Interleaved 2 of 5",
    "J": "DotCode",
    "K": "Code 16K",
    "L": "PDF417",
    "M": "MSI",
    "N": "Anker",
    "O": "Codablock",
    "P": "Plessey",
    "Q": "QR Code",
    "R": "Straight 2 of 5, two-bar start",
    "S": "Straight 2 of 5, three-bar start",
    "T": "Code 49",
    "U": "MaxiCode",
    "X": "other barcode",
    "Z": "no barcode",
    "d": "Data Matrix",
    "e": "GS1 DataBar",
    "g": "Grid Matrix",
    "h": "Han Xin",
    "o": "OCR",
    "p": "PosiCode",
    "s": "SuperCode",
    "z": "Aztec Code",
}
"""Code character and symbology. Left out: Y (system expansion) and c (Channel Code), for nothing
on a shop floor sends them and `]c1` is more likely a GS1-128 whose case was folded."""

GS1_NAMES = {
    "]C1": "GS1-128",
    "]d2": "GS1 DataMatrix",
    "]Q3": "GS1 QR Code",
    "]J1": "GS1 DotCode",
    "]e0": "GS1 DataBar",
    "]E0": "EAN-13, UPC-A or UPC-E",
    "]E3": "EAN-13 with add-on",
    "]E4": "EAN-8",
    "]I1": "ITF-14",
}

_CARRIES = {
    "]C1": Carries.ELEMENT_STRING,
    "]d2": Carries.ELEMENT_STRING,
    "]Q3": Carries.ELEMENT_STRING,
    "]J1": Carries.ELEMENT_STRING,
    "]e0": Carries.ELEMENT_STRING,
    "]E0": Carries.EAN13,
    "]E3": Carries.EAN13_ADD_ON,
    "]E4": Carries.EAN8,
    "]I1": Carries.ITF14,
}

_LENGTH = 3
_MODIFIERS = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef")


class Symbology(NamedTuple):
    """A symbology identifier that the standard knows."""

    id: str
    name: str
    carries: Carries


def known(identifier: str) -> Symbology | None:
    """Return what `]xy` stands for, None if the standard does not know it."""
    if len(identifier) != _LENGTH or identifier[0] != "]" or identifier[2] not in _MODIFIERS:
        return None
    letter = NAMES.get(identifier[1])
    if letter is None:
        return None
    return Symbology(
        identifier,
        GS1_NAMES.get(identifier, letter),
        _CARRIES.get(identifier, Carries.PLAIN),
    )


_KNOWN = {
    f"]{letter}{modifier}": known(f"]{letter}{modifier}")
    for letter in NAMES
    for modifier in sorted(_MODIFIERS)
}


def symbology_of(text: str) -> Symbology | None:
    """Return the symbology identifier that `text` begins with, None if it begins with data.

    Raises:
        CodeError: it begins with `]` and no identifier that the standard knows follows.
    """
    if not text.startswith("]"):
        return None
    found = _KNOWN.get(text[:_LENGTH])
    if found is None:
        raise CodeError(
            Reason.BAD_SYMBOLOGY_ID, 0, f"{text[:_LENGTH]!r} is not a symbology identifier"
        )
    return found
