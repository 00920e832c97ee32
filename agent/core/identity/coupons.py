"""North American coupon codes, AI (8110) and (8112): digits that give the length of what follows.

Source: GS1 US, North American Coupon Application Guideline; AI (8112) Coupon Data Specification.
"""

from __future__ import annotations

import re
from datetime import date

from agent.core.identity.dates import yymmdd
from agent.core.identity.reading import Reason


def _sized(first: int, last: int, more: int = 0) -> str:
    """Match a digit that says how many digits follow it, `more` beyond what it says."""
    options = (f"{size}[0-9]{{{size + more}}}" for size in range(first, last + 1))
    return f"(?:{'|'.join(options)})"


_PREFIX = _sized(0, 6, more=6)
_CODE, _FAMILY = "[0-49]", "[0-9]{3}"
_FURTHER = f"{_sized(1, 5)}{_CODE}{_FAMILY}(?:9|{_PREFIX})"
_COUPON = re.compile(
    f"{_PREFIX}[0-9]{{6}}{_sized(1, 5)}{_sized(1, 5)}{_CODE}{_FAMILY}"
    f"(?:1[0-3]{_FURTHER})?(?:2{_FURTHER})?"
    "(?:3(?P<expiry>[0-9]{6}))?(?:4(?P<start>[0-9]{6}))?"
    f"(?:5{_sized(0, 9, more=6)})?(?:6{_sized(1, 7, more=6)})?"
    "(?:9[01256][0-2][0-9][01])?"
)
_POSITIVE_OFFER = re.compile(f"[01]{_PREFIX}[0-9]{{6}}{_sized(0, 9, more=6)}")


def coupon(value: str, reference: date) -> Reason | None:
    """Return what is wrong with the value of (8110), None if nothing is."""
    found = _COUPON.fullmatch(value)
    if found is None:
        return Reason.BAD_VALUE
    expiry, start = found["expiry"], found["start"]
    for day in (expiry, start):
        if day is not None and yymmdd(day, reference, zero_day=False) is None:
            return Reason.BAD_DATE
    if expiry is not None and start is not None and start > expiry:
        return Reason.BAD_DATE
    return None


def positive_offer(value: str, _: date) -> Reason | None:
    """Return what is wrong with the value of (8112), None if nothing is."""
    return None if _POSITIVE_OFFER.fullmatch(value) else Reason.BAD_VALUE
