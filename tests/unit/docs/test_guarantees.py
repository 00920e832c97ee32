"""docs/guarantees.md: each promise names a test that is there."""

import re
from pathlib import Path

import pytest

NAMED = re.findall(r"`(tests/\S+\.py)::(\w+)`", Path("docs/guarantees.md").read_text())


@pytest.mark.parametrize(("file", "test"), NAMED, ids=lambda part: part)
def test_the_test_behind_a_promise_exists(file: str, test: str) -> None:
    """A promise without its test would be words."""
    assert re.search(rf"^(async )?def {test}\(", Path(file).read_text(), re.MULTILINE)


def test_each_promise_has_its_test() -> None:
    """Every line of the tables but their heads names one."""
    lines = [
        line for line in Path("docs/guarantees.md").read_text().splitlines() if line[:1] == "|"
    ]
    heads = [line for line in lines if line.startswith(("| Promise", "| ---"))]
    assert len(NAMED) == len(lines) - len(heads) > 0
