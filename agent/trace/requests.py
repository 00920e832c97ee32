"""What stations are asked to send again: so much at a time, each range so often, and not for ever.

Pure, as `audit.py`: who brings the connection hands in what arrives and sends what is to be asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from agent.trace.claims import Answered, Range
from agent.trace.heard import answer_of, object_of
from agent.trace.spans import Spans

AT_ONCE = 4
"""Requests that one station is asked to answer at the same time."""
PATIENCE_S = 15.0
"""A station that says nothing for so long while it is asked does not answer."""


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

    def open(self, lacking: Iterable[Range]) -> Iterator[Range]:
        """Yield what of this was not refused."""
        for whole in lacking:
            settled = self.settled.get(whole.epoch, Spans())
            for first, last in settled.lacking(whole.first, whole.last):
                yield Range(whole.epoch, first, last)

    def give_up(self, gone: Range) -> None:
        """Ask for this no more."""
        self.settled.setdefault(gone.epoch, Spans()).add(gone.first, gone.last)

    def forget(self) -> None:
        """Ask for everything that lacks anew: what was refused or not answered may be by now."""
        self.refused.clear()
        self.settled.clear()
        self.asked.clear()
        self.tries.clear()
        self.has_spoken = self.is_silent = False


class Requests:
    """The requests to the stations below one root, answered on one branch of `reply`."""

    def __init__(self, root: str, name: str) -> None:
        self.heard: dict[str, Heard] = {}
        self._prefix = f"{root}/v1/"
        self._name = name

    def of(self, station: str) -> Heard:
        """Return what was heard of a station."""
        return self.heard.setdefault(station, Heard())

    @property
    def waits(self) -> bool:
        """Whether an answer is still to come."""
        return any(heard.asked for heard in self.heard.values())

    # -------------------------------------------------------------- taking in

    def health(self, station: str, payload: bytes) -> None:
        """Take what a station says of itself; one that comes back is asked again."""
        heard = self.of(station)
        try:
            members = orjson.loads(payload)
        except orjson.JSONDecodeError:
            members = None
        was = heard.online
        heard.online = members.get("online") is True if isinstance(members, dict) else None
        if heard.online and was is False:
            heard.forget()

    def replied(self, station: str, payload: bytes, now_s: float) -> dict[str, Any] | None:
        """Note that a station answers; return the envelope of an event, None: the answer's end.

        Raises:
            HeardError: it is neither.
        """
        heard = self.of(station)
        heard.spoke_s, heard.has_spoken, heard.is_silent = now_s, True, False
        members = object_of(payload)
        return members if "data" in members else None

    def settle(self, station: str, payload: bytes) -> Answered | None:
        """Take the end of an answer; return what it speaks for, None: it was refused, or not ours.

        Raises:
            HeardError: it is none.
        """
        answer = answer_of(station, payload)
        members = object_of(payload)
        heard, at = self.of(station), (members.get("epoch"), members.get("from"))
        asked = next((one for one in heard.asked if (one.epoch, one.first) == at), None)
        if asked is None:
            return None
        del heard.asked[asked]
        if isinstance(answer, Answered):
            return answer
        if not answer.startswith("busy"):
            gone = _gone(asked, members.get("next"))
            heard.refused[gone] = answer
            heard.give_up(gone)
        return None

    # -------------------------------------------------------------- asking

    def to_ask(
        self, now_s: float, lacking: Callable[[str], Iterable[Range]]
    ) -> Iterator[tuple[str, bytes]]:
        """Yield (topic, payload) of the requests that are due; each counts as asked."""
        for station, heard in sorted(self.heard.items()):
            if heard.asked and now_s - heard.spoke_s >= PATIENCE_S:
                heard.asked.clear()  # what was lost on its way is asked for again
                heard.is_silent = not heard.has_spoken
            if heard.is_silent or heard.online is not True:
                continue
            for wanted in heard.open(lacking(station)):
                if len(heard.asked) >= AT_ONCE:
                    break
                if heard.tries[wanted] >= AT_ONCE or wanted in heard.asked:
                    continue
                if not heard.asked:
                    heard.spoke_s = now_s
                heard.asked[wanted] = None
                heard.tries[wanted] += 1
                yield f"{self._prefix}{station}/control", self._request(wanted)

    def _request(self, wanted: Range) -> bytes:
        return orjson.dumps(
            {
                "resend": {
                    "epoch": wanted.epoch,
                    "from": wanted.first,
                    "to": wanted.last,
                    "reply_to": self._name,
                }
            }
        )


def _gone(asked: Range, following: object) -> Range:
    """Return what a refusal is about: up to the next event that is kept, if that is named."""
    epoch, _, seq = str(following).rpartition("-")
    if epoch != asked.epoch or not seq.isdecimal() or len(seq) > len(str(asked.last)):
        return asked
    if asked.first < int(seq) <= asked.last:
        return Range(asked.epoch, asked.first, int(seq) - 1)
    return asked
