"""Random histories of the example stations: each is played once and recorded.

Every beginning of a run with its epoch, every observation with its moment. `tests.outside` draws
them at random from the station's own plan, with kills in it.
"""

from dataclasses import replace
from functools import cache, reduce
from pathlib import Path

from agent.app.registries import registries
from agent.config.load import load
from agent.core import binder
from agent.core.events import Event
from agent.core.state import Decision, State, Working
from agent.core.station import Station
from agent.formats.json import decode, encode
from tests.outside import Outside, Step

EXAMPLES = sorted((Path(__file__).parents[1] / "config").glob("*.example.yaml"))
STEPS = 150


@cache
def station_of(file: Path) -> Station:
    """Return the plan of an example, under one name whatever its comments are."""
    return replace(load(file, registries()).station, config="c1")


class Run:
    """A station that takes steps, and what has become of it."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.events: list[Event] = []
        self.state, self.working = binder.initial(station), Working()
        self.decisions: list[Decision] = []

    def take(self, step: Step) -> Decision:
        """Begin a run, from the events alone, or decide an observation."""
        if isinstance(step.what, binder.Beginning):
            decision = binder.start(fold(self.station, self.events), step.what, step.now)
        else:
            decision = binder.decide(self.state, self.working, step.what, step.now)
        self.state, self.working = decision.state, decision.working
        self.events += decision.events
        self.decisions.append(decision)
        return decision


def fold(station: Station, events: list[Event]) -> State:
    """Return what a station knows from its journal alone: each event as it was written."""
    return reduce(binder.evolve, map(decode, map(encode, events)), binder.initial(station))


@cache
def played(file: Path, seed: int) -> tuple[Run, list[Step]]:
    """Return a random history of an example station, with a kill now and then."""
    station = station_of(file)
    run, outside, steps = Run(station), Outside(station, seed), []
    for n in range(STEPS):
        is_begin = n == 0 or outside.random.random() < 1 / 50
        step = outside.begin(run.events[-1] if run.events else None) if is_begin else outside.next()
        decision = run.take(step)
        outside.asks += decision.asks
        outside.wakeup_ms = decision.wakeup_ms
        steps.append(step)
    return run, steps
