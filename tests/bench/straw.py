"""The straw man: the least that could do the job, to measure the product against (PERFORMANCE).

One process: a line comes in, is parsed once, written as JSON, committed by an apsw thread with
group commit (WAL, FULL), published by paho driven from the loop with a window, and its confirmation
is written back. No binding, no checks, no chain, no mark, no log.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import orjson
import serial
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.threads import ThreadWorker

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

WINDOW = 20


class Straw:
    """Lines in, rows on disk, messages confirmed."""

    def __init__(self, directory: Path, port: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._worker = ThreadWorker("straw")
        self._database = apsw.Connection(str(directory / "straw.db"))
        self._database.pragma("journal_mode", "wal")
        self._database.pragma("synchronous", 2)
        self._database.execute("CREATE TABLE e(seq INTEGER PRIMARY KEY, body BLOB, sent INTEGER)")
        self._seq = self.confirmed = 0
        self._port: serial.Serial | None = None
        self._unframed = b""
        self._waiting: list[tuple[int, bytes]] = []
        self._marks: list[int] = []
        self._busy: asyncio.Task[None] | None = None
        self._ready: deque[tuple[int, bytes]] = deque()
        self._mids: dict[int, int] = {}
        self.on_commit: Callable[[int], None] = lambda _seq: None
        self.on_confirmed: Callable[[int], None] = lambda _seq: None
        client = self._client = Client(
            CallbackAPIVersion.VERSION2, client_id="straw", protocol=MQTTProtocolVersion.MQTTv5
        )
        client.max_inflight_messages_set(WINDOW)
        client.on_publish = self._published
        client.on_socket_open = self._opened
        client.on_socket_close = self._closed
        client.on_socket_register_write = self._wants_to_write
        client.on_socket_unregister_write = self._has_written
        client.connect("127.0.0.1", port, clean_start=True)

    def _opened(self, client: Client, _data: object, sock: SocketLike) -> None:
        self._loop.add_reader(sock, client.loop_read)

    def _closed(self, _client: Client, _data: object, sock: SocketLike) -> None:
        self._loop.remove_reader(sock)

    def _has_written(self, _client: Client, _data: object, sock: SocketLike) -> None:
        self._loop.remove_writer(sock)

    def _published(
        self, _client: Client, _data: object, mid: int, _code: ReasonCode, _more: Properties
    ) -> None:
        self._loop.call_soon(self._acked, mid)

    def _wants_to_write(self, client: Client, _data: object, sock: SocketLike) -> None:
        self._loop.add_writer(sock, client.loop_write)

    def listen(self, port: str) -> None:
        """Take the lines that come over a serial port."""
        self._port = serial.Serial(port, timeout=0)
        self._loop.add_reader(self._port.fileno(), self._received)

    def _received(self) -> None:
        assert self._port is not None
        *lines, self._unframed = (self._unframed + self._port.read(4096)).split(b"\r")
        for line in lines:
            self.line(line)

    def line(self, raw: bytes) -> int:
        """Take one line."""
        self._seq += 1
        word, _, number = raw.partition(b"-")
        event = {
            "seq": self._seq,
            "kind": "code_scanned",
            "station": "straw/station",
            "code": raw.decode(),
            "word": word.decode(),
            "number": number.decode(),
            "time": {"wall_ms": time.time_ns() // 1_000_000, "mono_ns": time.monotonic_ns()},
            "padding": "x" * 300,
        }
        self._waiting.append((self._seq, orjson.dumps(event)))
        if self._busy is None:
            self._busy = self._loop.create_task(self._drain())
        return self._seq

    async def _drain(self) -> None:
        while self._waiting or self._marks:
            rows, self._waiting = self._waiting, []
            marks, self._marks = self._marks, []
            await self._worker.run(lambda r=rows, m=marks: self._commit(r, m))  # type: ignore[misc]  # bound here
            self._ready.extend(rows)
            for seq, _ in rows:
                self.on_commit(seq)
            self._send()
        self._busy = None

    def _commit(self, rows: list[tuple[int, bytes]], marks: list[int]) -> None:
        with self._database:
            self._database.executemany("INSERT INTO e VALUES (?, ?, 0)", rows)
            self._database.executemany("UPDATE e SET sent = 1 WHERE seq = ?", [(m,) for m in marks])

    def _send(self) -> None:
        while self._ready and len(self._mids) < WINDOW:
            seq, body = self._ready.popleft()
            sent = self._client.publish("straw/events", body, qos=1)
            self._mids[sent.mid] = seq

    def _acked(self, mid: int) -> None:
        seq = self._mids.pop(mid)
        self._marks.append(seq)
        self.confirmed += 1
        self.on_confirmed(seq)
        self._send()
        if self._busy is None:
            self._busy = self._loop.create_task(self._drain())

    @property
    def is_done(self) -> bool:
        """Whether everything taken is confirmed and marked."""
        return self.confirmed == self._seq and self._busy is None

    async def close(self) -> None:
        """Let go."""
        if self._port is not None:
            self._loop.remove_reader(self._port.fileno())
            self._port.close()
        if self._busy is not None:
            await self._busy
        self._client.disconnect()
        self._client.loop_write()
        self._worker.close()
        self._database.close()
