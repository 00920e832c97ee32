"""Data identifiers: which there are, and what is checked of their values."""

from datetime import date

import pytest

from agent.core.identity.data_identifiers import (
    SHAPE,
    allocated,
    day_of,
    fault,
    quantity_of,
    split,
)
from agent.core.identity.dates import Day
from agent.core.identity.reading import Reason

TODAY = date(2026, 6, 1)


def test_allocated_identifiers() -> None:
    """Each allocated identifier has its shape and a title; reserved categories have none."""
    assert all(SHAPE.fullmatch(code) and title for code, title in allocated().items())
    assert allocated()["1P"] == "supplier's item code"
    assert allocated()["54S"] == "serial number or entity"
    assert {code[-1] for code in allocated()} == set("BCDEFHIJKLMNPQRSTUVWZ")
    assert not {"999Y", "6B", "A", "0P"} & set(allocated())


@pytest.mark.parametrize(
    ("field", "parts"),
    [
        ("1PAB", ("1P", "AB")),
        ("25SX1", ("25S", "X1")),
        ("S", ("S", "")),
        ("1pAB", None),
        ("1234S", None),
        ("123", None),
    ],
)
def test_split(field: str, parts: tuple[str, str] | None) -> None:
    """The whole identifier counts: S never swallows 25S (D-79)."""
    assert split(field) == parts


@pytest.mark.parametrize(
    ("code", "value", "reason"),
    [
        ("Q", "12.5", None),
        ("Q", "1O", Reason.BAD_VALUE),
        ("Q", "-5", Reason.BAD_VALUE),
        ("Q", "12.", Reason.BAD_VALUE),
        ("7Q", "12.5KG", None),
        ("7Q", "KG", Reason.BAD_VALUE),
        ("4L", "DE", None),
        ("4L", "276", Reason.BAD_VALUE),
        ("D", "260131", None),
        ("D", "20260131", Reason.BAD_DATE),
        ("14D", "20281231", None),
        ("14D", "281231", Reason.BAD_DATE),
        ("9D", "anything", None),
    ],
)
def test_faults(code: str, value: str, reason: Reason | None) -> None:
    """Values are checked where the standard leaves no freedom, and nowhere else."""
    assert fault(code, value, TODAY) is reason


def test_days_and_quantities() -> None:
    """Dates and quantities are read by their identifiers."""
    assert day_of("D", "260131", TODAY) == Day(date(2026, 1, 31), exact=True)
    assert day_of("16D", "20260131", TODAY) == Day(date(2026, 1, 31), exact=True)
    assert day_of("9D", "260131", TODAY) is None
    assert quantity_of("Q", "250") == ("250", "")
    assert quantity_of("7Q", "12.5KG") == ("12.5", "KG")
    assert quantity_of("7Q", "KG") is None
    assert quantity_of("2Q", "5") is None
