"""The publisher's laws in trouble: cuts, refusals, quarantine, bugs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson
import pytest

from agent.ports import Address, Refusal
from agent.publisher import Condition
from agent.publisher.publisher import MOST_S
from agent.publisher.quarantine import ask_release, held_in
from agent.publisher.releasing import LOOK_EVERY_S
from tests.doubles import EPOCH, event_row, settled
from tests.unit.publisher.bench import Bench


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
            await bench.clock.advance(MOST_S)
        at = sink.connects
        await sink.cut("taken over")
        await bench.clock.advance(MOST_S / 2 - 0.5)
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


async def test_a_sink_that_refuses_and_hangs_up_stays_a_refusing_one(tmp_path: Path) -> None:
    """One state, however often it hangs up; each new connection asks with one event, later."""
    bench = Bench(tmp_path, rows=3)
    async with bench.running() as sink:
        await sink.refuse(Refusal.LATER, 1)
        await sink.cut()
        for asked in range(1, 8):
            await bench.clock.advance(0.2 * 2**asked)
            await bench.clock.advance(60)
            assert sink.seqs() == [1, 2, 3, *[1] * asked]
            await sink.refuse(Refusal.LATER, 1)
            await sink.cut()
        await bench.clock.advance(15)
        await bench.clock.advance(60)
        await sink.confirm(1)
        await sink.confirm(2, 3)
        assert bench.cursor == 3
    assert bench.conditions() == [
        (Condition.CONNECTED, ""),
        (Condition.PAUSED, "later 1"),
        (Condition.CONNECTED, ""),
    ]


async def test_a_refusing_sink_that_cannot_be_reached_is_down(tmp_path: Path) -> None:
    """Who is to act is another person then; when it is back, it is asked with one event."""
    bench = Bench(tmp_path, rows=3)
    async with bench.running() as sink:
        await sink.refuse(Refusal.LATER, 1, 2, 3)
        sink.refuse_connect = "away"
        await sink.cut()
        await bench.clock.advance(1)
        sink.refuse_connect = ""
        await bench.clock.advance(20)
        assert sink.seqs() == [1, 2, 3, 1]
        await sink.confirm(1)
    assert bench.conditions() == [
        (Condition.CONNECTED, ""),
        (Condition.PAUSED, "later 3"),
        (Condition.DOWN, "away"),
        (Condition.PAUSED, "later 3"),
        (Condition.CONNECTED, ""),
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


async def test_a_release_waits_until_nothing_else_is_under_way(tmp_path: Path) -> None:
    """Sent alone: what the sink then does is about that event, and what follows goes on (D-118)."""
    bench = Bench(tmp_path, rows=2)
    async with bench.running() as sink:
        await sink.refuse(Refusal.NEVER, 1)
        ask_release(bench.quarantine_path, [Address(EPOCH, 1)])
        bench.journal.append([event_row(3), event_row(4)])
        await bench.clock.advance(LOOK_EVERY_S)
        assert set(sink.waiting) == {2, 3, 4}
        bench.journal.append([event_row(5)])
        await sink.confirm(2, 3, 4)
        assert set(sink.waiting) == {1}
        await sink.confirm(1)
        assert set(sink.waiting) == {5}
        await sink.confirm(5)
        assert (bench.cursor, bench.publisher.state().released) == (5, 1)
        assert held_in(bench.quarantine_path)[0] == []


async def test_a_release_that_is_cut_off_stays_in_quarantine(tmp_path: Path) -> None:
    """It is not tried over and over: whoever asked sees why, and asks again."""
    bench = Bench(tmp_path, rows=1)
    async with bench.running() as sink:
        await sink.refuse(Refusal.NEVER, 1)
        ask_release(bench.quarantine_path, [Address(EPOCH, 1)])
        await bench.clock.advance(LOOK_EVERY_S)
        await sink.cut()
        await bench.clock.advance(10)
        assert (sink.seqs(), sink.waiting) == ([1, 1], {})
        (held,) = held_in(bench.quarantine_path)[0]
        assert held.cause == "released, but not confirmed: cut"
        assert bench.publisher.state().condition is Condition.CONNECTED


@pytest.mark.parametrize("turns", range(8))
async def test_a_close_while_the_connection_breaks_comes_to_its_end(
    tmp_path: Path, turns: int
) -> None:
    """The failure does not hide the cancellation: the station's next run waits for this close."""
    bench = Bench(tmp_path, rows=3)
    async with bench.running() as sink:
        sink.break_off("reset")
        for _ in range(turns):
            await asyncio.sleep(0)
        closing = asyncio.create_task(bench.publisher.close(within_s=0))
        await settled()
        assert closing.done()
        assert sink.closed
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
