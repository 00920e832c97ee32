"""A collector, composed: a broker's session, a store in a thread of its own, and what it lacks.

Laws:
    1. A message is confirmed to the broker after the commit that holds it, and by nothing else.
       Killed at any instruction, it comes again, and twice is once.
    2. A store that cannot be used is opened again and again; meanwhile the broker keeps what it has
       not confirmed, and no more than `WINDOW` messages wait in memory.
    3. What lacks for `wait_s` is asked for, by one collector of those that share the store, no
       faster than each station answers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from agent.app.attached import TICK_S, Attachment, Outside, Subscribed, Wanted
from agent.app.catching import SETTLE_S, Stage
from agent.app.collected import Tally
from agent.backoff import Backoff
from agent.ports import StoreError
from agent.trace.claims import Answered, Range, Stand
from agent.trace.heard import HeardError, stand_of
from agent.trace.keeping import Keep
from agent.trace.requests import Requests
from agent.trace.surveyed import Overdue, Surveyed
from agent.trace.took import Took

T = TypeVar("T")

STUCK_S = 120.0
"""A store that does nothing for so long is hung: the watchdog is not fed."""


class Collector:
    """One collector, until it is cancelled."""

    def __init__(self, wanted: Wanted, outside: Outside) -> None:
        self._wanted = wanted
        self._out = outside
        self._clock, self._tell = outside.clock, outside.tell
        self._store: Keep | None = None
        self._requests = Requests(wanted.root, wanted.name)
        self._overdue = Overdue()
        self._stands: dict[str, Stand] = {}
        self._said_over: dict[tuple[str, str], Subscribed] = {}
        """By station and what it said: the connection over which it said so last."""
        self._to_ask: dict[str, tuple[Range, ...]] = {}
        self._asks = False
        self._came = asyncio.Event()
        self._broker = (outside.attach or Attachment)(wanted, outside, self._came)
        self._look = asyncio.Event()
        self._busy_since_s: float | None = None
        self._forgot_s = self._clock.now().boot_ms / 1000
        self.tally = Tally()

    async def run(self) -> None:
        """Collect until cancelled; with `until_complete` until everything is proven.

        Raises:
            StoreError: the store cannot be opened when it begins.
        """
        await self._in_store(lambda _store: None)
        self._out.notify.say(READY="1", STATUS="collecting")
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("broker", self._broker.keep()),
                ("intake", self._keep_taking()),
                ("survey", self._keep_looking()),
                ("ticks", self._keep_ticking()),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()

    @property
    def is_connected(self) -> bool:
        """Whether the broker is reached."""
        return self._broker.is_connected

    def online(self, station: str) -> bool | None:
        """Return whether a station is there, by its word over this connection; None: none came."""
        return self._requests.of(station).online if self._is_new(station, "health") else None

    def stand(self, station: str) -> Stand | None:
        """Return where a station stands, by its word over this connection; None: it has none."""
        return self._stands.get(station) if self._is_new(station, "position") else None

    def _is_new(self, station: str, what: str) -> bool:
        over = self._said_over.get((station, what))
        return over is not None and over is self._broker.subscription

    async def _close(self) -> None:
        """Leave the broker, which keeps the session, and let go of the store."""
        await self._broker.leave()
        await asyncio.shield(self._out.worker.run(self._let_go))

    # -------------------------------------------------------------- what comes

    async def _keep_taking(self) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            subscription = self._broker.subscription
            if subscription is None:
                continue
            self._hear(subscription)
            while subscription.inbox and not subscription.ended.done():
                batch = [
                    subscription.inbox.popleft()
                    for _ in range(min(len(subscription.inbox), self._wanted.window))
                ]
                messages = [(message.topic, message.payload) for message in batch]
                took, is_over = await self._committed(messages)
                subscription.confirm(batch)
                if is_over:
                    raise asyncio.CancelledError
                await self._note_answers(self._note(took))
                self._hear(subscription)
                self._out.news()

    def _hear(self, subscription: Subscribed) -> None:
        """Take what stations say of themselves."""
        said, subscription.newest = subscription.newest, {}
        prefix = f"{self._wanted.root}/v1/"
        for topic, payload in said.items():
            station, _, what = topic.removeprefix(prefix).rpartition("/")
            self._said_over.pop((station, what), None)
            if what == "health":
                self._requests.health(station, payload)
                self._said_over[station, what] = subscription
            elif what == "position":
                try:
                    self._stands[station] = stand_of(station, payload)
                    self._said_over[station, what] = subscription
                except HeardError as error:
                    self._tell("message_set_aside", topic=topic, error=str(error))
        self.tally.heard(self._requests.heard, self._stands)
        if said:
            self._out.news()

    async def _committed(self, messages: list[tuple[str, bytes]]) -> tuple[Took, bool]:
        """Return what a batch came down to, and whether we were told to end meanwhile.

        What is being committed is finished: then it can be confirmed, and does not come again.
        """
        now_ms = self._clock.now().wall_ms

        def take(store: Keep) -> Took:
            return store.take(messages, now_ms)

        backoff = Backoff(self._clock, self._out.random, 0.5, 10.0)
        while True:
            job = asyncio.ensure_future(self._in_store(take))
            try:
                return await asyncio.shield(job), False
            except StoreError:
                await backoff.wait()
            except asyncio.CancelledError:
                await asyncio.wait((job,))
                if job.exception() is None:
                    return job.result(), True
                raise

    async def _note_answers(self, answers: list[Answered]) -> None:
        """Keep what ends of answers say; what cannot be kept is asked for again."""
        for answer in answers:
            with contextlib.suppress(StoreError):
                await self._in_store(partial(_answered, answer))

    def _note(self, took: Took) -> list[Answered]:
        """Count a batch; return the ends of answers in it."""
        answers: list[Answered] = []
        self.tally.took(took)
        for one in took.aside:
            self._tell("message_set_aside", topic=one.topic, error=one.why)
        for link in took.unreadable:
            self._requests.of(link.station).give_up(Range(link.epoch, link.seq, link.seq))
        now_s = self._clock.now().boot_ms / 1000
        for station, payload in took.spoke:
            try:
                if self._requests.replied(station, payload, now_s) is None:
                    answer = self._requests.settle(station, payload)
                    answers += [answer] if answer is not None else []
                    self._look.set()
            except HeardError as error:
                self._tell("message_set_aside", topic=f"{station}/reply", error=str(error))
        return answers

    # -------------------------------------------------------------- what lacks

    async def _keep_looking(self) -> None:
        waited_s = settled_s = 0.0
        surveyed = False
        while True:
            settled_s = settled_s + TICK_S if self._broker.is_connected else 0.0
            is_sweep = waited_s >= self._wanted.wait_s
            is_settled = settled_s >= SETTLE_S
            may_end = self._wanted.until_complete and is_settled
            knows_any = bool(self._stands or self._to_ask)
            is_open = is_settled and knows_any and self.tally.course.stage is Stage.LOOKING
            is_due = is_sweep or may_end or is_open or self._look.is_set() or not surveyed
            if is_due and self._broker.is_connected:
                self._look.clear()
                waited_s = 0.0 if is_sweep else waited_s
                surveyed = await self._looked(is_sweep=is_sweep, is_settled=is_settled) or surveyed
                if may_end and self.tally.is_complete:
                    return
            await self._clock.sleep(TICK_S)
            waited_s += TICK_S

    async def _looked(self, *, is_sweep: bool, is_settled: bool) -> bool:
        """Look at what the store has; return whether it could be done."""
        try:
            surveyed = await self._in_store(partial(self._surveyed, now=self._clock.now().wall_ms))
        except StoreError:
            return False  # told; looked at again in a moment
        now_s = self._clock.now().boot_ms / 1000
        if now_s - self._forgot_s >= self._wanted.ask_anew_s:
            self._forgot_s = now_s
            for heard in self._requests.heard.values():
                heard.forget()
        for station, found in surveyed.items():
            before = self._to_ask.get(station, ())
            if is_sweep:
                self._to_ask[station] = self._overdue.look(station, found)
            else:
                self._to_ask[station] = self._overdue.still(before, found)
            self._tell_of(station, before, found)
        self.tally.surveyed(surveyed, self._to_ask)
        if is_settled:
            self.tally.course.looked(surveyed, self._to_ask, now_s)
        return True

    def _surveyed(self, store: Keep, *, now: int) -> Mapping[str, Surveyed]:
        for_ms = round((3 * self._wanted.wait_s + 60) * 1000)
        self._asks = store.may_ask(self._wanted.name, now, for_ms)
        return store.survey(dict(self._stands))

    def _tell_of(self, station: str, before: tuple[Range, ...], found: Surveyed) -> None:
        """Tell of a station that lacks something, and of its end; once each."""
        ranges = self._to_ask[station]
        if ranges and not before:
            lacking = sum(map(len, ranges))
            self._tell("events_lack", station=station, events=lacking, first=str(ranges[0]))
        elif before and not ranges:
            self._tell("events_came", station=station)
        for doubt in found.doubts:
            if self.tally.is_new_doubt(station, doubt):
                self._tell("events_lack", station=station, error=doubt)

    def _ask(self) -> None:
        subscription = self._broker.subscription
        if subscription is None or subscription.ended.done() or not self._asks:
            return
        now_s = self._clock.now().boot_ms / 1000
        for topic, payload in self._requests.to_ask(
            now_s, lambda station: self._to_ask.get(station, ())
        ):
            subscription.publish_event(topic, payload, lambda _answer: None)

    # -------------------------------------------------------------- the store

    async def _in_store(self, job: Callable[[Keep], T]) -> T:
        """Return what a job does in the store's thread; a store that fails is closed.

        Raises:
            StoreError: it cannot be used now; it is told once.
        """
        self._busy_since_s = self._clock.now().boot_ms / 1000
        try:
            found = await self._out.worker.run(partial(self._done, job))
        except StoreError as error:
            if self.tally.store_error is None:
                self._tell("store_lost", error=str(error))
            self.tally.store_error = str(error)
            raise
        finally:
            self._busy_since_s = None
        if self.tally.store_error is not None:
            self.tally.store_error = None
            self._tell("store_works")
        return found

    def _done(self, job: Callable[[Keep], T]) -> T:
        try:
            if self._store is None:
                self._store = self._wanted.open()
            return job(self._store)
        except StoreError:
            self._let_go()
            raise

    def _let_go(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()

    # -------------------------------------------------------------- life

    async def _keep_ticking(self) -> None:
        told_s = 0.0
        while True:
            self._ask()
            now_s = self._clock.now().boot_ms / 1000
            self.tally.is_connected = self._broker.is_connected
            status = self.tally.status(now_s)
            self._out.show(status)
            is_due = status.behind and status.rate and now_s - told_s >= status.TELL_EVERY_S
            if status.is_news or is_due:
                told_s = now_s
                self._tell(status.stage.value, **status.told())
            is_stuck = self._busy_since_s is not None and now_s - self._busy_since_s > STUCK_S
            if not is_stuck:
                self._out.notify.say(WATCHDOG="1", STATUS=str(status))
            await self._clock.sleep(TICK_S)


def _answered(answer: Answered, store: Keep) -> None:
    store.answered(answer)
