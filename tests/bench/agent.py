"""P-1, P-2, P-3: the whole agent in one process beside the straw man, piece by piece.

P-1: codes as fast as they are taken; done when each event is on disk, confirmed by the broker and
its confirmation is recorded. P-2: from the trigger's value in the process to the ack that is handed
to the driver; the straw man: from a code on its serial line to the commit. P-3: from a code on the
serial line, read by the real driver, to the moved cursor. Some 50 a second of each.

Each side runs in a process of its own with a broker of its own. They take turns burst by burst and
cycle by cycle, so that a disk or a core that others use is the same for both.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.bench.result import Result

AT = {"p50": 0.5, "p99": 0.99}


class Side:
    """One side as its process answers."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def do(self, what: str) -> list[float]:
        """Return what one piece of work took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what}\n".encode())
        answer = await self._process.stdout.readline()
        assert answer, "the side has ended"
        took: list[float] = json.loads(answer)
        return took


@asynccontextmanager
async def side(name: str) -> AsyncIterator[Side]:
    """Run one side."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.sides", name),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Side(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def main(quick: bool) -> list[Result]:  # noqa: FBT001 - the interface of every bench
    """Measure turn about, and return medians and ratios."""
    bursts, count, cycles = (2, 500, 100) if quick else (9, 5_000, 1_000)
    async with side("ours") as ours, side("straw") as straw:
        for warm in ("burst 200", "act", "sent"):
            await ours.do(warm)
            await straw.do(warm)
        results = [await _sustained(ours, straw, bursts, count)]
        for goal, what, work, most_ms in (
            ("P-2", "trigger seen → commit → ack issued", "act", (2.0, 10.0)),
            ("P-3", "scan → PUBACK recorded", "sent", (3.0, 13.0)),
        ):
            pairs = [((await ours.do(work))[0], (await straw.do(work))[0]) for _ in range(cycles)]
            for name, times, limit_ms in zip(AT, (1.7, 2.0), most_ms, strict=True):
                results.append(_latency(goal, f"{what}, {name}", pairs, AT[name], times, limit_ms))
    return results


async def _sustained(ours: Side, straw: Side, bursts: int, count: int) -> Result:
    pairs = [
        (await ours.do(f"burst {count}"), await straw.do(f"burst {count}")) for _ in range(bursts)
    ]
    ratio = statistics.median(bare[0] / mine[0] for mine, bare in pairs)
    figure, bare = (count / statistics.median(pair[at][0] for pair in pairs) for at in (0, 1))
    cpu, bare_cpu = (statistics.median(pair[at][1] for pair in pairs) / count for at in (0, 1))
    return Result(
        goal="P-1",
        what="durable + published + confirmed, sustained",
        figure=figure,
        unit="events/s",
        bare=bare,
        ratio=ratio,
        passed=ratio >= 0.5 and figure >= 3_000 and cpu <= 0.0003,
        note=f"goal >= 0.5 x, >= 3,000, <= 0.30 CPU s/1000: {cpu * 1000:.3f}, bare "
        f"{bare_cpu * 1000:.3f}",
    )


def _latency(  # noqa: PLR0917 - a row of the table
    goal: str,
    what: str,
    pairs: Sequence[tuple[float, float]],
    at: float,
    times: float,
    limit_ms: float,
) -> Result:
    figure, bare = (
        sorted(pair[side] for pair in pairs)[min(len(pairs) - 1, int(at * len(pairs)))]
        for side in (0, 1)
    )
    kept = "kept" if figure <= limit_ms else "not kept"
    return Result(
        goal=goal,
        what=what,
        figure=figure,
        unit="ms",
        bare=bare,
        ratio=figure / bare,
        passed=figure <= times * bare,
        note=f"goal {times:g} x; {limit_ms:g} ms {kept}",
    )
