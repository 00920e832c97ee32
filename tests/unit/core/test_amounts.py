"""Amounts of material as decimal text."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.amounts import amount, minus, plus, text, times

AMOUNTS = st.decimals(0, 10**12, allow_nan=False, allow_infinity=False, places=6)


@pytest.mark.parametrize("said", [None, "", "-1", "1e3", "1.", ".5", "NaN", "٣", "1" * 19, " 1"])
def test_what_is_no_amount_is_none(said: str | None) -> None:
    """A sign, an exponent, another script or a word is no amount: nothing is guessed (D-55)."""
    assert amount(said) is None


@given(AMOUNTS)
def test_an_amount_comes_back_as_it_was(value: Decimal) -> None:
    """What is written down is read again as the same amount."""
    assert amount(text(value)) == value


@given(AMOUNTS, AMOUNTS, st.integers(0, 10**6))
def test_sums_are_exact(left: Decimal, right: Decimal, n: int) -> None:
    """Taking away what was added leaves exactly what there was, however often."""
    total = plus(left, times(right, n))
    assert minus(total, times(right, n)) == left


def test_nothing_is_written_without_a_sign() -> None:
    """Zero has one form."""
    assert text(minus(Decimal("0.10"), Decimal("0.1"))) == "0"
    assert text(Decimal("-0.0")) == "0"
    assert text(Decimal("-0.5")) == "-0.5"
