"""A collector as `lineside collect` composes it, on a clock that runs fast, and its store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from agent.app.attached import Outside, Wanted
from agent.app.collected import Status
from agent.app.collecting import Collector
from agent.sinks.mqtt import MqttOptions
from agent.telemetry import Notifier
from agent.threads import ThreadWorker
from agent.trace.aside import Aside, all_aside
from agent.trace.holdings import Station, completeness
from agent.trace.store import Store
from agent.trace.store_keep import StoreKeep
from tests.doubles import FastClock, SeededRandom

PATIENCE_S = 60.0


class CollectorBench:
    """One collector; `told` has its log, `last` how it stands."""

    def __init__(
        self,
        where: str,
        port: int,
        *,
        name: str = "historian",
        broker: Mapping[str, str] | None = None,
        **words: Any,  # noqa: ANN401 - of a collector
    ) -> None:
        self.where = where
        self.told: list[tuple[str, dict[str, object]]] = []
        self.last: Status | None = None
        self._clock = FastClock(8.0)
        self._shown = asyncio.Event()
        options = MqttOptions.model_validate({"url": f"mqtt://127.0.0.1:{port}", **(broker or {})})
        given: dict[str, Any] = {
            "places": ("#",),
            "group": None,
            "wait_s": 1.0,
            "session_s": 3600,
            "until_complete": False,
        }
        self._wanted = Wanted(
            options=options,
            root=options.root,
            name=name,
            open=lambda: StoreKeep(Store.open(where), options.root, name),
            **{**given, **words},
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        """Run it, and end it as SIGTERM does."""
        worker = ThreadWorker("store")
        outside = Outside(
            clock=self._clock,
            random=SeededRandom(),
            worker=worker,
            tell=lambda event, **fields: self.told.append((event, fields)),
            show=self._show,
            notify=Notifier({}),
        )
        task = asyncio.create_task(Collector(self._wanted, outside).run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait((task,), timeout=PATIENCE_S)
            worker.close()
        if not task.cancelled():
            task.result()

    def _show(self, status: Status) -> None:
        self.last = status
        self._shown.set()

    async def until(self, true: Callable[[Status], bool]) -> Status:
        """Return how it stands once that is so."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while self.last is None or not true(self.last):
                    self._shown.clear()
                    await self._shown.wait()
        except TimeoutError:
            raise AssertionError(f"never so: {self.last}; {self.told[-20:]}") from None
        return self.last

    def names(self) -> list[str]:
        """Return what it told, by name."""
        return [event for event, _ in self.told]

    def stations(self) -> list[Station]:
        """Return what its store holds."""
        with Store.open(self.where) as store:
            return completeness(store.archive)

    def aside(self) -> list[Aside]:
        """Return what was set aside."""
        with Store.open(self.where) as store:
            return list(all_aside(store.archive.connection))
