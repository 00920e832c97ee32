"""Amounts of material: decimal text in events and in the state, exact in between.

A float would make 0.1 kg a hundred times into something else than 10 kg; JSON has no decimals.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal

_EXACT = Context(prec=60)
"""Sums and products of amounts of `_MOST_DIGITS` stay exact."""
_MOST_DIGITS = 18
_AMOUNT = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?", re.ASCII)


def amount(text: str | None) -> Decimal | None:
    """Return what a text says, None where it says no amount.

    >>> amount("0.50"), amount("-1"), amount(None)
    (Decimal('0.50'), None, None)
    """
    if text is None or _AMOUNT.fullmatch(text) is None:
        return None
    return Decimal(text)


def text(value: Decimal) -> str:
    """Return an amount as it is written: no exponent, no needless zeros.

    >>> text(Decimal("100")), text(Decimal("0.50")), text(Decimal("-0.0"))
    ('100', '0.5', '0')
    """
    plain = f"{value:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain == "-0" else plain


def times(value: Decimal, n: Decimal | int) -> Decimal:
    """Return an amount `n` times."""
    return _EXACT.multiply(value, Decimal(n))


def plus(left: Decimal, right: Decimal) -> Decimal:
    """Return the sum of two amounts."""
    return _EXACT.add(left, right)


def minus(left: Decimal, right: Decimal) -> Decimal:
    """Return the difference of two amounts; it may be negative."""
    return _EXACT.subtract(left, right)
