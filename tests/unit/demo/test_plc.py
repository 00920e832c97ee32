"""The PLC's half of the handshake, scan by scan (D-18 to D-20, D-33, D-40)."""

from dataclasses import replace

import pytest

from agent.demo.plc import (
    Alarm,
    Alarmed,
    Answered,
    Fact,
    Image,
    Memory,
    Raised,
    Settings,
    Stage,
    Work,
    restarted,
    step,
    takes,
)

SET = Settings(modulus=100, settle_ms=20, repeat_ms=200, answer_ms=1000, release_ms=500)
PART = Work(part="SN-1", force_kn=12.5, ok=True)


class Block:
    """A function block with what it sees and a clock; each `scan` is one PLC scan."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory or Memory()
        self.now_ms = 1_000_000

    def scan(
        self,
        after_ms: int = 0,
        *,
        ack: bool = False,
        result: int = 0,
        work: Work | None = None,
    ) -> tuple[Fact, ...]:
        """Run one scan that much later and return what happened in it."""
        self.now_ms += after_ms
        done = step(self.memory, Image(ack=ack, result=result, work=work), self.now_ms, SET)
        self.memory = done.memory
        return done.facts

    def ask(self) -> None:
        """Bring the block to where the trigger is up."""
        self.scan(work=PART)
        self.scan(20)
        assert self.asks()

    def asks(self) -> bool:
        """Say whether the trigger is up."""
        return self.memory.trigger


def test_a_whole_handshake_runs_in_order() -> None:
    """Data and number first, then the trigger, the answer, the fall, and idle once ack is low."""
    block = Block()
    assert block.scan(work=PART) == ()
    assert (block.memory.stage, block.memory.request, block.memory.count) == (Stage.SETTLING, 1, 1)
    assert block.scan(19) == ()
    assert not block.asks()
    assert block.scan(1) == (Raised(request=1, part="SN-1", repeated=False),)
    assert block.asks()
    assert block.scan(10) == ()
    assert block.scan(10, result=1) == ()
    assert block.asks()
    assert block.scan(10, ack=True, result=1) == (Answered(request=1, part="SN-1", answer=1),)
    assert not block.asks()
    assert block.scan(10, ack=True, result=1) == ()
    assert block.scan(10, result=1) == ()
    assert block.memory.stage is Stage.RELEASING
    assert block.scan(10) == ()
    assert takes(block.memory)
    assert block.memory.work is None


def test_data_stands_still_while_the_trigger_is_up() -> None:
    """Another stroke offered meanwhile changes nothing (D-18, step 3)."""
    block = Block()
    block.ask()
    before = block.memory
    assert block.scan(10, work=replace(PART, part="SN-2")) == ()
    assert block.memory == before


def test_ack_without_result_is_no_answer() -> None:
    """0 is what a cleared register reads, never an answer (D-39)."""
    block = Block()
    block.ask()
    assert block.scan(10, ack=True, result=0) == ()
    assert block.asks()


@pytest.mark.parametrize(("ack", "result"), [(True, 0), (False, 1), (True, 1)])
def test_trigger_waits_for_an_old_answer_to_go(ack: bool, result: int) -> None:  # noqa: FBT001 - a table
    """An answer that still stands is never taken for the next part; stuck, it is an alarm."""
    block = Block()
    block.scan(work=PART)
    assert block.scan(20, ack=ack, result=result) == ()
    assert block.scan(499, ack=ack, result=result) == ()
    assert block.scan(1, ack=ack, result=result) == (Alarmed(alarm=Alarm.ACK_STUCK),)
    assert not block.asks()
    raised = Raised(request=1, part="SN-1", repeated=False)
    assert block.scan(10) == (raised, Alarmed(alarm=Alarm.NONE))


def test_not_stored_is_asked_again_under_the_same_number() -> None:
    """After a 7 the same request follows, until it is answered otherwise (D-40)."""
    block = Block()
    block.ask()
    assert block.scan(10, ack=True, result=7) == (Answered(request=1, part="SN-1", answer=7),)
    assert block.scan(10) == ()
    assert not takes(block.memory)
    assert block.scan(199) == ()
    assert block.scan(1) == (Raised(request=1, part="SN-1", repeated=True),)
    assert block.scan(10, ack=True, result=1) == (Answered(request=1, part="SN-1", answer=1),)
    assert block.scan(10) == ()
    assert takes(block.memory)
    block.scan(work=PART)
    assert (block.memory.request, block.memory.count) == (2, 2)


def test_no_answer_is_an_alarm_and_holds_the_part() -> None:
    """A time-out never lets a part go; the answer that comes late is still taken."""
    block = Block()
    block.ask()
    assert block.scan(999) == ()
    assert block.scan(1) == (Alarmed(alarm=Alarm.NO_ANSWER),)
    assert block.scan(60_000) == ()
    assert block.asks()
    assert block.scan(10, ack=True, result=2) == (
        Answered(request=1, part="SN-1", answer=2),
        Alarmed(alarm=Alarm.NONE),
    )


def test_ack_that_does_not_fall_is_an_alarm() -> None:
    """The next part waits until the agent has let go of the last one."""
    block = Block()
    block.ask()
    block.scan(10, ack=True, result=1)
    assert block.scan(499, ack=True, result=1) == ()
    assert block.scan(1, ack=True, result=1) == (Alarmed(alarm=Alarm.ACK_STUCK),)
    assert block.scan(10) == (Alarmed(alarm=Alarm.NONE),)
    assert takes(block.memory)


def test_request_number_wraps_at_its_modulus() -> None:
    """The number after the highest is 0, and a counter does not wrap with it."""
    block = Block(Memory(request=99, count=4099))
    block.scan(work=PART)
    assert (block.memory.request, block.memory.count) == (0, 4100)


def test_restart_with_memory_goes_on_with_the_same_request() -> None:
    """The trigger is up again under the same number; what the agent wrote is not trusted."""
    block = Block()
    block.ask()
    woken = Block(restarted(block.memory, 5))
    woken.now_ms = 5
    assert woken.asks()
    assert woken.scan(999) == ()
    assert woken.scan(1, ack=True, result=1) == (Answered(request=1, part="SN-1", answer=1),)


def test_restart_without_memory_begins_anew() -> None:
    """Nothing is asked, and numbers start from 0 (D-33)."""
    assert restarted(None, 77) == Memory(since_ms=77)
