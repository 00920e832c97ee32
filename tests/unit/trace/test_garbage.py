"""Garbage is looked for seldom while events are taken, and as before when they are in."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.trace.garbage import SELDOM, looked_for_seldom
from agent.trace.store import Store
from tests.trace_rig import Plant


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Leave the process as it was."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_it_is_looked_for_seldom_until_the_end() -> None:
    """Within, one in the other too, and no longer: also where it ends by an error."""
    gc.set_threshold(700, 9, 8)
    with looked_for_seldom(), looked_for_seldom():
        assert gc.get_threshold() == (SELDOM, 9, 8)
    assert gc.get_threshold() == (700, 9, 8)
    with pytest.raises(LookupError), looked_for_seldom():
        raise LookupError
    assert gc.get_threshold() == (700, 9, 8)


@pytest.mark.parametrize("first", [0, SELDOM + 1])
def test_who_looks_for_it_never_or_more_seldom_keeps_to_that(first: int) -> None:
    """What the process was told before counts."""
    gc.set_threshold(first, 9, 8)
    with looked_for_seldom():
        assert gc.get_threshold() == (first, 9, 8)
    assert gc.get_threshold() == (first, 9, 8)


def test_events_are_taken_so(tmp_path: Path) -> None:
    """A batch is read, kept and derived while garbage is looked for seldom."""
    gc.set_threshold(700, 9, 8)
    plant = Plant()
    plant.unit("U1", "LOT")
    seen = []

    def documents() -> Iterator[dict[str, object]]:
        """Tell what holds while the events are read."""
        seen.append(gc.get_threshold())
        yield from plant.events

    with Store.open(f"{tmp_path}/trace.db") as store:
        assert store.take_events(documents()).new == len(plant.events)
    assert seen == [(SELDOM, 9, 8)]
    assert gc.get_threshold() == (700, 9, 8)
