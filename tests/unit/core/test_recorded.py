"""The same observations give the same record in every process, and after every change."""

from pathlib import Path

import pytest

from tests import recorded
from tests.played import EXAMPLES

KNOWN = recorded.FILE.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("seed", recorded.SEEDS)
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name.partition(".")[0])
def test_a_history_is_recorded_as_it_was(file: Path, seed: int) -> None:
    """Events, asks, replies and outputs: a change that was not meant is seen at every station.

    If it was meant: `python -m tests.recorded`, and the commit says what is recorded now.
    """
    name = file.name.partition(".")[0]
    known = [line for line in KNOWN if line.startswith(f"{name} {seed} ")]
    now = list(recorded.lines(file, seed))
    first = next((line for line in now if line not in known), None)
    assert first is None, f"recorded otherwise (if meant: python -m tests.recorded): {first}"
    assert now == known
