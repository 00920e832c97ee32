"""The publisher's laws while all is well: order, window, cursor, filters, state and end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agent.ports import Address
from agent.publisher.publisher import MOST_ROWS
from tests.doubles import EPOCH, MemoryJournal, event_row, settled
from tests.unit.publisher.bench import Bench, ScriptedSink

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


async def test_what_the_journal_gave_up_is_passed_over(tmp_path: Path) -> None:
    """The quota took it: the stream goes on behind it, and `after` shows the gap (D-142)."""
    bench = Bench(tmp_path, kinds=("unit_completed",))
    bench.journal = _mixed(2)
    bench.publisher = bench.make()
    async with bench.running() as sink:
        await sink.confirm(2)
        bench.journal.rows = _mixed(9).rows[6:]
        bench.journal.cursors["plant"] = Address(EPOCH, 6)
        bench.journal.append([event_row(10)])
        await settled()
        assert [(d.row.seq, d.after) for d in sink.sent[1:]] == [
            (8, Address(EPOCH, 6)),
            (10, Address(EPOCH, 8)),
        ]


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
