"""Coupon codes: every length says how long the next part is."""

from datetime import date

import pytest

from agent.core.identity.coupons import coupon, positive_offer
from agent.core.identity.reading import Reason

TODAY = date(2026, 6, 1)
BASE = "012345612345611110123"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (BASE, None),
        (BASE[:-1], Reason.BAD_VALUE),
        ("7" + BASE[1:], Reason.BAD_VALUE),
        (BASE + "0", Reason.BAD_VALUE),
        (BASE + "1011012390", Reason.BAD_VALUE),
        (BASE + "101101239", None),
        (BASE + "21101239", None),
        (BASE + "3270131", None),
        (BASE + "3271301", Reason.BAD_DATE),
        (BASE + "4270100", Reason.BAD_DATE),
        (BASE + "32701314270130", None),
        (BASE + "32701304270131", Reason.BAD_DATE),
        (BASE + "50123456", None),
        (BASE + "611234567", None),
        (BASE + "90001", None),
        (BASE + "93001", Reason.BAD_VALUE),
        (BASE + "32701314270131", None),
    ],
)
def test_coupon(value: str, reason: Reason | None) -> None:
    """Each part is as long as the digit before it says, and optional parts keep their order."""
    assert coupon(value, TODAY) is reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("001234561234560123456", None),
        ("201234561234560123456", Reason.BAD_VALUE),
        ("001234561234561123456", Reason.BAD_VALUE),
        ("0012345612345601234567", Reason.BAD_VALUE),
    ],
)
def test_positive_offer(value: str, reason: Reason | None) -> None:
    """Format, funder, offer and serial fill the value."""
    assert positive_offer(value, TODAY) is reason


def digits(n: int) -> str:
    """Return so many digits."""
    return "1234567890123456"[:n]


@pytest.mark.parametrize("size", range(10))
def test_lengths_that_there_are(size: int) -> None:
    """A prefix has 6 to 12 digits, a value 1 to 5, a serial number 6 to 15, a retailer 7 to 13."""
    offer, rest = "123456", "11110123"
    prefix = f"{size}{digits(size + 6)}"
    value = f"{size}{digits(size)}"
    cases = {
        prefix + offer + rest: size <= 6,
        f"0123456{offer}{value}110123": 1 <= size <= 5,
        f"0123456{offer}11{value}0123": 1 <= size <= 5,
        f"{BASE}5{prefix}": True,
        f"{BASE}6{prefix}": 1 <= size <= 7,
        f"{BASE}2{value}01239": 1 <= size <= 5,
        f"{BASE}2110123{prefix}": size <= 6,
    }
    for code, fits in cases.items():
        assert coupon(code, TODAY) is (None if fits else Reason.BAD_VALUE), code
    assert (positive_offer(f"0{prefix}{offer}0123456", TODAY) is None) is (size <= 6)
    assert positive_offer(f"00123456{offer}{prefix}", TODAY) is None
