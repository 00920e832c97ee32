"""docs/faults.md: every row of the fault catalogue, each with tests that are there or said open."""

import re
from collections import Counter
from pathlib import Path

import pytest

PAGE = Path("docs/faults.md").read_text("utf-8")
ROWS = re.findall(
    r"^\| ([A-Z]\d\d) \| (.+?) \| ([ABCD]) \| (.+?) \| (.*?) ?\|$", PAGE, re.MULTILINE
)
MOST = {"P": 23, "R": 13, "C": 10, "N": 12, "B": 17, "U": 16, "M": 14, "S": 10, "I": 12, "L": 8,
        "G": 9, "E": 8, "X": 9}  # fmt: skip
"""How many rows the catalogue has in each area."""
NAMED = sorted(set(re.findall(r"`(\S+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "test"), NAMED, ids=lambda part: part)
def test_the_test_of_a_fault_exists(file: str, test: str) -> None:
    """A row that names a test which nobody runs would prove nothing."""
    text = Path("tests", file).read_text("utf-8")
    assert re.search(rf"^(async )?def {test}\(", text, re.MULTILINE)


def test_every_row_of_the_catalogue_is_here_once() -> None:
    """No fault is left out, and none is invented."""
    wanted = [f"{area}{number:02d}" for area, most in MOST.items() for number in range(1, most + 1)]
    assert [name for name, *_ in ROWS] == wanted


def test_a_row_without_a_test_says_what_is_open() -> None:
    """What is not proven is said, in words."""
    assert [name for name, _, _, held, is_open in ROWS if held == "-" and not is_open] == []


@pytest.mark.parametrize(
    ("line", "has_test", "is_open"),
    [
        ("held by tests", True, False),
        ("held in part, the rest open", True, True),
        ("open", False, True),
    ],
)
def test_the_sums_are_those_of_the_rows(line: str, *, has_test: bool, is_open: bool) -> None:
    """The head of the page counts its own rows, by severity."""
    severities = Counter(
        severity
        for _, _, severity, held, text in ROWS
        if (held != "-") is has_test and bool(text) is is_open
    )
    counts = ", ".join(f"{severities[letter]} {letter}" for letter in "ABCD")
    assert f"| {line} | {severities.total()} | {counts} |" in PAGE
