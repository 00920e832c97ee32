"""The short form of `make fuzz`: every target and its laws, and no vector accepted wrongly."""

import pytest

from tests.fuzz.score import FILES, score
from tests.fuzz.targets import TARGETS, one

SHORT = 20_000
"""Inputs in all; `make fuzz` takes a million, and other ones each time."""


@pytest.mark.parametrize("name", TARGETS)
def test_no_law_breaks(name: str) -> None:
    """Nearly right inputs are read or refused, and the target's law holds for each."""
    for seed in range(max(10, round(SHORT * TARGETS[name].share))):
        one(name, seed)


@pytest.mark.parametrize("file", FILES)
def test_no_vector_is_accepted_wrongly(file: str) -> None:
    """Wrong acceptances, the kind that makes a wrong record, are none, and so is the rest."""
    found = score(file)
    assert (found.wrong_acceptances, found.wrong_refusals, found.wrong_reasons) == ([], [], [])
    assert found.right > 0
