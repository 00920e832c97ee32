"""The PLC's half of the handshake, scan by scan (D-18 to D-20, D-33, D-40)."""

from dataclasses import replace

import pytest

from agent.demo.plc import (
    COUNT_MODULUS,
    Aborted,
    Alarm,
    Alarmed,
    Answered,
    Fact,
    Image,
    Memory,
    OnNoAnswer,
    Passed,
    Raised,
    Settings,
    Stage,
    Work,
    restarted,
    step,
    takes,
)

SET = Settings(
    modulus=100,
    settle_ms=20,
    repeat_ms=200,
    answer_ms=1000,
    release_ms=500,
    quiet_ms=3000,
    most_repeats=1,
)
PASSES = replace(SET, on_no_answer=OnNoAnswer.PASS_FLAGGED)
PART = Work(part="SN-1", force_kn=12.5, ok=True)


class Block:
    """A function block with what it sees and a clock; each `scan` is one PLC scan."""

    def __init__(self, memory: Memory | None = None, settings: Settings = SET) -> None:
        self.memory = memory or Memory()
        self.settings = settings
        self.now_ms = 1_000_000

    def scan(
        self,
        after_ms: int = 0,
        *,
        ack: bool = False,
        result: int = 0,
        work: Work | None = None,
        bypass: bool = False,
        abort: bool = False,
    ) -> tuple[Fact, ...]:
        """Run one scan that much later and return what happened in it."""
        self.now_ms += after_ms
        image = Image(ack=ack, result=result, work=work, bypass=bypass, abort=abort)
        done = step(self.memory, image, self.now_ms, self.settings)
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
    block = Block(Memory(count=COUNT_MODULUS - 1))
    block.scan(work=PART)
    assert block.memory.count == 0


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


def test_part_without_an_answer_passes_where_the_plant_says_so() -> None:
    """`pass_flagged` lets it go when the time is up, and counts it for the agent (D-40)."""
    block = Block(settings=PASSES)
    block.ask()
    assert block.scan(999) == ()
    assert block.scan(1) == (
        Passed(request=1, part="SN-1"),
        Alarmed(alarm=Alarm.NO_ANSWER),
    )
    assert not block.asks()
    assert (block.memory.passed, block.memory.passed_count) == (True, 1)


def test_given_up_request_keeps_the_block_busy_until_no_answer_can_be_on_its_way() -> None:
    """An answer that comes after the trigger fell is not the next part's (law 6)."""
    block = Block(settings=PASSES)
    block.ask()
    block.scan(1000)
    assert block.scan(2999, ack=True, result=1) == ()
    assert not takes(block.memory)
    assert block.scan(1, ack=True, result=1) == ()
    assert block.scan(10) == (Alarmed(alarm=Alarm.NONE),)
    assert takes(block.memory)
    block.scan(work=PART)
    assert (block.memory.request, block.memory.passed, block.memory.answer) == (2, False, 0)


def test_bypass_key_lets_a_held_part_go() -> None:
    """The key has the same effect as `pass_flagged`, for as long as it is turned."""
    block = Block()
    block.ask()
    assert block.scan(999, bypass=True) == ()
    assert block.scan(1) == (Alarmed(alarm=Alarm.NO_ANSWER),)
    assert block.scan(10, bypass=True) == (Passed(request=1, part="SN-1"),)


def test_part_passes_after_as_many_sevens_as_allowed() -> None:
    """Where a part may pass, a 7 is repeated `most_repeats` times and then is no answer."""
    block = Block(settings=PASSES)
    block.ask()
    assert block.scan(10, ack=True, result=7) == (Answered(request=1, part="SN-1", answer=7),)
    block.scan()
    assert block.scan(200) == (Raised(request=1, part="SN-1", repeated=True),)
    assert block.scan(10, ack=True, result=7) == (
        Answered(request=1, part="SN-1", answer=7),
        Passed(request=1, part="SN-1"),
        Alarmed(alarm=Alarm.NO_ANSWER),
    )
    assert block.scan() == (Alarmed(alarm=Alarm.NONE),)
    assert takes(block.memory)
    assert (block.memory.answer, block.memory.passed_count) == (7, 1)


def test_sevens_are_repeated_for_ever_where_nothing_may_pass() -> None:
    """`stop` holds the part until it is stored."""
    block = Block()
    block.ask()
    for _ in range(5):
        assert block.scan(10, ack=True, result=7) == (Answered(request=1, part="SN-1", answer=7),)
        block.scan()
        assert block.scan(200) == (Raised(request=1, part="SN-1", repeated=True),)
    assert block.memory.repeats == 1


def test_ack_left_standing_by_a_dead_agent_does_not_stop_what_may_pass() -> None:
    """The part is let go without being asked about; each further one after the same time."""
    block = Block(settings=PASSES)
    for request in (1, 2):
        block.scan(work=PART)
        assert block.scan(519, ack=True, result=1) == ()
        assert block.scan(1, ack=True, result=1)[:1] == (Passed(request=request, part="SN-1"),)
        assert block.scan(3499, ack=True, result=1) == ()
        block.scan(1, ack=True, result=1)
        assert takes(block.memory)
        assert block.memory.alarm is Alarm.ACK_STUCK
    assert block.memory.passed_count == 2


@pytest.mark.parametrize("asked", [False, True])
def test_part_taken_out_by_hand_ends_its_request(asked: bool) -> None:  # noqa: FBT001 - a table
    """The trigger falls, nothing is counted as passed, and the next request takes a new number."""
    block = Block()
    block.scan(work=PART)
    if asked:
        block.scan(20)
    assert block.scan(10, abort=True) == (Aborted(request=1, part="SN-1"),)
    assert not block.asks()
    assert block.scan(2999) == ()
    assert block.scan(1) == ()
    assert takes(block.memory)
    assert block.memory.passed_count == 0
    assert block.scan(abort=True) == ()
    block.scan(work=PART)
    assert block.memory.request == 2
