"""The PLC's half of the handshake, as its function block runs it: once in each PLC scan (D-18).

    idle ──start──> settling ──settle──> asking ──answer──> releasing ──ack low──> idle
                       ^                                         │
                       └──────repeat: the same request (7)───────┘

The same machine in Structured Text is docs/plc/lineside_handshake.st; a test runs both, scan by
scan, and compares.

Laws:
    1. Data and request number stand before the trigger rises and do not move until it has fallen.
    2. An answer is what `result` holds while `ack` is high and `result` is not 0.
    3. The trigger rises only while ack is low and result is 0: an old answer is never taken.
    4. A new request takes the next number. After answer 7 (not stored) the same number is used
       again, so that a commit that landed late answers it (D-40).
    5. Time-outs raise an alarm and hold the part. Only where `on_no_answer` or the bypass key says
       so is it let go without a record, and then it is counted, for the agent to see (D-40).
    6. A request given up before its answer (passed, aborted) keeps the block busy for a while: an
       answer that is on its way must not fall under the next trigger.
    7. What the agent has written is not trusted over a restart: the agent writes it again. With its
       memory kept the PLC goes on with the same request; without, it begins anew from 0 (D-33).

Pure: `step` takes the memory and what the PLC sees and returns the memory and what came of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum, unique

NOT_STORED = 7
"""The one answer without a record (D-39, D-40)."""
COUNT_MODULUS = 2**32
"""Where the counts wrap to 0: they are UDINT in the function block."""


@unique
class Stage(StrEnum):
    """Where the function block stands."""

    IDLE = "idle"
    SETTLING = "settling"
    ASKING = "asking"
    RELEASING = "releasing"


@unique
class OnNoAnswer(StrEnum):
    """What becomes of a part that gets no answer (D-40)."""

    STOP = "stop"
    PASS_FLAGGED = "pass_flagged"  # noqa: S105 - no password


@unique
class Alarm(StrEnum):
    """What the function block shows a person; it goes by itself when the cause is gone."""

    NONE = "none"
    ACK_STUCK = "ack_stuck"
    """The ack or the result still stands although the trigger is low."""
    NO_ANSWER = "no_answer"
    """No answer within the time; the part is held, or was let go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one function block is set."""

    modulus: int = 65_536
    """Where the request number wraps to 0."""
    settle_ms: int = 20
    """How long the data stands before the trigger rises."""
    repeat_ms: int = 200
    """How long to wait before the same request is raised again after a 7."""
    answer_ms: int = 8_000
    """After this long without an answer the alarm is raised; longer than `answer_within`."""
    release_ms: int = 5_000
    """After this long with the ack still up the alarm is raised."""
    quiet_ms: int = 5_000
    """How long the block stays busy after a request that was given up: longer than the two writes
    of an answer can take, so twice the device's `timeout`."""
    most_repeats: int = 3
    """After so many repeats another 7 counts as no answer. Only where a part may pass."""
    on_no_answer: OnNoAnswer = OnNoAnswer.STOP


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a finished stroke leaves: what the PLC measured, and what was truly in the machine."""

    part: str
    """The label of the part in the machine. The PLC cannot read it; it is here as the truth."""
    force_kn: float
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What the PLC sees at the start of a scan: the agent's words, and the machine's."""

    ack: bool = False
    result: int = 0
    work: Work | None = None
    """A stroke that has just ended, offered until the block takes it."""
    bypass: bool = False
    """The key switch: while it is on, a part without an answer is let go."""
    abort: bool = False
    """The part was taken out by hand: nothing is asked any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the function block remembers; the retentive memory keeps it over a restart."""

    stage: Stage = Stage.IDLE
    request: int = 0
    """The newest request number."""
    count: int = 0
    """Strokes since the memory was last cleared: the guard."""
    work: Work | None = None
    """The stroke that is asked about; None when idle."""
    since_ms: int = 0
    """When this stage began, by the PLC's clock; it begins anew with a restart."""
    wait_ms: int = 0
    """How long settling or releasing lasts at least this time."""
    again: bool = False
    """Whether the answer was 7, so that the same request follows."""
    repeats: int = 0
    """How often this request was repeated; stops at `most_repeats`."""
    answer: int = 0
    """The newest answer to this request; 0 is none yet."""
    passed: bool = False
    """Whether the part of this request was let go without a record."""
    passed_count: int = 0
    """Parts let go without a record since the memory was last cleared."""
    alarm: Alarm = Alarm.NONE

    @property
    def trigger(self) -> bool:
        """Whether the trigger is up."""
        return self.stage is Stage.ASKING


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """The trigger rose."""

    request: int
    part: str
    repeated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer was read and taken; the trigger falls with it."""

    request: int
    part: str
    answer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """The part was let go without a record."""

    request: int
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Aborted:
    """The request was given up, and the part is out of the machine."""

    request: int
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarmed:
    """The alarm has changed."""

    alarm: Alarm


Fact = Raised | Answered | Passed | Aborted | Alarmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one scan came to."""

    memory: Memory
    facts: tuple[Fact, ...] = field(default=())


def step(memory: Memory, image: Image, now_ms: int, settings: Settings) -> Step:
    """Return the memory after one PLC scan, and what happened in it."""
    before = memory.alarm
    match memory.stage:
        case Stage.SETTLING | Stage.ASKING if image.abort:
            aborted = Aborted(request=memory.request, part=_part(memory))
            after = Step(memory=_given_up(memory, now_ms, settings), facts=(aborted,))
        case Stage.IDLE:
            after = _idle(memory, image, now_ms, settings)
        case Stage.SETTLING:
            after = _settling(memory, image, now_ms, settings)
        case Stage.ASKING:
            after = _asking(memory, image, now_ms, settings)
        case Stage.RELEASING:
            after = _releasing(memory, image, now_ms, settings)
    if after.memory.alarm is before:
        return after
    return replace(after, facts=(*after.facts, Alarmed(alarm=after.memory.alarm)))


def takes(memory: Memory) -> bool:
    """Return whether the block is free for a new stroke."""
    return memory.stage is Stage.IDLE


def restarted(memory: Memory | None, now_ms: int) -> Memory:
    """Return what the block wakes up with: the memory that was kept, or none.

    What the agent had written is cleared by the caller (law 7); here only the clocks begin anew.
    """
    return replace(memory or Memory(), since_ms=now_ms, alarm=Alarm.NONE)


def _idle(memory: Memory, image: Image, now_ms: int, settings: Settings) -> Step:
    if image.work is None:
        return Step(memory=memory)
    return Step(
        memory=replace(
            memory,
            stage=Stage.SETTLING,
            request=(memory.request + 1) % settings.modulus,
            count=(memory.count + 1) % COUNT_MODULUS,
            work=image.work,
            since_ms=now_ms,
            wait_ms=settings.settle_ms,
            again=False,
            repeats=0,
            answer=0,
            passed=False,
        )
    )


def _settling(memory: Memory, image: Image, now_ms: int, settings: Settings) -> Step:
    waited_ms = now_ms - memory.since_ms
    if waited_ms < memory.wait_ms:
        return Step(memory=memory)
    if not _clear(image):
        if waited_ms < memory.wait_ms + settings.release_ms:
            return Step(memory=memory)
        if _may_pass(image, settings):
            return _pass(_given_up(memory, now_ms, settings), Alarm.ACK_STUCK)
        return Step(memory=replace(memory, alarm=Alarm.ACK_STUCK))
    asking = replace(memory, stage=Stage.ASKING, since_ms=now_ms, alarm=Alarm.NONE)
    raised = Raised(request=memory.request, part=_part(memory), repeated=memory.again)
    return Step(memory=asking, facts=(raised,))


def _asking(memory: Memory, image: Image, now_ms: int, settings: Settings) -> Step:
    if image.ack and image.result != 0:
        return _answered(memory, image, now_ms, settings)
    if now_ms - memory.since_ms < settings.answer_ms:
        return Step(memory=memory)
    if _may_pass(image, settings):
        return _pass(_given_up(memory, now_ms, settings), Alarm.NO_ANSWER)
    return Step(memory=replace(memory, alarm=Alarm.NO_ANSWER))


def _answered(memory: Memory, image: Image, now_ms: int, settings: Settings) -> Step:
    """Take the answer; the trigger falls with it."""
    not_stored = image.result == NOT_STORED
    enough = memory.repeats >= settings.most_repeats
    after = replace(
        memory,
        stage=Stage.RELEASING,
        since_ms=now_ms,
        wait_ms=0,
        answer=image.result,
        again=not_stored and not (enough and _may_pass(image, settings)),
        repeats=memory.repeats + 1 if not_stored and not enough else memory.repeats,
        alarm=Alarm.NONE,
    )
    answered = Answered(request=memory.request, part=_part(memory), answer=image.result)
    if not_stored and not after.again:
        passed = _pass(after, Alarm.NO_ANSWER)
        return replace(passed, facts=(answered, *passed.facts))
    return Step(memory=after, facts=(answered,))


def _releasing(memory: Memory, image: Image, now_ms: int, settings: Settings) -> Step:
    waited_ms = now_ms - memory.since_ms
    if waited_ms < memory.wait_ms:
        return Step(memory=memory)
    alarm = Alarm.NONE
    if not _clear(image):
        if waited_ms < memory.wait_ms + settings.release_ms:
            return Step(memory=memory)
        alarm = Alarm.ACK_STUCK
        if not _may_pass(image, settings):
            return Step(memory=replace(memory, alarm=alarm))
    released = replace(memory, since_ms=now_ms, alarm=alarm)
    if memory.again:
        return Step(memory=replace(released, stage=Stage.SETTLING, wait_ms=settings.repeat_ms))
    return Step(memory=replace(released, stage=Stage.IDLE, work=None))


def _given_up(memory: Memory, now_ms: int, settings: Settings) -> Memory:
    """Return the memory with the trigger down before an answer came (law 6)."""
    return replace(
        memory,
        stage=Stage.RELEASING,
        since_ms=now_ms,
        wait_ms=settings.quiet_ms,
        again=False,
        alarm=Alarm.NONE,
    )


def _pass(memory: Memory, alarm: Alarm) -> Step:
    """Let the part go without a record, and count it."""
    count = (memory.passed_count + 1) % COUNT_MODULUS
    return Step(
        memory=replace(memory, passed=True, passed_count=count, alarm=alarm),
        facts=(Passed(request=memory.request, part=_part(memory)),),
    )


def _may_pass(image: Image, settings: Settings) -> bool:
    """Whether a part may be let go without a record (law 5)."""
    return image.bypass or settings.on_no_answer is OnNoAnswer.PASS_FLAGGED


def _clear(image: Image) -> bool:
    """Whether nothing of an earlier answer stands."""
    return not image.ack and image.result == 0


def _part(memory: Memory) -> str:
    if memory.work is None:
        raise AssertionError("only a stroke is asked about")
    return memory.work.part
