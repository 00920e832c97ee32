"""The PLC's half of the handshake, as its function block runs it: once in each PLC scan (D-18).

    idle ──start──> settling ──settle──> asking ──answer──> releasing ──ack low──> idle
                       ^                                         │
                       └──────repeat: the same request (7)───────┘

Laws:
    1. Data and request number stand before the trigger rises and do not move until it has fallen.
    2. An answer is what `result` holds while `ack` is high and `result` is not 0.
    3. The trigger rises only while ack is low and result is 0: an old answer is never taken.
    4. A new request takes the next number. After answer 7 (not stored) the same number is used
       again, so that a commit that landed late answers it (D-40).
    5. Time-outs raise an alarm and hold the part; they never let it go without an answer.
    6. What the agent has written is not trusted over a restart: the agent writes it again. With its
       memory kept the PLC goes on with the same request; without, it begins anew from 0 (D-33).

Pure: `step` takes the memory and what the PLC sees and returns the memory and what came of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum, unique

NOT_STORED = 7
"""The one answer without a record (D-39, D-40)."""


@unique
class Stage(StrEnum):
    """Where the function block stands."""

    IDLE = "idle"
    SETTLING = "settling"
    ASKING = "asking"
    RELEASING = "releasing"


@unique
class Alarm(StrEnum):
    """What the function block shows a person; it goes by itself when the cause is gone."""

    NONE = "none"
    ACK_STUCK = "ack_stuck"
    """The ack or the result still stands although the trigger is low."""
    NO_ANSWER = "no_answer"
    """No answer within the time; the part is held."""


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
    """How long the settling lasts this time."""
    again: bool = False
    """Whether the answer was 7, so that the same request follows."""
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
class Alarmed:
    """The alarm has changed."""

    alarm: Alarm


Fact = Raised | Answered | Alarmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one scan came to."""

    memory: Memory
    facts: tuple[Fact, ...] = field(default=())


def step(memory: Memory, image: Image, now_ms: int, settings: Settings) -> Step:
    """Return the memory after one PLC scan, and what happened in it."""
    before = memory.alarm
    match memory.stage:
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

    What the agent had written is cleared by the caller (law 6); here only the clocks begin anew.
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
            count=memory.count + 1,
            work=image.work,
            since_ms=now_ms,
            wait_ms=settings.settle_ms,
            again=False,
        )
    )


def _settling(memory: Memory, image: Image, now_ms: int, settings: Settings) -> Step:
    waited_ms = now_ms - memory.since_ms
    if waited_ms < memory.wait_ms:
        return Step(memory=memory)
    if not _clear(image):
        stuck = waited_ms >= memory.wait_ms + settings.release_ms
        return Step(memory=replace(memory, alarm=Alarm.ACK_STUCK) if stuck else memory)
    asking = replace(memory, stage=Stage.ASKING, since_ms=now_ms, alarm=Alarm.NONE)
    raised = Raised(request=memory.request, part=_part(memory), repeated=memory.again)
    return Step(memory=asking, facts=(raised,))


def _asking(memory: Memory, image: Image, now_ms: int, settings: Settings) -> Step:
    if not image.ack or image.result == 0:
        late = now_ms - memory.since_ms >= settings.answer_ms
        return Step(memory=replace(memory, alarm=Alarm.NO_ANSWER) if late else memory)
    answered = Answered(request=memory.request, part=_part(memory), answer=image.result)
    return Step(
        memory=replace(
            memory,
            stage=Stage.RELEASING,
            since_ms=now_ms,
            again=image.result == NOT_STORED,
            alarm=Alarm.NONE,
        ),
        facts=(answered,),
    )


def _releasing(memory: Memory, image: Image, now_ms: int, settings: Settings) -> Step:
    if not _clear(image):
        stuck = now_ms - memory.since_ms >= settings.release_ms
        return Step(memory=replace(memory, alarm=Alarm.ACK_STUCK) if stuck else memory)
    released = replace(memory, since_ms=now_ms, alarm=Alarm.NONE)
    if memory.again:
        return Step(memory=replace(released, stage=Stage.SETTLING, wait_ms=settings.repeat_ms))
    return Step(memory=replace(released, stage=Stage.IDLE, work=None))


def _clear(image: Image) -> bool:
    """Whether nothing of an earlier answer stands."""
    return not image.ack and image.result == 0


def _part(memory: Memory) -> str:
    if memory.work is None:
        raise AssertionError("only a stroke is asked about")
    return memory.work.part
