"""What the events of a queue say, to the last field (D-26)."""

from dataclasses import replace

from agent.core.events import (
    ITSELF,
    Certainty,
    CodeScanned,
    EventCorrected,
    QueueLoss,
    QueueLost,
    QueueSync,
    QueueSynced,
    UnitCompleted,
    UnitUnbound,
    Why,
)
from agent.core.station import Pairing, Policy, Queue, Strategy
from drivers.base import CodeScanned as CodeSeen
from tests.core_rig import END, PRESS, Rig
from tests.whole import whole

WAY = Queue(entry="tunnel", fewest=1, most=4, gate=False, sync="hand", clear="clear")
LINE = replace(
    PRESS,
    pairing=Pairing(strategy=Strategy.FIFO, window_ms=30_000, settle_ms=200, queue=WAY),
    handshakes=(END,),
    duplicates=Policy.RECORD,
)
POSSIBLE: dict[str, object] = {"certainty": Certainty.POSSIBLE, "why": (Why.QUEUE_LOST,)}


class Line(Rig):
    """A line that was clear, with its links up."""

    def __init__(self) -> None:
        super().__init__(LINE)
        self.tags |= {"clear": True}
        for reader in ("tunnel", "hand"):
            self.link(reader, up=True)
        self.up()
        self.clear()

    def clear(self) -> str:
        """Let the line be seen clear, and return the observation that says so."""
        self.turn(1_000)
        self.plc(clear=True)
        seen = self.observations[-1].id
        self.plc(clear=False)
        self.turn(1_000)
        return seen

    def at(self, reader: str, code: str) -> CodeScanned:
        """Let a reader send a code, and return its scan."""
        self.ms += 20
        self.observe(CodeSeen, device=reader, earliest_ms=self.ms - 20, raw=code.encode())
        self.turn(1_000)
        return self.of(CodeScanned)[-1]


def test_a_clear_line_that_was_not_empty_is_a_loss_and_then_a_sync_point() -> None:
    """Both name what was seen; what was bound since the last one is corrected (D-26)."""
    rig = Line()
    rig.at("tunnel", "SN-1")
    rig.at("tunnel", "SN-2")
    assert rig.cycle(1) == 1
    rig.turn(500)
    (bound,) = rig.of(UnitCompleted)
    seen = rig.clear()
    (lost,) = rig.of(QueueLost)
    assert whole(lost) == {
        "because": (seen,),
        "reason": QueueLoss.MISMATCH,
        "units": ("SN-2",),
    }
    (correction,) = rig.of(EventCorrected)
    said = whole(correction)
    reason = said.pop("reason")
    assert said == POSSIBLE | {
        "because": (seen,),
        "supersedes": (bound.address,),
        "who": ITSELF,
        "corrects": "unit_completed",
    }
    assert isinstance(reason, str)
    assert whole(rig.of(QueueSynced)[-1]) == {"because": (seen,), "how": QueueSync.CLEAR}
    assert (rig.state.queue.parts, rig.state.queue.since, rig.state.queue.lost) == ((), (), None)


def test_a_second_reader_names_the_parts_that_are_inside() -> None:
    """From the one that it read on, by their own scans."""
    rig = Line()
    scans = [rig.at("tunnel", f"SN-{number}") for number in (1, 2, 3)]
    here = rig.at("hand", "SN-2")
    assert whole(rig.of(QueueSynced)[-1]) == {
        "because": (here.address,),
        "how": QueueSync.READER,
        "scans": (scans[1].address, scans[2].address),
    }
    assert [part.unit for part in rig.state.queue.parts] == ["SN-2", "SN-3"]


def test_a_part_that_was_not_read_is_unbound_by_its_own_event() -> None:
    """The record names the read that says nothing (D-26)."""
    rig = Line()
    rig.observe(CodeSeen, device="tunnel", raw=b"NOREAD")
    rig.turn(1_000)
    (part,) = rig.state.queue.parts
    assert (part.unit, part.product) == (None, None)
    rig.cycle(1)
    (unbound,) = rig.of(UnitUnbound)
    assert unbound.why == (Why.NO_SCAN,)
    assert part.address in unbound.because
