"""What is wrong with the agent's own place: journal, files, a second instance, a shared PLC."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.contract.modbus_device import HOLDING
from tests.journeys.daemon import WITHIN_S, child, daemon
from tests.journeys.plants import (
    COUNTER,
    PRESS,
    Plant,
    counts_on,
    events,
    filling,
    healthy,
    place,
    recorded,
    write,
)
from tests.opcua_plc import PRESS_VARIABLES, Plc


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    """A plant with one healthy station."""
    async with healthy(tmp_path) as set_up:
        yield set_up


NOWHERE = "/sys/lineside"
"""Where nobody can make a folder, root included."""


async def test_journal_directory_that_cannot_be_written(plant: Plant) -> None:
    """The station is not ready and says which folder; once a minute is enough for the log."""
    async with filling() as other:
        change = ("publish:", f"journal: {{path: {NOWHERE}}}\npublish:")
        sick = write(plant.folder / "sick.yaml", COUNTER, change, name="sick", port=other.port)
        async with plant.running() as agent:
            line = await agent.said("journal_failed", station="test/sick")
            assert line["at"].startswith(f"{place(sick, 'journal:')}:")
            assert line["error"].startswith(f"{NOWHERE}: cannot keep a journal here: ")
            assert line["error"].endswith(", or set journal.path")
            await agent.said("not_ready", station="test/sick", reason="journal")
        assert agent.count("journal_failed") == 1


async def test_file_in_the_place_of_the_state_directory_that_goes(plant: Plant) -> None:
    """The station begins by itself when the cause is gone, and says how long it took."""
    async with filling() as other:
        sick = write(plant.folder / "sick.yaml", COUNTER, name="sick", port=other.port)
        in_the_way = plant.state / "test" / "sick"
        in_the_way.parent.mkdir(parents=True)
        in_the_way.write_text("not a folder")
        async with plant.running() as agent:
            line = await agent.said("journal_failed", station="test/sick")
            assert line["error"].startswith(f"{in_the_way}: cannot keep the station's state here")
            await agent.said("not_ready", station="test/sick", reason="journal")
            in_the_way.unlink()
            begun = await agent.said("epoch_started", station="test/sick")
            assert begun["attempts"] >= 1
            await agent.said("ready", station="test/sick")
            await counts_on(other, sick, plant.state)
        assert agent.count("journal_failed") == 1


async def test_second_agent_on_one_journal_touches_nothing(tmp_path: Path) -> None:
    """It ends with 1 and one line that names the first; no PLC has heard of it."""
    async with Plc(PRESS_VARIABLES) as plc, filling() as filler:
        folder, state = tmp_path / "stations", tmp_path / "state"
        write(folder / "press.yaml", PRESS, url=plc.url)
        well = write(folder / "well.yaml", COUNTER, name="well", port=filler.port)
        async with daemon(folder, state) as first:
            await first.said("ready", station="test/press")
            await counts_on(filler, well, state)
            met, written = (plc.connections_seen, filler.device.connections_seen), list(plc.writes)
            async with daemon(folder, state) as second:
                assert await second.ended() == 1
            for name in ("press", "well"):
                refused = await second.said("station_refused", station=f"test/{name}")
                assert f"process {first.process.pid} has this journal open" in refused["error"]
            assert second.complaints == ""
            assert (plc.connections_seen, filler.device.connections_seen) == met
            assert plc.writes == written
            await counts_on(filler, well, state)
            assert first.count("link_lost") == first.count("not_ready") == 0


async def test_a_station_that_another_agent_runs_does_not_stop_the_others(
    plant: Plant, tmp_path: Path
) -> None:
    """It is refused alone, and taken over once the other agent has ended."""
    async with filling() as other:
        sick = write(plant.folder / "sick.yaml", COUNTER, name="sick", port=other.port)
        alone = write(tmp_path / "alone" / "sick.yaml", COUNTER, name="sick", port=other.port)
        async with daemon(alone, plant.state) as first:
            await first.said("ready", station="test/sick")
            async with plant.running() as second:
                await second.said("station_refused", station="test/sick")
                await second.said("ready", station="test/well")
                await counts_on(other, sick, plant.state)
                first.process.terminate()
                assert await first.ended() == 0
                await second.said("ready", station="test/sick")
                await counts_on(other, sick, plant.state)


async def test_broken_station_file_in_a_folder(plant: Plant) -> None:
    """Its problems are printed with line and column; its neighbours run."""
    sick = write(plant.folder / "sick.yaml", COUNTER, ("modbus", "modbuss"), name="sick", port=1)
    async with plant.running() as agent:
        started = await agent.said("agent_started", refused=1)
        assert started["stations"] == ["test/well"]
    wrong = f"{place(sick, 'modbuss')}:17: devices.plc.driver: "
    assert any(line.startswith(wrong) for line in agent.complaints.splitlines())
    assert "did you mean 'modbus'?" in agent.complaints


async def test_nothing_but_broken_files(tmp_path: Path) -> None:
    """Exit code 78: systemd does not restart what only an edit can help."""
    write(tmp_path / "stations" / "a.yaml", COUNTER, ("modbus", "modbuss"), name="a", port=1)
    write(tmp_path / "stations" / "b.yaml", "station: {name}\n", name="b/B")
    async with daemon(tmp_path / "stations", tmp_path / "state") as agent:
        assert await agent.ended() == 78
    assert agent.lines == []
    assert "a.yaml:" in agent.complaints
    assert "b.yaml:" in agent.complaints
    assert not (tmp_path / "state").exists()


async def test_two_stations_share_one_connection(tmp_path: Path) -> None:
    """A line PLC serves both stations on one connection, each with its own tags (DESIGN 1)."""
    async with filling() as filler:
        folder, state = tmp_path / "stations", tmp_path / "state"
        filler.device.memory.set(HOLDING, 50, 0, 0)
        one = write(folder / "one.yaml", COUNTER, name="one", port=filler.port)
        other = ("address: 0", "address: 50")
        two = write(folder / "two.yaml", COUNTER, other, name="two", port=filler.port)
        async with daemon(folder, state) as agent:
            await agent.said("ready", station="test/one")
            await agent.said("ready", station="test/two")
            await recorded(two, state, "lot_counted")
            await counts_on(filler, one, state)
            filler.device.memory.set(HOLDING, 50, 0, 3)
            await recorded(two, state, "lot_counted", n=3)
            assert filler.device.connections_seen == 1
            filler.device.hang_up()
            lost = await agent.said("link_lost")
            assert lost["at"] == f"{place(one, '  plc:')}:3, {place(two, '  plc:')}:3"
            assert lost["station"] == "test/one, test/two"
            await recorded(one, state, "link_lost")
            await recorded(two, state, "link_lost")
            await counts_on(filler, one, state)
        assert [event["n"] for event in events(two, state, "lot_counted")] == [0, 3]
        assert filler.device.connections_seen == 2


async def test_events_are_there_for_people_beside_the_daemon(plant: Plant) -> None:
    """`lineside events` and `verify` show the running journal without a word to the daemon."""
    async with plant.running() as agent:
        await counts_on(plant.filler, plant.well, plant.state)
        shown = await _output("events", str(plant.folder), "--kind", "link_restored", plant=plant)
        assert "link_restored" in shown
        assert "whole" in await _output("verify", str(plant.folder), plant=plant)
        assert agent.count("link_lost") == 0


async def _output(*arguments: str, plant: Plant) -> str:
    command = (sys.executable, "-m", "agent", *arguments, "--state", str(plant.state))
    async with child(*command) as process, asyncio.timeout(WITHIN_S):
        out, complaints = await process.communicate()
    assert (process.returncode, complaints) == (0, b"")
    return out.decode()


def listening(pid: int) -> list[str]:
    """Return the addresses at which a process can be called over a network."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed while we looked
            sockets.add(str(descriptor.readlink()))
    found = []
    for name, states in (("tcp", {"0A"}), ("tcp6", {"0A"}), ("udp", {"07"}), ("udp6", {"07"})):
        for line in Path(f"/proc/{pid}/net/{name}").read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] in states and f"socket:[{fields[9]}]" in sockets:
                found.append(f"{name} {fields[1]}")
    return found


async def test_nobody_can_call_it_over_a_network(plant: Plant) -> None:
    """The agent calls others and is called by nobody: no page and no port is open (X05)."""
    async with socket_of_our_own() as own:
        assert own in listening(os.getpid())  # what is there would be seen
    async with plant.running() as agent:
        await agent.said("ready")
        assert listening(agent.process.pid) == []


@asynccontextmanager
async def socket_of_our_own() -> AsyncIterator[str]:
    """Listen somewhere, and say where as the kernel does."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"tcp 0100007F:{port:04X}"
    finally:
        server.close()
        await server.wait_closed()
