"""How full a journal is: told once a step, and each lost range recorded once."""

from agent.app.filling import FillingWatch
from agent.journal.pruning import Skip
from agent.journal.retention import Filling
from agent.ports import Address
from tests.doubles import EPOCH, ManualClock


class Told:
    """What was said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, object, object]] = []

    def __call__(self, event: str, **fields: object) -> None:
        """Keep what matters here."""
        self.lines.append((event, fields.get("percent"), fields.get("waits_for")))


def test_each_step_of_the_ladder_is_told_once() -> None:
    """Also on the way back."""
    told = Told()
    watch = FillingWatch(told, "press.yaml:3:1")
    now = ManualClock().now()
    for share, level in ((0.1, 0), (0.719, 0.7), (0.75, 0.7), (0.96, 0.95), (0.3, 0), (0.2, 0)):
        assert watch.look(Filling(share, level, ("plant", "audit")), now) == []
    assert told.lines == [
        ("journal_filled", 71, "plant, audit"),
        ("journal_filled", 96, "plant, audit"),
        ("journal_emptied", 30, "plant, audit"),
    ]


def test_a_lost_range_is_recorded_once() -> None:
    """It is asked for until its event is durable; what follows it is another one."""
    told = Told()
    watch, now = FillingWatch(told, "press.yaml:3:1"), ManualClock().now()
    one = Skip("audit", Address(EPOCH, 1), Address(EPOCH, 9), 9)
    two = Skip("audit", Address(EPOCH, 10), Address(EPOCH, 19), 10)
    other = Skip("files", Address(EPOCH, 1), Address(EPOCH, 9), 9)
    found = [
        [(seen.sink, seen.first, seen.last, seen.n) for seen in watch.look(filling, now)]
        for filling in (
            Filling(skips=(one,)),
            Filling(skips=(one, other)),
            Filling(skips=(two,)),
        )
    ]
    assert found == [
        [("audit", f"{EPOCH}-1", f"{EPOCH}-9", 9)],
        [("files", f"{EPOCH}-1", f"{EPOCH}-9", 9)],
        [("audit", f"{EPOCH}-10", f"{EPOCH}-19", 10)],
    ]
    assert [event for event, _, _ in told.lines] == ["sink_skipped"] * 3
