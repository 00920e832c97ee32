"""An audit of what a broker passes on: what is heard, what is asked for, what is proven of it.

Pure: whoever brings the connection hands in what arrives, sends what is to be asked, and says the
time. One `Audit` is for one root; a station is known by its path in the topic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum, unique

import orjson

from agent.trace.claims import Answered, Link, Place, Range, StationReport, ordinal
from agent.trace.completeness import Ledger
from agent.trace.heard import HeardError, answer_of, event_of, link_of, stand_of
from agent.trace.spans import Spans

AT_ONCE = 4
"""Requests that one station is asked to answer at the same time."""
PATIENCE_S = 15.0
"""A station that says nothing for so long while it is asked does not answer."""

Keep = Callable[[bytes], None]
"""Takes each event that is new, as it arrived."""


@unique
class Since(StrEnum):
    """From where on completeness is asked for."""

    NOW = "now"
    """From what the station has when it is heard first."""
    OLDEST = "oldest"
    """From the oldest event that the station still keeps."""
    ALL = "all"
    """From its very first event."""


@dataclass(slots=True)
class Heard:
    """What was heard of one station, beside its events."""

    online: bool | None = None
    """As its `health` says; None: it was not heard."""
    altered: list[str] = field(default_factory=list)
    """What did not verify, and why."""
    refused: dict[Range, str] = field(default_factory=dict)
    """What was asked for and not given, and why."""
    settled: dict[str, Spans] = field(default_factory=dict)
    """The same per epoch: it is not asked for again."""
    asked: dict[Range, None] = field(default_factory=dict)
    """What is being asked for."""
    tries: Counter[Range] = field(default_factory=Counter)
    spoke_s: float = 0.0
    """When it said something last while it was asked."""
    has_spoken: bool = False
    """Whether it has answered anything at all."""
    is_silent: bool = False
    """Whether it does not answer."""


class Audit:
    """What is known of every station below one root."""

    def __init__(
        self, root: str, name: str, since: Since, keep: Keep = lambda _message: None
    ) -> None:
        self.heard: dict[str, Heard] = {}
        self._prefix = f"{root}/v1/"
        self._name = name
        self._since = since
        self._keep = keep
        self._ledger = Ledger()
        self._begun: dict[str, Place] = {}

    # -------------------------------------------------------------- taking in

    def have(self, message: bytes) -> None:
        """Take an event that is held already; completeness is asked for from the oldest of them.

        Raises:
            HeardError: it is no event, or was altered.
        """
        link = link_of(event_of(message))
        self._ledger.take(link)
        self._station(link.station)
        place = (link.epoch, link.seq)
        begun = self._begun.get(link.station)
        if begun is None or (ordinal(place[0]), place[1]) < (ordinal(begun[0]), begun[1]):
            self._begin(link.station, place)

    def hear(self, topic: str, payload: bytes, now_s: float) -> None:
        """Take a message; what is none of ours is nothing."""
        if not topic.startswith(self._prefix):
            return
        path = topic.removeprefix(self._prefix)
        for ending, take in (("/position", self._position), ("/health", self._health)):
            if path.endswith(ending):
                take(path.removesuffix(ending), payload)
                return
        station, is_event, _ = path.rpartition("/events/")
        if is_event:
            self._event(station, payload)
            return
        station, _, name = path.rpartition("/reply/")
        if name == self._name:
            self._reply(station, payload, now_s)

    def _station(self, name: str) -> Heard:
        return self.heard.setdefault(name, Heard())

    def _begin(self, station: str, place: Place) -> None:
        self._begun[station] = place
        if self._since is not Since.ALL:
            self._ledger.since(station, place)

    def _position(self, station: str, payload: bytes) -> None:
        heard = self._station(station)
        try:
            stand = stand_of(station, payload)
        except HeardError as error:
            heard.altered.append(f"position: {error}")
            return
        if station not in self._begun:
            is_now = self._since is Since.NOW or stand.first_kept is None
            at = (stand.epoch, stand.last_seq + 1) if is_now else stand.first_kept
            self._begin(station, at or (stand.epoch, stand.last_seq + 1))
        self._ledger.stand(stand)

    def _health(self, station: str, payload: bytes) -> None:
        heard = self._station(station)
        try:
            members = orjson.loads(payload)
        except orjson.JSONDecodeError:
            members = None
        heard.online = members.get("online") is True if isinstance(members, dict) else None

    def _event(self, station: str, payload: bytes) -> None:
        heard = self._station(station)
        try:
            link = link_of(event_of(payload))
        except HeardError as error:
            heard.altered.append(str(error))
            return
        if link.station != station:
            heard.altered.append(f"{link.epoch}-{link.seq}: is of station {link.station}")
            return
        self._take(link, payload)

    def _take(self, link: Link, payload: bytes) -> None:
        if self._ledger.take(link):
            self._keep(payload)

    def _reply(self, station: str, payload: bytes, now_s: float) -> None:
        heard = self._station(station)
        heard.spoke_s, heard.has_spoken = now_s, True
        try:
            members = orjson.loads(payload)
            if isinstance(members, dict) and "data" in members:
                self._event(station, payload)
                return
            answer = answer_of(station, payload)
            first = int(members["from"])
        except (HeardError, KeyError, TypeError, ValueError) as error:
            heard.altered.append(f"reply: {error}")
            return
        epoch = members.get("epoch")
        same = (one for one in heard.asked if (one.epoch, one.first) == (epoch, first))
        asked = next(same, None)
        if asked is None:
            return
        del heard.asked[asked]
        if isinstance(answer, Answered):
            self._ledger.answered(answer)
        elif not answer.startswith("busy"):
            gone = _gone(asked, members.get("next"))
            heard.refused[gone] = answer
            heard.settled.setdefault(gone.epoch, Spans()).add(gone.first, gone.last)

    # -------------------------------------------------------------- asking

    def to_ask(self, now_s: float) -> Iterator[tuple[str, bytes]]:
        """Yield (topic, payload) of the requests that are due; each counts as asked."""
        for station, heard in sorted(self.heard.items()):
            if heard.asked and now_s - heard.spoke_s >= PATIENCE_S:
                heard.asked.clear()  # what was lost on its way is asked for again
                heard.is_silent = not heard.has_spoken
            if heard.is_silent or heard.online is not True:
                continue
            for lacking in self._lacking(station, heard):
                if len(heard.asked) >= AT_ONCE:
                    break
                if heard.tries[lacking] >= AT_ONCE or lacking in heard.asked:
                    continue
                if not heard.asked:
                    heard.spoke_s = now_s
                heard.asked[lacking] = None
                heard.tries[lacking] += 1
                yield f"{self._prefix}{station}/control", self._request(lacking)

    def _lacking(self, station: str, heard: Heard) -> Iterator[Range]:
        """Yield what can still be asked for."""
        if station not in self._ledger.stations:
            return
        for whole in self._ledger.report(station).to_ask:
            settled = heard.settled.get(whole.epoch, Spans())
            for first, last in settled.lacking(whole.first, whole.last):
                yield Range(whole.epoch, first, last)

    def _request(self, lacking: Range) -> bytes:
        return orjson.dumps(
            {
                "resend": {
                    "epoch": lacking.epoch,
                    "from": lacking.first,
                    "to": lacking.last,
                    "reply_to": self._name,
                }
            }
        )

    @property
    def waits(self) -> bool:
        """Whether an answer is still to come."""
        return any(heard.asked for heard in self.heard.values())

    # -------------------------------------------------------------- judging

    def reports(self) -> Iterator[tuple[StationReport, Heard]]:
        """Yield what is proven of each station whose events or position were heard."""
        for station in self._ledger.stations:
            yield self._ledger.report(station), self._station(station)


def _gone(asked: Range, following: object) -> Range:
    """Return what a refusal is about: up to the next event that is kept, if that is named."""
    epoch, _, seq = str(following).rpartition("-")
    if epoch == asked.epoch and seq.isdecimal() and asked.first < int(seq) <= asked.last:
        return Range(asked.epoch, asked.first, int(seq) - 1)
    return asked
