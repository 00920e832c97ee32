"""The whole agent as a Sparkplug edge node: from the PLC's register to a host, over a restart."""

from pathlib import Path

from tests.journeys.daemon import daemon
from tests.journeys.plants import COUNTER, filling, write
from tests.peers.mosquitto import Mosquitto
from tests.peers.sparkplug_bench import Tap, said, until, until_said
from tests.peers.sparkplug_rules import Rules


async def test_a_host_sees_the_plc_and_the_machine(tmp_path: Path) -> None:
    """Births, what the PLC shows, the machine's state from the journal, death; and again."""
    rules = Rules("test", "well")
    async with (
        filling() as filler,
        Mosquitto(tmp_path) as broker,
        Tap(rules, broker.port) as tap,
    ):
        sink = f'scada: {{sink: sparkplug, url: "mqtt://127.0.0.1:{tap.port}"}}'
        well = write(
            tmp_path / "well.yaml",
            COUNTER,
            ("publish:", f"publish:\n  {sink}"),
            ("  counter:", "  state: {ideal: 1s}\n  counter:"),
            name="well",
            port=filler.port,
        )
        async with daemon(well, tmp_path / "state") as agent:
            await agent.said("sink_connected", sink="scada")
            (birth,) = await until_said(rules, "DBIRTH", "plc")
            assert (birth.values["pieces"], birth.values["lot"]) == (0, "L-1")
            filler.make(3)
            await until(rules, lambda: _saw(rules, "DDATA", "plc", "pieces", 3))
            await until(rules, lambda: _saw(rules, "NDATA", None, "Machine/State", "running"))
        await until(rules, lambda: rules.seen[-1].kind == "NDEATH")
        async with daemon(well, tmp_path / "state") as agent:
            await until_said(rules, "DBIRTH", "plc", n=2)
            again = said(rules, "NBIRTH")[-1]
            assert again.values["bdSeq"] == 1
    assert rules.problems == []


def _saw(rules: Rules, kind: str, device: str | None, name: str, value: object) -> bool:
    return any(one.values.get(name) == value for one in said(rules, kind, device))
