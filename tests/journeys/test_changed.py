"""What is another one all at once: the station file of a running agent, the PLC at an address."""

from contextlib import AsyncExitStack
from pathlib import Path

from tests.contract.modbus_device import HOLDING
from tests.journeys.daemon import daemon
from tests.journeys.plants import COUNTER, counted, counts_on, events, filling, recorded, write

NUMBERED = (
    "track:\n",
    "  number: {device: plc, table: holding, address: 32, type: uint16, test: 4711}\ntrack:\n",
)


async def test_an_edited_file_takes_effect_at_the_next_start(tmp_path: Path) -> None:
    """Until then nothing is read anew, broken or not; each event names its own file (G04)."""
    state = tmp_path / "state"
    journal = state / "test" / "well" / "journal"  # by its place: the file is broken for a while
    async with filling() as filler:
        station = write(tmp_path / "s" / "well.yaml", COUNTER, name="well", port=filler.port)
        async with daemon(station, state) as agent:
            await agent.said("ready")
            await counts_on(filler, journal, state)
            whole = station.read_text("utf-8")
            station.write_text("station: [", encoding="utf-8")
            await counts_on(filler, journal, state)
            station.write_text(whole.replace("fastest: 1ms", "fastest: 2ms"), encoding="utf-8")
            await counts_on(filler, journal, state)
        async with daemon(station, state) as agent:
            await agent.said("ready")
            await counts_on(filler, journal, state)
            await recorded(journal, state, "config_changed")
    first, second = ({one["config"] for one in run} for run in runs(journal, state))
    assert (len(first), len(second)) == (1, 1)
    assert first != second
    assert counted(journal, state) == filler.made


def runs(station: Path, state: Path) -> list[list[dict[str, str]]]:
    """Return the events of each run, oldest first."""
    found: dict[str, list[dict[str, str]]] = {}
    for one in events(station, state):
        found.setdefault(one["epoch"], []).append(one)
    return [found[epoch] for epoch in sorted(found)]


async def test_another_plc_at_the_same_address_is_not_believed(tmp_path: Path) -> None:
    """A word that names the machine is its test value: nothing of another one is counted (N10)."""
    state = tmp_path / "state"
    async with AsyncExitStack() as running:
        async with filling() as ours:
            station = write(
                tmp_path / "s" / "well.yaml", COUNTER, NUMBERED, name="well", port=ours.port
            )
            ours.device.memory.set(HOLDING, 32, 4711)
            agent = await running.enter_async_context(daemon(station, state))
            await agent.said("ready")
            await counts_on(ours, station, state)
        async with filling(port=ours.port) as foreign:
            foreign.device.memory.set(HOLDING, 32, 4712)
            foreign.make(500)
            line = await agent.said("link_still_lost")
            assert "reads 4712 where the test value 4711 is expected" in line["error"]
            assert counted(station, state) == ours.made
        async with filling(port=ours.port) as again:
            again.device.memory.set(HOLDING, 32, 4711)
            again.make(ours.made)
            await counts_on(again, station, state)
            assert counted(station, state) == again.made
