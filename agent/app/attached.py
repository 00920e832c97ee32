"""How a collector is attached to its broker: connected, subscribed, and again when it was lost."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from agent.app.collected import Status
from agent.app.rim import secret
from agent.backoff import Backoff, apart, within
from agent.ports import Clock, Random, Worker
from agent.sinks.mqtt import MqttOptions
from agent.sinks.mqtt.dialling import tls_context, why_unreachable
from agent.sinks.mqtt.login import Login
from agent.sinks.mqtt.subscription import Subscription, filters
from agent.telemetry import Notifier
from agent.trace.store import Store

WINDOW = 2_000
"""Messages that the broker may have under way to us: what one commit takes at most."""
CONNECT_S = 15.0
LEAVE_S = 5.0
TICK_S = 1.0
_FIRST = asyncio.FIRST_COMPLETED


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be collected, and where to."""

    options: MqttOptions
    under: str
    """Which stations."""
    group: str | None
    name: str
    """Of this collector: its session at the broker, and where it is answered."""
    open: Callable[[], Store]
    wait_s: float
    session_s: int
    until_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the outside offers."""

    clock: Clock
    random: Random
    worker: Worker
    tell: Callable[..., None]
    show: Callable[[Status], None]
    notify: Notifier


class Attachment:
    """The connection that there is, if there is one.

    Args:
        wanted: What is collected.
        outside: What the outside offers.
        came: Set when there is something to take.
    """

    def __init__(self, wanted: Wanted, outside: Outside, came: asyncio.Event) -> None:
        self.subscription: Subscription | None = None
        self._wanted = wanted
        self._out = outside
        self._clock, self._tell = outside.clock, outside.tell
        self._came = came

    @property
    def is_connected(self) -> bool:
        """Whether there is one."""
        return self.subscription is not None and not self.subscription.ended.done()

    async def leave(self) -> None:
        """Say goodbye to the broker, which keeps the session."""
        subscription, self.subscription = self.subscription, None
        if subscription is not None:
            try:
                await within(self._clock, LEAVE_S, subscription.leave())
            except TimeoutError:
                subscription.abort()

    async def keep(self) -> None:
        """Connect, and again whenever the connection ends; return only by cancellation."""
        backoff = Backoff(self._clock, self._out.random, 0.2, 30.0)
        told: str | None = None
        while True:
            try:
                await apart(self._connect(), "connect")
            except OSError as error:
                cause = str(error)
            else:
                told = None
                backoff.reset()
                cause = await self._stay()
            if cause != told:
                told = cause
                self._tell("broker_lost", error=cause)
            await backoff.wait()

    async def _connect(self) -> None:
        """Connect and subscribe.

        Raises:
            OSError: it did not come to that; the text says why.
        """
        options, wanted = self._wanted.options, self._wanted
        where = f"broker {options.host}:{options.port}"
        subscription: Subscription | None = None
        try:
            login = await asyncio.to_thread(self._login)
            subscription = await within(self._clock, CONNECT_S, Subscription.dial(login))
            subscription.came = self._came
            asked = list(filters(options.root, wanted.under, wanted.name, wanted.group))
            cause = await within(self._clock, CONNECT_S, _begin(subscription, asked))
        except TimeoutError:
            cause = f"did not answer within {CONNECT_S:g} s; check the network and the URL"
        except OSError as error:
            cause = why_unreachable(error)
        except (KeyError, ValueError) as error:
            cause = f"{options.password} cannot be read: {error}"
        if subscription is None or cause is not None:
            if subscription is not None:
                subscription.abort()
            raise OSError(f"{where}: {cause}")
        self.subscription = subscription
        self._came.set()  # a session that is resumed sends before we have subscribed
        self._tell("broker_connected", broker=where, resumed=subscription.is_resumed)

    def _login(self) -> Login:
        options = self._wanted.options
        tls: ssl.SSLContext | None = tls_context(options) if options.tls else None
        return Login(
            host=options.host,
            port=options.port,
            client_id=options.client_id or f"lineside-{self._wanted.name}",
            user=options.user,
            password=secret(options.password) if options.password else None,
            tls=tls,
            session_s=self._wanted.session_s,
            window=WINDOW,
        )

    async def _stay(self) -> str:
        """Return why the connection ended."""
        subscription = self.subscription
        if subscription is None:
            return "left"
        while not subscription.ended.done():
            pause = asyncio.ensure_future(self._clock.sleep(TICK_S))
            try:
                await asyncio.wait((subscription.ended, pause), return_when=_FIRST)
            finally:
                pause.cancel()
            subscription.tick()
        end = subscription.ended.result()
        if end.is_taken_over:
            return f"another collector came under the name {self._wanted.name}; give each its own"
        return f"broker {self._wanted.options.host}: {end.cause}"


async def _begin(subscription: Subscription, asked: list[tuple[str, int]]) -> str | None:
    """Return why there is no subscription; None: there is one."""
    return await subscription.greet() or await subscription.subscribe(asked)
