"""The engine on a real journal whose disk the test holds back, and a clock that the test turns."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import pytest

from agent.core import binder
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.state import NotReady, Reply, SnapshotAsk
from agent.core.station import By, Component, Handshake, Pairing, Station, Strategy
from agent.engine import QUEUE_SIZE, CommandLostError, Engine, Parts
from agent.formats.json import decode
from agent.journal.chain import seal
from agent.journal.errors import DoubtfulCommitError, JournalError
from agent.journal.files import DiskFiles
from agent.journal.opening import open_journal
from agent.journal.sqlite import Rim, SqliteJournal
from drivers.base import (
    AnyObservation,
    CodeScanned,
    CommandGiven,
    LinkChanged,
    Quality,
    Scalar,
    SnapshotRead,
    TagValue,
    ValuesSeen,
    WriteGroup,
)
from tests.doubles import InlineWorker, ManualClock, settled

T = TypeVar("T")
EPOCH = "000001-aaaa0001"
END = Handshake(
    name="end",
    device="plc",
    trigger="trigger",
    request="request",
    modulus=65536,
    guard=("counter",),
    values=(),
    unit=None,
    verdict=None,
    result="result",
    ack="ack",
    answer_within_ms=5000,
)
STATION = Station(
    path="acme/press-07",
    machine="press-07",
    config="c1",
    by=By.SERIAL,
    pairing=Pairing(strategy=Strategy.SCAN_THEN_CYCLE, window_ms=30_000, settle_ms=200),
    handshakes=(END,),
    scans=(
        ScanRule(match=RegexMatch(pattern=r"SN-\d+"), means=Means.UNIT),
        ScanRule(match=RegexMatch(pattern=r"OP-(?P<operator>\d+)"), means=Means.OPERATOR),
    ),
    devices=("plc", "scanner"),
)


class Disk:
    """The journal's writer thread, as one that the test lets through, holds, or breaks."""

    def __init__(self) -> None:
        self.is_free = asyncio.Event()
        self.is_free.set()
        self.error: Exception | None = None

    async def run(self, job: Callable[[], T]) -> T:
        """Do the job when the disk is free, or fail like it."""
        await self.is_free.wait()
        if self.error is not None:
            raise self.error
        return job()

    def close(self) -> None:
        """There is no thread to end."""


@dataclass
class Line:
    """The devices as the engine sees them: what it asks and says, and nothing by itself."""

    asks: list[SnapshotAsk] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    pulls: int = 0

    def ask(self, ask: SnapshotAsk) -> None:
        """Note the ask."""
        self.asks.append(ask)

    def outputs_changed(self) -> None:
        """Count the call."""
        self.pulls += 1

    def reply(self, reply: Reply) -> None:
        """Note the reply."""
        self.replies.append(reply)


@dataclass
class Bench:
    """An engine with its world."""

    engine: Engine
    journal: SqliteJournal
    line: Line
    disk: Disk
    clock: ManualClock
    numbers: int = 0

    def about(self, device: str) -> dict[str, object]:
        """Return what every observation has, as of now."""
        self.numbers += 1
        now = self.clock.now()
        return {
            "id": f"o{self.numbers}",
            "device": device,
            "earliest_ms": now.boot_ms,
            "latest_ms": now.boot_ms,
            "received": now,
        }

    async def see(self, observation: AnyObservation) -> None:
        """Let the engine decide it, and whatever follows."""
        await self.engine.emit(observation)
        await settled()

    async def scan(self, text: str) -> None:
        """Scan a code."""
        await self.see(CodeScanned(**self.about("scanner"), raw=text.encode()))  # type: ignore[arg-type]  # a dict of what each has

    def command(self) -> CommandGiven:
        """Return a command to block a lot."""
        return CommandGiven(
            **self.about(""),  # type: ignore[arg-type]  # a dict of what each has
            command="block-lot",
            who="k:1",
            reason="cracks",
            arguments=(("lot", "L-1"),),
        )

    async def values(self, **values: Scalar) -> None:
        """Show values of the PLC."""
        await self.see(ValuesSeen(**self.about("plc"), values=_good(values)))  # type: ignore[arg-type]  # a dict of what each has

    async def snapshot(self, **values: Scalar) -> None:
        """Answer the newest snapshot ask."""
        ask = self.line.asks[-1]
        await self.see(
            SnapshotRead(
                **self.about("plc"),  # type: ignore[arg-type]  # a dict of what each has
                ask=ask.id,
                group=ask.handshake,
                values=_good(values),
                coherent=True,
                tries=1,
            )
        )

    async def link_up(self) -> None:
        """Bring both devices up, the trigger low."""
        for device in ("plc", "scanner"):
            await self.see(LinkChanged(**self.about(device), up=True))  # type: ignore[arg-type]  # a dict of what each has
        await self.snapshot(trigger=False, request=0, counter=0)

    async def cycle(self, request: int) -> None:
        """Raise the trigger and answer the snapshot."""
        await self.values(trigger=True, request=request)
        await self.snapshot(trigger=True, request=request, counter=request)

    def held(self) -> dict[str, Scalar]:
        """Return what the PLC must hold now."""
        return dict(pair for group in self.engine.due("plc") for pair in group.values)

    def order(self) -> list[str]:
        """Return the tags in the order in which they are to be written."""
        groups: tuple[WriteGroup, ...] = self.engine.due("plc")
        return [tag for group in groups for tag, _ in group.values]

    async def kinds(self) -> list[str]:
        """Return the kinds of all durable events."""
        return [row.kind for row in await self.journal.read(None, 1000)]


def _good(values: dict[str, Scalar]) -> tuple[TagValue, ...]:
    return tuple(
        TagValue(tag=tag, value=value, quality=Quality.GOOD) for tag, value in values.items()
    )


@asynccontextmanager
async def bench(
    tmp_path: Path,
    station: Station = STATION,
    trouble: Callable[[], NotReady] = lambda: NotReady.READY,
) -> AsyncIterator[Bench]:
    """Run an engine on an empty journal."""
    clock, disk, line = ManualClock(), Disk(), Line()
    workers = iter((disk, InlineWorker(), InlineWorker()))
    rim = Rim(files=DiskFiles(), clock=clock, worker=lambda _name: next(workers))
    journal, _ = await open_journal(tmp_path, station.path, rim)

    def conceal(seen: CodeScanned) -> CodeScanned:
        is_badge = seen.raw.startswith(b"OP-")
        return replace(seen, raw=b"", operator="key:someone") if is_badge else seen

    parts = Parts(
        clock=clock,
        journal=journal,
        lookup=journal,
        seal=seal,
        conceal=conceal,
        devices=line,
        trouble=trouble,
    )
    beginning = binder.Beginning(
        epoch=EPOCH, version="1", previous_epoch=None, previous_seq=None, previous_hash=None
    )
    engine = Engine(parts, binder.initial(station), beginning)
    await engine.start()
    running = asyncio.create_task(engine.run(), name="engine under test")
    try:
        yield Bench(engine, journal, line, disk, clock)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        disk.is_free.set()
        disk.error = None
        await engine.close()
        await journal.close()


async def test_no_answer_before_the_commit(tmp_path: Path) -> None:
    """An answer is due only once its event is on disk (law 1), and the result before the ack."""
    async with bench(tmp_path) as line:
        await line.link_up()
        await line.scan("SN-1")
        line.disk.is_free.clear()
        await line.cycle(1)
        assert line.held()["ack"] is False
        line.disk.is_free.set()
        await settled()
        assert line.order()[:2] == ["result", "ack"]
        assert line.held()["result"] == 1
        assert line.held()["ack"] is True
        assert (await line.kinds())[-1] == "unit_completed"


async def test_seven_when_nothing_is_stored_in_time_and_it_stands(tmp_path: Path) -> None:
    """Without a commit the answer is 7 after `answer_within`, and a late commit changes nothing."""
    async with bench(tmp_path) as line:
        await line.link_up()
        await line.scan("SN-1")
        line.disk.is_free.clear()
        await line.cycle(1)
        pulls = line.line.pulls
        await line.clock.advance(5.0)
        assert line.line.pulls > pulls
        assert line.held()["result"] == 7
        line.disk.is_free.set()
        await settled()
        assert (await line.kinds())[-1] == "unit_completed"
        assert line.held()["result"] == 7


async def test_the_same_request_after_a_seven_gets_what_was_stored(tmp_path: Path) -> None:
    """The PLC repeats its number after a 7: a commit that landed late answers it, once (D-40)."""
    async with bench(tmp_path) as line:
        await line.link_up()
        await line.scan("SN-1")
        line.disk.is_free.clear()
        await line.cycle(1)
        await line.clock.advance(5.0)
        assert line.held()["result"] == 7
        await line.values(trigger=False)
        assert line.held() == {"ack": False, "result": 0}
        line.disk.is_free.set()
        await settled()
        await line.cycle(1)
        assert line.held()["result"] == 1
        assert (await line.kinds()).count("unit_completed") == 1


async def test_a_slow_disk_is_told(tmp_path: Path) -> None:
    """A commit that takes seconds makes the station not ready, by its name."""
    async with bench(tmp_path) as line:
        await line.link_up()
        assert line.engine.readiness() is NotReady.READY
        line.disk.is_free.clear()
        await line.scan("SN-1")
        await line.clock.advance(2.0)
        assert line.engine.readiness() is NotReady.SLOW_DISK


async def test_a_failed_commit_ends_the_run_and_gives_the_scan_back(tmp_path: Path) -> None:
    """After a doubtful commit nothing is answered, `run` raises, and the scan is handed on."""
    async with bench(tmp_path) as line:
        await line.link_up()
        line.disk.error = DoubtfulCommitError("disk: input/output error")
        with pytest.raises(JournalError, match="input/output"):
            await _run_until_failed(line)
        assert line.engine.readiness() is NotReady.JOURNAL
        assert [seen.raw for seen in await line.engine.close()] == [b"SN-1"]
        assert line.line.replies == []


async def _run_until_failed(line: Bench) -> None:
    failing = asyncio.create_task(line.engine.run(), name="second look")
    await line.scan("SN-1")
    try:
        await failing
    except* JournalError as group:
        raise group.exceptions[0] from group


async def test_the_reader_hears_after_the_commit_or_not_at_all(tmp_path: Path) -> None:
    """A beep goes out once after the commit; one that is older than a second is dropped."""
    async with bench(tmp_path) as line:
        await line.link_up()
        line.disk.is_free.clear()
        await line.scan("SN-1")
        assert line.line.replies == []
        line.disk.is_free.set()
        await settled()
        assert line.line.replies == [Reply(device="scanner", good=True)]
        line.disk.is_free.clear()
        await line.scan("no such code")
        await line.clock.advance(1.5)
        line.disk.is_free.set()
        await settled()
        assert len(line.line.replies) == 1


async def test_a_person_hears_after_the_commit(tmp_path: Path) -> None:
    """However slow the disk: a command is answered once its event is on it (law 1)."""
    async with bench(tmp_path) as line:
        line.disk.is_free.clear()
        given = line.command()
        asked = asyncio.create_task(line.engine.command(given))
        await line.clock.advance(5.0)
        assert not asked.done()
        line.disk.is_free.set()
        await settled()
        reply = await asked
        assert (reply.command, reply.refused) == (given.id, None)
        (row,) = [row for row in await line.journal.read(None, 100) if row.kind == "lot_blocked"]
        assert str(row.address) == reply.address


async def test_a_command_whose_commit_is_in_doubt_is_not_said_to_be_done(tmp_path: Path) -> None:
    """The run is over: the person is told that nobody knows."""
    async with bench(tmp_path) as line:
        line.disk.is_free.clear()
        asked = asyncio.create_task(line.engine.command(line.command()))
        await settled()
        await line.engine.close()
        with pytest.raises(CommandLostError):
            await asked
        line.disk.is_free.set()


async def test_a_label_gives_its_command_and_the_reader_hears_of_it(tmp_path: Path) -> None:
    """What it must know is looked up; good or bad is told once it is on disk (D-36, law 1)."""
    label = ScanRule(match=RegexMatch(pattern="SCRAP (?P<id>[A-Z]+)"), means=Means.SCRAP)
    async with bench(tmp_path, replace(STATION, scans=(*STATION.scans, label))) as line:
        await line.link_up()
        await line.scan("OP-7")
        said = []
        for _ in range(2):
            await line.scan("SCRAP CRACK")
            line.line.replies.clear()
            line.disk.is_free.clear()
            await line.scan("SN-1")
            assert line.line.replies == []
            line.disk.is_free.set()
            await settled()
            said += line.line.replies
            await line.clock.advance(2.0)
        assert [reply.good for reply in said] == [True, False]
        assert (await line.kinds()).count("unit_scrapped") == 1
        assert (await line.kinds()).count("command_refused") == 1


async def test_what_a_command_must_know_is_looked_up(tmp_path: Path) -> None:
    """A unit, a component, an event: the journal says what is known, the last command included."""
    async with bench(tmp_path) as line:
        said = []
        for name, arguments in (
            ("scrap", (("unit", "SN-1"),)),
            ("scrap", (("unit", "SN-1"), ("unseen", "yes"))),
            ("remove", (("unit", "SN-1"), ("old", "ECU-1"))),
            ("retract", (("address", f"{EPOCH}-99"),)),
            ("ship", (("parcel", "SN-1"), ("to", "ACME"))),
            ("take-back", (("parcel", "BOX-1"),)),
        ):
            given = replace(line.command(), command=name, arguments=arguments)
            said.append(await line.engine.command(given))
        assert [reply.refused for reply in said] == [
            "'SN-1' was never here; if it is right all the same, add --unseen yes",
            None,
            "'ECU-1' is in no unit, by what this station knows",
            f"{EPOCH}-99 is no event of this station, or is not kept any more",
            "'SN-1' is scrapped; if it has left all the same, add --anyway yes",
            "'BOX-1' was never here; if it is right all the same, add --unseen yes",
        ]
        given = replace(
            line.command(), command="retract", arguments=(("address", said[1].address),)
        )
        assert (await line.engine.command(given)).refused is None
        rows = await line.journal.read(None, 100)
        assert [(row.kind, row.unit) for row in rows[-1:]] == [("event_corrected", "SN-1")]


async def test_a_person_who_does_not_wait_is_not_told(tmp_path: Path) -> None:
    """The command is recorded all the same."""
    async with bench(tmp_path) as line:
        line.disk.is_free.clear()
        asked = asyncio.create_task(line.engine.command(line.command()))
        await settled()
        asked.cancel()
        await settled()
        line.disk.is_free.set()
        await settled()
        rows = await line.journal.read(None, 100)
        assert [row.unit for row in rows if row.kind == "lot_blocked"] == ["L-1"]


async def test_a_look_up_knows_what_is_still_on_its_way(tmp_path: Path) -> None:
    """A unit whose completion is not on disk yet is a duplicate all the same (DESIGN 4)."""
    async with bench(tmp_path) as line:
        await line.link_up()
        await line.scan("SN-1")
        line.disk.is_free.clear()
        await line.cycle(1)
        await line.values(trigger=False)
        await line.clock.advance(1.5)
        await line.scan("SN-1")
        await line.cycle(2)
        line.disk.is_free.set()
        await settled()
        kinds = await line.kinds()
        assert kinds.count("unit_completed") == 1
        assert kinds[-1] == "unit_refused"
        assert line.held()["result"] == 3


async def test_a_component_on_its_way_is_in_its_unit(tmp_path: Path) -> None:
    """A serial component whose unit is not on disk yet is in that unit all the same (D-42)."""
    component = Component(position="ecu", by=By.SERIAL, required=True)
    rule = ScanRule(match=RegexMatch(pattern=r"ECU-\d+"), means=Means.COMPONENT, position="ecu")
    station = replace(STATION, components=(component,), scans=(*STATION.scans, rule))
    async with bench(tmp_path, station) as line:
        await line.link_up()
        for number in (1, 2):
            await line.scan("ECU-1")
            await line.scan(f"SN-{number}")
            line.disk.is_free.clear()
            await line.cycle(number)
            await line.values(trigger=False)
            await line.clock.advance(1.5)
        line.disk.is_free.set()
        await settled()
        kinds = await line.kinds()
        assert kinds.count("component_installed") == 1
        assert kinds[-3:] == ["component_in_use", "code_scanned", "unit_refused"]


async def test_a_full_queue_refuses_an_offer_and_says_so(tmp_path: Path) -> None:
    """A shared device never waits: what does not fit is refused, and the station is not ready."""
    async with bench(tmp_path) as line:
        await line.link_up()
        seen = [
            LinkChanged(**line.about("plc"), up=True)  # type: ignore[arg-type]  # a dict of what each has
            for _ in range(QUEUE_SIZE + 1)
        ]
        taken = [line.engine.offer(one) for one in seen]
        assert taken == [True] * QUEUE_SIZE + [False]
        assert line.engine.readiness() is NotReady.OVERRUN
        await line.clock.advance(2.5)
        assert line.engine.readiness() is NotReady.READY


async def test_a_badge_is_concealed_before_it_is_stored(tmp_path: Path) -> None:
    """What is stored of a badge is its pseudonym alone (D-64)."""
    async with bench(tmp_path) as line:
        await line.link_up()
        await line.scan("OP-4711")
        stored = b"".join(row.body for row in await line.journal.read(None, 1000))
        assert b"key:someone" in stored
        assert b"4711" not in stored
        assert b"OP-4711".hex().encode() not in stored


async def test_windows_pass_by_the_clock_that_is_passed_in(tmp_path: Path) -> None:
    """The moment that decide asked for comes by the engine's alarm: the settle, then code 8."""
    async with bench(tmp_path) as line:
        await line.link_up()
        await line.cycle(1)
        assert (await line.kinds())[-1] == "link_restored"
        await line.clock.advance(0.25)
        assert (await line.kinds())[-1] == "unit_unbound"
        assert line.held()["result"] == 8


async def test_what_falls_due_while_the_machine_sleeps_is_done_when_it_wakes(
    tmp_path: Path,
) -> None:
    """A wait goes on where it was, so the alarm is looked at again each second (C07)."""
    async with bench(tmp_path) as line:
        await line.link_up()
        await line.scan("SN-1")
        line.clock.suspend(3_600)
        await settled()
        assert (await line.kinds())[-1] == "code_scanned"
        await line.engine.look()
        await settled()
        assert (await line.kinds())[-1] == "scan_expired"


async def test_an_end_in_order_decides_what_waits_and_says_so_last(tmp_path: Path) -> None:
    """`stop` decides what is in the queue, and `agent_stopped` is the epoch's last event."""
    async with bench(tmp_path) as line:
        await line.link_up()
        assert line.engine.offer(
            CodeScanned(**line.about("scanner"), raw=b"SN-1")  # type: ignore[arg-type]  # a dict of what each has
        )
        await line.engine.stop("stopped")
        assert (await line.kinds())[-2:] == ["code_scanned", "agent_stopped"]
        assert line.engine.readiness() is NotReady.STOPPING


async def test_durable_state_is_the_fold_of_what_is_stored(tmp_path: Path) -> None:
    """What the engine knows is what a restart would fold from the journal (law 6)."""
    async with bench(tmp_path) as line:
        await line.link_up()
        await line.scan("OP-4711")
        await line.scan("SN-1")
        await line.cycle(1)
        state = binder.initial(STATION)
        for row in await line.journal.read(None, 1000):
            state = binder.evolve(state, decode(row.body))
        assert state == line.engine.durable


async def test_moves_unless_observations_wait_and_nothing_is_decided(tmp_path: Path) -> None:
    """A queue that nobody empties is no life sign; an empty one is."""
    async with bench(tmp_path) as line:
        await line.link_up()
        assert line.engine.moves()
        assert line.engine.moves()
