"""A station's sinks: wired up for each run, and what they say told once and recorded as links."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from agent.app.orphaned import Orphans
from agent.app.steady import Steady
from agent.app.surroundings import Surroundings
from agent.config.loaded import SinkConfig, StationConfig
from agent.core.state import State
from agent.journal.outside import Readable
from agent.ports import Address, Clock, Row, Worker
from agent.publisher import Condition, Publisher, Quarantine, SinkState
from agent.seat import Tell
from agent.sinks.options import Live, MachineNow, Oddity, SinkPlace, position_of
from agent.sinks.registry import sink_spec
from agent.sinks.values import ValueFeed
from drivers.base import AnyObservation, LinkChanged

if TYPE_CHECKING:
    from agent.app.live_figures import LiveFigures

_NAMES = {
    Condition.CONNECTED: "sink_connected",
    Condition.DOWN: "sink_down",
    Condition.PAUSED: "sink_paused",
}


_ALARMS = {
    Oddity.TAKEN_OVER: "session_taken_over",
    Oddity.HISTORY_UNKNOWN: "history_unknown",
}
"""What of the odd is no warning: a person has to look."""


def _no_figures() -> None:
    """Return that there are none."""


Status = Callable[[], Mapping[str, object]]
Durable = Callable[[], State | None]
"""What is known from events on disk; None while there is no run."""


def quarantine_path(directory: Path, sink: str) -> Path:
    """Return where a sink's quarantine is, in a station's state directory."""
    return directory / f"quarantine-{sink}.jsonl"


def first_cursor(start: str, last: Address) -> Address | None:
    """Return where the cursor of a new sink stands; None: before the oldest event that is kept.

    Args:
        start: `oldest`, `now`, or the address of the first event that it gets.
        last: The newest event.

    Raises:
        ValueError: the address is behind the newest event.
    """
    if start == "oldest":
        return None
    if start == "now":
        return last
    first = Address.parse(start)
    before = Address(first.epoch, first.seq - 1)
    if before > last:
        raise ValueError(
            f"`start: {start}` is behind the newest event, {last}; it begins with the oldest kept"
        )
    return before


def figures_of(
    config: StationConfig, clock: Clock, journal: Path, tell: Tell
) -> LiveFigures | None:
    """Return what keeps a station's figures; None: nobody asked, or nothing says when it works."""
    if not config.oee.is_asked or config.oee.calendar is None:
        return None
    from agent.app.live_figures import LiveFigures  # noqa: PLC0415 - loads all that measures

    return LiveFigures(config, clock, journal, tell)


def blind_sinks(config: StationConfig) -> tuple[str, ...]:
    """Return the sinks that cannot see what the other side refuses."""
    sinks = config.sinks.items()
    return tuple(name for name, sink in sinks if not sink.options.sees_refusals)


class Outlets:
    """The sinks of one station, over all its runs."""

    def __init__(
        self,
        config: StationConfig,
        around: Surroundings,
        tell: Tell,
        offer: Callable[[LinkChanged], bool],
        begin_anew: Callable[[], None],
    ) -> None:
        self._config = config
        self._around = around
        self._tell = tell
        self._offer = offer
        self._numbers = count(1)
        self.figures = figures_of(config, around.clock, around.journal_path, tell)
        """Key figures of the running shift; None: nothing says what they are measured against."""
        self._odd: dict[tuple[str, Oddity], str] = {}
        """What was told of each sink."""
        self.blind = blind_sinks(config)
        self._steady: dict[str, Steady] = {}
        self._feeds = _feeds(config) if around.publish else {}
        unknown = Oddity.HISTORY_UNKNOWN
        self.orphans = Orphans(lambda sink, text: self._odd_thing(sink, unknown, text), begin_anew)
        """What the sinks hold beyond the journal."""

    def see(self, observation: AnyObservation) -> None:
        """Show an observation to the sinks that show values live; they never keep it up."""
        for feed in self._feeds.values():
            feed.see(observation)

    def workers(self) -> list[Worker]:
        """Return a thread for each sink, which the caller closes."""
        return [self._around.worker(f"sink-{name}") for name in self._config.sinks]

    def publishers(
        self, journal: Readable, workers: Sequence[Worker], status: Status, durable: Durable
    ) -> list[Publisher]:
        """Return the publishers of one run, not yet running."""
        configs = self._config.sinks.values()
        for config in configs:
            self._begin(config, journal)
        return [
            self._publisher(config, journal, worker, status, durable)
            for config, worker in zip(configs, workers, strict=True)
        ]

    def _begin(self, config: SinkConfig, journal: Readable) -> None:
        """Let a sink that was not there before begin where the station file says."""
        if journal.cursor(config.name) is not None or journal.last is None:
            return
        try:
            first = first_cursor(config.options.start, journal.last)
        except ValueError as error:
            self._tell(
                "sink_warning",
                at=self._config.where(config.name),
                sink=config.name,
                reason="unknown_start",
                error=str(error),
            )
            return
        if first is not None:
            journal.move_cursor(config.name, first)

    def _publisher(
        self,
        config: SinkConfig,
        journal: Readable,
        worker: Worker,
        status: Status,
        durable: Durable,
    ) -> Publisher:
        around = self._around
        steady = Steady(around.clock, self._changed, self._comes_and_goes)
        self._steady[config.name] = steady
        path = quarantine_path(around.directory, config.name)
        quarantine = Quarantine(path, worker, around.clock)
        place = SinkPlace(
            name=config.name,
            station=self._config.station.path,
            directory=around.directory,
            clock=around.clock,
            worker=worker,
            position=partial(position_of, journal),
            status=status,
            read=journal.read,
            set_aside=quarantine.addresses,
            secret=around.secret,
            warn=partial(self._odd_thing, config.name),
            live=self._live(config.name, durable),
            is_known=partial(self.orphans.is_known, journal, config.name),
            figures=_no_figures if self.figures is None else self.figures.show,
        )
        return Publisher(
            config.name,
            sink_spec(config.sink).build(config.options, place),
            journal,
            quarantine,
            clock=around.clock,
            random=around.random,
            kinds=config.kinds,
            on_state=steady.see,
            on_set_aside=partial(self._set_aside, config.name),
            beside=steady.keep,
        )

    def _live(self, sink: str, durable: Durable) -> Live | None:
        """Return what a sink is shown beside events, None for one that sends events alone."""
        feed = self._feeds.get(sink)
        if feed is None:
            return None
        has_state = self._config.station.state is not None
        machine = partial(machine_now, durable) if has_state else _no_machine
        return Live(feed=feed, machine=machine, files=self._around.journal.files)

    def _set_aside(self, sink: str, row: Row, cause: str) -> None:
        """Say that an event went to quarantine: `lineside quarantine` shows and releases it."""
        at = self._config.where(sink)
        self._tell(
            "event_quarantined", at=at, sink=sink, epoch=row.epoch, seq=row.seq, reason=cause
        )

    def _odd_thing(self, sink: str, reason: Oddity, text: str) -> None:
        """Say once what should be looked at, however often the sink connects and finds it again."""
        if self._odd.get((sink, reason)) == text:
            return
        self._odd[sink, reason] = text
        at = self._config.where(sink)
        name = _ALARMS.get(reason, "sink_warning")
        self._tell(name, at=at, sink=sink, reason=reason, error=text)

    @property
    def unsteady(self) -> tuple[str, ...]:
        """The sinks that come and go, too often to be told each time."""
        return tuple(name for name, steady in self._steady.items() if steady.is_unsteady)

    def _comes_and_goes(self, state: SinkState, losses: int) -> None:
        """Say that a sink is told no more each time; the last loss that was told stands."""
        self._tell(
            "sink_unsteady",
            at=self._config.where(state.sink),
            sink=state.sink,
            error=state.reason,
            losses=losses,
        )

    def _changed(self, state: SinkState, losses: int) -> None:
        """A sink came or went: a log line, and an event as for every link."""
        is_up = state.condition is Condition.CONNECTED
        self._tell(
            _NAMES[state.condition],
            at=None if is_up else self._config.where(state.sink),
            sink=state.sink,
            error=state.reason or None,
            backlog=state.backlog,
            **({"losses": losses} if is_up and losses > 1 else {}),
        )
        self._offer(
            LinkChanged.at(
                self._around.clock.now(),
                f"sink-{state.sink}-{next(self._numbers)}",
                f"sink/{state.sink}",
                up=is_up,
                reason=state.reason,
                faults=self.orphans.faults(state.sink) if is_up else (),
                losses=max(1, losses),
            )
        )


def machine_now(durable: Durable) -> MachineNow:
    """Return what the machine does, by what is on disk."""
    state = durable()
    if state is None:
        return MachineNow(as_of=Address("", 0))
    shown, as_of = state.machine.shown, Address(state.epoch, state.seq)
    if shown is None:
        return MachineNow(as_of=as_of)
    return MachineNow(
        as_of=as_of,
        state=shown.state,
        category=shown.category,
        reason=shown.reason,
        mode=shown.mode,
    )


def _no_machine() -> None:
    """Say that the station looks at no state."""


def _feeds(config: StationConfig) -> dict[str, ValueFeed]:
    """Return, by sink, what waits to be shown; it outlives the runs of a station."""
    feeds = {}
    for name, sink in config.sinks.items():
        if sink_spec(sink.sink).live:
            chosen = sink.options.tags
            tags = {
                device.name: [
                    tag.name for tag in device.tags if chosen is None or tag.name in chosen
                ]
                for device in config.devices.values()
            }
            feeds[name] = ValueFeed(tags, sink.options.buffer)
    return feeds
