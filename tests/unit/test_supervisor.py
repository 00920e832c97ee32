"""The supervisor around a scripted driver: one loop that retries, and outputs that are held."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from agent.core.state import Reply, SnapshotAsk
from agent.seat import Seat
from agent.supervisor import Device
from drivers.base import (
    AnyObservation,
    CodeScanned,
    DriverConfigError,
    Emit,
    LinkChanged,
    LinkDownError,
    Quality,
    SamplesLost,
    Scalar,
    SnapshotRead,
    TagFault,
    TagGroup,
    TagValue,
    ValuesSeen,
    WriteGroup,
)
from tests.doubles import ManualClock, SeededRandom, settled


class Scripted:
    """A driver whose link the test makes and breaks; it keeps what is written."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.runs = 0
        self.failures: list[Exception] = []
        """What the next attempts end with at once."""
        self.broken: asyncio.Future[None] | None = None
        self.emit: Emit | None = None
        self.faults: tuple[TagFault, ...] = ()
        self.warnings: tuple[str, ...] = ()
        self.written: list[tuple[tuple[str, Scalar], ...]] = []
        self.refuses: DriverConfigError | None = None
        self.refusals = 0
        self.is_deaf = False
        self.reading = asyncio.Event()
        self.numbers = 0

    async def run(self, emit: Emit) -> None:
        """Make one attempt."""
        self.runs += 1
        if self.failures:
            raise self.failures.pop(0)
        self.emit = emit
        self.broken = asyncio.get_running_loop().create_future()
        up = LinkChanged(**self.about(), up=True, faults=self.faults, warnings=self.warnings)  # type: ignore[arg-type]  # a dict of what each has
        await emit(up)
        await self.broken

    async def read(self, group: TagGroup) -> SnapshotRead:
        """Read when the test lets it."""
        await self.reading.wait()
        return SnapshotRead(
            **self.about(),  # type: ignore[arg-type]  # a dict of what each has
            ask="",
            group=group.name,
            values=_good(dict.fromkeys((*group.guard, *group.tags), 1)),
            coherent=True,
            tries=1,
        )

    async def write(self, groups: Sequence[WriteGroup]) -> None:
        """Keep, refuse, or lose the link."""
        tags = [tag for group in groups for tag, _ in group.values]
        if self.refuses is not None and self.refuses.tag in tags:
            self.refusals += 1
            raise self.refuses
        if self.is_deaf:
            raise LinkDownError("no answer")
        self.written += [group.values for group in groups]

    def break_link(self, error: Exception) -> None:
        """End the attempt."""
        assert self.broken is not None
        self.broken.set_exception(error)

    async def show(self, **values: Scalar) -> None:
        """Emit values."""
        assert self.emit is not None
        await self.emit(ValuesSeen(**self.about(), values=_good(values)))  # type: ignore[arg-type]  # a dict of what each has

    def about(self) -> dict[str, object]:
        """Return what every observation has, as of now."""
        self.numbers += 1
        now = self._clock.now()
        return {
            "id": f"d{self.numbers}",
            "device": "plc",
            "earliest_ms": now.boot_ms,
            "latest_ms": now.boot_ms,
            "received": now,
        }


def _good(values: dict[str, Scalar]) -> tuple[TagValue, ...]:
    return tuple(
        TagValue(tag=tag, value=value, quality=Quality.GOOD) for tag, value in values.items()
    )


@dataclass
class Shop:
    """A station that keeps what it is given, and owes what the test says."""

    name: str = "acme/press-07"
    seen: list[AnyObservation] = field(default_factory=list)
    owes: tuple[WriteGroup, ...] = ()
    is_full: bool = False

    async def emit(self, observation: AnyObservation) -> None:
        """Keep it."""
        self.seen.append(observation)

    def offer(self, observation: AnyObservation) -> bool:
        """Keep it if there is room."""
        if not self.is_full:
            self.seen.append(observation)
        return not self.is_full

    def due(self, device: str) -> tuple[WriteGroup, ...]:
        """Return what the test wants held."""
        assert device == "plc"
        return self.owes

    def where(self, name: str) -> str:
        """Return a place."""
        return f"press.yaml:1:1 {name}"

    def links(self) -> list[bool]:
        """Return how the link changed."""
        return [seen.up for seen in self.seen if isinstance(seen, LinkChanged)]


@dataclass
class World:
    """A device under supervision."""

    device: Device
    driver: Scripted
    clock: ManualClock
    shops: list[Shop]
    told: list[str]
    running: asyncio.Task[None]

    async def owe(self, *groups: dict[str, Scalar]) -> None:
        """Let the first station owe these groups, in order."""
        shop = self.shops[0]
        shop.owes = tuple(WriteGroup(device="plc", values=tuple(g.items())) for g in groups)
        self.device.outputs_changed(shop)
        await settled()


@asynccontextmanager
async def supervised(
    *shops: Shop,
    failures: Sequence[Exception] = (),
    tags: Sequence[dict[str, str]] = (),
    is_told: bool = False,
) -> AsyncIterator[World]:
    """Supervise a scripted device for one or several stations."""
    clock, told = ManualClock(), []
    driver = Scripted(clock)
    driver.failures = list(failures)
    plain = {tag: tag for tag in ("trigger", "result", "ack", "reply", "reason", "text")}
    seats = [
        Seat(station=shop, name="plc", tags=tags[number] if tags else plain)
        for number, shop in enumerate(shops)
    ]

    def tell(event: str, **_fields: object) -> None:
        told.append(event)

    device = Device(
        "plc", driver, seats, is_told=is_told, clock=clock, random=SeededRandom(), tell=tell
    )
    running = asyncio.create_task(device.run(), name="device under test")
    await settled()
    try:
        yield World(device, driver, clock, list(shops), told, running)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


# ------------------------------------------------------------------ the one loop


async def test_a_lost_link_is_said_once_and_tried_again() -> None:
    """Attempts between down and up are only counted: one event and one line for each change."""
    shop = Shop()
    down = [LinkDownError("refused")] * 4
    async with supervised(shop, failures=down) as world:
        assert (shop.links(), world.told) == ([False], ["link_lost"])
        await world.clock.advance(60)
        assert world.driver.runs == 5
        assert (shop.links(), world.told) == ([False, True], ["link_lost", "link_restored"])


async def test_another_cause_of_the_same_outage_is_told_once() -> None:
    """It may be ours to mend (E02); a text that is another each time is not told without end."""
    causes = ["refused", "no files", "refused", "no files", "a", "b", "c"]
    async with supervised(Shop(), failures=[LinkDownError(cause) for cause in causes]) as world:
        await world.clock.advance(300)
        assert world.told == ["link_lost", "link_still_lost", "link_still_lost", "link_restored"]
        world.driver.break_link(LinkDownError("no files"))
        await settled()
        assert world.told[4:] == ["link_lost"]


async def test_what_a_device_does_less_well_is_told_with_each_link() -> None:
    """A warning is one line where the link comes up; no tag is at fault for it."""
    shop = Shop()
    async with supervised(shop) as world:
        world.driver.warnings = ("the server samples every 500 ms, not 50 ms",)
        world.driver.break_link(LinkDownError("cut"))
        await settled()
        await world.clock.advance(1)
        assert world.told[1:] == ["link_lost", "link_restored", "device_warning"]
        assert [seen.faults for seen in shop.seen if isinstance(seen, LinkChanged)] == [()] * 3


async def test_warning_that_comes_and_goes_is_told_twice() -> None:
    """What begins and ends while the link is up is told when it does, once each."""
    shop = Shop()
    async with supervised(shop) as world:
        before = len(world.told)
        assert world.driver.emit is not None
        link = next(seen for seen in shop.seen if isinstance(seen, LinkChanged))
        for warnings in (("wrong speed",), ("wrong speed",), ()):
            await world.driver.emit(replace(link, warnings=warnings))
        assert world.told[before:] == ["device_warning", "device_warning_cleared"]


async def test_pauses_grow_and_start_anew_after_a_link_that_held() -> None:
    """A dead device is called less and less often; one that had been up is called at once."""
    async with supervised(Shop(), failures=[LinkDownError("refused")] * 9) as world:
        await world.clock.advance(5)
        early = world.driver.runs
        await world.clock.advance(5)
        assert world.driver.runs - early < early
        await world.clock.advance(300)
        world.driver.break_link(LinkDownError("cut"))
        await settled()
        before = world.driver.runs
        await world.clock.advance(0.25)
        assert world.driver.runs == before + 1


async def test_a_bug_is_a_lost_link_and_the_fifth_in_a_minute_ends_the_process() -> None:
    """A driver's bug stops that device; five within a minute are raised (FAULTS R08)."""
    shop = Shop()
    bugs = [ZeroDivisionError("bug")] * 5
    async with supervised(shop, failures=bugs) as world:
        assert shop.links() == [False]
        assert not world.running.done()
        await world.clock.advance(30)
        with pytest.raises(ExceptionGroup) as raised:
            await world.running
        assert raised.group_contains(ZeroDivisionError)
        assert world.told.count("driver_failed") == 5


async def test_bugs_far_apart_are_forgiven() -> None:
    """Bugs that are not five within one minute never end the process."""
    async with supervised(Shop()) as world:
        for _ in range(8):
            world.driver.break_link(ZeroDivisionError("bug"))
            await world.clock.advance(61)
        assert not world.running.done()


# ------------------------------------------------------------------ outputs


async def test_groups_are_written_in_order_and_once() -> None:
    """The device gets the groups one after the other, and nothing that it holds already."""
    async with supervised(Shop()) as world:
        await world.owe({"result": 1}, {"ack": True})
        await world.owe({"result": 1}, {"ack": True})
        assert world.driver.written == [(("result", 1),), (("ack", True),)]
        await world.owe({"ack": False}, {"result": 0})
        assert world.driver.written[2:] == [(("ack", False),), (("result", 0),)]


async def test_what_a_new_link_shows_is_not_taken_as_held() -> None:
    """After a lost link everything that is owed is written again."""
    async with supervised(Shop()) as world:
        await world.owe({"ack": True})
        world.driver.break_link(LinkDownError("cut"))
        await settled()
        await world.clock.advance(1)
        assert world.driver.written == [(("ack", True),)] * 2


async def test_a_group_behind_a_failed_one_is_not_written() -> None:
    """No ack without its result: a failed write stops the rest of the order."""
    async with supervised(Shop()) as world:
        world.driver.is_deaf = True
        await world.owe({"result": 1}, {"ack": True})
        assert world.driver.written == []


async def test_nothing_is_written_without_a_link() -> None:
    """While the link is down outputs wait; they are pulled anew when it is up."""
    async with supervised(Shop(), failures=[LinkDownError("refused")]) as world:
        await world.owe({"ack": True})
        assert world.driver.written == []
        await world.clock.advance(1)
        assert world.driver.written == [(("ack", True),)]


async def test_a_value_that_somebody_else_changed_is_written_again() -> None:
    """The device must hold what is owed: another value seen in its place is overwritten."""
    async with supervised(Shop()) as world:
        await world.owe({"result": 1})
        await world.driver.show(result=0)
        await settled()
        assert world.driver.written == [(("result", 1),)] * 2


async def test_a_refused_write_is_a_fault_until_it_is_taken() -> None:
    """It is told once, tried each second, and its end is told as well."""
    shop = Shop()
    async with supervised(shop) as world:
        world.driver.refuses = DriverConfigError("ack", "BadUserAccessDenied", "allow it")
        await world.owe({"ack": True})
        await world.clock.advance(3.5)
        faults = [seen.faults for seen in shop.seen if isinstance(seen, LinkChanged)]
        fault = TagFault(tag="ack", cause="BadUserAccessDenied", hint="allow it")
        assert faults == [(), (fault,)]
        assert world.told.count("write_refused") == 1
        world.driver.refuses = None
        await world.clock.advance(1.0)
        assert world.driver.written == [(("ack", True),)]
        assert isinstance(shop.seen[-1], LinkChanged)
        assert shop.seen[-1].faults == ()


async def test_a_tag_that_is_refused_takes_no_other_with_it() -> None:
    """The rest of its group and the groups after it are written; it is tried again each second."""
    shop = Shop()
    async with supervised(shop) as world:
        world.driver.refuses = DriverConfigError("text", "BadTypeMismatch", "make it a string")
        await world.owe({"reason": 5, "text": "no scanner", "result": 0}, {"ack": False})
        assert world.driver.written == [(("reason", 5), ("result", 0)), (("ack", False),)]
        for _ in range(10):
            world.device.outputs_changed(shop)
            await settled()
        assert world.driver.refusals == 1
        await world.clock.advance(2.5)
        assert world.driver.refusals == 3
        assert world.told.count("write_refused") == 1


async def test_without_its_result_no_ack_is_written() -> None:
    """A group of which nothing is taken ends the turn: an ack says that a result stands."""
    shop = Shop()
    async with supervised(shop) as world:
        world.driver.refuses = DriverConfigError("result", "BadUserAccessDenied", "allow it")
        await world.owe({"result": 1}, {"ack": True})
        for _ in range(5):
            world.device.outputs_changed(shop)
            await world.clock.advance(0.7)
        assert world.driver.written == []


async def test_a_reply_goes_out_once_whatever_comes_of_it() -> None:
    """A reader is told good or bad; a reader that is gone is not told later."""
    shop = Shop()
    async with supervised(shop, is_told=True) as world:
        assert world.device.is_told(shop, Reply(device="plc", good=True))
        await world.device.reply(Reply(device="plc", good=True))
        world.driver.is_deaf = True
        await world.device.reply(Reply(device="plc", good=False))
        world.driver.is_deaf = False
        await world.clock.advance(5)
        assert world.driver.written == [(("reply", "good"),)]


async def test_a_reply_concerns_its_reader_alone_and_only_one_with_ears() -> None:
    """No other station's device, no other device, and no reader without replies is bothered."""
    shop, good = Shop(), Reply(device="plc", good=True)
    async with supervised(shop, is_told=True) as world:
        assert not world.device.is_told(Shop(), good)
        assert not world.device.is_told(shop, Reply(device="scanner", good=True))
    async with supervised(shop) as world:
        assert not world.device.is_told(shop, good)


# ------------------------------------------------------------------ asks


ASK = SnapshotAsk(id="ask-1", device="plc", handshake="end", guard=("trigger",), tags=("result",))


async def test_an_ask_is_answered_in_the_stations_words() -> None:
    """The answer carries the ask's id and the station's own tag names."""
    shop = Shop()
    async with supervised(shop) as world:
        world.device.ask(shop, ASK)
        world.driver.reading.set()
        await settled()
        read = shop.seen[-1]
        assert isinstance(read, SnapshotRead)
        assert (read.ask, [v.tag for v in read.values]) == ("ask-1", ["trigger", "result"])


async def test_a_lost_link_takes_its_open_asks_with_it() -> None:
    """What was asked of a link that is gone is never answered by the next one."""
    shop = Shop()
    async with supervised(shop) as world:
        world.device.ask(shop, ASK)
        await settled()
        world.driver.break_link(LinkDownError("cut"))
        await settled()
        world.driver.reading.set()
        await world.clock.advance(5)
        assert not any(isinstance(seen, SnapshotRead) for seen in shop.seen)


# ------------------------------------------------------------------ sharing


SHARED = ({"trigger": "a/trigger", "ack": "a/ack"}, {"trigger": "b/trigger"})


async def test_each_station_gets_its_own_tags_by_its_own_names() -> None:
    """One endpoint, two stations: values, faults and writes reach the one they are for."""
    one, two = Shop("one"), Shop("two")
    async with supervised(one, two, tags=SHARED) as world:
        await world.driver.show(**{"a/trigger": True})
        await world.driver.show(**{"b/trigger": False})
        await world.owe({"ack": True})
        for shop, value in ((one, True), (two, False)):
            values = [seen.values for seen in shop.seen if isinstance(seen, ValuesSeen)]
            assert values == [_good({"trigger": value})]
        assert world.driver.written == [(("a/ack", True),)]


async def test_a_full_station_never_holds_up_its_neighbour() -> None:
    """It loses the observation and is told how many; then it sees link and values anew."""
    one, two = Shop("one"), Shop("two")
    async with supervised(one, two, tags=SHARED) as world:
        one.is_full = True
        await world.driver.show(**{"a/trigger": True, "b/trigger": True})
        assert isinstance(two.seen[-1], ValuesSeen)
        one.is_full = False
        one.seen.clear()
        await world.driver.show(**{"b/trigger": False})
        await world.driver.show(**{"a/trigger": False})
        lost = [seen for seen in one.seen if isinstance(seen, SamplesLost)]
        assert [seen.count for seen in lost] == [1]
        assert one.links() == [True]
        values = [seen.values for seen in one.seen if isinstance(seen, ValuesSeen)]
        assert values[-1] == _good({"trigger": False})


async def test_a_station_that_begins_anew_is_shown_what_is() -> None:
    """A new epoch sees the link and the newest values without disturbing the device."""
    one, two = Shop("one"), Shop("two")
    async with supervised(one, two, tags=SHARED) as world:
        await world.driver.show(**{"a/trigger": True})
        one.seen.clear()
        two.seen.clear()
        world.device.show(one)
        assert one.links() == [True]
        assert [seen.values for seen in one.seen if isinstance(seen, ValuesSeen)] == [
            _good({"trigger": True})
        ]
        assert (two.seen, world.driver.runs) == ([], 1)


async def test_a_readers_frame_is_never_refused() -> None:
    """A code waits for its station, however full: it cannot be read again."""
    shop = Shop(is_full=True)
    async with supervised(shop, Shop("two"), tags=SHARED) as world:
        assert world.driver.emit is not None
        await world.driver.emit(CodeScanned(**world.driver.about(), raw=b"SN-1"))  # type: ignore[arg-type]  # a dict of what each has
        assert isinstance(shop.seen[-1], CodeScanned)
