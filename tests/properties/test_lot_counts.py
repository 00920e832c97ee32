"""Counting to lots against a simulated filler that knows which piece was of which lot (D-29)."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.core import binder
from agent.core.events import Certainty, LotCounted, Why
from drivers.base import Quality, Scalar, TagValue, ValuesSeen
from tests.core_rig import FILLER, Rig

START = 65_000
MODULUS = 65_536


class Filler(RuleBasedStateMachine):
    """Random pieces and changes of lot, polled tag by tag, over losses and restarts."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(FILLER)
        self.lot = 1
        self.made: list[str] = []
        """The lot of each piece."""
        self.changed_unseen = False
        """The lot has changed since it was read last: more than one change leaves no trace."""
        self.polled: dict[str, tuple[Scalar | None, int]] = {}
        self.up = False
        self.restore()
        self.poll(["count", "lot"])

    @property
    def tags(self) -> dict[str, Scalar]:
        """What the PLC shows."""
        return {"count": (START + len(self.made)) % MODULUS, "lot": f"LOT-{self.lot}"}

    @rule(n=st.integers(1, 4))
    def make(self, n: int) -> None:
        """Pieces are made, each in its time."""
        for _ in range(n):
            self.rig.ms += 3
            self.made.append(f"LOT-{self.lot}")

    @precondition(lambda self: not self.changed_unseen)
    @rule()
    def change_lot(self) -> None:
        """The PLC goes on with another lot; now and then one comes back."""
        self.rig.ms += 1
        self.lot = self.lot % 5 + 1
        self.changed_unseen = True

    @precondition(lambda self: self.up)
    @rule(order=st.sampled_from([["count", "lot"], ["lot", "count"], ["count"], ["lot"]]))
    def poll(self, order: list[str]) -> None:
        """Tags are polled one after the other, each a little later; pieces go on meanwhile."""
        for tag in order:
            value, since_ms = self.polled.get(tag, (None, self.rig.ms))
            self.rig.ms += 2
            now = self.tags[tag]
            self.polled[tag] = (now, self.rig.ms)
            self.rig.ms += 1
            if tag == "lot":
                self.changed_unseen = False
            if now != value:
                seen = TagValue(tag=tag, value=now, quality=Quality.GOOD)
                self.rig.observe(ValuesSeen, device="plc", earliest_ms=since_ms, values=(seen,))
        late = [tag for tag in ("count", "lot") if self.behind_ms(tag) > 150]
        if late:
            self.poll(late)  # a tag is never polled later than the settle allows for

    def behind_ms(self, tag: str) -> int:
        """Return how long ago a tag was polled."""
        return self.rig.ms - self.polled[tag][1] if tag in self.polled else 1_000

    @rule(ms=st.sampled_from([10, 50, 100]), n=st.integers(1, 12))
    def run(self, ms: int, n: int) -> None:
        """The line runs for a while, polled as it should be."""
        for _ in range(n):
            self.make(1)
            self.rig.turn(ms)
            if self.up:
                self.poll(["count", "lot"])

    @rule()
    def cut(self) -> None:
        """The link is lost."""
        if self.up:
            self.up = False
            self.rig.link("plc", up=False)

    @precondition(lambda self: not self.up)
    @rule()
    def restore(self) -> None:
        """It comes back; every value is shown anew."""
        self.up, self.polled = True, {}
        self.rig.link("plc", up=True)

    @rule(reboot=st.booleans())
    def kill(self, reboot: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """The agent is killed, or the gateway loses power."""
        self.cut()
        self.rig.restart(reboot=reboot)

    def teardown(self) -> None:
        """In the end every piece is in exactly one row."""
        if not self.up:
            self.restore()
        self.poll(["lot", "count"])
        self.rig.turn(3_000)
        rows = self.rig.of(LotCounted)
        assert sum(row.n for row in rows) == len(self.made)
        assert [row.from_count for row in rows[1:]] == [row.to_count for row in rows[:-1]]
        stopped = binder.stop(self.rig.state, self.rig.working, "stopped", self.rig.now)
        assert [event.kind for event in stopped.events] == ["agent_stopped"]

    @invariant()
    def rows_are_true(self) -> None:
        """A certain row holds pieces of its lot alone; a possible one names each that it holds."""
        at = 0
        for row in self.rig.of(LotCounted):
            truth = set(self.made[at : at + row.n])
            at += row.n
            if row.certainty is Certainty.CERTAIN:
                assert truth <= {row.lot}
            elif Why.NO_LOT_OPEN not in row.why:
                assert truth <= set(row.lots)


TestFiller = Filler.TestCase
TestFiller.settings = settings(
    max_examples=100, stateful_step_count=40, suppress_health_check=list(HealthCheck)
)
