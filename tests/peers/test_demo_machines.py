"""The simulated machines as whoever connects to them sees them: processes with real servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from asyncua import Client, Node, ua
from pymodbus.client import AsyncModbusTcpClient

from agent.demo.filler import DEVICE_ID
from agent.demo.handles import Filler, Press
from agent.demo.plc import Stage
from agent.demo.press import NAMESPACE

PATIENCE_S = 60.0


class Agent:
    """The agent's side of the handshake, done by hand with the protocol's own client."""

    def __init__(self, client: Client, index: int) -> None:
        self._client = client
        self._index = index

    async def read(self, name: str) -> object:
        """Return what a variable holds."""
        return await self._node(name).read_value()

    async def write(self, name: str, value: object, kind: ua.VariantType) -> None:
        """Write a variable."""
        await self._node(name).write_value(ua.DataValue(ua.Variant(value, kind)))

    async def ready(self) -> None:
        """Say that it can record."""
        await self.write("Ready", value=True, kind=ua.VariantType.Boolean)

    async def answer(self, code: int) -> None:
        """Write the result, then the ack."""
        await self.write("Result", code, ua.VariantType.Int16)
        await self.write("Ack", value=True, kind=ua.VariantType.Boolean)

    async def let_go(self) -> None:
        """Drop the ack, then the result."""
        await self.write("Ack", value=False, kind=ua.VariantType.Boolean)
        await self.write("Result", 0, ua.VariantType.Int16)

    def _node(self, name: str) -> Node:
        return self._client.get_node(f"ns={self._index};s=Press.{name}")


@asynccontextmanager
async def agent_of(press: Press) -> AsyncIterator[Agent]:
    """Connect to a press as an agent does."""
    async with Client(f"opc.tcp://127.0.0.1:{press.port}") as client:
        yield Agent(client, await client.get_namespace_index(NAMESPACE))


@pytest.fixture
async def press(tmp_path: Path) -> AsyncIterator[Press]:
    """A press that is switched on."""
    machine = Press(tmp_path)
    try:
        await machine.switch_on()
        yield machine
    finally:
        await machine.machine.off()


async def asks(press: Press, request: tuple[int, int]) -> None:
    """Return once a request is raised."""
    await press.machine.until(lambda: press.truth.open == request, "asks", PATIENCE_S)


async def test_a_part_goes_through_the_four_phases(press: Press) -> None:
    """The data stands when the trigger is up; the part is free when the ack has fallen again."""
    async with agent_of(press) as agent, asyncio.TaskGroup() as tasks:
        stroke = tasks.create_task(press.stroke("SN-1", force_kn=12.5, ok=True))
        await agent.ready()
        await asks(press, (1, 1))
        shown = {name: await agent.read(name) for name in ("Trigger", "Request", "Count", "Ok")}
        assert shown == {"Trigger": True, "Request": 1, "Count": 1, "Ok": True}
        assert await agent.read("Force") == 12.5
        await agent.answer(2)
        await press.machine.until(lambda: press.truth.open is None, "reads it", PATIENCE_S)
        assert not stroke.done()
        await agent.let_go()
    assert stroke.result() == 2
    assert press.truth.parts == {(1, 1): "SN-1"}


async def test_no_stroke_while_nobody_can_record(press: Press) -> None:
    """The lamp holds the button: the stroke begins when the agent says ready."""
    async with agent_of(press) as agent, asyncio.TaskGroup() as tasks:
        tasks.create_task(press.stroke("SN-1", force_kn=1.0, ok=True))
        await agent.write("Text", "starting", ua.VariantType.String)
        await press.machine.until(lambda: press.truth.text == "starting", "hears", PATIENCE_S)
        assert press.truth.parts == {}
        await agent.ready()
        await asks(press, (1, 1))
        await agent.answer(1)
        await press.machine.until(lambda: press.truth.open is None, "reads it", PATIENCE_S)
        await agent.let_go()


async def test_only_the_agents_words_may_be_written(press: Press) -> None:
    """Nobody outside can raise the trigger or turn the counter."""
    async with agent_of(press) as agent:
        for name, value, kind in (
            ("Trigger", True, ua.VariantType.Boolean),
            ("Count", 9, ua.VariantType.UInt32),
        ):
            with pytest.raises(ua.UaStatusCodeError):
                await agent.write(name, value, kind)


async def test_memory_kept_the_same_request_is_up_again(press: Press) -> None:
    """What the agent wrote before is cleared, so that it has to answer again (D-20, D-33)."""
    async with asyncio.TaskGroup() as tasks:
        async with agent_of(press) as agent:
            stroke = tasks.create_task(press.stroke("SN-1", force_kn=1.0, ok=True))
            await agent.ready()
            await press.lose_power(at=Stage.ASKING)
        await press.switch_on()
        async with agent_of(press) as agent:
            shown = {
                name: await agent.read(name) for name in ("Trigger", "Request", "Ack", "Ready")
            }
            assert shown == {"Trigger": True, "Request": 1, "Ack": False, "Ready": False}
            await agent.answer(1)
            await press.machine.until(lambda: press.truth.open is None, "reads it", PATIENCE_S)
            await agent.let_go()
    assert (stroke.result(), press.truth.generation) == (1, 1)


async def test_memory_lost_numbers_begin_anew_and_the_part_is_pressed_again(press: Press) -> None:
    """The request that was up is forgotten; the person is told to press once more."""
    async with agent_of(press) as agent, asyncio.TaskGroup() as tasks:
        stroke = tasks.create_task(press.stroke("SN-1", force_kn=1.0, ok=True))
        await agent.ready()
        await press.lose_power(at=Stage.ASKING)
        await press.switch_on(kept=False)
    assert stroke.result() is None
    assert (press.truth.generation, press.truth.forgotten) == (2, {(1, 1)})
    async with agent_of(press) as agent:
        shown = {name: await agent.read(name) for name in ("Trigger", "Request", "Count")}
        assert shown == {"Trigger": False, "Request": 0, "Count": 0}


async def test_filler_shows_counter_lot_and_whether_it_runs(tmp_path: Path) -> None:
    """What a Modbus client reads is what the machine says; a power cut loses no piece."""
    filler = Filler(tmp_path)
    try:
        await filler.switch_on()
        async with AsyncModbusTcpClient("127.0.0.1", port=filler.port) as client:
            filler.lot("F-1")
            filler.run(50)
            await filler.machine.until(lambda: filler.truth.count >= 5, "fills", PATIENCE_S)
            read = await client.read_holding_registers(0, count=11, device_id=DEVICE_ID)
            assert read.registers[2:5] == [1, 0x462D, 0x3100]
            await filler.stop()
        await filler.lose_power()
        made = filler.truth.made
        await filler.switch_on()
        async with AsyncModbusTcpClient("127.0.0.1", port=filler.port) as client:
            read = await client.read_holding_registers(0, count=11, device_id=DEVICE_ID)
            assert read.registers[:5] == [0, made, 0, 0x462D, 0x3100]
    finally:
        await filler.machine.off()
