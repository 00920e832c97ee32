"""The PLC and the readers as drivers show them: polled, cut, restarted, misread."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.core.state import SnapshotAsk
from agent.core.station import Handshake, Station
from drivers.base import (
    CodeScanned,
    FrameStatus,
    LinkChanged,
    Quality,
    SamplesLost,
    Scalar,
    TagValue,
    ValuesSeen,
)
from tests.soak.agent import Agent, must
from tests.soak.truth import Truth
from tests.soak.world import Process, World

SCAN_MS = 10
"""How often the program of the PLC runs."""
NOT_STORED = 7
GIVES_UP_MS = 9_000
"""After so long without an answer the PLC drops its trigger, and asks again."""


class Plc:
    """Its tags, the handshakes of its program, and the driver that polls it."""

    def __init__(self, station: Station, world: World, agent: Agent, truth: Truth) -> None:
        self.station, self.world, self.agent, self.truth = station, world, agent, truth
        self.tags: dict[str, Scalar] = {"stroke": 0, "count": 0, "life": 1, "ok": True}
        for handshake in station.handshakes:
            self.tags |= dict.fromkeys(handshake.code_tags, "")
            self.tags |= {handshake.inside: 0} if handshake.inside else {}
            self.tags |= {handshake.trigger: False, handshake.result: 0, handshake.ack: False}
            self.tags |= {handshake.request: 0} if handshake.request else {}
            self.tags |= {handshake.abort: False} if handshake.abort else {}
        self.polled: list[str] = []
        """Tags that the driver polls; the others are read by snapshot alone."""
        self.poll_ms = (20, 50)
        self.cable = True
        self.answered_here = 0
        """Requests answered since the memory was lost last."""
        self.passes = 0.0
        """How often the PLC goes on without an answer, once it has waited for long enough."""
        self.aborts = 0.0
        self._shown: dict[str, Scalar] = {}
        self._bad: set[str] = set()
        self._away_since: int | None = 0
        self._linked_ms = 0
        self._forgot_ms: int | None = None
        agent.read_tags, agent.hold = self._snapshot, self._hold

    # -------------------------------------------------------------- the driver

    def driver(self) -> Process[None]:
        """Connect, poll, and say what has changed."""
        polled_ms = 0
        while True:
            yield self.world.between(*self.poll_ms)
            if not self.agent.up or not self.cable:
                self._lost()
                yield self.world.between(50, 400)
                continue
            if not self.agent.linked:
                self._connected()
                polled_ms = self.world.ms
            earliest_ms, polled_ms = polled_ms, self.world.ms
            self.truth.read_at[self.world.ms] = len(self.truth.pieces)
            moved = [tag for tag in self.polled if self._shown.get(tag, ...) != self._sight(tag)]
            changed = tuple(self._value(tag) for tag in moved)
            self._shown |= {v.tag: v.value for v in changed}  # type: ignore[misc]  # None is BAD
            if changed:
                between_ms = (earliest_ms, self.world.ms)
                self.agent.observe(ValuesSeen, device="plc", between_ms=between_ms, values=changed)

    def _connected(self) -> None:
        self.agent.linked, self._shown, self._linked_ms = True, {}, self.world.ms
        if self._away_since is not None:
            self.truth.away.append((self._away_since, self.world.ms))
            self._away_since = None
        self.agent.observe(LinkChanged, device="plc", up=True)

    def _lost(self) -> None:
        if self._away_since is None:
            self._away_since = self.world.ms
        if self.agent.linked:
            self.agent.linked = False
            self.agent.observe(LinkChanged, device="plc", up=False, reason="cut")

    def has_shown(self, tag: str) -> bool:
        """Return whether the newest value of a tag was seen on this link."""
        return self.agent.linked and self._shown.get(tag) == self.tags[tag]

    def _sight(self, tag: str) -> Scalar | None:
        return None if tag in self._bad else self.tags[tag]

    def _value(self, tag: str) -> TagValue:
        if tag in self._bad:
            return TagValue(tag=tag, value=None, quality=Quality.BAD, code="0x808C0000")
        return TagValue(tag=tag, value=self.tags[tag], quality=Quality.GOOD)

    def _snapshot(self, _ask: SnapshotAsk) -> Mapping[str, Scalar] | None:
        return self.tags if self.agent.linked and self.cable and not self._bad else None

    def _hold(self, tag: str, value: Scalar) -> None:
        if self.cable:
            self.tags[tag] = value

    # -------------------------------------------------------------- the program

    def ask(self, handshake: Handshake, number: int) -> Process[int | None]:
        """Ask until there is an answer; None: the machine gave up, or the part was taken out."""
        while self.tags[handshake.ack] or self.tags[handshake.result] or not self._is_known():
            yield SCAN_MS
        self.tags["stroke"] = number
        if handshake.request and handshake.modulus:
            self.tags[handshake.request] = (
                int(self.tags[handshake.request]) + 1
            ) % handshake.modulus
        memory = self.tags["life"]
        yield SCAN_MS
        while True:
            if self.tags["life"] != memory:
                self.is_aborted = True  # it does not know any more that it asked
                return None
            answer = yield from self._ask_once(handshake, number)
            if answer is not None and answer != NOT_STORED:
                return answer
            if self.is_aborted or self.world.chance(self.passes):
                return None
            yield 500

    is_aborted = False
    """Whether the part was taken out under the newest trigger."""

    def _is_known(self) -> bool:
        """Whether the agent has seen what the PLC shows since that lost its memory."""
        forgot_ms, linked_ms = self._forgot_ms, self._linked_ms
        is_seen = forgot_ms is not None and linked_ms > forgot_ms and self.agent.linked
        if is_seen and self.world.ms > linked_ms + 500:
            self._forgot_ms = None
        return self._forgot_ms is None

    def _ask_once(self, handshake: Handshake, number: int) -> Process[int | None]:
        self.tags[handshake.trigger] = True
        since_ms, abort_ms = self.world.ms, None
        if self.world.chance(self.aborts):
            abort_ms = since_ms + self.world.between(10, 800)
        self.is_aborted = False
        memory = self.tags["life"]
        while not (self.tags[handshake.ack] and self.tags[handshake.result]):
            if self.tags["life"] != memory:
                self.is_aborted = True
                return None
            late = self.world.ms - since_ms > GIVES_UP_MS + handshake.answer_within_ms
            self.is_aborted = abort_ms is not None and self.world.ms >= abort_ms
            if late or self.is_aborted:
                break
            yield SCAN_MS
        answer = int(self.tags[handshake.result]) if self.tags[handshake.ack] else None
        if self.is_aborted and answer is None:
            yield max(0, since_ms + 2 * self.poll_ms[1] + SCAN_MS - self.world.ms)  # A8
            yield from self._take_out(handshake)
            return None
        self.is_aborted = False
        if answer is not None and answer != NOT_STORED:
            self._taken(handshake, number, answer)
        self.tags[handshake.trigger] = False
        while self.tags[handshake.ack] or self.tags[handshake.result]:
            if self.world.ms - since_ms > 60_000:
                break
            yield SCAN_MS
        return answer

    def _take_out(self, handshake: Handshake) -> Process[None]:
        """The part is taken out under the trigger, and the PLC says so where it can."""
        if handshake.abort:
            self.tags[handshake.abort] = True
            yield 200
        self.tags[handshake.trigger] = False
        yield 300
        if handshake.abort:
            self.tags[handshake.abort] = False

    def _taken(self, handshake: Handshake, number: int, answer: int) -> None:
        """Note the answer: its event is durable by now, for this very cycle (D-19)."""
        self.answered_here += 1
        cycle = self.truth.cycles[number]
        (cycle.begins if handshake.name == "begin" else cycle.answers).append(answer)

    # -------------------------------------------------------------- faults

    def cut(self, for_ms: int) -> None:
        """Pull the cable for a while."""
        self.cable = False
        self.world.after(for_ms, self._plug)

    def _plug(self) -> None:
        self.cable = True

    def restart(self, *, forgets: bool) -> None:
        """Start the program again: what we wrote is gone; perhaps all that it knew, too."""
        self.cut(self.world.between(100, 900))
        for handshake in self.station.handshakes:
            self.tags |= {handshake.result: 0, handshake.ack: False}
            if forgets:
                self.tags[handshake.trigger] = False
                self.tags |= {handshake.request: 0} if handshake.request else {}
                self.tags |= dict.fromkeys(handshake.code_tags, "")
        if forgets:
            self.tags |= {"count": 0, "life": int(self.tags["life"]) + 1}
            self.answered_here, self._forgot_ms = 0, self.world.ms

    def turn_bad(self, tag: str, for_ms: int) -> None:
        """Let a tag read BAD for a while."""
        self._bad.add(tag)
        self.world.after(for_ms, lambda: self._bad.discard(tag))

    def lose_samples(self) -> None:
        """Let values be lost on the way."""
        if self.agent.linked:
            self.agent.observe(
                SamplesLost, device="plc", tag=None, count=None, reason="queue overrun"
            )


class Reader:
    """One reader: what passes it, what it sends, and whether anybody hears it."""

    def __init__(self, name: str, world: World, agent: Agent) -> None:
        self.name, self.world, self.agent = name, world, agent
        self.cable = True
        self.delay_ms = (0, 30)
        self.frames = 0
        """Frames that came through."""
        self._session = -1

    @property
    def is_heard(self) -> bool:
        """Whether the agent hears it."""
        return self.agent.up and self.cable and self._session == self.agent.session

    def driver(self) -> Process[None]:
        """Connect where there is somebody to connect to."""
        while True:
            yield self.world.between(20, 60)
            if self.agent.up and self.cable and self._session != self.agent.session:
                self._session = self.agent.session
                self.agent.observe(LinkChanged, device=self.name, up=True)

    def cut(self, for_ms: int) -> None:
        """Pull its cable for a while."""
        if self.is_heard:
            self.agent.observe(LinkChanged, device=self.name, up=False, reason="unplugged")
        self.cable, self._session = False, -1
        self.world.after(for_ms, self._plug)

    def _plug(self) -> None:
        self.cable = True

    def read(self, code: str, meanwhile: Callable[[], None] | None = None) -> Process[str | None]:
        """Read a label; return the id of the observation, None if nobody heard it.

        `meanwhile` happens while the reader sends.
        """
        yield self.world.between(*self.delay_ms)
        return (yield from self._send(code.encode(), FrameStatus.OK, meanwhile))

    def insist(self, code: str, meanwhile: Callable[[], None] | None = None) -> Process[None]:
        """Read a label until the reader beeps: its scan is on disk."""
        while True:
            seen = (yield from self.read(code, meanwhile)) if self.is_heard else None
            if seen is not None and (yield from self.agent.kept()):
                return
            yield 300

    def fail(self, how: str) -> Process[str | None]:
        """Send what is no label: `noread`, `junk`, or a frame that was cut."""
        yield self.world.between(*self.delay_ms)
        raw, status = {
            "noread": (b"NOREAD", FrameStatus.OK),
            "junk": (b"?%x7", FrameStatus.OK),
            "cut": (b"SN-", FrameStatus.PARTIAL),
        }[how]
        return (yield from self._send(raw, status))

    def _send(
        self, raw: bytes, status: FrameStatus, meanwhile: Callable[[], None] | None = None
    ) -> Process[str | None]:
        session, began_ms = self._session, self.world.ms
        heard = self.is_heard
        yield self.world.between(5, 15)
        if heard and meanwhile is not None:
            meanwhile()
        yield self.world.between(0, 15)
        ended_ms = self.world.ms
        yield self.world.between(0, 15)
        if not heard or not self.is_heard or session != self._session:
            return None
        self.frames += 1
        seen = self.agent.observe(
            CodeScanned,
            device=self.name,
            between_ms=(began_ms, ended_ms),
            raw=raw,
            status=status,
        )
        must(seen, "a frame that is heard is decided")
        return seen
