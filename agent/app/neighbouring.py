"""The stations of other gateways that a station follows, over its runs (issue 7).

Laws:
    1. A collector as of `lineside collect` takes what they record: confirmed to the broker after
       the commit, asked for again where it lacks. Only what it is put into is another store.
    2. Nothing here stops the station, its journal or its sinks: what cannot be known is a doubt,
       and the station's own policy decides on each unit (D-41).
    3. A doubt counts at once. It is told, and recorded as a lost link, when it has stood a while.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from itertools import count

from agent.app.attached import TICK_S, Outside, Wanted
from agent.app.collected import Status
from agent.app.collecting import Collector
from agent.app.surroundings import Surroundings
from agent.config.loaded import NeighboursConfig, StationConfig
from agent.ports import StoreError, Worker
from agent.seat import Tell
from agent.telemetry import Notifier
from agent.trace.account import Extent
from agent.trace.claims import Stand
from agent.trace.neighbour import Condition, Doubt, Manner, Neighbour, Seen, judge
from agent.trace.neighbour_keep import NeighbourKeep
from agent.trace.took import Proof
from drivers.base import SET_CLOCKS, LinkChanged

WAIT_S = 2.0
"""What lacks at two looks so far apart is asked for: sooner than a historian asks (D-138), for
units wait for it."""
WINDOW = 200
"""Messages that one commit takes at most: a question waits behind it."""
ASK_ANEW_S = 60.0
"""What was not answered, or refused, is asked for so often."""
LEAVE_S = 0.5
"""A run that ends waits no longer for a broker that does not answer: the next one is needed."""
TELL_AFTER_S = 5.0
"""A doubt that has stood for so long is told."""
LINGER_SHARE = 0.6
"""Of the time that a look-up may take: how long an event that may be on its way is waited for."""
FORGET_EVERY_S = 3600.0
_MOST_NAME = 40


class Neighbourhood:
    """The stations that one station follows."""

    def __init__(
        self,
        config: StationConfig,
        wanted: NeighboursConfig,
        around: Surroundings,
        tell: Tell,
        offer: Callable[[LinkChanged], bool],
    ) -> None:
        self._config, self._wanted = config, wanted
        self._around, self._clock = around, around.clock
        self._tell, self._offer = tell, offer
        self._worker: Worker = around.worker("neighbours")
        station = config.station
        self._name = name_of(station.path)
        proof = Proof(wanted.root, self._name)
        self._keep = NeighbourKeep(
            around.directory, wanted.stations, proof, asks=wanted.asks_for_missing
        )
        manner = Manner(
            within_s=wanted.within_s,
            linger_s=station.lookup_within_ms / 1000 * LINGER_SHARE,
            clock=around.clock,
            worker=self._worker,
        )
        self.sources: Mapping[str, Neighbour] = {
            path: Neighbour(path, self._keep, manner, is_before=path in station.previous)
            for path in wanted.stations
        }
        """Each of them, as it can be asked."""
        self._news = asyncio.Event()
        self._told: dict[str, Doubt | None] = {}
        self._since_ms: dict[str, tuple[Doubt | None, int]] = {}
        self._numbers = count(1)
        self._forgot_ms = 0

    # -------------------------------------------------------------- life

    async def begin(self) -> None:
        """Begin its thread: later none may be had any more (E03)."""
        await self._worker.run(lambda: None)

    async def run(self) -> None:
        """Follow them; return only by cancellation."""
        collector = Collector(
            Wanted(
                options=self._wanted.options,
                root=self._wanted.root,
                places=self._wanted.stations,
                group=None,
                name=self._name,
                open=lambda: self._keep,
                wait_s=WAIT_S,
                session_s=round(self._wanted.session_s),
                until_complete=False,
                window=WINDOW,
                ask_anew_s=ASK_ANEW_S,
                leave_s=LEAVE_S,
                left=lambda: self._keep.others,
            ),
            Outside(
                clock=self._clock,
                random=self._around.random,
                worker=self._worker,
                tell=self._say,
                show=_show_nobody,
                notify=Notifier({}),
                news=self._news.set,
                attach=self._around.attach,
            ),
        )
        judging = asyncio.create_task(self._keep_judging(collector), name="neighbours judged")
        try:
            await collector.run()
        finally:
            judging.cancel()
            await asyncio.gather(judging, return_exceptions=True)
            self._see({}, None, None, is_connected=False)

    async def close(self) -> None:
        """Let go of the files and of the thread."""
        await self._worker.run(self._keep.close)
        self._worker.close()

    def _say(self, event: str, **fields: object) -> None:
        """Tell what the collector tells; what of it this station's judgement says is left out."""
        if event in _OF_THE_COLLECTOR:
            self._tell(_OF_THE_COLLECTOR[event], **fields)

    # -------------------------------------------------------------- judging

    async def _keep_judging(self, collector: Collector) -> None:
        while True:
            await self._judge(collector)
            self._news.clear()
            pause = asyncio.ensure_future(self._clock.sleep(TICK_S))
            came = asyncio.ensure_future(self._news.wait())
            try:
                await asyncio.wait((pause, came), return_when=asyncio.FIRST_COMPLETED)
            finally:
                pause.cancel()
                came.cancel()

    async def _judge(self, collector: Collector) -> None:
        stands = {path: collector.stand(path) for path in self.sources}
        known = {path: stand for path, stand in stands.items() if stand is not None}
        error: str | None = None
        extents: dict[str, Extent] = {}
        try:
            await self._worker.run(partial(self._tidy, known))
            extents = await self._worker.run(lambda: self._keep.extents(known))
        except StoreError as problem:
            error = str(problem)
        damaged, self._keep.damaged = self._keep.damaged, []
        for each in damaged:
            self._tell("neighbour_damaged", error=each)
        self._see(extents, collector, error, is_connected=collector.is_connected)

    def _tidy(self, stands: Mapping[str, Stand]) -> None:
        """Open what is not open, and let go of what is old.

        Raises:
            StoreError: it cannot be used now.
        """
        self._keep.open()
        now = self._clock.now()
        is_due = self._forgot_ms == 0 or now.boot_ms - self._forgot_ms >= FORGET_EVERY_S * 1000
        if is_due and now.clock_state in SET_CLOCKS:
            self._forgot_ms = now.boot_ms
            keep_s, within_s = self._config.journal.lookup_keep_s, self._wanted.within_s
            self._keep.forget(
                facts_before_ms=now.wall_ms - round(keep_s * 1000),
                runs_before_ms=now.wall_ms - round(min(within_s, keep_s) * 1000),
                stands=stands,
            )

    def _see(
        self,
        extents: Mapping[str, Extent],
        collector: Collector | None,
        error: str | None,
        *,
        is_connected: bool,
    ) -> None:
        now = self._clock.now()
        for path, source in self.sources.items():
            seen = Seen(
                is_connected=is_connected,
                store_error=error,
                online=collector.online(path) if collector is not None else None,
                extent=extents.get(path),
            )
            source.see(judge(seen, self._wanted.within_s, now))
            self._tell_of(path, source.condition)

    # -------------------------------------------------------------- telling

    def _tell_of(self, path: str, condition: Condition) -> None:
        """Tell a doubt that has stood a while, and its end; each is a link lost or restored."""
        now_ms = self._clock.now().boot_ms
        doubt, since_ms = self._since_ms.get(path, (None, now_ms))
        if doubt is not condition.doubt or path not in self._since_ms:
            since_ms = now_ms
            self._since_ms[path] = condition.doubt, now_ms
        has_stood = now_ms - since_ms >= TELL_AFTER_S * 1000
        if condition.doubt is None:
            if self._told.get(path, Doubt.NOT_HEARD) is not None:
                self._told[path] = None
                self._tell("neighbour_known", neighbour=path, as_of=condition.as_of)
                self._record(path, condition)
        elif has_stood and self._told.get(path) is not condition.doubt:
            is_first = self._told.get(path) is None
            self._told[path] = condition.doubt
            self._tell(
                "neighbour_unknown",
                at=self._at,
                neighbour=path,
                reason=condition.doubt,
                error=condition.says,
            )
            if is_first:
                self._record(path, condition)

    @property
    def _at(self) -> str:
        place = self._wanted.place
        return f"{self._config.file}:{place.line}:{place.column}"

    def _record(self, path: str, condition: Condition) -> None:
        is_up = condition.doubt is None
        self._offer(
            LinkChanged.at(
                self._clock.now(),
                f"neighbour-{next(self._numbers)}",
                f"neighbour/{path}",
                up=is_up,
                reason="" if is_up else f"{path}: {condition.says}",
            )
        )

    def unknown(self) -> tuple[str, ...]:
        """Return those of which all is not known now."""
        return tuple(path for path, source in self.sources.items() if source.condition.doubt)

    def status(self) -> list[dict[str, object]]:
        """Return how it stands with each, for the retained `state`."""
        return [_status(path, source.condition) for path, source in self.sources.items()]


def _status(path: str, condition: Condition) -> dict[str, object]:
    said: dict[str, object] = {"station": path, "known": condition.doubt is None}
    if condition.doubt is not None:
        said |= {"reason": condition.doubt.value, "error": condition.says}
    if condition.as_of:
        said["as_of"] = condition.as_of
    if condition.since:
        said["since"] = condition.since
    return said


def name_of(station: str) -> str:
    """Return the branch of `reply` on which a station's neighbours answer it: its own."""
    words = re.sub(r"[^a-z0-9_-]+", "-", station)[-_MOST_NAME:]
    return f"{words}-{sha256(station.encode()).hexdigest()[:8]}"


def _show_nobody(_status: Status) -> None:
    """Show nobody how the collector stands: each neighbour is judged by itself."""


_OF_THE_COLLECTOR = {
    "broker_connected": "neighbours_connected",
    "broker_lost": "neighbours_lost",
    "message_set_aside": "neighbour_message_refused",
    "store_lost": "neighbours_store_lost",
    "store_works": "neighbours_store_works",
}
"""What is told of what the collector tells, and by which name."""
