"""The OPC UA driver against asyncua's server: restarts, faults of single nodes, refusals."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.user_managers import UserManager

from drivers.base import (
    Driver,
    DriverConfigError,
    Instant,
    LinkChanged,
    LinkDownError,
    Quality,
    SamplesLost,
    Scalar,
    TagGroup,
    ValuesSeen,
    WriteGroup,
)
from drivers.opcua import OpcUaTag
from drivers.options import Tag
from tests.contract.rig import PATIENCE_S, RealClock, Recorder
from tests.contract.rig_opcua import driver_for, press_tags
from tests.opcua_plc import OTHER, PRESS, PRESS_VARIABLES, Plc, free_port

TAGS = {name.lower() for name in PRESS_VARIABLES}


class QuickClock(RealClock):
    """The machine's clocks, a hundred times as fast: what is done once a minute comes soon."""

    def now(self) -> Instant:
        """Return the clocks with a boot time that runs fast."""
        now = super().now()
        return replace(now, boot_ms=now.boot_ms * 100)

    async def sleep(self, delay_s: float) -> None:
        """Return after a hundredth of that."""
        await super().sleep(delay_s / 100)


@asynccontextmanager
async def running(driver: Driver) -> AsyncIterator[tuple[Recorder, asyncio.Task[Any]]]:
    """Run a driver until every tag of the press was seen; stop it afterwards."""
    recorder = Recorder()
    task = asyncio.create_task(driver.run(recorder), name="driver under test")
    try:
        await recorder.until(lambda seen: set(seen.values()) >= TAGS)
        yield recorder, task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def ended(task: asyncio.Task[Any]) -> None:
    """Return when the run is over, raising what it raised."""
    async with asyncio.timeout(PATIENCE_S):
        await task


def shows(tag: str, value: Scalar | None) -> Callable[[Recorder], bool]:
    """Return whether a tag's newest value is this one."""
    return lambda seen: seen.values()[tag].value == value


def first_link(recorder: Recorder) -> LinkChanged:
    """Return how the link came up."""
    first = recorder.seen[0]
    assert isinstance(first, LinkChanged)
    return first


# ------------------------------------------------------------------ restarts and what moves


async def test_server_restart_ends_the_run_and_the_next_shows_everything_again() -> None:
    """After a restart the next run emits every present value, changed or not (D-159, U01)."""
    port = free_port()
    driver = driver_for(f"opc.tcp://127.0.0.1:{port}", press_tags())
    async with Plc(port=port), running(driver) as (before, task):
        first_values = before.values()
    assert task.done()
    async with Plc(port=port), running(driver) as (after, _):
        assert {tag: one.value for tag, one in after.values().items()} == {
            tag: one.value for tag, one in first_values.items()
        }


async def test_stopping_server_is_a_lost_link() -> None:
    """A server that stops under a run ends it with LinkDownError."""
    driver: Driver
    async with Plc() as plc:
        driver = driver_for(plc.url, press_tags())
        recorder = Recorder()
        task = asyncio.create_task(driver.run(recorder))
        await recorder.until(lambda seen: set(seen.values()) >= TAGS)
    with pytest.raises(LinkDownError, match=re.escape(plc.url)):
        await ended(task)


async def test_swapped_namespaces_never_show_the_other_machine() -> None:
    """Namespaces in another order after a restart are resolved anew by their URI (U02)."""
    port = free_port()
    driver = driver_for(f"opc.tcp://127.0.0.1:{port}", press_tags())
    for order in ((PRESS, OTHER), (OTHER, PRESS), ("urn:new", "urn:more", OTHER, PRESS)):
        async with Plc(port=port, namespaces=order), running(driver) as (recorder, _):
            assert recorder.values()["serial"].value == "SN-0001"
            assert recorder.values()["count"].value == 41


async def test_namespace_that_is_gone_is_named_for_each_tag() -> None:
    """Without the namespace every tag is at fault, and the cause names its URI (D-160)."""
    async with Plc(namespaces=(OTHER,)) as plc, running(driver_for(plc.url, press_tags())) as seen:
        faults = first_link(seen[0]).faults
        assert {fault.tag for fault in faults} == TAGS
        assert faults[0].cause == f"no namespace {PRESS} on this server"
        assert OTHER in faults[0].hint


async def test_namespace_added_under_a_link_ends_it() -> None:
    """Another namespace table on a live link is doubtful: everything is resolved anew (U1)."""
    async with Plc() as plc:
        driver = driver_for(plc.url, press_tags(), timeout="300ms")
        async with running(driver) as (_, task):
            await plc.server.register_namespace("urn:new")
            with pytest.raises(LinkDownError, match="other namespaces"):
                await ended(task)


async def test_server_that_is_not_at_work_is_a_lost_link() -> None:
    """A server that says it is suspended gives no values that can be trusted."""
    async with Plc() as plc:
        state = ua.NodeId(ua.Int32(ua.ObjectIds.Server_ServerStatus_State))
        await plc.server.get_node(state).write_value(ua.ServerState.Suspended)
        with pytest.raises(LinkDownError, match="the server says Suspended"):
            await driver_for(plc.url, press_tags()).run(Recorder())


# ------------------------------------------------------------------ silence


async def test_frozen_server_is_found_by_our_deadline() -> None:
    """A server that keeps the connection and answers nothing is a lost link, in good time."""
    async with Plc() as plc:
        driver = driver_for(plc.url, press_tags(), timeout="200ms")
        async with running(driver) as (_, task):
            plc.freeze()
            with pytest.raises(LinkDownError, match="no answer in time"):
                await ended(task)


async def test_frozen_server_is_found_without_fast_tags() -> None:
    """The watch alone finds a frozen server, where nothing is polled."""
    tags = [replace(tag, fast=False) for tag in press_tags()]
    async with Plc() as plc:
        driver = driver_for(plc.url, tags, timeout="200ms")
        async with running(driver) as (_, task):
            plc.freeze()
            with pytest.raises(LinkDownError, match="no answer in time"):
                await ended(task)


async def test_subscription_dropped_by_the_server_ends_the_run() -> None:
    """A subscription that the server ends while everything else answers is noticed (U05)."""
    async with Plc() as plc, running(driver_for(plc.url, press_tags())) as (_, task):
        service = plc.server.iserver.subscription_service
        await service.delete_subscriptions(list(service.subscriptions))
        with pytest.raises(LinkDownError):
            await ended(task)


async def test_item_that_fell_silent_is_found_within_a_minute() -> None:
    """A value that changes without a notification ends the link at the next audit (U1, U06)."""
    async with Plc() as plc:
        driver = driver_for(plc.url, press_tags(), clock=QuickClock())
        async with running(driver) as (recorder, task):
            plc.set_now("Count", 99)  # behind the subscription's back
            with pytest.raises(LinkDownError, match="'count' changes and the subscription is sil"):
                await ended(task)
            assert recorder.values()["count"].value == 41


async def test_missing_node_that_appears_brings_a_new_link() -> None:
    """A tag at fault is tried again: when its node is there, everything is resolved anew (U03)."""
    variables = {name: one for name, one in PRESS_VARIABLES.items() if name != "Force"}
    async with Plc(variables) as plc:
        driver = driver_for(plc.url, press_tags(), clock=QuickClock())
        async with running(driver) as (recorder, task):
            assert [fault.tag for fault in first_link(recorder).faults] == ["force"]
            await plc.add("Force", *PRESS_VARIABLES["Force"])
            with pytest.raises(LinkDownError, match="'force' is there now"):
                await ended(task)
        async with running(driver) as (recorder, _):
            assert first_link(recorder).faults == ()


async def test_node_that_goes_away_is_named_and_judged_anew() -> None:
    """A polled node that a download takes away ends the link; at the next it is at fault (U03)."""
    async with Plc() as plc:
        driver = driver_for(plc.url, press_tags())
        async with running(driver) as (recorder, task):
            await plc.server.delete_nodes([plc.server.get_node(plc.node_of("Request"))])
            with pytest.raises(LinkDownError, match="'request' is gone: BadNodeIdUnknown"):
                await ended(task)
            assert recorder.values()["request"].quality is Quality.BAD
        async with running(driver) as (recorder, _):
            assert [fault.tag for fault in first_link(recorder).faults] == ["request"]


@pytest.mark.parametrize("cancelled", [True, False])
async def test_peer_that_says_nothing_is_left(cancelled: bool) -> None:  # noqa: FBT001 - from the table
    """A peer that takes the connection and says nothing is left in time, or at once when told."""
    met, left = asyncio.Event(), asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.set()
        await reader.read()
        writer.close()
        await writer.wait_closed()
        left.set()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        driver = driver_for(f"opc.tcp://127.0.0.1:{port}", press_tags(), timeout="200ms")
        run = asyncio.create_task(driver.run(Recorder()))
        await met.wait()
        if cancelled:
            run.cancel()
        with pytest.raises(asyncio.CancelledError if cancelled else LinkDownError):
            await ended(run)
        await left.wait()


async def test_endless_answer_is_cut_off() -> None:
    """A peer that sends without end is dropped before it fills our memory (U16)."""

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"MSGF" + (2**31 - 1).to_bytes(4, "little"))
        try:
            while True:
                writer.write(bytes(2**16))
                await writer.drain()
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        driver = driver_for(f"opc.tcp://127.0.0.1:{port}", press_tags(), timeout="10s")
        with pytest.raises(LinkDownError, match="the server closed the connection"):
            await driver.run(Recorder())


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
            assert first_link(recorder).warnings == ("the server samples every 1000 ms, not 10 ms",)


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


# ------------------------------------------------------------------ sessions and users


async def test_no_session_is_left_on_the_server() -> None:
    """Session and subscription are closed on the way out, also when the link was lost (U13)."""
    async with Plc() as plc:
        driver = driver_for(plc.url, press_tags())
        async with running(driver):
            assert sessions(plc) == 1
        await plc.let_go()
        assert sessions(plc) == 0
        assert plc.server.iserver.subscription_service.subscriptions == {}
        async with running(driver) as (_, task):
            plc.deaf.add("Result")
            with pytest.raises(LinkDownError):
                await driver.write([group(("result", 1))])
            with pytest.raises(LinkDownError):
                await ended(task)
        assert sessions(plc) == 0


async def test_cancelling_at_any_turn_leaves_nothing() -> None:
    """Whenever a run is cancelled, it ends as cancelled; no connection or session is left (U13)."""
    async with Plc() as plc:
        driver = driver_for(plc.url, press_tags())
        for turns in range(70):
            run = asyncio.create_task(driver.run(Recorder()))
            for _ in range(turns):
                await asyncio.sleep(0)
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await ended(run)
            await plc.let_go()
            assert sessions(plc) == 0


def sessions(plc: Plc) -> int:
    """Return how many sessions the server holds."""
    held: Sequence[object] = vars(plc.server.iserver)["_external_sessions"]
    return len(held)


class Doorkeeper(UserManager):
    """Lets in one user with one password, and nobody without a name."""

    def get_user(
        self,
        iserver: InternalServer,
        username: str | None = None,
        password: str | None = None,
        certificate: object = None,
    ) -> User | None:
        """Return the user, or None for a stranger."""
        del iserver, certificate
        return User(role=UserRole.User) if (username, password) == ("agent", "opensesame") else None


async def keep_the_door(server: Server) -> None:
    """Have the server ask for a user."""
    server.iserver.user_manager = Doorkeeper()


async def test_stranger_is_refused_with_what_to_do() -> None:
    """A refused user is named with the endpoint, the status and the options to look at."""
    async with Plc(prepare=keep_the_door) as plc:
        with pytest.raises(DriverConfigError) as caught:
            await driver_for(plc.url, press_tags()).run(Recorder())
        assert str(caught.value) == (
            f"{plc.url}: refused with BadUserAccessDenied (0x801F0000); compare `user` and "
            "`password` with the PLC's user management"
        )
        assert sessions(plc) == 0


async def test_user_with_a_password_by_reference_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The password is looked up where the station file says, when it is needed."""
    monkeypatch.setenv("PLC_PASSWORD", "opensesame")
    async with Plc(prepare=keep_the_door) as plc:
        driver = driver_for(plc.url, press_tags(), user="agent", password="env:PLC_PASSWORD")  # noqa: S106 - a reference
        async with running(driver) as (recorder, _):
            assert recorder.values()["serial"].value == "SN-0001"
