"""The laws that every driver of the registry keeps, and those that every driver with tags keeps."""

import asyncio
import re
from contextlib import AbstractAsyncContextManager
from typing import cast

import pytest

from drivers.base import (
    DriverConfigError,
    LinkChanged,
    LinkDownError,
    Quality,
    ValuesSeen,
    WriteGroup,
)
from drivers.registry import DRIVERS, driver_spec
from tests.contract.rig import Recorder, Rig, TagRig, ended, run_of
from tests.contract.rigs import RIGS

TAG_DRIVERS = [name for name in DRIVERS if driver_spec(name).tag_options is not None]

every_driver = pytest.mark.parametrize("name", DRIVERS)
every_driver_with_tags = pytest.mark.parametrize("name", TAG_DRIVERS)


def rig_of(name: str) -> Rig:
    """Return the driver's rig; a driver without one fails here, it is not skipped."""
    assert name in RIGS, f"driver '{name}' has no rig: add it to tests/contract/rigs.py"
    return RIGS[name]()


def tag_rig_of(name: str) -> TagRig:
    """Return the rig of a driver with tags."""
    return cast("TagRig", rig_of(name))


def running(rig: Rig) -> AbstractAsyncContextManager[tuple[Recorder, asyncio.Task[None]]]:
    """Run the rig's driver until everything present was seen; stop it afterwards."""
    return run_of(rig.driver, rig.tags)


async def read_again_and_again(rig: TagRig) -> None:
    """Read the group until that fails."""
    while True:
        await rig.driver.read(rig.group)


def test_every_rig_is_of_a_driver() -> None:
    """There is a rig for each driver of the registry, and none for anything else."""
    assert set(RIGS) == set(DRIVERS)


@every_driver
async def test_unreachable_endpoint_is_named(name: str) -> None:
    """A device that cannot be reached ends the run with LinkDownError naming the endpoint."""
    async with rig_of(name) as rig:
        recorder = Recorder()
        with pytest.raises(LinkDownError, match=re.escape(rig.nowhere_endpoint)):
            await rig.nowhere.run(recorder)
        assert recorder.seen == []


@every_driver
async def test_link_is_the_first_thing_seen(name: str) -> None:
    """A run says first that the link is up, then the present value of every tag."""
    async with rig_of(name) as rig, running(rig) as (recorder, _):
        first = recorder.seen[0]
        assert isinstance(first, LinkChanged)
        assert first.up
        assert first.reason == ""
        assert {tag: recorder.values()[tag].quality for tag in rig.tags} == dict.fromkeys(
            rig.tags, Quality.GOOD
        )


@every_driver
async def test_observations_say_whose_and_when(name: str) -> None:
    """Each observation names its device and lies in an interval that ends at its receipt."""
    async with rig_of(name) as rig, running(rig) as (recorder, _):
        seen = list(recorder.seen)
        assert {one.device for one in seen} == {rig.device}
        assert len({one.id for one in seen}) == len(seen)
        for one in seen:
            assert one.earliest_ms <= one.latest_ms <= one.received.boot_ms


@every_driver
async def test_cut_link_raises_and_does_not_retry(name: str) -> None:
    """A link cut in mid-read ends the run with LinkDownError after one connection."""
    async with rig_of(name) as rig, running(rig) as (_, task):
        await rig.cut()
        with pytest.raises(LinkDownError):
            await ended(task)
        assert rig.connections_seen == 1


@every_driver
async def test_cancelled_run_leaves_nothing(name: str) -> None:
    """A run that is cancelled lets go of the device and leaves no task behind."""
    before = asyncio.all_tasks()
    async with rig_of(name) as rig:
        async with running(rig) as (_, task):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await ended(task)
            await rig.released()
        assert rig.connections_seen == 1
    assert asyncio.all_tasks() <= before


@every_driver
async def test_second_run_is_a_link_of_its_own(name: str) -> None:
    """After a lost link the same driver can run again, and says again that the link is up."""
    async with rig_of(name) as rig:
        async with running(rig):
            pass
        await rig.released()
        async with running(rig) as (recorder, _):
            assert isinstance(recorder.seen[0], LinkChanged)
            assert set(recorder.values()) >= set(rig.tags)
        assert rig.connections_seen == 2


@every_driver_with_tags
async def test_tag_that_is_not_there_is_named(name: str) -> None:
    """A tag that the device has not got is a fault with a hint and BAD; the others work."""
    async with tag_rig_of(name) as rig, running(rig) as (recorder, _):
        await recorder.until(lambda seen: rig.missing in seen.values())
        link = await recorder.first(LinkChanged)
        assert [fault.tag for fault in link.faults] == [rig.missing]
        assert link.faults[0].cause
        assert link.faults[0].hint
        assert recorder.values()[rig.missing].quality is Quality.BAD
        assert recorder.values()[rig.missing].code != ""


@every_driver_with_tags
async def test_change_is_seen_between_two_looks(name: str) -> None:
    """A change shows as values, and its interval begins before the change was made."""
    async with tag_rig_of(name) as rig, running(rig) as (recorder, _):
        (tag, value), *_ = rig.result.values
        await rig.driver.write([rig.result])
        await recorder.until(lambda seen: seen.values()[tag].value == value)
        assert isinstance(recorder.seen[-1], ValuesSeen)
        assert recorder.values()[tag].quality is Quality.GOOD


@every_driver_with_tags
async def test_steady_group_reads_coherent(name: str) -> None:
    """A group whose guard holds still is read whole, coherent, at the first try."""
    async with tag_rig_of(name) as rig, running(rig):
        snapshot = await rig.driver.read(rig.group)
        assert (snapshot.group, snapshot.device) == (rig.group.name, rig.device)
        assert {value.tag for value in snapshot.values} == {*rig.group.guard, *rig.group.tags}
        assert {value.tag: value.value for value in snapshot.values} == {
            value.tag: rig.held(value.tag) for value in snapshot.values
        }
        assert (snapshot.coherent, snapshot.tries) == (True, 1)


@every_driver_with_tags
async def test_group_torn_once_is_read_again(name: str) -> None:
    """A guard that moves while the data are read makes the driver read them again."""
    async with tag_rig_of(name) as rig, running(rig):
        rig.tear(1)
        snapshot = await rig.driver.read(rig.group)
        assert (snapshot.coherent, snapshot.tries) == (True, 2)


@every_driver_with_tags
async def test_group_torn_three_times_is_said_to_be(name: str) -> None:
    """After three torn tries the snapshot says that it is not coherent (D-21)."""
    async with tag_rig_of(name) as rig, running(rig):
        rig.tear(3)
        snapshot = await rig.driver.read(rig.group)
        assert (snapshot.coherent, snapshot.tries) == (False, 3)


@every_driver_with_tags
async def test_groups_are_written_in_order(name: str) -> None:
    """Result is written before ack, and the device holds both when the write returns (D-155)."""
    async with tag_rig_of(name) as rig, running(rig):
        await rig.driver.write([rig.result, rig.ack])
        assert rig.writes_seen == [*rig.result.values, *rig.ack.values]
        for tag, value in rig.writes_seen:
            assert rig.held(tag) == value


@every_driver_with_tags
async def test_result_not_held_keeps_ack_from_being_written(name: str) -> None:
    """A device that does not hold the result raises LinkDownError before the ack is written."""
    async with tag_rig_of(name) as rig, running(rig) as (_, task):
        (tag, value), *_ = rig.result.values
        rig.hold_fast(tag)
        with pytest.raises(LinkDownError, match=re.escape(tag)):
            await rig.driver.write([rig.result, rig.ack])
        assert rig.held(tag) != value
        assert {written for written, _ in rig.writes_seen} == {tag}
        with pytest.raises(LinkDownError):
            await ended(task)


@every_driver_with_tags
async def test_tag_not_declared_for_writing_is_not_written(name: str) -> None:
    """A write to a tag that is not declared for it is refused by name and reaches no device."""
    async with tag_rig_of(name) as rig, running(rig) as (_, task):
        undeclared = WriteGroup(device=rig.device, values=((rig.read_only, 1),))
        with pytest.raises(DriverConfigError, match=re.escape(rig.read_only)):
            await rig.driver.write([undeclared])
        assert rig.writes_seen == []
        assert not task.done()


@every_driver_with_tags
async def test_without_a_link_nothing_is_read_or_written(name: str) -> None:
    """Reading and writing need a run; without one they raise LinkDownError."""
    async with tag_rig_of(name) as rig:
        with pytest.raises(LinkDownError):
            await rig.driver.read(rig.group)
        with pytest.raises(LinkDownError):
            await rig.driver.write([rig.result])
        assert rig.connections_seen == 0
        assert rig.writes_seen == []


@every_driver_with_tags
async def test_cut_in_a_snapshot_ends_read_and_run(name: str) -> None:
    """A link that breaks under a snapshot ends both the read and the run."""
    async with tag_rig_of(name) as rig, running(rig) as (_, task):
        read = asyncio.create_task(read_again_and_again(rig))
        await rig.cut()
        with pytest.raises(LinkDownError):
            await ended(read)
        with pytest.raises(LinkDownError):
            await ended(task)
