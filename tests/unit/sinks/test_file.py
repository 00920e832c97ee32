"""The file sink alone: what the contract tests do not ask of every sink."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
import pytest

from agent.ports import Address, Delivery, Refusal, RefusedError, Row, Sink, SinkDownError
from agent.sinks.file import SPEC
from agent.sinks.options import SinkPlace
from tests.doubles import (
    InlineWorker,
    ManualClock,
    event_row,
    nothing_aside,
    nothing_read,
    settled,
)

ROOT = Path(__file__).parents[3]

VICTIM = """
import asyncio, sys
from pathlib import Path
from agent.ports import Delivery
from tests.doubles import event_row
from tests.unit.sinks.test_file import sink_in

async def main():
    sink = sink_in(Path(sys.argv[1]))
    await sink.connect()
    holding = asyncio.create_task(sink.hold())
    seq = 0
    while True:
        seq += 1
        await sink.send(Delivery(row=event_row(seq)))
        print(seq, flush=True)

asyncio.run(main())
"""


def sink_in(
    directory: Path,
    is_known: Callable[[Address, str], Awaitable[bool]] | None = None,
    **options: object,
) -> Sink:
    """Return a file sink in the directory."""
    place = SinkPlace(
        name="audit",
        station="acme/press-07",
        directory=directory,
        clock=ManualClock(),
        worker=InlineWorker(),
        position=lambda: None,
        status=lambda: None,
        read=nothing_read,
        set_aside=nothing_aside,
        secret=lambda reference: reference,
        warn=lambda _reason, _text: None,
        is_known=is_known,
    )
    return SPEC.build(SPEC.options.model_validate({"path": "audit.jsonl", **options}), place)


def seqs(path: Path) -> list[int]:
    """Return the seq of each line, all of which must be whole."""
    return [orjson.loads(line)["data"]["seq"] for line in path.read_bytes().splitlines()]


async def test_rotation_sets_aside_whole_files_under_rising_names(tmp_path: Path) -> None:
    """Beyond the size a new file begins; nothing is lost and the order can be told."""
    sink = sink_in(tmp_path, rotate="1MiB")
    (tmp_path / "audit.jsonl.old").write_bytes(b"not ours")
    await sink.connect()
    holding = asyncio.create_task(sink.hold())
    for seq in range(1, 8):
        await sink.send(Delivery(row=event_row(seq, padding=600_000)))
    holding.cancel()
    await asyncio.wait((holding,))
    await sink.close()
    names = ("audit.jsonl.1", "audit.jsonl.2", "audit.jsonl.3", "audit.jsonl")
    assert [seqs(tmp_path / name) for name in names] == [[1, 2], [3, 4], [5, 6], [7]]


async def test_behind_a_rotation_the_file_before_is_looked_at(tmp_path: Path) -> None:
    """Killed between setting aside and its first line, it shows a backup all the same (P21)."""
    asked: list[Address] = []

    async def knows(address: Address, _digest: str) -> bool:
        asked.append(address)
        return True

    async def opened() -> None:
        sink = sink_in(tmp_path, knows)
        await sink.connect()
        await sink.close()

    sink = sink_in(tmp_path)
    await sink.connect()
    holding = asyncio.create_task(sink.hold())
    for seq in (1, 2):
        await sink.send(Delivery(row=event_row(seq)))
    holding.cancel()
    await asyncio.wait((holding,))
    await sink.close()
    await opened()
    newest = tmp_path / "audit.jsonl.10"
    (tmp_path / "audit.jsonl").rename(newest)
    (tmp_path / "audit.jsonl.9").write_bytes(b"{}\n")
    await opened()
    newest.write_bytes(newest.read_bytes() + b"torn")
    await opened()
    assert [address.seq for address in asked] == [2, 2, 2]
    newest.unlink()
    newest.mkdir()
    await opened()
    assert len(asked) == 3


async def test_what_is_no_event_is_refused_for_ever(tmp_path: Path) -> None:
    """A damaged body is told from a full disk: it goes to quarantine."""
    whole = event_row(1)
    damaged = Row(
        epoch=whole.epoch, seq=1, kind="x", unit=None, wall_ms=0, body=b"{", hash=whole.hash
    )
    sink = sink_in(tmp_path)
    with pytest.raises(RefusedError) as refused:
        await sink.send(Delivery(row=damaged))
    assert refused.value.refusal is Refusal.NEVER


async def test_what_waits_is_one_block(tmp_path: Path) -> None:
    """Events sent in one turn of the loop are written and synced together."""
    sink = sink_in(tmp_path)
    await sink.connect()
    holding = asyncio.create_task(sink.hold())
    sent = [sink.send(Delivery(row=event_row(seq))) for seq in range(1, 101)]
    assert not any(confirmed.done() for confirmed in sent)
    await settled()
    assert all(confirmed.done() for confirmed in sent)
    holding.cancel()
    await asyncio.wait((holding,))
    await sink.close()
    assert seqs(tmp_path / "audit.jsonl") == list(range(1, 101))


async def test_a_sender_that_no_longer_waits_does_no_harm(tmp_path: Path) -> None:
    """A cancelled delivery is written all the same, and the next one is confirmed."""
    sink = sink_in(tmp_path)
    await sink.connect()
    sink.send(Delivery(row=event_row(1))).cancel()
    confirmed = sink.send(Delivery(row=event_row(2)))
    holding = asyncio.create_task(sink.hold())
    await confirmed
    sink.send(Delivery(row=event_row(3))).cancel()
    holding.cancel()
    await asyncio.wait((holding,))
    await sink.close()
    assert seqs(tmp_path / "audit.jsonl") == [1, 2]


def test_after_a_kill_every_line_is_whole(tmp_path: Path) -> None:
    """Killed while writing: what was confirmed is there, and after the next open all is whole."""
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    ) as victim:
        assert victim.stdout is not None
        for line in victim.stdout:
            if int(line) == 200:
                break
        victim.send_signal(signal.SIGKILL)
        confirmed = 200 + len(victim.stdout.read().splitlines())

    async def reopen() -> None:
        sink = sink_in(tmp_path)
        await sink.connect()
        await sink.close()

    asyncio.run(reopen())
    kept = seqs(tmp_path / "audit.jsonl")
    assert kept == list(range(1, len(kept) + 1))
    assert len(kept) >= confirmed


def row_of(seq: int) -> tuple[Address, str]:
    """Return address and hash of an event."""
    row = event_row(seq)
    return row.address, row.hash


async def test_the_last_line_is_held_against_the_journal(tmp_path: Path) -> None:
    """Asked before anything is written; where the run is over for it, nothing is."""
    asked: list[tuple[Address, str]] = []

    async def knows(address: Address, digest: str) -> bool:
        asked.append((address, digest))
        return len(asked) < 2

    sink = sink_in(tmp_path, knows)
    await sink.connect()
    assert asked == []
    holding = asyncio.create_task(sink.hold())
    for seq in (1, 2):
        await sink.send(Delivery(row=event_row(seq)))
    holding.cancel()
    await asyncio.wait((holding,))
    await sink.connect()
    with pytest.raises(SinkDownError, match="which the journal does not know"):
        await sink.connect()
    await sink.close()
    assert asked == [row_of(2)] * 2


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b'{"data": 1}',
        b'{"data": {"station": "acme/press-08", "epoch": "000001-aaaaaaaa", "seq": 1}}',
        b'{"data": {"station": "acme/press-07", "epoch": "1", "seq": 1, "hash": "x"}}',
    ],
)
async def test_a_line_of_nobody_or_of_another_station_says_nothing(
    tmp_path: Path, line: bytes
) -> None:
    """Only an event of this station is held against its journal."""

    async def knows(_address: Address, _digest: str) -> bool:
        raise AssertionError("nobody has asked")

    (tmp_path / "audit.jsonl").write_bytes(line + b"\n")
    sink = sink_in(tmp_path, knows)
    await sink.connect()
    await sink.close()
