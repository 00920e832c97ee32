"""The OPC UA driver's links to asyncua's server: restarts, silence, sessions and users."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.user_managers import UserManager

from agent.demo.process import free_port
from drivers.base import (
    Driver,
    DriverConfigError,
    LinkChanged,
    LinkDownError,
    Quality,
    WriteGroup,
)
from drivers.opcua import OpcUaTag
from drivers.options import Tag
from tests.contract.rig import PATIENCE_S, Recorder
from tests.contract.rig_opcua import driver_for, press_tags
from tests.opcua_plc import OTHER, PRESS, PRESS_VARIABLES, Plc
from tests.peers.opcua_running import TAGS, QuickClock, ended, first_link, running, shows

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


@pytest.mark.parametrize(
    ("node", "held", "says"),
    [
        ("Serial", "PRESS-08", "reads 'PRESS-08' where the test value 'PRESS-07' is expected"),
        ("Number", "PRESS-07", "BadNodeIdUnknown"),
    ],
)
async def test_another_machine_at_the_address_is_not_believed(
    node: str, held: str, says: str
) -> None:
    """A node that names the machine is its test value: of another nothing is seen (N10)."""
    name = Tag(name="name", address=OpcUaTag(node=f"nsu={PRESS};s={node}", test="PRESS-07"))
    async with Plc() as plc:
        await plc.set("Serial", held)
        recorder = Recorder()
        task = asyncio.create_task(driver_for(plc.url, [*press_tags(), name]).run(recorder))
        with pytest.raises(DriverConfigError, match=says):
            await ended(task)
    assert recorder.seen == []


async def test_the_right_machine_shows_its_name_at_each_connect() -> None:
    """One that cannot say it now is no other one: it is dialled again."""
    name = Tag(name="name", address=OpcUaTag(node=f"nsu={PRESS};s=Serial", test="PRESS-07"))
    async with Plc() as plc:
        await plc.set("Serial", "PRESS-07")
        driver = driver_for(plc.url, [*press_tags(), name])
        async with running(driver) as (recorder, _):
            await recorder.until(shows("name", "PRESS-07"))
        await plc.set("Serial", "PRESS-07", status=ua.StatusCodes.BadNoCommunication)
        task = asyncio.create_task(driver.run(Recorder()))
        with pytest.raises(LinkDownError, match="the test value of tag 'name' cannot be read"):
            await ended(task)


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
        driver = driver_for(plc.url, press_tags(), timeout="1s")
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
        driver = driver_for(plc.url, press_tags(), timeout="1s")
        async with running(driver) as (_, task):
            plc.freeze()
            with pytest.raises(LinkDownError, match="no answer in time"):
                await ended(task)


async def test_frozen_server_is_found_without_fast_tags() -> None:
    """The watch alone finds a frozen server, where nothing is polled."""
    tags = [replace(tag, fast=False) for tag in press_tags()]
    async with Plc() as plc:
        driver = driver_for(plc.url, tags, timeout="1s")
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


async def test_healthy_link_is_left_alone() -> None:
    """Audits, and trials of a tag that stays at fault, pass without a trace."""
    missing = Tag(name="missing", address=OpcUaTag(node=f"nsu={PRESS};s=Missing"))
    async with Plc() as plc:
        driver = driver_for(plc.url, [*press_tags(), missing], clock=QuickClock())
        async with running(driver) as (recorder, task):
            audits = asyncio.Semaphore(0)
            plc.after_read = lambda names: audits.release() if "Count" in names else None
            async with asyncio.timeout(PATIENCE_S):
                await audits.acquire()
                await plc.set("Count", 42)
                await recorder.until(shows("count", 42))
                await audits.acquire()
            assert not task.done()
            assert [one.up for one in recorder.seen if isinstance(one, LinkChanged)] == [True]


async def test_server_whose_clock_stops_is_doubted() -> None:
    """A server clock that was seen to run and then stands still is a hung server (U1's canary)."""
    async with Plc() as plc:
        driver = driver_for(plc.url, press_tags(), clock=QuickClock())
        async with running(driver) as (_, task):
            await plc.tick()
            with pytest.raises(LinkDownError, match="its clock stands still"):
                await ended(task)


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
        driver = driver_for(f"opc.tcp://127.0.0.1:{port}", press_tags(), timeout="1s")
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
        driver = driver_for(f"opc.tcp://127.0.0.1:{port}", press_tags(), timeout="60s")
        with pytest.raises(LinkDownError, match="the server closed the connection"):
            await driver.run(Recorder())


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
                await driver.write([WriteGroup(device="plc", values=(("result", 1),))])
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
