"""Requests on `control`: one thing can be asked for, to send stored events again (D-138, D-139).

    {"resend": {"epoch": "000042-9f3a1c7e", "from": 17, "to": 40, "reply_to": "historian"}}

Answered on `reply/historian`, on `reply` where no `reply_to` is given: each event in its envelope,
byte for byte the same `data`, id and times, marked `resend`; then one message that closes the
answer: {"epoch", "from", "to", "sent", "unsent", "filtered", "follows"}, or {"refused", "next"}.

Laws:
    1. A request changes nothing: not the journal, not the cursor, not what is sent live. It may be
       repeated, and whoever repeats somebody else's gets no more than that one got (FAULTS X04).
    2. Who may ask is the broker's to say, by its access list (X03). What is asked for is limited:
       so many events a second, so many an answer, so many requests that wait. A retained message
       is no request: it would be asked again at each connection.
    3. An answer tells no more than what it covers: without a hole from `from` to its `to`, which
       may be less than was asked for. Where a filtered sink has no event there, nobody gets one.
    4. Resends have places of their own beside the window of the live events, and take none of its.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from agent.ports import Address, Clock, Row
from agent.sinks.mqtt.topics import SEGMENT

MOST_BYTES = 4096
"""No request is longer."""
MOST_WAITING = 8
MOST_EVENTS = 10_000
"""Stored events that one answer looks through; the next request goes on behind them."""
MOST_REPLY_TO = 64
REFUSAL_EVERY_S = 1.0
"""Refusals are answered no faster: more are dropped, and counted."""
READ_ROWS = 50
_EPOCH = re.compile(r"[0-9]{1,12}-[0-9a-f]{1,32}")
_KEYS = frozenset({"epoch", "from", "to", "reply_to"})

Read = Callable[[Address | None, int], Awaitable[list[Row]]]


class RequestError(ValueError):
    """A message is no request that can be answered; the text says why."""

    def __init__(self, why: str, following: Address | None = None, reply_to: str = "") -> None:
        super().__init__(why)
        self.following = following
        """The next event that is kept, where the one that was asked for is not."""
        self.reply_to = reply_to
        """Where an answer is waited for, as far as the message says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resend:
    """One request."""

    epoch: str
    first: int
    last: int
    reply_to: str = ""

    def members(self) -> dict[str, object]:
        """Return it in the words of a message."""
        return {"epoch": self.epoch, "from": self.first, "to": self.last}


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that is not answered, where to say so, and why."""

    members: Mapping[str, object]
    reply_to: str
    why: str


def parse(payload: bytes) -> Resend:
    """Return the request that a message holds.

    Raises:
        RequestError: it holds none.
    """
    if len(payload) > MOST_BYTES:
        raise RequestError(f"longer than {MOST_BYTES} bytes")
    try:
        members = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise RequestError("no JSON") from error
    if not isinstance(members, dict) or set(members) != {"resend"}:
        raise RequestError('only {"resend": {…}} is taken here')
    asked = members["resend"]
    if not isinstance(asked, dict):
        raise RequestError("resend: takes epoch, from, to and reply_to")
    reply_to = _place(asked.get("reply_to", ""))
    if not set(asked) <= _KEYS:
        raise RequestError("resend: takes epoch, from, to and reply_to", reply_to=reply_to)
    return _resend(asked, reply_to)


def _place(reply_to: object) -> str:
    """Return the name of where to answer; empty for none."""
    if not isinstance(reply_to, str) or len(reply_to) > MOST_REPLY_TO:
        raise RequestError("resend.reply_to: no name")
    if reply_to and not SEGMENT.fullmatch(reply_to):
        raise RequestError("resend.reply_to: may have a-z, 0-9, _ and -")
    return reply_to


def _resend(asked: dict[str, Any], reply_to: str) -> Resend:
    epoch, first, last = asked.get("epoch"), asked.get("from"), asked.get("to")
    if not isinstance(epoch, str) or not _EPOCH.fullmatch(epoch):
        raise RequestError("resend.epoch: no epoch", reply_to=reply_to)
    if type(first) is not int or type(last) is not int or not 1 <= first <= last < 1 << 40:
        why = "resend: `from` and `to` are whole numbers, from 1 on, in that order"
        raise RequestError(why, reply_to=reply_to)
    return Resend(epoch=epoch, first=first, last=last, reply_to=reply_to)


class Line:
    """The requests that wait, in their order; what is one too many is refused."""

    def __init__(self) -> None:
        self.dropped = 0
        """Refusals that were not even answered: they came too fast."""
        self.came = asyncio.Event()
        self._waiting: deque[Resend] = deque()
        self._refused: deque[Refused] = deque(maxlen=1)

    def take(self, payload: bytes, *, is_retained: bool) -> None:
        """Take a message."""
        if is_retained:
            return
        try:
            asked = parse(payload)
        except RequestError as error:
            self._refuse(Refused({}, error.reply_to, str(error)))
            return
        if asked in self._waiting:
            return
        if len(self._waiting) >= MOST_WAITING:
            why = f"busy: {MOST_WAITING} requests wait; ask again later"
            self._refuse(Refused(asked.members(), asked.reply_to, why))
            return
        self._waiting.append(asked)
        self.came.set()

    def _refuse(self, refused: Refused) -> None:
        self.dropped += len(self._refused)
        self._refused.append(refused)
        self.came.set()

    def take_dropped(self) -> int:
        """Return how many refusals were not answered since this was asked last."""
        dropped, self.dropped = self.dropped, 0
        return dropped

    def next(self) -> Resend | None:
        """Return the request that is answered next, None for none."""
        return self._waiting.popleft() if self._waiting else None

    def next_refused(self) -> Refused | None:
        """Return the newest that is refused, None for none."""
        return self._refused.popleft() if self._refused else None


class Answer:
    """One answer, read from the journal step by step."""

    def __init__(self, asked: Resend, read: Read, kinds: Collection[str] | None) -> None:
        self.asked = asked
        self.upto = asked.first - 1
        """Up to here everything was looked at."""
        self.sent = 0
        self.unsent: list[int] = []
        self.follows: str | None = None
        self._read = read
        self._kinds = kinds

    async def step(self) -> tuple[list[Row], bool]:
        """Return the next events of it, and whether that is all.

        Raises:
            RequestError: there is nothing to send; the text says why.
        """
        asked = self.asked
        rows = await self._read(Address(asked.epoch, self.upto), READ_ROWS)
        found: list[Row] = []
        for row in rows:
            is_next = row.epoch == asked.epoch and row.seq == self.upto + 1
            if not is_next or self.upto >= asked.last:
                break
            self.upto = row.seq
            self._note(row)
            if self._kinds is None or row.kind in self._kinds:
                found.append(row)
        else:
            looked = self.upto - asked.first + 1
            is_through = len(rows) < READ_ROWS or self.upto >= asked.last or looked >= MOST_EVENTS
            if rows:
                return found, is_through
        if self.upto < asked.first:
            raise _not_there(asked, rows)
        return found, True

    def _note(self, row: Row) -> None:
        if row.seq == 1 and row.kind == "agent_started":
            begun = orjson.loads(row.body)
            before = begun.get("previous_epoch")
            self.follows = f"{before}-{begun['previous_seq']}" if before else ""

    def end(self) -> dict[str, object]:
        """Return the message that closes the answer."""
        members: dict[str, object] = {
            "epoch": self.asked.epoch,
            "from": self.asked.first,
            "to": self.upto,
            "sent": self.sent,
            "unsent": self.unsent,
            "filtered": self._kinds is not None,
        }
        if self.follows is not None:
            members["follows"] = self.follows
        return members


def _not_there(asked: Resend, rows: list[Row]) -> RequestError:
    """Return why the first event that was asked for is not there."""
    wanted = f"{asked.epoch}-{asked.first}"
    if not rows:
        return RequestError(f"{wanted} is behind the newest event")
    following = rows[0].address
    return RequestError(
        f"{wanted} is not kept: it was deleted, is damaged, or never was; "
        f"the next one kept is {following}",
        following,
    )


class Pace:
    """So many a second by a clock, and no more at once than a tenth of that."""

    def __init__(self, clock: Clock, per_s: float) -> None:
        self._clock = clock
        self._per_s = per_s
        self._free_ms = 0.0

    async def wait(self, count: int) -> None:
        """Return when so many more may go."""
        now_ms = self._clock.now().boot_ms
        self._free_ms = max(self._free_ms, now_ms - 100.0) + count * 1000 / self._per_s
        if self._free_ms > now_ms:
            await self._clock.sleep((self._free_ms - now_ms) / 1000)
