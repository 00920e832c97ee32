"""The labels of the simulated line: what a scanner sends for each, symbology identifier included.

Prefix 952 is GS1's own for demonstrations, so that no label here is anybody's.
"""

from __future__ import annotations

GS = "\x1d"
"""Ends an element whose length is not fixed; FNC1 in the symbol."""
HOUSING = "09521234000013"
UNIT = "09521234000020"
BADGE = "OP-4711"
ORDER = "WO-104711"


def unit(serial: str) -> str:
    """Return a part's own label: a GS1-128 with GTIN and serial."""
    return f"]C101{UNIT}21{serial}"


def component(lot: str) -> str:
    """Return the label on a box of housings: a GS1 DataMatrix with GTIN, lot and expiry."""
    return f"]d201{HOUSING}10{lot}{GS}17301231"


def damaged(serial: str) -> str:
    """Return a part's label with one digit misread, so that the check digit does not fit."""
    return unit(serial).replace(UNIT, UNIT[:-2] + "9" + UNIT[-1])
