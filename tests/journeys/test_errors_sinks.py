"""What is wrong with the broker costs no event and no cycle, and is one line that says so."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.demo.process import free_port
from tests.journeys.daemon import child
from tests.journeys.plants import COUNTER, Plant, events, healthy, recorded, until, write
from tests.peers.mosquitto import Mosquitto


@pytest.fixture
async def plant(tmp_path: Path) -> AsyncIterator[Plant]:
    """A plant with one healthy station."""
    async with healthy(tmp_path) as set_up:
        yield set_up


def publishing(plant: Plant, broker: str) -> Path:
    """Have the healthy station publish to a broker as well."""
    change = ("publish:", f"publish:\n  plant: {{sink: mqtt, {broker}}}")
    return write(plant.well, COUNTER, change, name="well", port=plant.filler.port)


async def test_broker_that_is_away_and_comes(plant: Plant, tmp_path: Path) -> None:
    """The line keeps running; what was recorded meanwhile is delivered when it is there."""
    port = free_port()
    well = publishing(plant, f'url: "mqtt://127.0.0.1:{port}"')
    async with plant.running() as agent:
        line = await plant.is_told(agent, well, "sink_down", "plant")
        assert f"127.0.0.1:{port}" in line["error"]
        await agent.said("ready")
        lost = await recorded(well, plant.state, "link_lost", device="sink/plant")
        assert lost["reason"] == line["error"]
        async with Mosquitto(tmp_path, port=port):
            await agent.said("sink_connected", sink="plant")
            await recorded(well, plant.state, "link_restored", device="sink/plant")
            assert agent.count("sink_down") == 1


async def test_broker_that_refuses_the_password(plant: Plant, tmp_path: Path) -> None:
    """The line says who was refused and what to look at, and never the password."""
    passwords = tmp_path / "passwords"
    async with child("mosquitto_passwd", "-b", "-c", str(passwords), "agent", "right") as made:
        assert await made.wait() == 0
    secret = tmp_path / "secret"
    secret.write_text("s3cret-and-wrong")
    passwords.chmod(0o600)
    async with Mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}") as broker:
        well = publishing(
            plant,
            f'url: "mqtt://127.0.0.1:{broker.port}", user: agent, password: "file:{secret}"',
        )
        async with plant.running() as agent:
            line = await plant.is_told(agent, well, "sink_down", "plant")
            assert "not authori" in line["error"].lower()
            await agent.said("ready")
            await recorded(well, plant.state, "link_lost", device="sink/plant")
        assert all("s3cret" not in str(one) for one in (*agent.lines, agent.complaints))
        assert "s3cret" not in str(events(well, plant.state))


async def test_broker_that_refuses_the_topic(plant: Plant, tmp_path: Path) -> None:
    """An access list that forbids pauses that sink alone; allowed, it goes on by itself (B03)."""
    topics = "lineside/v1/test/well"
    status = [f"topic write {topics}/{name}" for name in ("health", "position", "state")]
    async with Mosquitto(tmp_path, acl=(*status, "topic read #")) as broker:
        well = publishing(plant, f'url: "mqtt://127.0.0.1:{broker.port}"')
        async with plant.running() as agent:
            line = await plant.is_told(agent, well, "sink_paused", "plant")
            assert "not authori" in line["error"].lower()
            await agent.said("ready")
            await recorded(well, plant.state, "link_lost", device="sink/plant")
            audit = plant.state / "test" / "well" / "audit.jsonl"
            await until(lambda: audit.read_text().count("lot_counted") >= 1)
            broker.allow("topic readwrite #")
            await agent.said("sink_connected", sink="plant")
            assert not list(plant.state.rglob("quarantine*"))


async def test_secret_that_is_not_there(plant: Plant, tmp_path: Path) -> None:
    """The reference is named, the line runs, and the sink connects once the secret is there."""
    async with Mosquitto(tmp_path) as broker:
        secret = tmp_path / "later"
        well = publishing(
            plant,
            f'url: "mqtt://127.0.0.1:{broker.port}", user: agent, password: "file:{secret}"',
        )
        async with plant.running() as agent:
            line = await plant.is_told(agent, well, "sink_down", "plant")
            assert str(secret) in line["error"]
            await agent.said("ready")
            secret.write_text("now")
            await agent.said("sink_connected", sink="plant")


async def test_broker_that_goes_and_comes(plant: Plant, tmp_path: Path) -> None:
    """One line down for each reason, however often it is tried, one up, and their events (B01)."""
    async with Mosquitto(tmp_path) as broker:
        well = publishing(plant, f'url: "mqtt://127.0.0.1:{broker.port}"')
        async with plant.running() as agent:
            await agent.said("sink_connected", sink="plant")
            broker.stop()
            await plant.is_told(agent, well, "sink_down", "plant")
            await recorded(well, plant.state, "link_lost", device="sink/plant")
            await asyncio.gather(broker.start(), agent.said("sink_down", sink="plant"))
            await until(lambda: agent.count("sink_connected") == 3)  # the file's too
            reasons = [line["error"] for line in agent.lines if line["event"] == "sink_down"]
            assert len(set(reasons)) == len(reasons)
