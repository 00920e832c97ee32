"""The key figures of the shift that runs, kept by the station itself, for a sink to show (D-112).

They are made from what is on disk, behind the commit, in a thread and on a connection of their own
for what was recorded before: nothing of the trace path waits for them. What is shown is a view; the
events prove it.

Laws:
    1. Without a calendar, or while the clock is not set, there is nothing to show (D-91, D-104).
    2. What a person corrected is read anew from the journal, so that it counts as what is right.
    3. A journal that cannot be read is told once, and tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from agent.app.event_sources import JournalSource, SourceError
from agent.app.measuring import Measured, begun, inputs_document, rows, windows_of
from agent.backoff import within
from agent.config.loaded import StationConfig
from agent.core.calendars import Window
from agent.core.events import EventCorrected
from agent.core.meter import Meter
from agent.formats.codec import moment
from agent.formats.json import decode
from agent.ports import Address, Clock, Journal, Worker
from agent.seat import Tell
from drivers.base import SET_CLOCKS

HOUR_MS = 3_600_000
BEHIND_MS, AHEAD_MS = 48 * HOUR_MS, 48 * HOUR_MS
"""Of so long the shifts are known: the last one that is over, and those to come."""
BATCH_ROWS = 256
LINGER_S = 1.0
"""How long events may gather before they are taken."""
LOOK_AGAIN_S = 600.0
"""How long nothing may come until it is seen whether the windows are used up."""
TRY_AGAIN_S = 60.0


@dataclass(slots=True)
class _Running:
    """A meter, and until when its windows reach."""

    meter: Meter
    since_ms: int
    until_ms: int


class LiveFigures:
    """One station's figures, over all its runs."""

    def __init__(self, config: StationConfig, clock: Clock, journal: Path, tell: Tell) -> None:
        self._config = config
        self._clock = clock
        self._source = JournalSource(journal)
        self._tell = tell
        self._running: _Running | None = None
        self._shown: Mapping[str, object] | None = None
        self._shown_ms: int | None = None
        self._is_told = False

    # -------------------------------------------------------------- keeping them

    async def keep(self, journal: Journal, worker: Worker) -> None:
        """Measure what the journal has and gets; return only by cancellation."""
        while True:
            self._running = None
            if self._is_set():
                try:
                    self._running = await worker.run(partial(self._begun, self._now_ms()))
                except SourceError as error:
                    self._say(str(error))
                else:
                    self._say(None)
                    await self._follow(journal, self._running)
                    continue
            await self._clock.sleep(TRY_AGAIN_S)

    def _begun(self, now_ms: int) -> _Running:
        """Return a meter that has taken what the journal had; runs in a thread."""
        until_ms = now_ms + AHEAD_MS
        found = self._windows(now_ms, until_ms)
        since_ms = found[0].begin_ms if found else now_ms
        return _Running(begun(self._config, self._source, found, since_ms), since_ms, until_ms)

    def _windows(self, now_ms: int, until_ms: int) -> list[Window]:
        """Return the last shift that is over, and what comes after it."""
        found = windows_of(self._config, now_ms - BEHIND_MS, until_ms)
        over = [place for place, window in enumerate(found) if window.end_ms <= now_ms]
        return found[over[-1] :] if over else found

    async def _follow(self, journal: Journal, running: _Running) -> None:
        """Take what comes, until the windows are used up, or what was taken is no longer right."""
        as_of = running.meter.as_of
        after = Address.parse(as_of) if as_of is not None else None
        while self._now_ms() < running.until_ms - AHEAD_MS // 2:
            with suppress(TimeoutError):
                await within(self._clock, LOOK_AGAIN_S, journal.wait_beyond(after))
            for row in await journal.read(after, BATCH_ROWS):
                event = decode(row.body)
                if isinstance(event, EventCorrected):
                    await self._clock.sleep(LINGER_S)  # corrections often come in numbers
                    return
                running.meter.take(event)
                after = row.address
            await self._clock.sleep(LINGER_S)

    def _say(self, error: str | None) -> None:
        """Tell once that there are no figures."""
        if error is not None and not self._is_told:
            self._tell("figures_failed", error=error)
        self._is_told = error is not None

    # -------------------------------------------------------------- showing them

    def show(self) -> Mapping[str, object] | None:
        """Return the figures of the shift that runs, made anew now and then; None: there are none.

        The same object means that nothing was made anew.
        """
        now_ms, every_ms = self._clock.now().boot_ms, self._config.oee.every_s * 1000
        if self._shown_ms is None or now_ms >= self._shown_ms + every_ms:
            self._shown_ms = now_ms
            self._shown = self._made() if self._running is not None and self._is_set() else None
        return self._shown

    def _made(self) -> dict[str, object] | None:
        running, now_ms = self._running, self._now_ms()
        if running is None:
            return None
        measured = Measured(
            config=self._config,
            results=tuple(running.meter.results(now_ms, is_live=True)),
            as_of=running.meter.as_of,
            since_ms=running.since_ms,
            until_ms=running.until_ms,
            seen_ms=running.meter.seen_ms,
        )
        shifts = [row for row in rows([measured], ("day", "shift")) if row["in_shift"]]
        return {
            "station": self._config.station.path,
            "machine": self._config.station.machine,
            "time": moment(now_ms),
            "as_of": running.meter.as_of,
            "running": _newest(shifts, is_over=False),
            "last": _newest(shifts, is_over=True),
            "inputs": inputs_document(self._config),
        }

    def _now_ms(self) -> int:
        return self._clock.now().wall_ms

    def _is_set(self) -> bool:
        return self._clock.now().clock_state in SET_CLOCKS


def _newest(shifts: list[dict[str, Any]], *, is_over: bool) -> dict[str, Any] | None:
    found = [row for row in shifts if row["is_over"] is is_over]
    return max(found, key=lambda row: str(row["begin"]), default=None)
