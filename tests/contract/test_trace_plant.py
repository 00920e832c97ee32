"""The plant that the bench measures is one: its answers are those that its shape demands."""

from collections.abc import Callable

from agent.trace.api import Trace
from tests.bench.plant import HOUSINGS, POSITIONS, asked_of, events

Fresh = Callable[[], str]
UNITS = 400


def test_a_plant_answers_as_it_is_made(fresh: Fresh) -> None:
    """A lot and a raw lot are in as many units as were made of them, and nothing lacks."""
    asked = asked_of(UNITS)
    with Trace.open(fresh()) as trace:
        made = list(events(UNITS))
        assert trace.take_events(made).new == len(made)
        assert trace.take_events(made).known == len(made)
        report = trace.recall(asked.lot)
        assert (len(report["certain"]), report["possible"]) == (asked.hits, [])
        assert all(one["is_whole"] for one in report["rests_on"])
        used = trace.where_used(asked.raw)
        steps = [name for name in used.certain if not name.startswith("https:")]
        assert len(steps) == 2 + 4 + HOUSINGS
        assert len(used.certain) - len(steps) == asked.hits
        assert len(trace.tree(asked.unit).children) == POSITIONS
        assert trace.store.size().units == UNITS
