"""The binder against a simulated press that knows the truth: laws for every order of events.

A plain model plays the PLC, the person at the reader and the power of both machines. It knows which
part was in the machine at each stroke. The values of a stroke carry the truth's own number, so that
each unit event can be laid beside what really happened.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial, reduce

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent.core import binder
from agent.core.events import (
    Certainty,
    CodeScanned,
    Event,
    ScanExpired,
    StateCarried,
    UnitCompleted,
    UnitEvent,
)
from agent.core.state import Health, LookupAsk, State
from agent.core.station import Station
from drivers.base import Quality, SamplesLost, TagValue, ValuesSeen
from tests.core_rig import ECU, HOUSING, PRESS, Rig

STATION = replace(PRESS, components=(HOUSING, ECU), units={"force": "kN"})
NOT_STORED = 7


class Press:
    """The PLC and what is truly in the machine."""

    def __init__(self) -> None:
        self.part: str | None = None
        self.parts = 0
        self.cycle = 0
        """The truth's number of the stroke, in the values."""
        self.stroked = False
        self.trigger = False
        self.request = 0
        self.count = 0
        self.answered_here = 0
        """Requests answered since the memory was last lost."""
        self.truth: dict[int, str] = {}
        """Stroke -> the part that was in it."""
        self.read: dict[int, list[int]] = {}
        """Stroke -> the answers that the PLC took."""

    def tags(self) -> dict[str, bool | int | float]:
        """Return what the PLC shows."""
        return {
            "trigger": self.trigger,
            "request": self.request,
            "count": self.count,
            "force": self.cycle,
            "ok": True,
        }


class Machine(RuleBasedStateMachine):
    """Random scans, strokes, losses and restarts."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(STATION)
        self.press = Press()
        self.rig.device = {"ack": False, "result": 0}
        self.up = False
        self.shown: dict[str, bool | int | float] = {}
        self.polled_ms = self.rig.ms

    @initialize()
    def links(self) -> None:
        """Begin with both links up and read."""
        self.rig.link("scanner", up=True)
        self.restore()

    # ---------------------------------------------------------- time and the person

    @rule(ms=st.sampled_from([1, 10, 60, 150, 250, 1_500, 5_001, 31_000]))
    def wait(self, ms: int) -> None:
        """Time passes."""
        self.rig.turn(ms)

    @precondition(lambda self: self.press.part is None)
    @rule(scan=st.sampled_from(["once", "once", "twice", "forgotten", "at once"]))
    def produce(self, scan: str) -> None:
        """A new part comes, its label is read (or not), and the machine works on it."""
        press = self.press
        press.parts += 1
        press.part = f"SN-{press.parts}"
        if scan in {"once", "twice"}:
            self.scan()
            self.rig.turn(1_200)
        if scan in {"twice", "at once"}:
            self.scan()
        if scan != "at once":
            self.rig.turn(300)
            self.poll()
        self.stroke()

    @precondition(lambda self: self.press.part is not None)
    @rule()
    def scan(self) -> None:
        """The label of the part in the machine is read, also again, also late."""
        assert self.press.part is not None
        self.rig.scan(self.press.part)

    @precondition(lambda self: self.press.trigger)
    @rule()
    def scan_next_early(self) -> None:
        """The next part's label is read while this one is still in the machine; it does come."""
        self.early = f"SN-{self.press.parts + 1}"
        self.rig.scan(self.early)

    @rule(code=st.sampled_from(["L-1", "L-2", "ECU-1", "ECU-2", "OP-1", "OP-2", "junk", "WO-1"]))
    def scan_other(self, code: str) -> None:
        """Something else is read."""
        self.rig.scan(code)

    # ---------------------------------------------------------- the PLC

    def stroke(self) -> None:
        """The machine works and asks, unless an old answer still stands (the PLC's law 3)."""
        press = self.press
        press.stroked = True
        press.trigger = not (self.rig.device["ack"] or self.rig.device["result"])
        press.request, press.count = press.request + 1, press.count + 1
        press.cycle += 1
        press.truth[press.cycle] = press.part or ""
        self.rig.ms += 5

    def take_answer(self) -> None:
        """The PLC reads an answer, if there is one, and drops the trigger."""
        press, device = self.press, self.rig.device
        if press.stroked and not press.trigger and not device["ack"] and not device["result"]:
            press.trigger = True  # an old answer is gone; after a 7 the same request again
            return
        if not (press.trigger and device["ack"] and device["result"]):
            return
        answer = int(device["result"])
        press.trigger = False
        press.read.setdefault(press.cycle, []).append(answer)
        if answer != NOT_STORED:
            self.answer_is_durable(answer)
            press.stroked, press.part = False, None
            press.answered_here += 1

    def answer_is_durable(self, answer: int) -> None:
        """No answer but 7 without an event on disk for this very stroke (D-19, D-20)."""
        stored = self.rig.events[: self.rig.n_durable]
        own = [e for e in stored if isinstance(e, UnitEvent) and stroke_of(e) == self.press.cycle]
        assert [e.answer for e in own] == [answer]

    @rule(n=st.integers(1, 9), coherent=st.sampled_from([True, True, True, False]))
    def talk(self, n: int, coherent: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """The next steps of a handshake, in their order; a snapshot may be torn."""
        acts = (
            self.poll,
            partial(self.answer_ask, coherent=coherent),
            partial(self.answer_ask, coherent=coherent),
            partial(self.rig.turn, 201),
            partial(self.answer_ask, coherent=True),
            self.write,
            self.take_answer,
            self.poll,
            self.write,
        )
        for act in acts[:n]:
            act()

    @rule()
    def talk_to_the_end(self) -> None:
        """A handshake from its begin to its end, as far as nothing is in its way."""
        self.talk(9, coherent=True)

    # ---------------------------------------------------------- links

    def poll(self) -> None:
        """What has changed is seen."""
        if not self.up:
            return
        rig, tags = self.rig, self.press.tags()
        since_ms, self.polled_ms = self.polled_ms, rig.ms
        rig.tags |= tags
        changed = {
            tag: value
            for tag, value in tags.items()
            if tag in {"trigger", "request"} and self.shown.get(tag) != value
        }
        self.shown |= changed
        if changed:
            values = tuple(
                TagValue(tag=tag, value=value, quality=Quality.GOOD)
                for tag, value in changed.items()
            )
            rig.observe(ValuesSeen, device="plc", earliest_ms=since_ms, values=values)

    def answer_ask(self, *, coherent: bool) -> None:
        """The oldest ask is answered."""
        self.rig.tags |= self.press.tags()
        if self.rig.asks and isinstance(self.rig.asks[0], LookupAsk):
            self.rig.look_up(self.rig.asks.pop(0), known=coherent)
        elif self.rig.asks and self.up:
            self.rig.read(self.rig.asks.pop(0), coherent=coherent)

    def write(self) -> None:
        """The supervisor pulls what is due and writes it, group by group."""
        rig = self.rig
        if not self.up:
            return
        due = binder.due(rig.durable, rig.working, Health(now_ms=rig.ms), "plc")
        rig.working = binder.handed_over(rig.working, due.standing)
        for group in due.groups:
            rig.device |= dict(group.values)
            assert rig.device["result"] or not rig.device["ack"], "ack without a result"
        live = rig.working.live["end"]
        if live.synced and live.rise is None:
            assert not rig.device["ack"]
            assert not rig.device["result"]

    # ---------------------------------------------------------- faults

    @rule(
        fault=st.sampled_from(
            [
                "cut",
                "blink",
                "kept",
                "kept",
                "lost",
                "slow",
                "land",
                "kill",
                "kill",
                "reboot",
                "gap",
            ]
        )
    )
    def fault(self, fault: str) -> None:
        """Something breaks, or heals."""
        acts: dict[str, Callable[[], None]] = {
            "cut": self.cut,
            "blink": self.blink,
            "kept": self.plc_restart,
            "lost": self.plc_forgets,
            "slow": self.commits_wait,
            "land": self.commits_land,
            "kill": self.kill,
            "reboot": partial(self.kill, reboot=True),
            "gap": self.samples_lost,
        }
        acts[fault]()

    def cut(self) -> None:
        """The link to the PLC is lost."""
        if self.up:
            self.up = False
            self.rig.link("plc", up=False)

    @precondition(lambda self: not self.up)
    @rule(read=st.booleans())
    def restore(self, read: bool = True) -> None:  # noqa: FBT001, FBT002 - drawn by hypothesis
        """The link comes back and shows all values anew."""
        self.up, self.shown, self.polled_ms = True, {}, self.rig.ms
        self.rig.link("plc", up=True)
        self.poll()
        if read:
            self.answer_ask(coherent=True)

    def blink(self) -> None:
        """The link is lost for a moment."""
        self.cut()
        self.rig.turn(50)
        self.restore()

    def samples_lost(self) -> None:
        """Values were lost on the way."""
        if self.up:
            self.rig.observe(SamplesLost, device="plc", tag=None, count=None, reason="overrun")

    def plc_restart(self) -> None:
        """The PLC restarts: its outputs from us are gone, it goes on with the same request."""
        self.cut()
        self.rig.device = {"ack": False, "result": 0}

    def plc_forgets(self) -> None:
        """The PLC restarts without its memory: numbers begin anew; the part is taken out.

        Numbers alone cannot tell the very first requests of two lives apart: not played.
        """
        self.plc_restart()
        press = self.press
        if press.answered_here > 1:
            press.request = press.count = press.answered_here = 0
            press.trigger = press.stroked = False
            press.part = None

    def commits_wait(self) -> None:
        """The disk is slow: what is decided from here on is not durable yet."""
        self.rig.hold_commits = True

    def commits_land(self) -> None:
        """Everything is on disk."""
        self.rig.hold_commits = False
        self.rig.durable = self.rig.state

    def kill(self, *, reboot: bool = False) -> None:
        """The agent is killed, or the gateway loses power; it starts again."""
        self.rig.hold_commits = False
        self.rig.restart(reboot=reboot)
        self.up = False
        self.rig.link("scanner", up=True)
        self.restore()

    def good_cycle(self) -> None:
        """Everything works for a while: whatever was begun comes to its end."""
        self.commits_land()
        if not self.up:
            self.restore()
        self.wait(10_001)  # what a torn link left open is asked for again
        self.finish()
        self.produce("once") if self.press.part is None else self.finish()
        self.finish()
        assert not self.press.stroked, "a stroke without an answer although everything works"

    def finish(self) -> None:
        """Let PLC and agent talk until nothing is open."""
        for _ in range(5):
            self.talk(9, coherent=True)

    # ---------------------------------------------------------- laws

    @invariant()
    def each_stroke_has_one_event(self) -> None:
        """No request has two unit events, whatever was lost or repeated (D-20)."""
        events = self.rig.of(UnitEvent)
        counted = Counter(stroke_of(event) for event in events)
        assert [stroke for stroke, n in counted.items() if n > 1] == []
        answers = {stroke_of(event): event.answer for event in events}
        for stroke, taken in self.press.read.items():
            stored = [answer for answer in taken if answer != NOT_STORED]
            assert stored in ([], [answers.get(stroke)])

    @invariant()
    def certain_is_true(self) -> None:
        """No unit is certain for a stroke it was not in (D-25)."""
        for event in self.rig.of(UnitCompleted):
            if event.certainty is Certainty.CERTAIN:
                assert event.unit == self.press.truth[stroke_of(event)]

    @invariant()
    def no_scan_disappears(self) -> None:
        """Each scan of a unit waits, or ended in a cycle, or expired: exactly one of these."""
        ended = Counter(
            address
            for event in self.rig.events
            if isinstance(event, UnitEvent | ScanExpired)
            for address in event.because
        )
        waiting = {p.address for p in self.rig.state.pairing.pending}
        waiting |= {w.address for w in self.rig.state.material.waiting}
        for scan in self.rig.of(CodeScanned):
            if scan.means == "unit":
                assert ended[scan.address] + (scan.address in waiting) == 1

    def teardown(self) -> None:
        """In the end every stroke is answered, and every fold gives what decide gave."""
        self.good_cycle()
        self.each_stroke_has_one_event()
        self.certain_is_true()
        events = self.rig.events
        assert fold(STATION, events) == self.rig.state
        for n, event in enumerate(events, 1):
            if isinstance(event, StateCarried) and event.last:
                assert fold(STATION, events[n - len(binder.PARTS) :]) == self.rig.state


def stroke_of(event: UnitEvent) -> int:
    """Return the truth's number of the stroke that an event is about."""
    return int(event.values[0].value or 0)


def fold(station: Station, events: list[Event]) -> State:
    """Return what a station knows after events."""
    return reduce(binder.evolve, events, binder.initial(station))


TestPress = Machine.TestCase
TestPress.settings = settings(
    max_examples=150, stateful_step_count=60, suppress_health_check=list(HealthCheck)
)
