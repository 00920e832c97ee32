"""The Sparkplug sink: an edge node's sessions, one MQTT connection after the other.

A publisher drives it as it does any sink. What the publisher sends are the machine's state changes,
from the journal and by a cursor; tag values come from the station's feed. Both go out at QoS 0, as
Sparkplug wants, but neither counts as sent before the broker has answered a ping behind it: what
was under way when a connection broke is sent again in the next session, as historical.

Laws:
    1. A bdSeq is on disk before the CONNECT that carries it (D-123).
    2. With a primary host nothing is born before its STATE says online; when it says offline the
       node dies properly, leaves, and comes back to the next server (D-130).
    3. An intended end publishes NDEATH, then leaves with the will (D-125).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping
from functools import partial

from agent.backoff import within
from agent.ports import Delivery, SinkDownError
from agent.sinks.mqtt.connection import Connection, Login
from agent.sinks.mqtt.dialling import check_pin, client_id, credentials, down, why_unreachable
from agent.sinks.mqtt.reasons import REFUSED
from agent.sinks.options import Oddity, SinkPlace
from agent.sinks.sparkplug import SparkplugOptions
from agent.sinks.sparkplug.memory import Memory
from agent.sinks.sparkplug.node import EdgeNode
from agent.sinks.sparkplug.session import TICK_S, Parts, Session
from agent.sinks.sparkplug.states import States
from agent.sinks.sparkplug.topics import Topics

CONNECT_S = 15.0
HOST_S = 10.0
"""How long one attempt waits for the primary host; the connection may stay for the next one."""
GOODBYE_S = 3.0
GATHER_S = 0.25
"""Values that come within this time go out together."""
WINDOW = 50


class SparkplugSink:
    """One station as an edge node."""

    def __init__(self, options: SparkplugOptions, place: SinkPlace) -> None:
        if place.live is None:
            raise ValueError("a Sparkplug sink has to be shown what happens at the station")
        self._options = options
        self._place = place
        self._clock = place.clock
        self._feed = place.live.feed
        self._topics = Topics(*options.descriptor(place.station), options.primary_host)
        self._memory = Memory(place.directory / f"sparkplug-{place.name}.json", place.live.files)
        has_machine = place.live.machine() is not None
        self._node = EdgeNode(self._memory, self._feed, has_machine=has_machine)
        self._states = States()
        self._addresses: dict[str, str] = {}
        self._session: Session | None = None
        self._server = 0
        self._reserved: int | None = None
        self._counts: Counter[str] = Counter()
        self._warned: set[Oddity] = set()
        self._told_dropped = self._feed.dropped
        self._wake = asyncio.Event()
        self._parts = Parts(
            place=place,
            live=place.live,
            topics=self._topics,
            node=self._node,
            states=self._states,
            wake=self._wake.set,
            count=self._count,
            warn=self._warn,
            down=self._down,
        )
        self._feed.on_change = self._wake.set
        self._feed.on_drop = self._tell_dropping

    @property
    def window(self) -> int:
        """How many states it takes at once."""
        return WINDOW

    @property
    def counts(self) -> Mapping[str, int]:
        """What was odd, and the values that were dropped."""
        return {**self._counts, Oddity.VALUES_DROPPED: self._feed.dropped}

    # ------------------------------------------------------------- beginning

    async def connect(self) -> None:
        """Connect, wait for the primary host, and be born.

        Raises:
            SinkDownError: the broker cannot be reached or does not accept us, or the host is not
                there. Then the connection may be kept for the next attempt.
        """
        self._warned.clear()
        try:
            session = self._waiting_session()
            if session is None:
                self._let_go()
                session = await within(self._clock, CONNECT_S, self._begin())
            await self._await_host(session)
            session.bear()
        except TimeoutError as error:
            raise self._over(
                f"did not answer within {CONNECT_S:g} s; check the network and `url`"
            ) from error
        except SinkDownError:
            if self._waiting_session() is None:
                self._over("")
            raise
        self._tell_dropped()

    def _waiting_session(self) -> Session | None:
        """Return the session that has all but its births; None where there is none."""
        session = self._session
        if session is None or not session.is_begun or session.is_born:
            return None
        return None if session.connection.ended.done() else session

    async def _begin(self) -> Session:
        """Connect to the next server, with the next bdSeq in the will, and subscribe."""
        options = self._broker
        await self._reserve()
        password, tls = await credentials(options, self._place)
        login = Login(
            host=options.host,
            port=options.port,
            client_id=client_id(options, self._place),
            user=options.user,
            password=password,
            tls=tls,
            will_topic=self._topics.ndeath,
            will=self._node.death(self._now_ms()),
            will_retained=False,
            is_v5=options.is_v5,
        )
        try:
            connection = await Connection.dial(login, self._addresses)
        except OSError as error:
            raise self._down(why_unreachable(error)) from error
        session = self._session = Session(connection, self._parts)
        check_pin(options, connection.certificate())
        self._reserved = None  # CONNECT says it, whatever becomes of it
        if (cause := await connection.greet()) is not None:
            raise self._down(cause)
        await self._subscribe(connection)
        session.is_begun = True
        return session

    async def _reserve(self) -> None:
        """Have a bdSeq on disk that no CONNECT has carried yet (D-123).

        Raises:
            SinkDownError: the disk does not take it. Then nothing is said: a number that comes
                again makes an old death match a new birth.
        """
        if self._reserved is None:
            worker, memory = self._place.worker, self._memory
            try:
                if wrong := await worker.run(memory.read):
                    self._warn(Oddity.MEMORY_LOST, f"{memory.path}: {wrong}; it begins anew")
                self._reserved = await worker.run(partial(memory.begin, tuple(self._node.keys())))
            except OSError as error:
                raise self._down(
                    f"its session number cannot be kept in {memory.path}: "
                    f"{error.strerror or error}; see that the disk has room and may be written"
                ) from error
        self._node.begin(self._reserved)

    async def _subscribe(self, connection: Connection) -> None:
        """Listen to commands, and to the primary host.

        Raises:
            SinkDownError: the host cannot be heard.
        """
        for topic in (self._topics.ncmd, self._topics.dcmd):
            if await connection.listen(topic) >= REFUSED:
                self._warn(Oddity.NO_CONTROL, f"{topic} cannot be subscribed to: no rebirths")
        state = self._topics.state
        if state is not None and await connection.listen(state, retained=True) >= REFUSED:
            raise self._down(f"{state} cannot be subscribed to; allow it in the broker's ACL")
        if connection.ended.done():
            raise self._down(connection.ended.result().cause)

    async def _await_host(self, session: Session) -> None:
        """Return when the primary host is online, or none was named."""
        if self._options.primary_host is None:
            return
        until_ms = self._clock.now().boot_ms + HOST_S * 1000
        while session.host.is_online is not True:
            await self._turn(session)
            if session.connection.ended.done():
                raise self._down(session.connection.ended.result().cause)
            if self._clock.now().boot_ms >= until_ms:
                if len(self._options.urls) > 1:
                    await self._leave(session)
                raise self._down(
                    f"the primary host '{self._options.primary_host}' is not online; values wait"
                )

    # ------------------------------------------------------------- living

    def send(self, delivery: Delivery) -> asyncio.Future[None]:
        """Show one change of the machine's state; done when the broker has it."""
        session = self._session
        if session is None or session.connection.ended.done() or not session.is_born:
            shown: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            shown.set_exception(self._down("is not connected"))
            return shown
        self._wake.set()
        return self._states.take(delivery.row)

    async def hold(self) -> None:
        """Show what happens, for as long as the connection lasts and the host is there.

        Raises:
            SinkDownError: the connection ended, or the primary host went offline.
        """
        session = self._session
        if session is None or not session.is_born:
            raise self._down("is not connected")
        connection = session.connection
        while not connection.ended.done():
            if self._options.primary_host is not None and session.host.is_online is False:
                await self._leave(session)
                raise self._over(f"the primary host '{self._options.primary_host}' went offline")
            has_more = session.work()
            if self._memory.is_new:
                with contextlib.suppress(OSError):  # they are learnt again
                    await self._place.worker.run(self._memory.keep)
            if has_more:
                await asyncio.sleep(0)  # a turn for everybody else
                session.tick()
            else:
                await self._clock.sleep(GATHER_S)
                await self._turn(session)
        end = connection.ended.result()
        if end.is_taken_over:
            self._warn(Oddity.TAKEN_OVER, end.cause)
        raise self._over(end.cause)

    async def _turn(self, session: Session) -> None:
        """Wait until something happens, at most a second; keep the connection alive."""
        if not session.connection.ended.done():
            with contextlib.suppress(TimeoutError):
                await within(self._clock, TICK_S, self._wake.wait())
        self._wake.clear()
        session.tick()

    # ------------------------------------------------------------- ending

    async def close(self) -> None:
        """Say what waits, die properly, and leave; what was not proven waits again."""
        session = self._session
        if session is not None:
            if session.is_born and not session.connection.ended.done():
                with contextlib.suppress(SinkDownError):  # it has become too large for the broker
                    session.work()
            await self._leave(session)
        self._let_go()

    async def _leave(self, session: Session) -> None:
        try:
            await within(self._clock, GOODBYE_S, self._goodbye(session))
        except TimeoutError:
            session.connection.abort()

    async def _goodbye(self, session: Session) -> None:
        """Publish NDEATH where there was a birth, and disconnect with the will."""
        connection = session.connection
        if session.is_born and not connection.ended.done():
            await connection.publish_confirmed(
                self._topics.ndeath, self._node.death(self._now_ms())
            )
        await connection.leave(with_will=session.is_born)

    def _over(self, cause: str) -> SinkDownError:
        """Let go of this server, go to the next one, and return the error that names this one."""
        error = self._down(cause)
        self._let_go()
        self._server += 1
        return error

    def _let_go(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        session.connection.abort()
        session.give_back(self._down("the connection ended before the broker confirmed"))

    # ------------------------------------------------------------- words

    @property
    def _broker(self) -> SparkplugOptions:
        """The options, with the server of this attempt."""
        url = self._options.urls[self._server % len(self._options.urls)]
        return self._options.model_copy(update={"url": url})

    def _now_ms(self) -> int:
        return self._clock.now().wall_ms

    def _down(self, cause: str) -> SinkDownError:
        return down(self._broker, cause)

    def _tell_dropping(self) -> None:
        self._place.warn(
            Oddity.VALUES_DROPPED,
            f"more than {self._feed.most} values wait: the oldest are dropped; raise `buffer`, or "
            "choose `tags`",
        )

    def _tell_dropped(self) -> None:
        """Say how many values were lost since the last births."""
        n, self._told_dropped = self._feed.dropped - self._told_dropped, self._feed.dropped
        if n:
            self._place.warn(Oddity.VALUES_DROPPED, f"{n} values were dropped before it was back")

    def _count(self, reason: Oddity) -> None:
        self._counts[reason] += 1

    def _warn(self, reason: Oddity, text: str) -> None:
        self._counts[reason] += 1
        if reason not in self._warned:
            self._warned.add(reason)
            broker = self._broker
            self._place.warn(reason, f"broker {broker.host}:{broker.port}: {text}")
