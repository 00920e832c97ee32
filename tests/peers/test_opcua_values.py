"""What the OPC UA driver sees of asyncua's server, and writes to it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua

from agent.core import binder
from agent.core.events import FaultRaised
from agent.core.station import Watch
from drivers.base import (
    ClockState,
    DriverConfigError,
    LinkDownError,
    Quality,
    SamplesLost,
    TagGroup,
    ValuesSeen,
    WriteGroup,
)
from drivers.opcua import OpcUaTag
from drivers.options import Tag
from tests.contract.rig import RealClock, Recorder
from tests.contract.rig_opcua import driver_for, press_tags
from tests.core_rig import PRESS as STATION
from tests.core_rig import Rig
from tests.opcua_plc import PRESS, PRESS_VARIABLES, Plc
from tests.peers.opcua_running import ended, first_link, running, shows

# ------------------------------------------------------------------ values


async def test_quality_travels_with_the_value() -> None:
    """Bad has no value, uncertain keeps it, both with their code, polled or subscribed (U07)."""
    bad, uncertain = ua.StatusCodes.BadNoCommunication, ua.StatusCodes.UncertainLastUsableValue
    async with Plc() as plc, running(driver_for(plc.url, press_tags())) as (recorder, _):
        for name in ("Count", "Request"):
            tag = name.lower()
            await plc.set(name, 55, status=uncertain)
            await recorder.until(shows(tag, 55))
            seen = recorder.values()[tag]
            assert (seen.quality, seen.code) == (Quality.UNCERTAIN, "0x40900000")
            await plc.set(name, 56, status=bad)
            await recorder.until(shows(tag, None))
            seen = recorder.values()[tag]
            assert (seen.quality, seen.code) == (Quality.BAD, "0x80310000")
        snapshot = await driver_read(recorder, plc)
        assert snapshot == {"request": Quality.BAD, "count": Quality.BAD, "serial": Quality.GOOD}


async def driver_read(_recorder: Recorder, plc: Plc) -> dict[str, Quality]:
    """Return the quality of each value of a snapshot by a second driver."""
    driver = driver_for(plc.url, press_tags())
    async with running(driver):
        snapshot = await driver.read(
            TagGroup(name="part", guard=("request",), tags=("count", "serial"))
        )
    assert not snapshot.coherent  # its guard is not good
    return {value.tag: value.quality for value in snapshot.values}


async def test_changes_come_in_order_and_whole() -> None:
    """Every change within the queue is seen once and in the server's order (U2, U11)."""
    async with Plc() as plc, running(driver_for(plc.url, press_tags())) as (recorder, _):
        for count in range(42, 102):
            await plc.set("Count", count)
            if count % 5 == 0:
                await recorder.until(shows("count", count))
        await recorder.until(shows("count", 101))
        counts = [
            value.value
            for one in recorder.seen
            if isinstance(one, ValuesSeen)
            for value in one.values
            if value.tag == "count"
        ]
        assert counts == list(range(41, 102))


async def test_a_clock_that_is_wrong_is_told_by_what_changes() -> None:
    """A real server's stamps, an hour behind, then ahead, then right: the time as given (C08, U08).

    A server restamps what it holds as it likes: only what changes is judged (D-94).
    """
    rig = Rig(replace(STATION, watches=(Watch(device="plc", clock_within_ms=60_000),)))
    hour = timedelta(hours=1)
    async with Plc() as plc, running(driver_for(plc.url, press_tags())) as (recorder, _):
        await recorder.until(shows("count", 41))
        for count, source in ((42, -hour), (43, hour), (44, timedelta())):
            await plc.set("Count", count, source=datetime.now(UTC) + source)
            await recorder.until(shows("count", count))
        times = {
            value.value: (value.source_ms, value.ahead_ms)
            for one in recorder.seen
            if isinstance(one, ValuesSeen)
            for value in one.values
            if value.tag == "count"
        }
        now_ms = RealClock().now().wall_ms
        for one in recorder.seen:
            received = replace(one.received, clock_state=ClockState.SYNCED)
            observation = replace(one, received=received)
            decision = binder.decide(rig.state, rig.working, observation, received)
            rig.events += decision.events
            rig.state, rig.working = decision.state, decision.working
    behind_ms, ahead_ms = times[42][0], times[43][1]
    assert behind_ms is not None
    assert now_ms - behind_ms > 3_590_000
    assert ahead_ms is not None
    assert ahead_ms > 3_590_000
    assert times[43][0] is None
    (fault,) = rig.of(FaultRaised)
    assert fault.source == "plc:clock"
    assert fault.cause.startswith("'count' changed with a time 3")


async def test_polled_edge_lies_between_two_polls() -> None:
    """A trigger's interval begins with the poll before it and ends with its receipt."""
    async with Plc() as plc, running(driver_for(plc.url, press_tags())) as (recorder, _):
        polls = asyncio.Event()
        plc.after_read = lambda _names: polls.set()
        await polls.wait()  # one poll that shows no change
        before = RealClock().now().boot_ms
        plc.set_now("Trigger", value=True)
        await recorder.until(shows("trigger", value=True))
        edge = recorder.seen[-1]
        assert edge.earliest_ms <= before <= edge.latest_ms == edge.received.boot_ms


async def test_queue_that_ran_over_is_said() -> None:
    """The overflow bit keeps the value good and says that neighbours were lost (U09, D-95)."""
    async with Plc() as plc, running(driver_for(plc.url, press_tags())) as (recorder, _):
        await plc.set("Count", 50, status=0x480)
        lost = await recorder.first(SamplesLost)
        assert (lost.tag, lost.reason) == ("count", "the server's queue ran over")
        await recorder.until(shows("count", 50))
        assert recorder.values()["count"].quality is Quality.GOOD


async def test_changed_type_is_not_bound() -> None:
    """A node whose type changes ends the link; with a declared type it is then at fault (U04)."""
    tags = [tag for tag in press_tags() if tag.name != "count"]
    declared = OpcUaTag(node=f"nsu={PRESS};s=Count", type="Int64")
    async with Plc() as plc:
        driver = driver_for(plc.url, [*tags, Tag(name="count", address=declared)])
        async with running(driver) as (_, task):
            await plc.retype("Count", "41", ua.VariantType.String)
            with pytest.raises(LinkDownError, match="'count' was of type Int64 and is String now"):
                await ended(task)
        async with running(driver) as (recorder, _):
            (fault,) = first_link(recorder).faults
            assert (fault.tag, fault.cause) == ("count", "it is of type String, not Int64")
            assert recorder.values()["count"].quality is Quality.BAD


@pytest.mark.parametrize(
    ("value", "kind", "named"),
    [
        ([1, 2, 3], ua.VariantType.Int32, "array"),
        (b"\x01", ua.VariantType.ByteString, "ByteString"),
    ],
)
async def test_what_no_tag_can_hold_is_a_fault(
    value: object, kind: ua.VariantType, named: str
) -> None:
    """An array or a structure is refused by name; the other tags work."""
    variables = {**PRESS_VARIABLES, "Force": (value, kind)}
    async with Plc(variables) as plc, running(driver_for(plc.url, press_tags())) as (recorder, _):
        (fault,) = first_link(recorder).faults
        assert (fault.tag, fault.cause) == (
            "force",
            f"it is of type {named}, which no tag can hold",
        )
        assert recorder.values()["count"].quality is Quality.GOOD


async def test_large_integer_stays_exact() -> None:
    """An integer beyond 2**53 arrives digit by digit, polled, subscribed and written."""
    variables = {**PRESS_VARIABLES, "Result": (0, ua.VariantType.UInt64)}
    async with Plc(variables) as plc:
        driver = driver_for(plc.url, press_tags())
        async with running(driver) as (recorder, _):
            await plc.set("Count", 2**63 - 1)
            await driver.write([WriteGroup(device="plc", values=(("result", 2**64 - 1),))])
            await recorder.until(shows("count", 2**63 - 1))
            assert plc.held("Result") == 2**64 - 1


async def test_slower_server_is_a_warning_and_no_fault() -> None:
    """Intervals that the server revised are told when the link comes up (U6, U10)."""
    async with Plc() as plc:
        driver = driver_for(
            plc.url, press_tags(), sampling_interval="10ms", publishing_interval="1s"
        )
        async with running(driver) as (recorder, _):
            assert first_link(recorder).faults == ()
            assert first_link(recorder).warnings == (
                (
                    "the server samples every 1000 ms, not 10 ms; change that at the server, or "
                    "write `sampling_interval: 1000ms` where it will do"
                ),
            )


# ------------------------------------------------------------------ writes


def group(*values: tuple[str, Any]) -> WriteGroup:
    """Return values to be written together."""
    return WriteGroup(device="plc", values=values)


async def test_written_value_has_the_nodes_type_and_no_timestamp() -> None:
    """A write carries the type read from the node and no timestamp (U9)."""
    async with Plc() as plc:
        driver = driver_for(plc.url, press_tags())
        async with running(driver):
            await driver.write([group(("result", True)), group(("ack", 1))])
            assert plc.writes == [("Result", 1), ("Ack", True)]
            assert not plc.stamped


async def test_refused_write_names_tag_status_and_remedy() -> None:
    """A refused result is for an engineer, leaves the link alone, and no ack follows (U12)."""
    async with Plc() as plc:
        driver = driver_for(plc.url, press_tags())
        async with running(driver) as (_, task):
            plc.refusals["Result"] = ua.StatusCodes.BadUserAccessDenied
            with pytest.raises(DriverConfigError) as caught:
                await driver.write([group(("result", 1)), group(("ack", True))])
            assert str(caught.value) == (
                "tag 'result': BadUserAccessDenied (0x801F0000); give our user (or the anonymous "
                "one) the right to it in the PLC"
            )
            assert plc.writes == [("Result", 1)]
            assert not task.done()


async def test_write_that_cannot_pass_now_is_a_lost_link() -> None:
    """A status that passes by itself is no matter for an engineer: the link is taken anew."""
    async with Plc() as plc:
        driver = driver_for(plc.url, press_tags())
        async with running(driver) as (_, task):
            plc.refusals["Result"] = ua.StatusCodes.BadNoCommunication
            with pytest.raises(LinkDownError, match="'result' not written: BadNoCommunication"):
                await driver.write([group(("result", 1))])
            with pytest.raises(LinkDownError):
                await ended(task)


async def test_value_that_does_not_fit_is_refused_before_anything_is_written() -> None:
    """What the node's type cannot hold is refused by name; nothing of the call is written."""
    async with Plc() as plc:
        driver = driver_for(plc.url, press_tags())
        async with running(driver):
            with pytest.raises(DriverConfigError, match="'result': 70000 does not fit Int16"):
                await driver.write([group(("ack", True)), group(("result", 70000))])
            assert plc.writes == []


@pytest.mark.parametrize("tag", ["nobody", "force"])
async def test_tag_that_is_not_there_is_not_written(tag: str) -> None:
    """A tag that this device was not given, or that is at fault, is refused by name."""
    variables = {name: one for name, one in PRESS_VARIABLES.items() if name != "Force"}
    async with Plc(variables) as plc:
        driver = driver_for(plc.url, press_tags())
        async with running(driver):
            with pytest.raises(DriverConfigError, match=f"tag '{tag}'"):
                await driver.write([group((tag, 1))])
            assert plc.writes == []


async def test_node_without_the_right_to_write_is_a_fault_at_connect() -> None:
    """A tag declared for writing whose node is read-only is named when the link comes up."""
    tags = [replace(tag, write=tag.write or tag.name == "count") for tag in press_tags()]
    async with Plc() as plc, running(driver_for(plc.url, tags)) as (recorder, _):
        (fault,) = first_link(recorder).faults
        assert (fault.tag, fault.cause) == ("count", "BadNotWritable (0x803B0000)")
