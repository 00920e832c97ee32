"""What random lines recorded on bad days, told to others: sound, certain only, and added up.

The lines are those of the soak: every strategy, through the real core, with faults between.
"""

import io
import json
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

import pytest

from agent.app.exporting import export_epcis
from agent.core import events as ev
from agent.core.calendars import Window
from agent.core.meter import Meter, MeterPlan
from agent.core.oee import Rules, figures, total
from agent.core.station import Strategy
from agent.formats.epcis.ids import Ids
from agent.formats.epcis.mapping import Document, Settings
from agent.formats.epcis.rules import problems
from agent.formats.tables import TABLES
from agent.trace.wanted import Wanted
from tests.measured import window
from tests.soak.lines import LINES
from tests.soak.plans import plan
from tests.soak.world import World
from tests.trace_rig import documents

SEEDS = range(2)


@cache
def recorded(strategy: Strategy) -> tuple[ev.Event, ...]:
    """Return what a few lines of a strategy recorded, one after the other."""
    found: list[ev.Event] = []
    for seed in SEEDS:
        world = World(Random(f"exports {strategy} {seed}"))  # noqa: S311 - a line is drawn, no key
        line = LINES[strategy](plan(world, strategy, faulty=True), world)
        line.run(20)
        found += line.agent.events
    return tuple(found)


class Listed:
    """A source of events that are at hand."""

    name = "lines"

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.events = events

    def stations(self) -> frozenset[str]:
        """Return whose they are."""
        return frozenset(event["station"] for event in self.events)

    def read(self, wanted: Wanted) -> Iterator[Document]:
        """Yield those of the kinds that are asked for."""
        return (each for each in self.events if not wanted.kinds or each["kind"] in wanted.kinds)

    def newest(self, wanted: Wanted) -> Document | None:
        """Return the last one."""
        return list(self.read(wanted))[-1]


@pytest.mark.parametrize("strategy", Strategy)
def test_whatever_is_recorded_makes_a_sound_document(strategy: Strategy) -> None:
    """No event breaks a rule of EPCIS, each has an id of its own unless it is declared wrong."""
    out = io.StringIO()
    events = documents(recorded(strategy))
    settings = Settings(ids=Ids("https://id.acme.com/"))
    created = "2026-11-30T10:00:00Z"
    done = export_epcis([Listed(events)], Wanted(), settings, out, created=created)
    document = json.loads(out.getvalue())
    assert done.refused == []
    assert problems(document) == []
    told = document["epcisBody"]["eventList"]
    first = [each["eventID"] for each in told if "errorDeclaration" not in each]
    assert len(set(first)) == len(first)
    wrong = {each["eventID"] for each in told if "errorDeclaration" in each}
    assert wrong <= set(first)


@pytest.mark.parametrize("strategy", Strategy)
def test_whatever_is_recorded_has_its_rows(strategy: Strategy) -> None:
    """Each row of each table has every column."""
    for table in TABLES.values():
        for event in documents(recorded(strategy)):
            if not table.kinds or event["kind"] in table.kinds:
                assert all(len(row) == len(table.columns) for row in table.rows(event))


@pytest.mark.parametrize("strategy", Strategy)
def test_whatever_is_recorded_adds_up(strategy: Strategy) -> None:
    """The times of a window, and its pieces by the records: nothing is left over, none moved."""
    events = recorded(strategy)
    begin_ms = min(event.time.received_ms for event in events)
    end_ms = max(event.time.received_ms for event in events) + 1
    shift = window(0, 1)
    whole = Window(name="all", day=shift.day, begin_ms=begin_ms, end_ms=end_ms)
    meter = Meter(MeterPlan(ideal_us=1_000_000, rules=Rules(rework_counts=True)), [whole])
    for event in events:
        meter.take(event)
    found = total(each.elements for each in meter.results(end_ms) if each.window)
    lost_ms = sum(found.losses.values())
    assert found.busy_ms == whole.length_ms
    assert found.busy_ms == found.production_ms + found.unknown_ms + lost_ms
    counts = found.counts
    assert counts.produced == counts.recorded - counts.not_production
    assert found.earned_us == 1_000_000 * counts.produced
    judged = figures(found, Rules())
    assert judged.unjudged == counts.produced - counts.good - counts.nok
