"""The MQTT sink: events at QoS 1; health, state and position retained (D-113, D-118, D-121).

Each connection begins with what is retained, all of it confirmed, so that a broker which then hangs
up does so because of an event (see `poison`). State and position follow the station at most once a
second, at QoS 0, for they must take no place in the broker's receive maximum; the last ones, at
close, are confirmed. What is asked on `control` is answered beside all this (see `resending`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

import orjson

from agent.backoff import within
from agent.ports import Address, Delivery, Refusal, RefusedError, SinkDownError
from agent.sinks.mqtt import NEWEST, UNSEEN, MqttOptions
from agent.sinks.mqtt.connection import Connection, End, Login
from agent.sinks.mqtt.dialling import (
    check_pin,
    client_id,
    credentials,
    down,
    why_unreachable,
)
from agent.sinks.mqtt.kept import UnreadError, kept_position
from agent.sinks.mqtt.poison import POISON_AFTER, Poison
from agent.sinks.mqtt.reasons import NO_SUBSCRIBERS, REFUSED, refusal
from agent.sinks.mqtt.resending import Resending, Work, reserved
from agent.sinks.mqtt.topics import Topics
from agent.sinks.options import Encode, Oddity, Position, SinkPlace, not_known

CONNECT_S = 15.0
GOODBYE_S = 3.0
TICK_S = 1.0
HANG_UPS = 3
"""A broker that hangs up so often in a row on being asked what it keeps is not asked again."""
NOT_ASKED = (
    "hangs up when asked for our own position: nobody notices here if an older state directory is "
    "put back; allow it in the broker's access list"
)
NO_READER = "the broker has no reader for these events; start one, with a persistent session"


class MqttSink:
    """One station's events to one broker."""

    def __init__(self, options: MqttOptions, place: SinkPlace, encode: Encode) -> None:
        self.counts: Counter[str] = Counter()
        self._options = options
        self._place = place
        self._encode = encode
        self._topics = Topics(options.root, place.station)
        self._addresses: dict[str, str] = {}
        self._connection: Connection | None = None
        self._under_way: dict[Address, asyncio.Future[None]] = {}
        self._poison = Poison()
        self._position: Position | None = None
        self._status: bytes | None = None
        self._figures: Mapping[str, object] | None = None
        self._born: str | None = None
        self._warned: set[Oddity] = set()
        self._strays = 0
        self._hung_up_on_asking = 0
        """How often in a row a connection ended while it was asked what the broker keeps."""

    @property
    def window(self) -> int:
        """How many events may be under way: ours, the broker's, or one while one is suspected."""
        if self._connection is None or self._poison.suspected:
            return 1
        most = self._connection.limits.receive_maximum
        return min(self._options.window, most - reserved(most) if self._options.resend else most)

    # ------------------------------------------------------------- connecting

    async def connect(self) -> None:
        """Connect and say that the station is online.

        Raises:
            SinkDownError: the broker cannot be reached or does not accept us.
        """
        self._let_go()
        self._warned.clear()
        try:
            await within(self._place.clock, CONNECT_S, self._establish())
        except TimeoutError as error:
            self._let_go()
            raise self._down(
                f"did not answer within {CONNECT_S:g} s; check the network and `url`"
            ) from error
        except SinkDownError:
            self._let_go()
            raise

    async def _establish(self) -> None:
        self._born = self._epoch()
        login = await self._login()
        try:
            connection = self._connection = await Connection.dial(login, self._addresses)
        except OSError as error:
            raise self._down(why_unreachable(error)) from error
        check_pin(self._options, connection.certificate())
        if (cause := await connection.greet()) is not None:
            raise self._down(cause)
        if not connection.limits.retain:
            self._warn(
                Oddity.NOT_RETAINED, "keeps no retained messages: late readers see no health"
            )
        if self._options.version != NEWEST:
            self._warn(Oddity.REFUSALS_UNSEEN, UNSEEN)
        await self._compare(connection)
        if self._options.resend and await connection.listen(self._topics.control) >= REFUSED:
            self._warn(Oddity.NO_CONTROL, "control cannot be subscribed to: nobody gets a resend")
        self._position = self._place.position()
        await self._announce(connection, self._position, online=True)

    async def _compare(self, connection: Connection) -> None:
        """See that the journal knows what the broker says we had sent, before we say otherwise.

        Raises:
            SinkDownError: it does not, and this run is over.
        """
        is_known = self._place.is_known
        if is_known is None:
            return
        if self._hung_up_on_asking >= HANG_UPS:
            self._warn(Oddity.POSITION_UNREAD, NOT_ASKED)
            return
        try:
            held = await kept_position(connection, self._topics.position, self._place.clock)
        except UnreadError as error:
            self._warn(Oddity.POSITION_UNREAD, str(error))
            return
        if connection.ended.done():
            self._hung_up_on_asking += 1
            raise self._down(connection.ended.result().cause)
        self._hung_up_on_asking = 0
        if held is not None and not await is_known(*held):
            raise self._down(not_known(held[0]))

    async def _announce(
        self, connection: Connection, position: Position | None, *, online: bool
    ) -> None:
        """Publish what is retained, confirmed; a refusal of these stops no event."""
        messages = [(self._topics.health, self._health(online=online))]
        self._status = self._state()
        if self._status is not None:
            messages.insert(0, (self._topics.state, self._status))
        if position is not None:
            messages.insert(0, (self._topics.position, orjson.dumps(asdict(position))))
        for topic, payload in messages:
            answer = await connection.publish_retained(topic, payload)
            if isinstance(answer, End):
                raise self._down(answer.cause)
            if answer >= REFUSED:
                self._warn(Oddity.REFUSED_STATUS, f"topic {topic}: {refusal(answer)[1]}")

    async def _login(self) -> Login:
        options = self._options
        password, tls = await credentials(options, self._place)
        return Login(
            host=options.host,
            port=options.port,
            client_id=client_id(options, self._place),
            user=options.user,
            password=password,
            tls=tls,
            will_topic=self._topics.health,
            will=self._health(online=False),
            is_v5=options.version == NEWEST,
        )

    # ------------------------------------------------------------- sending

    def send(self, delivery: Delivery) -> asyncio.Future[None]:
        """Publish one event; done when the broker has taken it."""
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        address = delivery.row.address
        connection = self._connection
        if connection is None or connection.ended.done():
            cause = "is not connected" if connection is None else connection.ended.result().cause
            confirmed.set_exception(self._down(cause))
            return confirmed
        try:
            topic, payload = self._topics.event(delivery.row.kind), self._encode(delivery)
            self._check(connection, address, topic, payload)
        except ValueError as error:
            confirmed.set_exception(RefusedError(Refusal.NEVER, str(error)))
        except RefusedError as error:
            self._poison.done(address)
            confirmed.set_exception(error)
        else:
            self._under_way[address] = confirmed
            connection.publish_event(topic, payload, partial(self._answered, address))
        return confirmed

    def _check(self, connection: Connection, address: Address, topic: str, payload: bytes) -> None:
        most = min(connection.limits.packet_bytes, self._options.largest_packet)
        size = connection.packet_bytes(topic, payload)
        if size > most:
            raise RefusedError(
                Refusal.NEVER, f"too large: its packet has {size} bytes, {most} are allowed"
            )
        if self._poison.proven(address):
            raise RefusedError(
                Refusal.NEVER, f"the broker hung up {POISON_AFTER} times on this event alone"
            )

    def _answered(self, address: Address, answer: int | End) -> None:
        confirmed = self._under_way.pop(address, None) if isinstance(answer, int) else None
        if confirmed is None or isinstance(answer, End):
            return  # how a connection ended is told to all at once, in `hold`
        self._poison.done(address)
        if answer == NO_SUBSCRIBERS:
            self._warn(
                Oddity.NO_SUBSCRIBERS,
                "nobody has subscribed to these events; a reader that must not miss any needs a "
                "persistent session",
            )
        if confirmed.done():  # whoever sent it has stopped waiting
            return
        if answer >= REFUSED:
            confirmed.set_exception(RefusedError(*refusal(answer)))
        elif answer == NO_SUBSCRIBERS and self._options.wait_for_reader:
            confirmed.set_exception(RefusedError(Refusal.LATER, NO_READER))
        else:
            confirmed.set_result(None)

    # ------------------------------------------------------------- living and ending

    async def hold(self) -> None:
        """Keep the connection alive and the position fresh.

        Raises:
            SinkDownError: the connection ended.
        """
        connection = self._connection
        if connection is None:
            raise self._down("is not connected")
        answering = asyncio.ensure_future(self._resending(connection).serve())
        try:
            while not connection.ended.done():
                try:
                    await within(self._place.clock, TICK_S, asyncio.shield(connection.ended))
                except TimeoutError:
                    connection.tick()
                    self._refresh(connection)
                if answering.done():
                    answering.result()  # the journal failed, or it is a bug
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
        end = connection.ended.result()
        if end.is_taken_over:
            self._warn(Oddity.TAKEN_OVER, end.cause)
        if end.hung_up:
            self._poison.dropped(self._under_way.keys())
        self._let_go()
        raise self._down(end.cause)

    async def close(self) -> None:
        """Say where the journal ends and that the station is offline, then disconnect."""
        connection = self._connection
        if connection is not None:
            try:
                await within(self._place.clock, GOODBYE_S, self._goodbye(connection))
            except TimeoutError:
                connection.abort()
        self._let_go()

    async def _goodbye(self, connection: Connection) -> None:
        with contextlib.suppress(SinkDownError):  # it is gone already
            await self._announce(connection, self._place.position(), online=False)
        await connection.leave()

    def _let_go(self) -> None:
        if self._connection is not None:
            self.counts[Oddity.STRAY_ACKNOWLEDGEMENTS] += self._connection.strays
            self._connection.abort()
            self._connection = None
        under_way, self._under_way = self._under_way, {}
        for confirmed in under_way.values():
            if not confirmed.done():
                confirmed.set_exception(self._down("the connection ended before it confirmed"))

    def _resending(self, connection: Connection) -> Resending:
        work = Work(
            options=self._options,
            place=self._place,
            encode=self._encode,
            count=self._warn,
            counts=self.counts,
        )
        return Resending(connection, self._topics, work)

    def _refresh(self, connection: Connection) -> None:
        """Publish what has changed since the last second."""
        if self._epoch() != self._born:
            self._born = self._epoch()
            connection.publish_unconfirmed(self._topics.health, self._health(online=True))
        status = self._state()
        if status is not None and status != self._status:
            self._status = status
            connection.publish_unconfirmed(self._topics.state, status)
        position = self._place.position()
        if position is not None and position != self._position:
            self._position = position
            connection.publish_unconfirmed(self._topics.position, orjson.dumps(asdict(position)))
        figures = self._place.figures()
        if figures is not None and figures is not self._figures:  # not kept: a view of this moment
            self._figures = figures
            connection.publish_unconfirmed(self._topics.oee, orjson.dumps(figures), retain=False)

    # ------------------------------------------------------------- words

    def _epoch(self) -> str | None:
        position = self._place.position()
        return None if position is None else position.epoch

    def _health(self, *, online: bool) -> bytes:
        return orjson.dumps({"online": online, "epoch": self._born})

    def _state(self) -> bytes | None:
        status = self._place.status()
        return None if status is None else orjson.dumps(status)

    def _down(self, cause: str) -> SinkDownError:
        return down(self._options, cause)

    def _warn(self, reason: Oddity, text: str) -> None:
        self.counts[reason] += 1
        if reason not in self._warned:
            self._warned.add(reason)
            self._place.warn(reason, f"broker {self._options.host}:{self._options.port}: {text}")
