"""One edge node's words, session after session: births, data, deaths, and their numbers.

It makes payloads and knows what was born with which type; it sends nothing (see `sink`). A station
is an edge node, each of its devices that has tags is a device of it, and each tag is a metric.

Laws (Sparkplug 3.0, chapters 5 and 6; D-123 to D-129):
    1. seq starts at 0 with each NBIRTH, rises by one with each message after it, and wraps at 256.
       NDEATH has none. A number is spent when its message is sent, not when it is made.
    2. Data names only what was born in this session, by alias, with the type of the birth. A value
       of another type, or of a tag that was never seen, needs a rebirth first.
    3. What was received before a birth is historical after it: the birth says what is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.formats.sparkplug import (
    BD_SEQ,
    DEVICE_REBIRTH,
    REBIRTH,
    WRAP,
    DataType,
    Metric,
    Payload,
    encode,
)
from agent.sinks.sparkplug.memory import Memory
from agent.sinks.sparkplug.metrics import fits, kind_of, metric_of, sayable
from agent.sinks.values import Contact, Sample, ValueFeed
from drivers.base import Quality, Scalar

MOST_METRICS = 100
"""Values in one message."""
MOST_CHARACTERS = 32_768
"""Of texts in one message, so that it stays small for brokers with a limit."""
SETTLE_MS = 1000
"""A device's birth waits so long for the first values of all its tags."""

READY, WHY, DROPPED = "Station/Ready", "Station/Reason", "Station/Values Dropped"
STATE, CATEGORY, REASON, MODE, EVENT = (
    f"Machine/{name}" for name in ("State", "Category", "Reason", "Mode", "Event")
)
STATION_METRICS: Mapping[str, DataType] = {
    READY: DataType.BOOLEAN,
    WHY: DataType.STRING,
    DROPPED: DataType.INT64,
}
MACHINE_METRICS: Mapping[str, DataType] = dict.fromkeys(
    (STATE, CATEGORY, REASON, MODE, EVENT), DataType.STRING
)
_NODE_METRICS = {**STATION_METRICS, **MACHINE_METRICS}


def key_of(device: str, metric: str) -> str:
    """Return what a metric is remembered under; the node itself is no device."""
    return f"{device}/{metric}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Born:
    """A device as its birth in this session showed it."""

    contact: Contact | None
    kinds: Mapping[str, DataType]
    shown: frozenset[int]
    """Numbers of the samples that stood in it."""
    until: int
    """Number of the newest sample at that moment."""


class Taken(NamedTuple):
    """What was taken from the feed at once."""

    samples: list[Sample]
    """To be said."""
    known: list[Sample]
    """Said by the birth already."""


@dataclass(slots=True)
class NodeValues:
    """What the node's own metrics hold; it outlives sessions, so that times stay true."""

    newest: dict[str, Sample] = field(default_factory=dict)

    def note(self, values: Mapping[str, Scalar | None], wall_ms: int) -> list[Sample]:
        """Take values; return those that are new."""
        changed = []
        for name, value in values.items():
            before = self.newest.get(name)
            if before is None or before.value != value:
                changed.append(node_sample(name, value, wall_ms))
                self.newest[name] = changed[-1]
        return changed


def node_sample(name: str, value: Scalar | None, wall_ms: int) -> Sample:
    """Return a value of the node itself; one that is not known is null, and not bad for that."""
    return Sample(
        device="", tag=name, value=value, quality=Quality.GOOD, code="", wall_ms=wall_ms, number=0
    )


class EdgeNode:
    """Makes what one session after the other has to say."""

    def __init__(self, memory: Memory, feed: ValueFeed, *, has_machine: bool) -> None:
        self.values = NodeValues()
        self.needs_birth = False
        """Whether something waits that was not born so."""
        self.metrics = tuple(_NODE_METRICS if has_machine else STATION_METRICS)
        """The node's own metrics beside bdSeq and rebirth."""
        self._memory = memory
        self._feed = feed
        self._bd_seq = 0
        self._seq = 0
        self._born: dict[str, _Born] = {}

    # ------------------------------------------------------------- sessions

    def keys(self) -> Iterator[str]:
        """Yield every metric that has an alias."""
        yield from (key_of("", name) for name in self.metrics)
        for device, tags in self._feed.tags.items():
            yield from (key_of(device, tag) for tag in tags)

    def begin(self, bd_seq: int) -> None:
        """Begin a session: nothing is born in it yet."""
        self._bd_seq = bd_seq
        self._born.clear()
        self.needs_birth = False

    def sent(self) -> None:
        """Note that the message that was made last has gone out."""
        self._seq = (self._seq + 1) % WRAP

    @property
    def born(self) -> tuple[str, ...]:
        """The devices that are born in this session."""
        return tuple(self._born)

    # ------------------------------------------------------------- the node

    def death(self, now_ms: int) -> bytes:
        """Return the NDEATH of this session, for the will and for an intended end."""
        return encode(
            Payload(timestamp_ms=now_ms, seq=None, metrics=(self._bd_seq_metric(now_ms),)),
            with_types=True,
        )

    def birth(self, now_ms: int) -> bytes:
        """Return the NBIRTH; every device has to be born again after it."""
        self._seq = 0
        self._born.clear()
        self.needs_birth = False
        own = [
            self._node_metric(self.values.newest.get(name) or node_sample(name, None, now_ms), name)
            for name in self.metrics
        ]
        own += [self._bd_seq_metric(now_ms), _rebirth(REBIRTH, now_ms)]
        return self._encoded(own, now_ms, with_types=True)

    def node_data(
        self, samples: Iterable[Sample], now_ms: int, *, historical: bool = False
    ) -> bytes:
        """Return an NDATA with values of the node's own metrics."""
        metrics = [self._node_metric(one, historical=historical) for one in samples]
        return self._encoded(metrics, now_ms, with_types=False)

    def _node_metric(
        self, sample: Sample, name: str | None = None, *, historical: bool = False
    ) -> Metric:
        alias = self._memory.alias(key_of("", sample.tag))
        kind = _NODE_METRICS[sample.tag]
        return metric_of(sample, kind, alias, name=name, historical=historical)

    def _bd_seq_metric(self, now_ms: int) -> Metric:
        return Metric(name=BD_SEQ, timestamp_ms=now_ms, datatype=DataType.INT64, value=self._bd_seq)

    # ------------------------------------------------------------- devices

    def due_births(self, now_boot_ms: int) -> list[str]:
        """Return the devices that can be born now."""
        return [
            device
            for device, tags in self._feed.tags.items()
            if device not in self._born
            and (contact := self._feed.contact(device)) is not None
            and (
                len(self._feed.newest(device)) == len(tags)
                or now_boot_ms - contact.since_ms >= SETTLE_MS
            )
        ]

    def due_deaths(self) -> list[str]:
        """Return the devices whose link of their birth is over."""
        return [
            device
            for device, born in self._born.items()
            if self._feed.contact(device) != born.contact
        ]

    def device_birth(self, device: str, now_ms: int) -> bytes:
        """Return the DBIRTH: what each tag holds now, null where it is not seen.

        A tag whose type nobody has ever seen is left out; its first value needs a rebirth.
        """
        newest = self._feed.newest(device)
        kinds, metrics, shown = {}, [_rebirth(DEVICE_REBIRTH, now_ms)], set()
        for tag in self._feed.tags[device]:
            sample = newest.get(tag) or _unseen(device, tag, now_ms)
            kind = self._kind_for(sample)
            if kind is None:
                continue
            kinds[tag] = kind
            shown.add(sample.number)
            alias = self._memory.alias(key_of(device, tag))
            metrics.append(metric_of(sample, kind, alias, name=tag))
        self._born[device] = _Born(
            contact=self._feed.contact(device),
            kinds=kinds,
            shown=frozenset(shown),
            until=self._feed.number,
        )
        return self._encoded(metrics, now_ms, with_types=True)

    def _kind_for(self, sample: Sample) -> DataType | None:
        """Return the type a sample is born with: the one before where it fits."""
        key = key_of(sample.device, sample.tag)
        known, (value, _) = self._memory.kind(key), sayable(sample.value)
        if value is None or (known is not None and fits(value, known)):
            return known
        self._memory.note_kind(key, kind_of(value))
        return kind_of(value)

    def device_death(self, device: str, now_ms: int) -> bytes:
        """Return the DDEATH."""
        del self._born[device]
        return self._encoded((), now_ms, with_types=False)

    def take(self, device: str, most: int) -> Taken:
        """Return what waits for a device that is born, as much as one message carries.

        At a value that was not born so it stops: that one waits for a rebirth.
        """
        born, taken, characters = self._born[device], Taken([], []), 0
        samples = self._feed.take(device, min(most, MOST_METRICS))
        for place, sample in enumerate(samples):
            value = sayable(sample.value)[0]
            characters += len(value) if isinstance(value, str) else 0
            is_full = bool(taken.samples) and characters > MOST_CHARACTERS
            if is_full or self._waits_for_birth(born, sample):
                self._feed.put_back(samples[place:])
                break
            if sample.number in born.shown:
                taken.known.append(sample)
            elif self._can_be_said(born, sample):
                taken.samples.append(sample)
        return taken

    def _waits_for_birth(self, born: _Born, sample: Sample) -> bool:
        """Whether a value has to wait until its tag is born with its type."""
        value, kind = sayable(sample.value)[0], born.kinds.get(sample.tag)
        if value is None or (
            kind is not None and (fits(value, kind) or sample.number <= born.until)
        ):
            return False
        self._memory.note_kind(key_of(sample.device, sample.tag), kind_of(value))
        self.needs_birth = True
        return True

    def _can_be_said(self, born: _Born, sample: Sample) -> bool:
        """Whether a value is news; what the type of today cannot hold is lost, and counted."""
        if sample.tag not in born.kinds:
            return False  # it is null, of a tag that had no value yet
        is_sayable = fits(sayable(sample.value)[0], born.kinds[sample.tag])
        self._feed.dropped += not is_sayable
        return is_sayable

    def device_data(self, device: str, samples: Sequence[Sample], now_ms: int) -> bytes:
        """Return a DDATA with samples that `take` gave."""
        born = self._born[device]
        metrics = [
            metric_of(
                sample,
                born.kinds[sample.tag],
                self._memory.alias(key_of(device, sample.tag)),
                historical=sample.number <= born.until,
            )
            for sample in samples
        ]
        return self._encoded(metrics, now_ms, with_types=False)

    def _encoded(self, metrics: Sequence[Metric], now_ms: int, *, with_types: bool) -> bytes:
        """Return the message; what is not historical stands in the order of its time."""
        past = [one for one in metrics if one.is_historical]
        present = [one for one in metrics if not one.is_historical]
        present.sort(key=lambda one: one.timestamp_ms or 0)
        return encode(
            Payload(timestamp_ms=now_ms, seq=self._seq, metrics=(*past, *present)),
            with_types=with_types,
        )


def _rebirth(name: str, now_ms: int) -> Metric:
    """Return the metric by which a host asks for births; it never has an alias (D-127)."""
    return Metric(name=name, timestamp_ms=now_ms, datatype=DataType.BOOLEAN, value=False)


def _unseen(device: str, tag: str, now_ms: int) -> Sample:
    return Sample(
        device=device,
        tag=tag,
        value=None,
        quality=Quality.BAD,
        code="not seen",
        wall_ms=now_ms,
        number=0,
    )
