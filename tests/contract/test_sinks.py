"""The laws of every sink, over the registry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from agent.ports import Address, Delivery, Sink, SinkDownError
from agent.publisher import Condition, Publisher, Quarantine, SinkState
from agent.sinks.options import encode_json
from agent.sinks.registry import SINKS, sink_spec
from tests.contract.rig import PATIENCE_S, RealClock
from tests.contract.sink_rigs import RIGS, SinkRig, seqs
from tests.doubles import EPOCH, InlineWorker, MemoryJournal, SeededRandom, event_row

T = TypeVar("T")

EVENT_SINKS = [name for name in SINKS if not sink_spec(name).live]
ALL = pytest.mark.parametrize("name", EVENT_SINKS)
"""Sinks that deliver events. One that shows live values confirms no envelope; the laws of its
sessions are in tests/peers (`test_sparkplug_*`)."""


async def eventually(true: Callable[[], bool]) -> None:
    """Return when it has become true; rigs speak to real sockets, in real time."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - what is looked at has no event to wait for
            await asyncio.sleep(0.005)


async def soon(awaitable: Awaitable[T]) -> T:
    """Return the result, or fail the test when it does not come."""
    return await asyncio.wait_for(awaitable, PATIENCE_S)


@asynccontextmanager
async def connected(sink: Sink) -> AsyncIterator[asyncio.Task[None]]:
    """Connect and hold; yield the holding task, which may end with the connection."""
    await soon(sink.connect())
    holding = asyncio.create_task(sink.hold())
    try:
        yield holding
    finally:
        holding.cancel()
        await asyncio.wait((holding,))
        if not holding.cancelled():
            assert isinstance(holding.exception(), SinkDownError)
        await soon(sink.close())


def delivery(seq: int) -> Delivery:
    """Return one event on its way."""
    return Delivery(row=event_row(seq))


class Watched:
    """A publisher that runs, and whose states can be waited for."""

    def __init__(self, sink: Sink, journal: MemoryJournal, directory: Path) -> None:
        self.journal = journal
        self.states: list[SinkState] = []
        self.publisher = Publisher(
            "plant",
            sink,
            journal,
            Quarantine(directory / "quarantine.jsonl", InlineWorker(), RealClock()),
            clock=RealClock(),
            random=SeededRandom(),
            on_state=self.states.append,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Publisher]:
        """Run it, and close it properly."""
        task = asyncio.create_task(self.publisher.run())
        try:
            yield self.publisher
        finally:
            await soon(self.publisher.close())
            assert task.cancelled()

    async def until_confirmed(self, seq: int) -> None:
        """Return when the cursor has come that far."""
        await eventually(lambda: self.journal.cursors.get("plant") == Address(EPOCH, seq))


def test_every_sink_has_a_rig() -> None:
    """A sink of events without a rig fails; it is not skipped."""
    assert list(RIGS) == sorted(EVENT_SINKS)


@pytest.mark.parametrize("name", SINKS)
def test_what_a_sink_says_of_itself(name: str) -> None:
    """Each has a summary, and each of its options says what it does."""
    spec = sink_spec(name)
    assert spec.summary.endswith(".")
    assert [key for key, field in spec.options.model_fields.items() if not field.description] == []


@ALL
async def test_an_event_is_confirmed_when_it_is_there(name: str, tmp_path: Path) -> None:
    """What arrives is the event's envelope, and then the sender is told."""
    async with RIGS[name](tmp_path) as rig:
        sink = rig.build()
        async with connected(sink):
            assert sink.window >= 1
            await soon(sink.send(delivery(1)))
            assert rig.received() == [encode_json(delivery(1))]


@ALL
async def test_nothing_is_confirmed_before_the_other_side_does(name: str, tmp_path: Path) -> None:
    """While the confirmation is withheld, so is ours."""
    async with RIGS[name](tmp_path) as rig:
        sink = rig.build()
        async with connected(sink):
            rig.withhold()
            confirmed = sink.send(delivery(1))
            await rig.until_received(1)
            assert not confirmed.done()
            await rig.release()
            await soon(confirmed)


@ALL
async def test_a_broken_connection_fails_what_is_under_way(name: str, tmp_path: Path) -> None:
    """Both who holds and who sent learn of it, as SinkDownError with the sink's name."""
    async with RIGS[name](tmp_path) as rig:
        sink = rig.build()
        async with connected(sink) as holding:
            rig.withhold()
            confirmed = sink.send(delivery(1))
            await rig.until_received(1)
            await rig.break_connection()
            for failing in (confirmed, holding):
                with pytest.raises(SinkDownError, match=rig.name):
                    await soon(failing)


@ALL
async def test_sending_to_a_broken_sink_fails(name: str, tmp_path: Path) -> None:
    """Nothing is kept for later: the journal is the only queue."""
    async with RIGS[name](tmp_path) as rig:
        sink = rig.build()
        async with connected(sink) as holding:
            rig.withhold()
            first = sink.send(delivery(1))
            await rig.until_received(1)
            await rig.break_connection()
            with pytest.raises(SinkDownError):
                await soon(holding)
            assert isinstance(first.exception(), SinkDownError)
            late = sink.send(delivery(2))
            await sink.close()
            with pytest.raises(SinkDownError):
                await soon(late)


@ALL
async def test_connect_makes_one_attempt_and_says_what_to_do(name: str, tmp_path: Path) -> None:
    """What cannot be reached is SinkDownError that names it and gives advice."""
    async with RIGS[name](tmp_path) as rig:
        sink, name_there = rig.build(), rig.name
        await rig.go_away()
        with pytest.raises(SinkDownError, match=rf"{name_there}: .+; check .+"):
            await soon(sink.connect())
        await soon(sink.close())
        await rig.come_back()


@ALL
async def test_a_lost_confirmation_leads_to_the_same_bytes_again(name: str, tmp_path: Path) -> None:
    """At least once, with equal payload: a consumer can drop the repeat by its id."""
    async with RIGS[name](tmp_path) as rig:
        watched = Watched(rig.build(), MemoryJournal([event_row(1)]), tmp_path)
        rig.withhold()
        async with watched.running():
            await rig.until_received(1)
            await rig.break_connection()
            await watched.until_confirmed(1)
            received = rig.received()
            assert seqs(received) == [1, 1]
            assert received[0] == received[1]


@ALL
async def test_the_cursor_never_passes_an_unconfirmed_event(name: str, tmp_path: Path) -> None:
    """While nothing is confirmed, the cursor stands; then it comes to the end."""
    async with RIGS[name](tmp_path) as rig:
        journal = MemoryJournal([event_row(seq) for seq in range(1, 301)])
        watched = Watched(rig.build(), journal, tmp_path)
        rig.withhold()
        async with watched.running():
            await rig.until_received(10)
            assert journal.cursor("plant") is None
            await rig.release()
            await watched.until_confirmed(300)
            assert seqs(rig.received()) == list(range(1, 301))


@ALL
async def test_an_outage_costs_nothing_but_time(name: str, tmp_path: Path) -> None:
    """What was journalled while the other side was away arrives in order when it is back."""
    async with RIGS[name](tmp_path) as rig:
        await rig.go_away()
        watched = Watched(rig.build(), MemoryJournal([event_row(1)]), tmp_path)
        async with watched.running():
            await eventually(lambda: watched.publisher.state().attempts >= 2)
            watched.journal.append([event_row(seq) for seq in range(2, 101)])
            await rig.come_back()
            await watched.until_confirmed(100)
            assert seqs(rig.received()) == list(range(1, 101))
        assert [state.condition for state in watched.states] == [
            Condition.DOWN,
            Condition.CONNECTED,
        ]


@ALL
async def test_a_restart_goes_on_behind_what_was_confirmed(name: str, tmp_path: Path) -> None:
    """A new process adds to what the old one delivered, without a gap and without a repeat."""
    async with RIGS[name](tmp_path) as rig:
        journal = MemoryJournal([event_row(1), event_row(2)])
        for last in (2, 4):
            watched = Watched(rig.build(), journal, tmp_path)
            async with watched.running():
                await watched.until_confirmed(last)
            journal.append([event_row(last + 1), event_row(last + 2)])
        assert seqs(rig.received()) == [1, 2, 3, 4]


@ALL
async def test_one_sinks_trouble_stays_its_own(name: str, tmp_path: Path) -> None:
    """While one sink confirms nothing, another one of the same journal comes to the end."""
    journal = MemoryJournal([event_row(seq) for seq in range(1, 51)])
    other = next(sink for sink in EVENT_SINKS if sink != name)
    for directory in ("stuck", "free"):
        (tmp_path / directory).mkdir()
    stuck_rig: SinkRig = RIGS[name](tmp_path / "stuck")
    async with stuck_rig, RIGS[other](tmp_path / "free") as free_rig:
        stuck_rig.withhold()
        stuck = Watched(stuck_rig.build(), MemoryJournal(journal.rows), tmp_path / "stuck")
        free = Watched(free_rig.build(), journal, tmp_path / "free")
        async with stuck.running(), free.running():
            await stuck_rig.until_received(10)
            await free.until_confirmed(50)
            assert stuck.publisher.state().cursor is None
            await stuck_rig.release()
            await stuck.until_confirmed(50)
