"""How a collector is attached to its broker: connected, subscribed, and again when it was lost."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.app.collected import Status
from agent.app.rim import secret
from agent.backoff import Backoff, apart, within
from agent.ports import Clock, Random, SinkDownError, Worker
from agent.sinks.mqtt.broker import BrokerOptions
from agent.sinks.mqtt.dialling import CredentialsError, check_pin, tls_context, why_unreachable
from agent.sinks.mqtt.login import KEEPALIVE_S, End, Login
from agent.sinks.mqtt.subscription import Message, Subscription, filters
from agent.telemetry import Notifier
from agent.trace.keeping import Keep

WINDOW = 2_000
"""Messages that the broker may have under way to us: what one commit takes at most."""
CONNECT_S = 15.0
LEAVE_S = 5.0
ASK_ANEW_S = 3600.0
TICK_S = 1.0
_FIRST = asyncio.FIRST_COMPLETED


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be collected, and where to."""

    options: BrokerOptions
    root: str
    """First part of every topic."""
    places: tuple[str, ...]
    """Which stations: filters over their paths."""
    group: str | None
    name: str
    """Of this collector: its session at the broker, and where it is answered."""
    open: Callable[[], Keep]
    wait_s: float
    session_s: int
    until_complete: bool
    window: int = WINDOW
    ask_anew_s: float = ASK_ANEW_S
    """So often what was refused, or not answered, is asked for anew."""
    keepalive_s: int = KEEPALIVE_S
    """A broker that says nothing for longer is asked, and is gone where it then says nothing."""
    leave_s: float = LEAVE_S
    """How long a goodbye may take."""
    left: Callable[[], Sequence[str]] = tuple
    """Returns the stations that a session which was kept may still be subscribed to, in vain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the outside offers."""

    clock: Clock
    random: Random
    worker: Worker
    tell: Callable[..., None]
    show: Callable[[Status], None]
    notify: Notifier
    news: Callable[[], None] = lambda: None
    """Told when something has come, or the connection has."""
    attach: Attach | None = None
    """How a broker is reached; None: over the network."""


class Attached(Protocol):
    """A connection that is made again whenever it ends."""

    @property
    def subscription(self) -> Subscribed | None:
        """The newest connection, None while there was none, or it was left."""
        ...

    @property
    def is_connected(self) -> bool:
        """Whether there is one."""
        ...

    async def keep(self) -> None:
        """Connect, and again; return only by cancellation."""
        ...

    async def leave(self) -> None:
        """Say goodbye to the broker, which keeps the session."""
        ...


Attach = Callable[[Wanted, Outside, asyncio.Event], Attached]
"""(what, outside, set when something has come) -> how a broker is reached."""


class Subscribed(Protocol):
    """A connection as a collector uses it: `Subscription` is one."""

    inbox: deque[Message]
    newest: dict[str, bytes]
    ended: asyncio.Future[End]

    def confirm(self, messages: Iterable[Message]) -> None:
        """Let the broker forget messages."""
        ...

    def publish_event(
        self, topic: str, payload: bytes, answered: Callable[[int | End], None]
    ) -> None:
        """Send at QoS 1."""
        ...


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
                await within(self._clock, self._wanted.leave_s, subscription.leave())
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
            check_pin(options, subscription.certificate())  # before a password is sent
            asked = [
                each
                for place in wanted.places
                for each in filters(wanted.root, place, wanted.name, wanted.group)
            ]
            cause = await within(self._clock, CONNECT_S, _begin(subscription, asked))
        except TimeoutError:
            cause = f"did not answer within {CONNECT_S:g} s; check the network and the URL"
        except SinkDownError as error:
            cause = str(error).removeprefix(f"{where}: ")
        except OSError as error:
            cause = why_unreachable(error)
        if subscription is None or cause is not None:
            if subscription is not None:
                subscription.abort()
            raise OSError(f"{where}: {cause}")
        left = [
            name
            for place in wanted.left()
            for name, _ in filters(wanted.root, place, wanted.name, wanted.group)
        ]
        if left and subscription.is_resumed:
            subscription.unsubscribe(left)
        self.subscription = subscription
        self._out.news()
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
            password=_password(options.password),
            tls=tls,
            session_s=self._wanted.session_s,
            window=self._wanted.window,
            keepalive_s=self._wanted.keepalive_s,
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
        self._out.news()
        end = subscription.ended.result()
        if end.is_taken_over:
            return f"another client came under the name {self._wanted.name}; give each its own"
        return f"broker {self._wanted.options.host}: {end.cause}"


def _password(reference: str | None) -> str | None:
    """Return the password, None for none.

    Raises:
        CredentialsError: it cannot be read.
    """
    try:
        return secret(reference) if reference else None
    except (OSError, ValueError) as error:
        raise CredentialsError(f"`password` {reference} cannot be read: {error}") from error


async def _begin(subscription: Subscription, asked: list[tuple[str, int]]) -> str | None:
    """Return why there is no subscription; None: there is one."""
    return await subscription.greet() or await subscription.subscribe(asked)
