"""Answers what was asked on `control`, beside the live events and never in their way."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import orjson

from agent.ports import Delivery, Row
from agent.sinks.mqtt import MqttOptions
from agent.sinks.mqtt.connection import Connection, End
from agent.sinks.mqtt.control import REFUSAL_EVERY_S, Answer, Line, Pace, RequestError, Resend
from agent.sinks.mqtt.reasons import NO_SUBSCRIBERS, REFUSED
from agent.sinks.mqtt.topics import Topics
from agent.sinks.options import Encode, Oddity, SinkPlace

PLACES = 4
"""Resent events under way at once, beside the window of the live ones."""
ROOMY = 16
"""A receive maximum from which on there is room for that many."""


def reserved(receive_maximum: int) -> int:
    """Return how many of the broker's places are kept for answers; with one in all, none is."""
    if receive_maximum >= ROOMY:
        return PLACES
    return 1 if receive_maximum > 1 else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a sink lends for answering."""

    options: MqttOptions
    place: SinkPlace
    encode: Encode
    count: Callable[[Oddity, str], None]
    """Counts something, and tells it once a connection."""
    counts: Counter[str]


class NobodyListensError(Exception):
    """Nobody takes the answer: the connection ended, or no one has subscribed to it."""


class Resending:
    """One connection's requests, answered one after the other."""

    def __init__(self, connection: Connection, topics: Topics, work: Work) -> None:
        self._connection = connection
        self._topics = topics
        self._options, self._place, self._encode = work.options, work.place, work.encode
        self._count, self._counts = work.count, work.counts
        self._line = Line()
        self._pace = Pace(work.place.clock, max(1, work.options.resend))
        self._places = reserved(connection.limits.receive_maximum)
        connection.on_message = self._take

    def _take(self, _topic: str, payload: bytes, is_retained: bool) -> None:  # noqa: FBT001 - as the connection says it
        self._line.take(payload, is_retained=is_retained)

    async def serve(self) -> None:
        """Answer until cancelled."""
        while True:
            await self._line.came.wait()
            self._line.came.clear()
            await self._refuse()
            while (asked := self._line.next()) is not None:
                with contextlib.suppress(NobodyListensError):  # it can be asked for again
                    await self._answer(asked)
                await self._refuse()

    async def _refuse(self) -> None:
        """Tell the newest refusal, and make the next one wait."""
        self._counts[Oddity.REFUSED_REQUESTS] += self._line.take_dropped()
        refused = self._line.next_refused()
        if refused is None:
            return
        self._count(Oddity.REFUSED_REQUESTS, f"a message on control was refused: {refused.why}")
        with contextlib.suppress(NobodyListensError):
            await self._say(refused.reply_to, {**refused.members, "refused": refused.why})
        await self._place.clock.sleep(REFUSAL_EVERY_S)

    async def _answer(self, asked: Resend) -> None:
        answer = Answer(asked, self._place.read, self._options.kinds)
        set_aside = await self._place.set_aside()
        is_through = False
        try:
            while not is_through:
                await self._pace.wait(1)  # looking costs too, where nothing is found
                rows, is_through = await answer.step()
                for start in range(0, len(rows), self._places or PLACES):
                    some = rows[start : start + (self._places or PLACES)]
                    await self._pace.wait(len(some))
                    sendable = [row for row in some if row.address not in set_aside]
                    answer.unsent += [row.seq for row in some if row.address in set_aside]
                    await self._send(asked, sendable, answer)
        except RequestError as error:
            self._count(Oddity.REFUSED_REQUESTS, f"a resend was refused: {error}")
            said = {**asked.members(), "refused": str(error)}
            if error.following is not None:
                said["next"] = str(error.following)
            await self._say(asked.reply_to, said)
            return
        self._count(Oddity.RESENDS, f"events of {asked.epoch} were sent again, as somebody asked")
        await self._say(asked.reply_to, answer.end())

    async def _send(self, asked: Resend, rows: list[Row], answer: Answer) -> None:
        """Send some events again, and return when the broker has taken them."""
        topic = self._topics.reply(asked.reply_to)
        most = min(self._connection.limits.packet_bytes, self._options.largest_packet)
        waiting = []
        for row in rows:
            payload = self._encode(Delivery(row=row, resend=True))
            if self._connection.packet_bytes(topic, payload) > most:
                answer.unsent.append(row.seq)
                continue
            waiting.append(self._publish(topic, payload))
        for sent in waiting:
            self._check(await sent)
        answer.sent += len(waiting)
        self._counts[Oddity.RESENT] += len(waiting)

    async def _say(self, reply_to: str, members: dict[str, object]) -> None:
        self._check(await self._publish(self._topics.reply(reply_to), orjson.dumps(members)))

    def _publish(self, topic: str, payload: bytes) -> asyncio.Future[int | End]:
        done: asyncio.Future[int | End] = asyncio.get_running_loop().create_future()
        qos = 1 if self._places else 0
        self._connection.publish_reply(topic, payload, partial(_settle, done), qos=qos)
        return done

    def _check(self, answer: int | End) -> None:
        """Raise NobodyListensError where nobody took what was sent."""
        if isinstance(answer, End) or answer == NO_SUBSCRIBERS:
            raise NobodyListensError
        if answer >= REFUSED:
            self._count(
                Oddity.REFUSED_STATUS, "an answer on `reply` was refused; allow it in the broker"
            )
            raise NobodyListensError


def _settle(done: asyncio.Future[int | End], answer: int | End) -> None:
    if not done.done():
        done.set_result(answer)
