"""docs/security.md: each thing that is done names a test that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/\S+\.py)::(\w+)` \|", TEXT)


@pytest.mark.parametrize(("file", "test"), NAMED, ids=lambda part: part)
def test_the_test_behind_a_line_exists(file: str, test: str) -> None:
    """What nothing holds is not done."""
    code = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {test}\(", code, re.MULTILINE)


def test_each_line_of_what_is_done_names_its_test() -> None:
    """Every row of the tables with `held by` has one."""
    tables = TEXT.split("| done | held by |\n|---|---|\n")[1:]
    rows = [line for table in tables for line in table.split("\n\n")[0].splitlines()]
    assert len(NAMED) == len(rows) > 0
