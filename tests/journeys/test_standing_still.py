"""A daemon that stands still: its loop blocked, its process stopped, its machine asleep."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.journeys.daemon import WITHIN_S, Daemon, daemon
from tests.journeys.plants import PRESS, events, recorded, until, write
from tests.opcua_plc import PRESS_VARIABLES, Plc
from tests.peers.scanner_rig import plugged

WATCHDOG_S = 1.5
BOUND = ("unit_completed", "unit_refused", "unit_unbound")
SCANNED = (
    ("  plc: {", "  scanner: {driver: scanner, port: PORT, framing: {end: CR}}\n  plc: {"),
    ("{strategy: tag}", "{strategy: scan-then-cycle, window: 30s, settle: 200ms}"),
    ("unit: serial, ", ""),
    ('  serial: {device: plc, node: "nsu=urn:acme:press;s=Serial"}\n', ""),
)


class Manager:
    """The service manager: it hears the life signs, and ends who gives none any more."""

    def __init__(self, end: socket.socket, address: str) -> None:
        self._end = end
        self.variables = {
            "NOTIFY_SOCKET": address,
            "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6)),
        }

    async def heard(self, sign: str) -> None:
        """Return once a life sign has come."""
        async with asyncio.timeout(WITHIN_S):
            while sign not in (await self._next()).splitlines():
                pass

    async def missed(self) -> None:
        """Return once no sign has come for as long as the watchdog waits."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                try:
                    await asyncio.wait_for(self._next(), WATCHDOG_S)
                except TimeoutError:
                    return

    async def _next(self) -> str:
        return (await asyncio.get_running_loop().sock_recv(self._end, 4096)).decode()

    async def end(self, running: Daemon) -> int:
        """End a process as systemd does whose watchdog was not fed; return its exit code."""
        running.process.send_signal(signal.SIGABRT)
        running.process.send_signal(signal.SIGCONT)
        return await running.ended()


@asynccontextmanager
async def managed(directory: Path) -> AsyncIterator[Manager]:
    """Listen for life signs until the test is done."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        address = str(directory / "notify")
        end.bind(address)
        end.settimeout(0)
        yield Manager(end, address)


async def ask(plc: Plc, request: int, serial: str = "") -> None:
    """Let the PLC raise its trigger for a part."""
    await plc.set("Serial", serial)
    await plc.set("Request", request)
    await plc.set("Count", request)
    await plc.set("Trigger", value=True)


async def answered(plc: Plc) -> int:
    """Return what the PLC reads beside the ack; then it takes the part away."""
    await until(lambda: bool(plc.held("Ack")))
    result = int(plc.held("Result"))
    await plc.set("Trigger", value=False)
    await until(lambda: not plc.held("Ack"))
    return result


async def test_a_blocked_loop_is_restarted_and_costs_nothing(tmp_path: Path) -> None:
    """Its life signs end, the PLC gets no answer meanwhile, the next run gives it (R05).

    The other threads live on: none of them feeds the watchdog.
    """
    (tmp_path / "ahead").write_text("0")
    program = ("tests.journeys.doctored", str(tmp_path / "ahead"))
    async with Plc(PRESS_VARIABLES) as plc, managed(tmp_path) as manager:
        station, state = write(tmp_path / "press.yaml", PRESS, url=plc.url), tmp_path / "state"
        async with daemon(station, state, program=program, **manager.variables) as first:
            await manager.heard("READY=1")
            await first.said("ready")
            await ask(plc, 1, "SN-0001")
            assert await answered(plc) == 1
            await manager.heard("WATCHDOG=1")
            first.process.send_signal(signal.SIGUSR1)
            await first.said("blocked")
            await ask(plc, 2, "SN-0002")
            await manager.missed()
            assert not plc.held("Ack")
            assert await manager.end(first) == -signal.SIGABRT
        async with daemon(station, state, **manager.variables) as second:
            await manager.heard("READY=1")
            assert await answered(plc) == 1
            await manager.heard("WATCHDOG=1")
            assert second.count("epoch_started") == 1
    made = [(one["request"], one["unit"]) for one in events(station, state, *BOUND)]
    assert made == [(1, "SN-0001"), (2, "SN-0002")]
    delivered = (state / "test" / "press" / "audit.jsonl").read_text("utf-8")
    assert all(f'"{one["hash"]}"' in delivered for one in events(station, state, *BOUND))


async def test_what_was_scanned_before_and_while_it_slept_is_old(tmp_path: Path) -> None:
    """The first expires, the other is bound to nothing; what comes after is bound (R03, C07).

    The process is stopped, and its clocks are a minute on when it goes on: the boot clock as over
    a suspend of the machine, and waits that were begun before are not over.
    """
    ahead = tmp_path / "ahead"
    ahead.write_text("0")
    program = ("tests.journeys.doctored", str(ahead))
    async with Plc(PRESS_VARIABLES) as plc, managed(tmp_path) as manager:
        with plugged() as scanner:
            changes = [(old, new.replace("PORT", scanner.path)) for old, new in SCANNED]
            station = write(tmp_path / "press.yaml", PRESS, *changes, url=plc.url)
            state = tmp_path / "state"
            async with daemon(station, state, program=program, **manager.variables) as agent:
                await agent.said("ready")
                await scanner.send(b"SN-0001\r")
                await recorded(station, state, "code_scanned", code="SN-0001")
                agent.process.send_signal(signal.SIGSTOP)
                await scanner.send(b"SN-0002\r")
                await manager.missed()
                ahead.write_text("60000")
                agent.process.send_signal(signal.SIGCONT)
                before = await recorded(station, state, "scan_expired", code="SN-0001")
                asleep = await recorded(station, state, "code_scanned", code="SN-0002")
                await ask(plc, 1)
                assert await answered(plc) == 8
                await scanner.send(b"SN-0003\r")
                await recorded(station, state, "code_scanned", code="SN-0003")
                await ask(plc, 2)
                assert await answered(plc) == 1
                await manager.heard("WATCHDOG=1")
    (scan,) = (one for one in events(station, state, "code_scanned") if one["code"] == "SN-0001")
    slept_ms = before["time"]["boottime_ms"] - scan["time"]["boottime_ms"]
    assert slept_ms >= 60_000
    assert asleep["latest_ms"] - asleep["earliest_ms"] >= 60_000
    unbound, bound = events(station, state, *BOUND)
    assert (unbound["kind"], unbound["candidates"]) == ("unit_unbound", ["SN-0002"])
    assert unbound["why"] == ["order_of_facts"]
    assert (bound["kind"], bound["unit"]) == ("unit_completed", "SN-0003")
    assert events(station, state, "clock_stepped") == []
