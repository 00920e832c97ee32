"""Whatever may come to a station from outside, drawn at random from its own plan."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from agent.core import binder
from agent.core.events import Event
from agent.core.identity.scan_rule import DataMatch, Gs1Match, Means, RegexMatch, ScanRule
from agent.core.state import Ask, SnapshotAsk
from agent.core.station import Station
from drivers.base import (
    AnyObservation,
    AskAnswered,
    ClockMoved,
    CodeScanned,
    Instant,
    LinkChanged,
    Quality,
    SamplesLost,
    SnapshotRead,
    TagValue,
    TimerFired,
    ValuesSeen,
)
from tests.core_rig import instant

VALUES = {
    "01": ("09506000134352", "09506000134369"),
    "10": ("L1\x1d", "L2\x1d"),
    "17": ("271231",),
    "37": ("50\x1d",),
    "3103": ("000500",),
    "21": ("1\x1d", "2\x1d", "3\x1d"),
}
"""Per application identifier: what it may hold."""
DATA = {"1P": ("ABC",), "1T": ("L1", "L2"), "Q": ("100",)}
"""And per data identifier."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that came from outside, and when; a beginning of a run, or an observation."""

    what: binder.Beginning | AnyObservation
    now: Instant


class Outside:
    """Whatever may come to a station, drawn at random; it remembers what came."""

    def __init__(self, station: Station, seed: int) -> None:
        self.station, self.random = station, Random(seed)  # noqa: S311 - no secret
        self.steps: list[Step] = []
        self.ms, self.boot, self.runs, self.number = 1_000, 1, 0, 0
        self.asks: list[Ask] = []
        self.wakeup_ms: int | None = None
        handshakes = station.handshakes
        named = [tag for h in handshakes for tag in (*h.snapshot_guard, *h.snapshot_tags)]
        named += [station.counter.tag] if station.counter else []
        named += [tag for tag in (station.lot, station.order) if tag]
        named += [tag for watch in station.watches for tag in watch.life_tags]
        self.tags = tuple(dict.fromkeys(named))
        self.triggers = {each.trigger for each in handshakes}
        plain = [rule for rule in station.scans if rule.means is not Means.OPERATOR]
        self.badges = len(plain) < len(station.scans)
        self.codes = tuple(code for rule in plain for code in codes(rule))
        self.counts: Counter[str] = Counter()

    @property
    def now(self) -> Instant:
        """The moment."""
        return instant(self.ms, f"boot-{self.boot}")

    def begin(self, last: Event | None) -> Step:
        """Begin a run from what is in the journal."""
        self.runs += 1
        self.asks, self.wakeup_ms = [], None
        return Step(
            binder.Beginning(
                epoch=f"{self.runs:06d}-aa",
                version="1",
                previous_epoch=last.epoch if last else None,
                previous_seq=last.seq if last else None,
                previous_hash="00" if last else None,
            ),
            self.now,
        )

    def next(self) -> Step:
        """Return what comes next."""
        self.ms += self.random.choice((1, 20, 150, 400, 1_200, 6_000, 40_000))
        self.number += 1
        if self.wakeup_ms is not None and self.wakeup_ms <= self.ms:
            return self._step(TimerFired(**self._head("")))
        if self.asks and self.random.random() < 0.8:
            return self._step(self._answer(self.asks.pop(0)))
        return self._step(self.random.choice(self._choices())())

    def _choices(self) -> list[Callable[[], AnyObservation]]:
        weighted: tuple[tuple[Callable[[], AnyObservation], int], ...] = (
            (self._values, 8),
            (self._scan, 6 if self.codes else 0),
            (self._link, 2),
            (self._lost, 1),
            (self._clock, 1),
        )
        return [make for make, weight in weighted for _ in range(weight)]

    def _step(self, observation: AnyObservation) -> Step:
        return Step(observation, self.now)

    def _head(self, device: str) -> dict[str, Any]:
        return {
            "id": f"{self.runs}-{self.number}",
            "device": device,
            "earliest_ms": self.ms - self.random.choice((0, 10)),
            "latest_ms": self.ms,
            "received": self.now,
        }

    def _value(self, tag: str) -> TagValue:
        if self.random.random() < 0.03:
            return TagValue(tag=tag, value=None, quality=Quality.BAD, code="0x80000000")
        if tag in self.triggers:
            value: bool | int | str = self.random.random() < 0.5
        elif self.random.random() < 0.1 and self.codes:
            value = self.random.choice(self.codes).decode("latin-1")
        else:
            self.counts[tag] += self.random.choice((0, 1, 1, 1, 2, -3))
            value = max(0, self.counts[tag])
        return TagValue(tag=tag, value=value, quality=Quality.GOOD)

    def _device(self) -> str:
        return self.random.choice(self.station.devices)

    def _plc(self) -> str:
        homes = [each.device for each in self.station.handshakes]
        homes += [self.station.counter.device] if self.station.counter else []
        return self.random.choice(homes or list(self.station.devices))

    def _values(self) -> ValuesSeen:
        tags = self.random.sample(self.tags, min(len(self.tags), self.random.randint(1, 3)))
        values = tuple(self._value(tag) for tag in tags)
        return ValuesSeen(**self._head(self._plc()), values=values)

    def _scan(self) -> CodeScanned:
        readers = sorted(self.station.no_reads) or list(self.station.devices)
        head = self._head(self.random.choice(readers))
        if self.badges and self.random.random() < 0.2:
            return CodeScanned(**head, raw=b"", operator=self.random.choice(("k:1", "k:2")))
        return CodeScanned(**head, raw=self.random.choice((*self.codes, b"junk")))

    def _link(self) -> LinkChanged:
        head = self._head(self._device())
        up = self.random.random() < 0.8
        return LinkChanged(**head, up=up, reason="cut", faults=())

    def _lost(self) -> SamplesLost:
        return SamplesLost(**self._head(self._device()), tag=None, count=1, reason="queue")

    def _clock(self) -> ClockMoved:
        return ClockMoved(**self._head(""), step_ms=self.random.randint(-5_000, 5_000))

    def _answer(self, ask: Ask) -> AnyObservation:
        if not isinstance(ask, SnapshotAsk):
            known = self.random.random() < 0.9
            return AskAnswered(**self._head(""), ask=ask.id, known=known)
        values = tuple(self._value(tag) for tag in dict.fromkeys((*ask.guard, *ask.tags)))
        return SnapshotRead(
            **self._head(ask.device),
            ask=ask.id,
            group=ask.handshake,
            values=values,
            coherent=self.random.random() < 0.9,
            tries=1,
        )


def codes(rule: ScanRule) -> Iterator[bytes]:
    """Yield a few codes under a rule, where they can be made of its parts."""
    match = rule.match
    for turn in range(3):
        if isinstance(match, RegexMatch):
            text = _of_pattern(match.pattern, turn)
            if re.fullmatch(match.pattern, text):
                yield text.encode()
        elif isinstance(match, Gs1Match) and match.ais <= set(VALUES):
            parts = (ai + VALUES[ai][turn % len(VALUES[ai])] for ai in sorted(match.ais))
            yield ("]d2" + "".join(parts)).encode()
        elif isinstance(match, DataMatch) and match.identifiers <= set(DATA):
            fields = (di + DATA[di][turn % len(DATA[di])] for di in sorted(match.identifiers))
            yield ("[)>\x1e06\x1d" + "\x1d".join(fields) + "\x1e\x04").encode()


def _of_pattern(pattern: str, turn: int) -> str:
    """Return a text for a pattern of plain signs and runs of digits."""
    plain = re.sub(r"\(\?P<\w+>(.*?)\)", r"\1", pattern)
    return re.sub(
        r"(?:\\d|\[0-9\])\{(\d+)\}", lambda found: str(turn + 1).zfill(int(found[1])), plain
    )
