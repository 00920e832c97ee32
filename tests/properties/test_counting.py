"""A counting machine that knows the truth: what is counted reconciles, for every order of events.

A plain model makes pieces, changes lots, loses the link and the agent's power. It knows of which
lot each piece is; each row that the station records is laid beside it (D-7, D-29 to D-31).
"""

from dataclasses import replace
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from agent.core.counting import StepKind, judge_step
from agent.core.events import Certainty, CounterReset, LotClosed, LotCounted
from agent.core.station import Counter
from tests.core_rig import FILLER, Rig

MODULI = st.one_of(
    st.integers(2, 5_000), st.sampled_from([10**4, 2**15, 2**16, 10**6, 2**31, 2**32, 2**64])
)


@given(MODULI, st.data())
def test_every_step_within_the_limit_is_counted_at_any_modulus(
    modulus: int, data: st.DataObject
) -> None:
    """Where a fall is within `max_step` of the wrap, or none, the difference is what was made."""
    max_step = data.draw(st.integers(1, max(1, modulus // 2)))
    old = data.draw(st.integers(0, modulus - 1))
    n = data.draw(st.integers(0, max_step - 1))
    counter = Counter(device="plc", tag="count", modulus=modulus, max_step=max_step, fastest_ms=1)
    judged = judge_step(counter, old, (old + n) % modulus, None)
    assert (judged.kind, judged.n) == (StepKind.COUNT, n)


@given(MODULI, st.data())
def test_a_fall_that_no_wrap_explains_is_never_counted(modulus: int, data: st.DataObject) -> None:
    """A reset, or a PLC that was replaced by one that counted less, has no number (D-31)."""
    max_step = data.draw(st.integers(1, max(1, modulus // 2)))
    counter = Counter(device="plc", tag="count", modulus=modulus, max_step=max_step, fastest_ms=1)
    old = data.draw(st.integers(1, modulus - 1))
    new = data.draw(st.integers(0, old - 1))
    judged = judge_step(counter, old, new, None)
    wrapped = old >= modulus - max_step and new < max_step
    assert (judged.n is not None) == wrapped
    if judged.n is not None:
        assert (old + judged.n) % modulus == new


@given(MODULI, st.integers(0, 10_000), st.integers(1, 500), st.data())
def test_no_more_is_counted_than_can_be_made(
    modulus: int, elapsed_ms: int, fastest_ms: int, data: st.DataObject
) -> None:
    """A rise beyond the fastest cycle is a jump, whatever the counter says (D-29)."""
    counter = Counter(device="plc", tag="count", modulus=modulus, max_step=1, fastest_ms=fastest_ms)
    old, new = data.draw(st.integers(0, modulus - 1)), data.draw(st.integers(0, modulus - 1))
    judged = judge_step(counter, old, new, elapsed_ms)
    if judged.n is not None:
        assert judged.n <= elapsed_ms // fastest_ms + 1


class Filler(RuleBasedStateMachine):
    """Pieces, lots, polls, lost links and restarts, in any order."""

    def __init__(self) -> None:
        super().__init__()
        counter = Counter(device="plc", tag="count", modulus=97, max_step=40, fastest_ms=1)
        self.rig = Rig(replace(FILLER, counter=counter, order=None, order_device=None))
        self.lot = self.seen = "LOT-1"
        self.made: list[str] = []
        """The lot of each piece that was truly made."""
        self.polled = 0
        """How many pieces the newest poll has seen."""
        self.up = False

    @initialize()
    def begin(self) -> None:
        """Bring the link up and read the baseline."""
        self.connect()

    @precondition(lambda self: not self.up)
    @rule()
    def connect(self) -> None:
        """The link comes up, and everything is read."""
        self.up = True
        self.rig.link("plc", up=True)
        self.polled, self.seen = len(self.made), self.lot
        self.rig.plc(1, count=len(self.made) % 97, lot=self.lot)

    @precondition(lambda self: len(self.made) - self.polled < 30)
    @rule(n=st.integers(1, 6))
    def make(self, n: int) -> None:
        """The machine makes pieces, one in 2 ms."""
        for _ in range(n):
            self.rig.ms += 2
            self.made.append(self.lot)

    @precondition(lambda self: self.lot == self.seen)
    @rule(number=st.integers(1, 3))
    def change(self, number: int) -> None:
        """The PLC names a lot.

        Not twice unseen: of a lot that came and went between two readings there is no signal at
        all, the one exception that D-6 makes.
        """
        self.rig.ms += 1
        self.lot = f"LOT-{number}"

    @precondition(lambda self: self.up)
    @rule()
    def poll(self) -> None:
        """One poll sees counter and lot as they are; it spans the time since the one before."""
        since_ms = self.rig.ms - getattr(self, "polled_ms", self.rig.ms)
        self.rig.ms -= since_ms
        self.polled, self.seen = len(self.made), self.lot
        self.rig.plc(since_ms + 1, count=len(self.made) % 97, lot=self.lot)
        self.polled_ms = self.rig.ms

    @rule(ms=st.sampled_from([1, 150, 201, 1_001, 2_500]))
    def wait(self, ms: int) -> None:
        """Time passes; what is ripe is recorded."""
        if self.up:
            self.poll()
        self.rig.turn(ms)
        self.polled_ms = self.rig.ms

    @precondition(lambda self: self.up)
    @rule()
    def cut(self) -> None:
        """The link is lost."""
        self.poll()
        self.up = False
        self.rig.link("plc", up=False)

    @rule()
    def kill(self) -> None:
        """The agent is killed and starts again from the journal."""
        self.up = False
        self.rig.restart()
        self.polled = self.counted()

    def rows(self) -> list[LotCounted]:
        """Return the rows that count pieces."""
        return self.rig.of(LotCounted)[1:]

    def counted(self) -> int:
        """Return how many pieces the rows stand for."""
        return sum(row.n for row in self.rows())

    @invariant()
    def rows_join(self) -> None:
        """Each row goes on where the one before ended, and its pieces are their difference."""
        rows = self.rig.of(LotCounted)
        for before, row in pairwise(rows):
            assert row.from_count == before.to_count
            assert (row.from_count + row.n) % 97 == row.to_count
            assert before.last_ms <= row.last_ms
        assert self.rig.of(CounterReset) == []

    @invariant()
    def nothing_is_counted_that_was_not_made(self) -> None:
        """What waits and what is recorded is what the newest reading says, no piece more."""
        waiting = sum(step.n for step in self.rig.working.steps)
        assert self.counted() + waiting <= len(self.made)
        if self.up:
            assert self.counted() + waiting == self.polled

    @invariant()
    def what_is_certain_is_true(self) -> None:
        """Each piece of a certain row is of its lot; of a possible one, of one that it names."""
        at = 0
        for row in self.rows():
            true = set(self.made[at : at + row.n])
            at += row.n
            if row.certainty is Certainty.CERTAIN:
                assert true <= {row.lot}
            elif row.lots:
                assert true <= set(row.lots)

    @invariant()
    def lots_reconcile(self) -> None:
        """What a lot's end says is the sum of the rows since it was opened (D-110)."""
        for closed in self.rig.of(LotClosed):
            rows = []
            for event in self.rig.events[: self.rig.events.index(closed)][::-1]:
                if event.kind == "lot_opened":
                    break
                rows += [event] if isinstance(event, LotCounted) else []
            certain = sum(row.n for row in rows if row.certainty is Certainty.CERTAIN)
            assert closed.n == certain
            assert closed.n + closed.n_possible == sum(row.n for row in rows)


TestFiller = Filler.TestCase
TestFiller.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
