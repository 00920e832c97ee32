"""The function block in docs/plc and the simulated PLC are one machine (DESIGN 4)."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.demo import plc
from tests.st_code import Scope
from tests.structured_text import Clock, Instance, Library

TEXT = Path(__file__).parents[2] / "docs" / "plc" / "lineside_handshake.st"
STAGES = (plc.Stage.IDLE, plc.Stage.SETTLING, plc.Stage.ASKING, plc.Stage.RELEASING)
ALARMS = (plc.Alarm.NONE, plc.Alarm.ACK_STUCK, plc.Alarm.NO_ANSWER)
POLICIES = (plc.OnNoAnswer.STOP, plc.OnNoAnswer.PASS_FLAGGED)
PART = plc.Work(part="SN-1", force_kn=12.5, ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What one PLC scan sees, and how long after the one before."""

    after_ms: int = 10
    ack: bool = False
    result: int = 0
    start: bool = False
    ready: bool = True
    bypass: bool = False
    abort: bool = False
    power: str = "on"
    """`kept`: a restart before this scan with its memory, `lost`: without."""


@cache
def library() -> Library:
    """Return what the text declares."""
    return Library().read(TEXT.read_text(encoding="utf-8"))


class Both:
    """The function block and the simulated PLC, on one clock and with one agent before them."""

    def __init__(
        self, settings: plc.Settings, memory: plc.Memory | None = None, now_ms: int = 0
    ) -> None:
        self.settings = settings
        self.clock = Clock(now_ms=now_ms)
        self.model = plc.restarted(memory, now_ms)
        self.memory = remembered(self.model)
        self.block = self._switched_on()

    def _switched_on(self) -> Instance:
        return Instance(library().units["FB_LinesideHandshake"], library(), self.clock)

    def run(self, scan: Scan) -> tuple[plc.Fact, ...]:
        """Run one scan in both, compare all that they show and keep, and return what happened."""
        self.clock.now_ms += scan.after_ms
        if scan.power != "on":
            self.model = plc.restarted(
                self.model if scan.power == "kept" else None, self.clock.now_ms
            )
            self.block = self._switched_on()
            if scan.power == "lost":
                self.memory = library().fresh("ST_LinesideMemory", self.clock)
        was_free = plc.takes(self.model)
        work = PART if scan.start else None
        image = plc.Image(
            ack=scan.ack, result=scan.result, work=work, bypass=scan.bypass, abort=scan.abort
        )
        done = plc.step(self.model, image, self.clock.now_ms, self.settings)
        self.model = done.memory
        self.block.call(self._inputs(scan))
        taken = scan.start and was_free
        assert self.shown() == self.expected(done, scan, waits=scan.start and not taken)
        assert self.memory == remembered(self.model)
        return done.facts

    def _inputs(self, scan: Scan) -> Scope:
        return {
            "Memory": self.memory,
            "Start": scan.start,
            "Ack": scan.ack,
            "Result": scan.result,
            "Ready": scan.ready,
            "Bypass": scan.bypass,
            "Abort": scan.abort,
            "Modulus": self.settings.modulus,
            "SettleTime": self.settings.settle_ms,
            "RepeatTime": self.settings.repeat_ms,
            "AnswerTime": self.settings.answer_ms,
            "ReleaseTime": self.settings.release_ms,
            "QuietTime": self.settings.quiet_ms,
            "MostRepeats": self.settings.most_repeats,
            "OnNoAnswer": POLICIES.index(self.settings.on_no_answer),
        }

    def shown(self) -> Scope:
        """Return the block's outputs, and whether a start still waits."""
        outputs = ("Trigger", "Request", "Count", "Busy", "MayStart", "Done", "Answer", "Passed")
        names = (*outputs, "PassedCount", "Alarm", "Start")
        return {name: self.block.members[name] for name in names}

    def expected(self, done: plc.Step, scan: Scan, *, waits: bool) -> Scope:
        """Return the outputs as the simulated PLC has them."""
        memory, free = done.memory, plc.takes(done.memory)
        may_pass = scan.bypass or self.settings.on_no_answer is plc.OnNoAnswer.PASS_FLAGGED
        decided = [
            fact
            for fact in done.facts
            if isinstance(fact, plc.Passed) or (isinstance(fact, plc.Answered) and not memory.again)
        ]
        return {
            "Trigger": memory.trigger,
            "Request": memory.request,
            "Count": memory.count,
            "Busy": not free,
            "MayStart": free and not waits and (scan.ready or may_pass),
            "Done": bool(decided),
            "Answer": memory.answer,
            "Passed": memory.passed,
            "PassedCount": memory.passed_count,
            "Alarm": ALARMS.index(memory.alarm),
            "Start": waits,
        }


def remembered(memory: plc.Memory) -> dict[str, Any]:
    """Return the simulated PLC's memory as the structure of the function block."""
    return {
        "Stage": STAGES.index(memory.stage),
        "Request": memory.request,
        "Count": memory.count,
        "WaitTime": memory.wait_ms,
        "Again": memory.again,
        "Repeats": memory.repeats,
        "Answer": memory.answer,
        "Passed": memory.passed,
        "PassedCount": memory.passed_count,
    }


def settings() -> st.SearchStrategy[plc.Settings]:
    """Any settings; the times are small, so that their edges are met."""
    times = st.integers(min_value=0, max_value=40)
    return st.builds(
        plc.Settings,
        modulus=st.sampled_from([1, 2, 3, 65_536, 2**32 - 1]),
        settle_ms=times,
        repeat_ms=times,
        answer_ms=times,
        release_ms=times,
        quiet_ms=times,
        most_repeats=st.integers(min_value=0, max_value=2),
        on_no_answer=st.sampled_from(POLICIES),
    )


def scans() -> st.SearchStrategy[list[Scan]]:
    """Any agent, any machine, any person, and the power going."""
    seldom = st.sampled_from([False, False, False, False, False, True])
    return st.lists(
        st.builds(
            Scan,
            after_ms=st.integers(min_value=0, max_value=45),
            ack=st.booleans(),
            result=st.sampled_from([0, 0, 1, 7, 7, 8, -1, 32_767]),
            start=st.booleans(),
            ready=st.booleans(),
            bypass=seldom,
            abort=seldom,
            power=st.sampled_from(["on"] * 10 + ["kept", "lost"]),
        ),
        min_size=1,
        max_size=60,
    )


@given(settings(), scans())
def test_function_block_and_simulated_plc_do_the_same(
    chosen: plc.Settings, seen: list[Scan]
) -> None:
    """In each scan both show the same and keep the same, whatever agent, machine and power do."""
    both = Both(chosen)
    for scan in seen:
        both.run(scan)


@given(settings(), st.integers(0, 2**32 - 2), st.sampled_from([0, 2**32 - 1]), scans())
def test_both_wrap_alike(chosen: plc.Settings, request: int, count: int, seen: list[Scan]) -> None:
    """Numbers wrap at the modulus, counts at 2^32, in both (D-30)."""
    memory = plc.Memory(request=request % chosen.modulus, count=count, passed_count=count)
    both = Both(chosen, memory)
    for scan in seen:
        both.run(replace(scan, power="on"))


SET = plc.Settings(
    settle_ms=20, repeat_ms=60, answer_ms=400, release_ms=100, quiet_ms=150, most_repeats=1
)


def shift(chosen: plc.Settings, seed: int, length: int) -> Iterable[plc.Fact]:
    """Run a long shift with an agent that mostly does its part, and yield what happened."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    both, answer, dead = Both(chosen), 0, False
    for _ in range(length):
        dead = dice.random() < (0.98 if dead else 0.005)
        if not dead and both.model.trigger and answer == 0 and dice.random() < 0.2:
            answer = dice.choice([1, 1, 2, 7, 7, 8])
        elif not dead and not both.model.trigger and dice.random() < 0.3:
            answer = 0
        power = dice.choices(["on", "kept", "lost"], [500, 3, 1])[0]
        yield from both.run(
            Scan(
                ack=answer != 0,
                result=answer,
                start=dice.random() < 0.1,
                ready=not dead,
                abort=dice.random() < 0.002,
                power=power,
            )
        )


def test_a_long_shift_meets_everything() -> None:
    """The comparison is worth something: every fact and every alarm occurs in it, often."""
    passes = replace(SET, on_no_answer=plc.OnNoAnswer.PASS_FLAGGED)
    met: dict[object, int] = {}
    for number, chosen in enumerate((SET, passes)):
        for fact in shift(chosen, seed=number, length=10_000):
            key = fact.alarm if isinstance(fact, plc.Alarmed) else type(fact)
            met[key] = met.get(key, 0) + 1
            if isinstance(fact, plc.Raised) and fact.repeated:
                met["repeated"] = met.get("repeated", 0) + 1
    facts = {plc.Raised, plc.Answered, plc.Passed, plc.Aborted, *ALARMS, "repeated"}
    assert set(met) == facts
    assert min(met.values()) >= 10, met


def test_memory_of_no_known_stage_asks_nothing() -> None:
    """What another program left in the retentive memory is no request."""
    both = Both(plc.Settings())
    both.memory["Stage"] = 77
    both.run(Scan())
    assert both.memory["Stage"] == 0
