"""A daemon that may open no more files, or take no more memory (FAULTS E01, E02)."""

import os
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from unittest.mock import ANY

from tests.journeys.daemon import Daemon, daemon
from tests.journeys.plants import COUNTER, counted, counts_on, filling, write

FEW, MANY = 3, 1024
LITTLE = 64 << 20
"""Bytes of address space: the stacks of a few threads, of which next to nothing is used."""
PAGE = os.sysconf("SC_PAGE_SIZE")


def limit(agent: Daemon, kind: int, most: int) -> None:
    """Let a running process have no more of something than this."""
    _, hard = resource.prlimit(agent.process.pid, kind)
    resource.prlimit(agent.process.pid, kind, (most, hard))


def about(agent: Daemon, name: str) -> str:
    """Return what the kernel says of a process."""
    return Path(f"/proc/{agent.process.pid}/{name}").read_text("ascii")


async def test_without_descriptors_or_memory_what_is_open_goes_on(tmp_path: Path) -> None:
    """A PLC that must be dialled anew says why it cannot, and comes by itself (E02).

    With next to no memory to grow into the counting goes on; killed for it, the next run goes on
    (E01).
    """
    folder, state = tmp_path / "stations", tmp_path / "state"
    async with filling() as well:
        one = write(folder / "one.yaml", COUNTER, name="one", port=well.port)
        async with daemon_beside_a_plc_that_goes(folder, state) as (agent, port):
            line = await agent.said("link_still_lost", station="test/other")
            assert "oo many open files" in line["error"], line
            await counts_on(well, one, state)
            limit(agent, resource.RLIMIT_NOFILE, MANY)
            async with filling(port=port) as again:
                await agent.said("link_restored", station="test/other", down_s=ANY)
                await counts_on(again, folder / "other.yaml", state)
            used = int(about(agent, "statm").split()[0]) * PAGE
            limit(agent, resource.RLIMIT_AS, used + LITTLE)
            await counts_on(well, one, state)
            agent.process.send_signal(signal.SIGKILL)  # as the kernel does who finds no memory
            assert await agent.ended() == -signal.SIGKILL
            well.make(5)
        async with daemon(folder, state):
            await counts_on(well, one, state)
    assert counted(one, state) == well.made


@asynccontextmanager
async def daemon_beside_a_plc_that_goes(
    folder: Path, state: Path
) -> AsyncIterator[tuple[Daemon, int]]:
    """Run two stations; the PLC of the other one goes when nothing can be opened any more."""
    async with AsyncExitStack() as running:
        async with filling() as first:
            write(folder / "other.yaml", COUNTER, name="other", port=first.port)
            agent = await running.enter_async_context(daemon(folder, state))
            for name in ("one", "other"):
                await agent.said("sink_connected", station=f"test/{name}")
                await agent.said("ready", station=f"test/{name}")
            limit(agent, resource.RLIMIT_NOFILE, FEW)
        await agent.said("link_lost", station="test/other")
        yield agent, first.port
