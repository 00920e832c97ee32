"""What of a sink's coming and going is told."""

from pathlib import Path

from agent.app.steady import CALM_S, FIRST_HOLD_S, FREE, MOST_CAUSES, Steady
from agent.publisher import Condition, SinkState
from tests.unit.publisher.bench import Bench

KICKED = "closed the connection"
UP_S = 4.0
"""How long each of two agents of one client id has the broker."""


class Watched:
    """A publisher whose coming and going is told by the rules."""

    def __init__(self, directory: Path) -> None:
        self.bench = Bench(directory, rows=1)
        self.told: list[tuple[Condition, str, int]] = []
        self.unsteady: list[int] = []
        self.steady = Steady(self.bench.clock, self._tell, self._say)
        self.bench.on_state, self.bench.beside = self.steady.see, self.steady.keep
        self.bench.publisher = self.bench.make()

    def _tell(self, state: SinkState, losses: int) -> None:
        self.told.append((state.condition, state.reason, losses))

    def _say(self, _state: SinkState, losses: int) -> None:
        self.unsteady.append(losses)

    async def pass_time(self, delay_s: float) -> None:
        """Let time pass."""
        await self.bench.clock.advance(delay_s)

    async def flap(self, times: int, up_s: float = UP_S) -> None:
        """Have it connected for so long, and thrown out, so often; it is connected at the end."""
        for _ in range(times):
            await self.pass_time(up_s)
            await self.bench.sink.cut(KICKED)
            await self.pass_time(5)


UP = (Condition.CONNECTED, "", 0)


async def test_each_loss_is_told_while_it_is_rare(tmp_path: Path) -> None:
    """A broker that is restarted is an event each time, at once."""
    watched = Watched(tmp_path)
    async with watched.bench.running():
        await watched.flap(1)
        for _ in range(10):
            await watched.flap(1, CALM_S)
    each = [(Condition.DOWN, KICKED, 1), (Condition.CONNECTED, "", 1)]
    assert watched.told == [UP, *each * 11]
    assert watched.unsteady == []


async def test_a_sink_that_comes_and_goes_for_a_day_is_told_once(tmp_path: Path) -> None:
    """A few changes, one word that it is unsteady, and silence; the state shows it meanwhile."""
    watched = Watched(tmp_path)
    async with watched.bench.running():
        await watched.flap(8 * 3600 // 9)
        assert watched.steady.is_unsteady
        assert watched.bench.publisher.state().condition is Condition.CONNECTED
    each = [(Condition.DOWN, KICKED, 1), (Condition.CONNECTED, "", 1)]
    assert watched.told == [UP, *each * (FREE - 1), (Condition.DOWN, KICKED, 1)]
    assert watched.unsteady == [2]


async def test_once_it_holds_that_is_told_with_how_often_it_was_lost(tmp_path: Path) -> None:
    """However long it came and went: soon after the cause is gone whoever mends it knows."""
    watched = Watched(tmp_path)
    async with watched.bench.running():
        await watched.flap(1000)
        before = len(watched.told)
        await watched.pass_time(FIRST_HOLD_S - 6)
        assert len(watched.told) == before
        await watched.pass_time(6)
        assert watched.told[before:] == [(Condition.CONNECTED, "", 1000 - FREE + 1)]
        assert not watched.steady.is_unsteady


async def test_it_has_to_hold_the_longer_the_more_often_it_did_not(tmp_path: Path) -> None:
    """Twice as long each time that it was told, and no longer than a good connection holds."""
    watched = Watched(tmp_path)
    async with watched.bench.running():
        await watched.flap(FREE)
        for hold_s in (10, 20, 40, 80, 160, 320, 600):
            before = len(watched.told)
            await watched.pass_time(hold_s - 6)
            assert len(watched.told) == before
            await watched.pass_time(6)
            assert watched.told[before:] == [(Condition.CONNECTED, "", 1)]
            if hold_s < CALM_S:
                await watched.flap(1, 0)
        await watched.flap(1)
        assert watched.told[-2:] == [(Condition.DOWN, KICKED, 1), (Condition.CONNECTED, "", 1)]


async def test_what_else_keeps_it_down_is_told_a_few_times(tmp_path: Path) -> None:
    """An error text that is another each time is no endless story; the next outage tells anew."""
    watched = Watched(tmp_path)
    async with watched.bench.running() as sink:
        for _ in range(2):
            await sink.cut("cause 0")
            for number in range(1, 10):
                sink.refuse_connect = f"cause {number}"
                await watched.pass_time(5)
            sink.refuse_connect = ""
            await watched.pass_time(5)
            await watched.pass_time(CALM_S)
    causes = [reason for condition, reason, _ in watched.told if condition is Condition.DOWN]
    assert causes == [f"cause {number}" for number in range(MOST_CAUSES)] * 2
