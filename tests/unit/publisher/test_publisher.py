"""The publisher's laws, against a sink that does what a test says, in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from agent.ports import Address, Delivery, Refusal, RefusedError, SinkDownError
from agent.publisher import Condition, Publisher, Quarantine, SinkState
from agent.publisher.publisher import MOST_ROWS
from tests.doubles import (
    EPOCH,
    InlineWorker,
    ManualClock,
    MemoryJournal,
    SeededRandom,
    event_row,
    settled,
)


class ScriptedSink:
    """Keeps what is sent until the test says how it ends."""

    def __init__(self, window: int = 3) -> None:
        self.window = window
        self.counts: Counter[str] = Counter()
        self.sent: list[Delivery] = []
        self.waiting: dict[int, asyncio.Future[None]] = {}
        self.connects = 0
        self.closed = False
        self.refuse_connect = ""
        self.confirm_at_once = False
        self.most_waiting = 0
        self._cut: asyncio.Future[None] | None = None

    async def connect(self) -> None:
        """Connect, unless told not to."""
        self.connects += 1
        if self.refuse_connect:
            raise SinkDownError(self.refuse_connect)
        self._cut = asyncio.get_running_loop().create_future()

    async def hold(self) -> None:
        """Last until the test cuts the connection."""
        assert self._cut is not None
        await self._cut

    def send(self, delivery: Delivery) -> asyncio.Future[None]:
        """Take an event."""
        self.sent.append(delivery)
        confirmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.confirm_at_once:
            confirmed.set_result(None)
        else:
            self.waiting[delivery.row.seq] = confirmed
            self.most_waiting = max(self.most_waiting, len(self.waiting))
        return confirmed

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def seqs(self) -> list[int]:
        """Return what was sent, in order, each time that it was."""
        return [delivery.row.seq for delivery in self.sent]

    async def confirm(self, *seqs: int) -> None:
        """Confirm events."""
        for seq in seqs:
            self.waiting.pop(seq).set_result(None)
        await settled()

    async def refuse(self, refusal: Refusal, *seqs: int) -> None:
        """Refuse events."""
        for seq in seqs:
            self.waiting.pop(seq).set_exception(RefusedError(refusal, f"{refusal} {seq}"))
        await settled()

    async def cut(self, cause: str = "cut") -> None:
        """End the connection with all that is under way."""
        assert self._cut is not None
        for confirmed in self.waiting.values():
            confirmed.set_exception(SinkDownError(cause))
        self.waiting.clear()
        self._cut.set_exception(SinkDownError(cause))
        await settled()


class Bench:
    """A publisher with all that is around it."""

    def __init__(self, tmp_path: Path, rows: int = 0, **options: object) -> None:
        kinds = options.get("kinds")
        self.clock = ManualClock()
        self.sink = ScriptedSink()
        self.journal = MemoryJournal([event_row(seq) for seq in range(1, rows + 1)])
        self.told: list[SinkState] = []
        self.quarantine_path = tmp_path / "quarantine.jsonl"
        self._kinds = kinds if isinstance(kinds, tuple) else None
        self.publisher = self.make()

    def make(self) -> Publisher:
        """Return a publisher as it is made at a start of the agent."""
        return Publisher(
            "plant",
            self.sink,
            self.journal,
            Quarantine(self.quarantine_path, InlineWorker(), self.clock),
            clock=self.clock,
            random=SeededRandom(),
            kinds=self._kinds,
            on_state=self.told.append,
        )

    @property
    def cursor(self) -> int:
        """The seq of the cursor, 0 before the first."""
        cursor = self.journal.cursor("plant")
        return 0 if cursor is None else cursor.seq

    def conditions(self) -> list[tuple[Condition, str]]:
        """Return what was told, in order."""
        return [(state.condition, state.reason) for state in self.told]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[ScriptedSink]:
        """Run the publisher."""
        task = asyncio.create_task(self.publisher.run())
        await settled()
        try:
            yield self.sink
        finally:
            task.cancel()
            await asyncio.wait((task,))


# ------------------------------------------------------------------ delivery


async def test_the_window_is_kept_full_and_never_exceeded(tmp_path: Path) -> None:
    """As many as the sink takes are under way; each confirmation lets the next one go."""
    bench = Bench(tmp_path, rows=6)
    async with bench.running() as sink:
        assert sink.seqs() == [1, 2, 3]
        await sink.confirm(2)
        assert sink.seqs() == [1, 2, 3, 4]
        await sink.confirm(1, 3, 4)
        assert sink.seqs() == [1, 2, 3, 4, 5, 6]
        assert sink.most_waiting == 3


async def test_the_cursor_never_passes_an_unconfirmed_event(tmp_path: Path) -> None:
    """Confirmations out of order move the cursor over their contiguous part alone."""
    bench = Bench(tmp_path, rows=3)
    async with bench.running() as sink:
        await sink.confirm(3)
        await sink.confirm(2)
        assert bench.cursor == 0
        await sink.confirm(1)
        assert bench.cursor == 3


async def test_a_new_event_goes_out_without_the_clock(tmp_path: Path) -> None:
    """Publishing follows the commit; nothing waits for a timer."""
    bench = Bench(tmp_path)
    async with bench.running() as sink:
        assert sink.seqs() == []
        bench.journal.append([event_row(1)])
        await settled()
        assert sink.seqs() == [1]
        await sink.confirm(1)
        bench.journal.append([event_row(2)])
        await settled()
        assert sink.seqs() == [1, 2]


async def test_a_start_goes_on_from_the_cursor(tmp_path: Path) -> None:
    """What was confirmed before a restart is not sent again; what was not, is."""
    bench = Bench(tmp_path, rows=3)
    async with bench.running() as sink:
        await sink.confirm(1, 3)
    bench.sink, bench.publisher = (sink := ScriptedSink()), bench.publisher
    bench.publisher = bench.make()
    async with bench.running():
        assert sink.seqs() == [2, 3]


async def test_a_long_backlog_is_drained_in_order_with_bounded_memory(tmp_path: Path) -> None:
    """Ten thousand events arrive in order, and only a part of them is ever held."""
    bench = Bench(tmp_path, rows=10_000)
    bench.sink.confirm_at_once = True
    async with bench.running() as sink:
        assert sink.seqs() == list(range(1, 10_001))
        assert bench.cursor == 10_000


async def test_one_silent_confirmation_bounds_what_is_held(tmp_path: Path) -> None:
    """While the oldest is unconfirmed, only so many others are sent around it."""
    bench = Bench(tmp_path, rows=MOST_ROWS * 2)
    async with bench.running() as sink:
        while sink.waiting.keys() - {1}:
            await sink.confirm(*(sink.waiting.keys() - {1}))
        assert bench.cursor == 0
        assert MOST_ROWS <= len(sink.sent) <= MOST_ROWS + 256


async def test_a_burst_lets_the_others_run(tmp_path: Path) -> None:
    """A wide window is filled over several turns of the loop, so that the machine is served."""
    bench = Bench(tmp_path, rows=200)
    bench.sink.window = 200
    async with bench.running() as sink:
        assert sink.seqs() == list(range(1, 201))


# ------------------------------------------------------------------ trouble


async def test_a_cut_connection_sends_again_what_was_not_confirmed(tmp_path: Path) -> None:
    """At least once: after a cut, exactly the unconfirmed ones go again, alike and in order."""
    bench = Bench(tmp_path, rows=4)
    async with bench.running() as sink:
        await sink.confirm(2)
        assert sink.seqs() == [1, 2, 3, 4]
        await sink.cut()
        assert sink.connects == 1
        await bench.clock.advance(0.2)
        assert sink.seqs() == [1, 2, 3, 4, 1, 3, 4]
        assert sink.sent[0] == sink.sent[4]
        await sink.confirm(1, 3, 4)
        assert bench.cursor == 4


async def test_a_sink_that_is_down_is_told_once_however_often_it_is_tried(tmp_path: Path) -> None:
    """One state at the first failure, one when it is back; the attempts between are a number."""
    bench = Bench(tmp_path, rows=1)
    bench.sink.refuse_connect = "broker plant:1883: nothing listens there"
    async with bench.running() as sink:
        await bench.clock.advance(600)
        assert sink.connects > 30
        assert bench.publisher.state().attempts == sink.connects
        sink.refuse_connect = ""
        await bench.clock.advance(15)
    assert bench.conditions() == [
        (Condition.DOWN, "broker plant:1883: nothing listens there"),
        (Condition.CONNECTED, ""),
    ]


async def test_another_reason_is_another_state(tmp_path: Path) -> None:
    """When the cause changes, whoever is on the way to mend it learns of it."""
    bench = Bench(tmp_path)
    bench.sink.refuse_connect = "nothing listens"
    async with bench.running() as sink:
        sink.refuse_connect = "bad password"
        await bench.clock.advance(20)
    assert [reason for _, reason in bench.conditions()] == ["nothing listens", "bad password"]


async def test_a_connection_that_keeps_breaking_is_not_dialled_faster(tmp_path: Path) -> None:
    """Two clients that throw each other out do so ever more slowly: only holding resets."""
    bench = Bench(tmp_path)
    async with bench.running() as sink:
        for _ in range(10):
            await sink.cut("taken over")
            await bench.clock.advance(15)
        at = sink.connects
        await sink.cut("taken over")
        await bench.clock.advance(7)
        assert sink.connects == at


async def test_a_connection_that_has_held_is_dialled_at_once(tmp_path: Path) -> None:
    """After a good connection the first pause is the short one again."""
    bench = Bench(tmp_path)
    async with bench.running() as sink:
        for _ in range(10):
            await sink.cut()
            await bench.clock.advance(15)
        await bench.clock.advance(60)
        at = sink.connects
        await sink.cut()
        await bench.clock.advance(0.2)
        assert sink.connects == at + 1


async def test_a_refusal_that_can_pass_pauses_and_resumes_by_itself(tmp_path: Path) -> None:
    """Nothing more is sent, one event asks again after a pause, and then all go on (D-118)."""
    bench = Bench(tmp_path, rows=5)
    async with bench.running() as sink:
        await sink.refuse(Refusal.LATER, 1, 2, 3)
        assert sink.seqs() == [1, 2, 3]
        assert bench.publisher.state().condition is Condition.PAUSED
        await bench.clock.advance(1)
        assert sink.seqs() == [1, 2, 3, 1]
        await sink.refuse(Refusal.LATER, 1)
        await bench.clock.advance(2)
        assert sink.seqs() == [1, 2, 3, 1, 1]
        await sink.confirm(1)
        assert sink.seqs() == [1, 2, 3, 1, 1, 2, 3, 4]
        await sink.confirm(2, 3, 4)
        await sink.confirm(5)
        assert bench.cursor == 5
    assert bench.conditions() == [
        (Condition.CONNECTED, ""),
        (Condition.PAUSED, "later 3"),
        (Condition.PAUSED, "later 1"),
        (Condition.CONNECTED, ""),
    ]
    assert not bench.quarantine_path.exists()


async def test_a_pause_waits_for_what_is_under_way(tmp_path: Path) -> None:
    """Confirmations that come after a refusal count; only the refused one is asked again."""
    bench = Bench(tmp_path, rows=3)
    async with bench.running() as sink:
        await sink.refuse(Refusal.LATER, 2)
        await sink.confirm(1, 3)
        assert bench.cursor == 1
        await bench.clock.advance(1)
        assert sink.seqs() == [1, 2, 3, 2]
        await sink.confirm(2)
        assert bench.cursor == 3


async def test_a_cut_during_a_pause_asks_with_one_event(tmp_path: Path) -> None:
    """A new connection does not make a refusing sink a willing one."""
    bench = Bench(tmp_path, rows=3)
    async with bench.running() as sink:
        await sink.refuse(Refusal.LATER, 1, 2, 3)
        await sink.cut()
        await bench.clock.advance(0.2)
        assert sink.seqs() == [1, 2, 3, 1]
    assert [condition for condition, _ in bench.conditions()] == [
        Condition.CONNECTED,
        Condition.PAUSED,
        Condition.DOWN,
    ]


async def test_a_refusal_for_ever_goes_to_quarantine_and_the_rest_goes_on(tmp_path: Path) -> None:
    """The event is in the file before the cursor passes it; those behind it pass."""
    bench = Bench(tmp_path, rows=4)
    async with bench.running() as sink:
        await sink.refuse(Refusal.NEVER, 1)
        (line,) = bench.quarantine_path.read_bytes().splitlines()
        assert (orjson.loads(line)["seq"], orjson.loads(line)["cause"]) == (1, "never 1")
        assert bench.cursor == 1
        await sink.confirm(2, 3, 4)
        assert bench.cursor == 4
    assert (bench.publisher.state().quarantined, bench.publisher.state().delivered) == (1, 3)
    assert bench.conditions() == [(Condition.CONNECTED, "")]


async def test_the_cursor_waits_for_the_quarantine(tmp_path: Path) -> None:
    """While the quarantine cannot be written, the sink is down and the event is not passed."""
    bench = Bench(tmp_path, rows=2)
    bench.quarantine_path.mkdir()
    async with bench.running() as sink:
        await sink.refuse(Refusal.NEVER, 1)
        assert bench.cursor == 0
        assert bench.publisher.state().reason == (
            f"sink plant: {EPOCH}-1 belongs in {bench.quarantine_path}, "
            "which cannot be written: Is a directory"
        )
        bench.quarantine_path.rmdir()
        sink.waiting.clear()
        await bench.clock.advance(0.2)
        await sink.refuse(Refusal.NEVER, 1)
        assert bench.cursor == 1


async def test_a_bug_in_a_sink_is_not_swallowed(tmp_path: Path) -> None:
    """An error that is no trouble of the sink's ends the publisher (STYLE 3.6)."""
    bench = Bench(tmp_path, rows=1)
    task = asyncio.create_task(bench.publisher.run())
    await settled()
    bench.sink.waiting.pop(1).set_exception(ZeroDivisionError())
    with pytest.RaisesGroup(ZeroDivisionError):
        await task


async def test_a_cancelled_delivery_is_sent_again(tmp_path: Path) -> None:
    """A delivery that ended without an answer is not taken for confirmed."""
    bench = Bench(tmp_path, rows=1)
    async with bench.running() as sink:
        sink.waiting.pop(1).cancel()
        await settled()
        assert (bench.cursor, sink.seqs()) == (0, [1, 1])


async def test_a_confirmation_of_an_old_connection_moves_nothing(tmp_path: Path) -> None:
    """What is under way again on a new connection is confirmed by that one alone."""
    bench = Bench(tmp_path, rows=1)
    async with bench.running() as sink:
        stale = sink.waiting.pop(1)
        await sink.cut()
        await bench.clock.advance(0.2)
        stale.set_result(None)
        await settled()
        assert (bench.cursor, bench.publisher.state().unacknowledged) == (0, 1)
        await sink.confirm(1)
        assert bench.cursor == 1


# ------------------------------------------------------------------ filters


def _mixed(count: int) -> MemoryJournal:
    kinds = ("unit_completed", "code_scanned")
    return MemoryJournal([event_row(seq, kind=kinds[seq % 2]) for seq in range(1, count + 1)])


async def test_a_filtered_sink_is_told_what_came_before(tmp_path: Path) -> None:
    """Each event carries the one before it on this stream; the cursor passes the others (D-138)."""
    bench = Bench(tmp_path, kinds=("unit_completed",))
    bench.journal = _mixed(7)
    bench.publisher = bench.make()
    async with bench.running() as sink:
        await sink.confirm(2, 4, 6)
        assert [(d.row.seq, d.after) for d in sink.sent] == [
            (2, None),
            (4, Address(EPOCH, 2)),
            (6, Address(EPOCH, 4)),
        ]
        assert bench.cursor == 7


async def test_a_filtered_stream_goes_on_after_a_restart(tmp_path: Path) -> None:
    """The first event of a new run names the last one of the run before."""
    bench = Bench(tmp_path, kinds=("unit_completed",))
    bench.journal = _mixed(5)
    bench.publisher = bench.make()
    async with bench.running() as sink:
        await sink.confirm(2)
        await sink.confirm(4)
    bench.journal.append([event_row(6)])
    bench.sink = sink = ScriptedSink()
    bench.publisher = bench.make()
    async with bench.running():
        assert [(d.row.seq, d.after) for d in sink.sent] == [(6, Address(EPOCH, 4))]


async def test_an_unfiltered_sink_is_told_nothing(tmp_path: Path) -> None:
    """Who gets every seq needs no `after`."""
    bench = Bench(tmp_path, rows=2)
    async with bench.running() as sink:
        assert [delivery.after for delivery in sink.sent] == [None, None]


# ------------------------------------------------------------------ state and end


async def test_state_says_how_far_and_how_long(tmp_path: Path) -> None:
    """Cursor, backlog, and what is under way since when."""
    bench = Bench(tmp_path, rows=5)
    assert bench.publisher.state().backlog == 5
    async with bench.running() as sink:
        await sink.confirm(1, 2)
        await bench.clock.advance(4)
        state = bench.publisher.state()
    assert (state.cursor, state.backlog, state.delivered) == (Address(EPOCH, 2), 3, 2)
    assert (state.unacknowledged, state.unacknowledged_s) == (3, 4.0)


async def test_backlog_over_several_epochs_is_not_guessed(tmp_path: Path) -> None:
    """Where the cursor stands in an older epoch, the number is unknown, not wrong."""
    bench = Bench(tmp_path, rows=2)
    bench.journal.append([event_row(7, epoch="000043-00000000")])
    assert bench.publisher.state().backlog is None
    async with bench.running() as sink:
        await sink.confirm(1)
        assert bench.publisher.state().backlog is None
        sink.confirm_at_once = True
        await sink.confirm(2, 7)
        assert bench.publisher.state().backlog == 0


async def test_close_lets_out_what_is_journalled(tmp_path: Path) -> None:
    """Everything committed before the end is delivered before goodbye is said."""
    bench = Bench(tmp_path, rows=7)
    run = asyncio.create_task(bench.publisher.run())
    await settled()
    bench.sink.confirm_at_once = True
    closing = asyncio.create_task(bench.publisher.close())
    await bench.sink.confirm(1, 2, 3)
    await closing
    assert (bench.cursor, bench.sink.closed, run.cancelled()) == (7, True, True)


async def test_close_waits_only_so_long(tmp_path: Path) -> None:
    """A sink that does not confirm holds up the end for the time given, no longer."""
    bench = Bench(tmp_path, rows=1)
    run = asyncio.create_task(bench.publisher.run())
    await settled()
    closing = asyncio.create_task(bench.publisher.close(within_s=2.0))
    await bench.clock.advance(1.9)
    assert not closing.done()
    await bench.clock.advance(0.1)
    await closing
    assert (bench.cursor, bench.sink.closed, run.cancelled()) == (0, True, True)


async def test_close_of_a_sink_that_is_down_does_not_wait(tmp_path: Path) -> None:
    """What cannot be delivered now is delivered after the next start."""
    bench = Bench(tmp_path, rows=1)
    bench.sink.refuse_connect = "away"
    run = asyncio.create_task(bench.publisher.run())
    await settled()
    await bench.publisher.close()
    assert (bench.sink.closed, run.cancelled()) == (True, True)


async def test_close_before_run_closes_the_sink(tmp_path: Path) -> None:
    """A publisher that never ran can be closed."""
    bench = Bench(tmp_path)
    await bench.publisher.close()
    assert bench.sink.closed


async def test_a_journal_that_came_back_shorter_has_no_backlog(tmp_path: Path) -> None:
    """A cursor beyond the newest row waits for the next epoch, and counts nothing backwards."""
    bench = Bench(tmp_path, rows=2)
    bench.journal.cursors["plant"] = Address(EPOCH, 9)
    bench.publisher = bench.make()
    assert bench.publisher.state().backlog == 0
    async with bench.running() as sink:
        bench.journal.append([event_row(1, epoch="000043-00000000")])
        await settled()
        assert [delivery.row.epoch for delivery in sink.sent] == ["000043-00000000"]
