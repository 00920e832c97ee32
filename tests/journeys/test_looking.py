"""`lineside try` and `lineside probe` at a PLC that is in production: nothing is written to it."""

import asyncio
import json
import signal
import sys
from pathlib import Path

from agent.app.reading import Query, find_journals, read_events
from tests.journeys.daemon import WITHIN_S, child, daemon
from tests.journeys.plants import COUNTER, PRESS, filling, until, write
from tests.opcua_plc import PRESS_VARIABLES, Plc


async def run(*arguments: str) -> tuple[int | None, str, str]:
    """Return exit code, standard output and standard error of a command."""
    async with (
        child(sys.executable, "-m", "agent", *arguments) as process,
        asyncio.timeout(WITHIN_S),
    ):
        out, complaints = await process.communicate()
    return process.returncode, out.decode(), complaints.decode()


def names(folder: Path) -> list[str]:
    """Return what lies in a folder."""
    return sorted(entry.name for entry in folder.iterdir())


async def test_to_try_a_line_is_to_touch_nothing(tmp_path: Path) -> None:
    """Every event is shown, also what would be answered; the PLC sees a reader, no file is left."""
    async with Plc(PRESS_VARIABLES) as plc:
        file = write(tmp_path / "press.yaml", PRESS, url=plc.url)
        async with child(sys.executable, "-m", "agent", "try", str(file)) as process:
            assert process.stdout is not None
            await until(lambda: plc.connections_seen > 0)
            await plc.set("Trigger", value=True)
            lines = list[str]()
            async with asyncio.timeout(WITHIN_S):
                while not lines or "  unit_" not in lines[-1]:
                    lines.append((await process.stdout.readline()).decode())
                    assert lines[-1], lines
                process.send_signal(signal.SIGINT)
                rest, told = await process.communicate()
        assert plc.connections_seen == 1
        assert plc.writes == []
    shown = "".join(lines) + rest.decode()
    assert process.returncode == 0
    kinds = [line.split()[2] for line in shown.splitlines() if line.count("  ")]
    assert "agent_started" in kinds
    assert "link_restored" in kinds
    assert any(kind.startswith("unit_") for kind in kinds), shown
    assert all(json.loads(line)["level"] != "error" for line in told.decode().splitlines())
    assert names(tmp_path) == ["press.yaml"]


async def test_to_probe_is_to_touch_nothing(tmp_path: Path) -> None:
    """Exit code 0 where every tag has a value, 1 where one has not, and the tag says why."""
    async with Plc(PRESS_VARIABLES) as plc:
        right = write(tmp_path / "right.yaml", PRESS, url=plc.url)
        wrong = write(tmp_path / "wrong.yaml", PRESS, ("s=Force", "s=Forc"), url=plc.url)
        code, shown, _ = await run("probe", str(right))
        assert code == 0, shown
        assert "SN-0001" in shown
        code, shown, _ = await run("probe", str(wrong), "--json")
        assert code == 1
        [device] = [json.loads(line) for line in shown.splitlines()]
        faults = {tag["tag"]: tag["fault"] for tag in device["tags"] if tag["fault"]}
        assert list(faults) == ["force"]
        assert faults["force"].startswith("BadNodeIdUnknown")
        assert plc.writes == []


async def test_probe_beside_the_daemon(tmp_path: Path) -> None:
    """A PLC with sessions to spare is looked at while the daemon runs on undisturbed."""
    async with filling() as filler:
        file = write(tmp_path / "well.yaml", COUNTER, name="well", port=filler.port)
        async with daemon(file, tmp_path / "state") as agent:
            await agent.said("ready")
            code, shown, _ = await run("probe", str(file))
            assert code == 0, shown
            assert agent.count("link_lost") == 0


async def test_a_person_tells_the_daemon(tmp_path: Path) -> None:
    """A command is answered once it is recorded, and another daemon goes on from it (law 1)."""
    said = ("--state", str(tmp_path / "state"))
    by = ("--who", "Anna", "--reason", "cracks")
    async with filling() as filler:
        file = write(tmp_path / "well.yaml", COUNTER, name="well", port=filler.port)
        async with daemon(file, tmp_path / "state") as agent:
            await agent.said("ready")
            done = await run("do", str(file), *said, "scrap", "SN-1", "--unseen", "yes", *by)
            assert (done[0], done[2]) == (0, "")
            address = done[1].removeprefix("recorded: ").strip()
        code, _, complaint = await run("do", str(file), *said, "retract", address, *by)
        assert (code, "takes no commands" in complaint) == (1, True)
        async with daemon(file, tmp_path / "state") as agent:
            await agent.said("ready")
            code, _, complaint = await run("do", str(file), *said, "scrap", "SN-1", *by)
            assert code == 1
            assert complaint.startswith("lineside do: refused: 'SN-1' is scrapped already")
            code, _, _ = await run("do", str(file), *said, "retract", address, *by)
            assert code == 0
    (row,) = read_events(
        find_journals(file, tmp_path / "state")[0], Query(kinds=("event_corrected",))
    )
    event = json.loads(row.body)
    assert (event["supersedes"], event["who"], event["about"]) == ([address], "unnamed", "SN-1")
