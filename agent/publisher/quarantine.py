"""Where one sink's undeliverable events go: a file of JSON lines beside the journal.

Each line holds the event itself, so that it can be shown and released although the journal may have
let go of it, and a digest, so that one that has rotted is told and never sent. It is on the disk
before the cursor passes the event.

Releasing: a person asks (`lineside quarantine release`), in a file of addresses beside this one; a
question costs nobody anything, and survives whatever happens to the agent. The agent alone sends
and writes here: it takes a question within seconds while it runs, else at its next start. What the
sink then confirms leaves the quarantine; what it refuses again stays, with the newest cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson

from agent.formats.canonical import canonical
from agent.lines import OWNER_ONLY, LineFile, sync_directory
from agent.ports import Address, Clock, Delivery, Row, Worker

MOST = (1 << 42) - 1
"""No seq and no moment of ours is larger: that is the year 2109."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One event in a quarantine."""

    row: Row
    after: Address | None
    """As it was to be sent with, on a filtered stream."""
    cause: str
    wall_ms: int
    """When it was refused, the last time."""


def held_in(path: Path) -> tuple[list[Held], int]:
    """Return what a quarantine holds, the oldest first, and how many lines nobody can read.

    Raises:
        OSError: it cannot be read.
    """
    if not path.exists():
        return [], 0
    lines = path.read_bytes().splitlines()
    found = [held for line in lines if (held := _held(line)) is not None]
    return found, len(lines) - len(found)


def _held(line: bytes) -> Held | None:
    """Return what a line holds; None for one that a broken disk, or a hand, has left."""
    try:
        entry = orjson.loads(line)
        address = Address(_text(entry["epoch"]), _count(entry["seq"]))
        body = _text(entry["body"]).encode()
        if not _is_its_own(address, body, entry.get("digest")):
            return None  # sent, it would be another event under this address
        after = entry.get("after")
        wall_ms = _count(entry["wall_ms"])
        return Held(
            row=Row(
                epoch=address.epoch,
                seq=address.seq,
                kind=_text(entry["kind"]),
                unit=None,
                wall_ms=wall_ms,
                body=body,
                hash="",
            ),
            after=None if after is None else _address(after),
            cause=_text(entry["cause"]),
            wall_ms=wall_ms,
        )
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return None


def _is_its_own(address: Address, body: bytes, digest: object) -> bool:
    """Return whether a body is what was set aside under its address.

    A line without a digest is of an earlier version: there the event's own hash has to tell.

    Raises:
        KeyError, TypeError, ValueError: it is no event, where that is asked.
    """
    if digest is not None:
        return digest == _digest(str(address), body)
    event = orjson.loads(body)
    content = {name: value for name, value in event.items() if name != "hash"}
    named = Address(event["epoch"], event["seq"])
    return named == address and event["hash"] == sha256(canonical(content)).hexdigest()


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"no text: {value!r}")
    return value


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MOST:
        raise ValueError(f"no number of ours: {value!r}")
    return value


def _address(value: object) -> Address:
    if not isinstance(value, list):
        raise TypeError(f"no address: {value!r}")
    epoch, seq = value
    return Address(_text(epoch), _count(seq))


def _digest(address: str, body: bytes) -> str:
    """Return what shows that neither address nor event have changed since it was set aside."""
    return sha256(address.encode() + b" " + body).hexdigest()


def release_path(path: Path) -> Path:
    """Return the file in which the release of a quarantine's events is asked for."""
    return path.with_suffix(".release")


def ask_release(path: Path, addresses: list[Address]) -> None:
    """Ask that these leave a quarantine; on the disk when this returns.

    Raises:
        OSError: it cannot be written.
    """
    asking = LineFile(release_path(path), OWNER_ONLY)
    asking.open()
    try:
        asking.append(orjson.dumps([address.epoch, address.seq]) for address in addresses)
    finally:
        asking.close()


def _asked(line: bytes) -> Address | None:
    """Return what a line asks for; None for one that a power cut tore, or a hand wrote."""
    try:
        return _address(orjson.loads(line))
    except (TypeError, ValueError):
        return None  # it is asked again


class Quarantine:
    """One sink's quarantine; its file is made with the first event that goes there."""

    def __init__(self, path: Path, worker: Worker, clock: Clock) -> None:
        self.path = path
        self._file = LineFile(path, OWNER_ONLY)
        self._worker = worker
        self._clock = clock
        self._known: set[Address] | None = None

    async def put(self, row: Row, cause: str, after: Address | None = None) -> None:
        """Keep an event, once, however often it is put; on the disk when this returns.

        Raises:
            OSError: it cannot be written.
        """
        line = self._line(row, cause, after)
        await self._worker.run(lambda: self._write(row.address, line))

    async def addresses(self) -> frozenset[Address]:
        """Return what is held.

        Raises:
            OSError: the file cannot be read.
        """
        return frozenset(await self._worker.run(self._held))

    async def asked(self) -> list[Delivery]:
        """Return what a person wants released, and forget the question.

        Raises:
            OSError: a file cannot be read, or the question not be removed.
        """
        return await self._worker.run(self._take_asked)

    async def let_go(self, address: Address) -> None:
        """Take out what has been delivered after all.

        Raises:
            OSError: the file cannot be written.
        """
        await self._worker.run(lambda: self._rewrite(address, None))

    async def keep(self, row: Row, cause: str, after: Address | None) -> None:
        """Keep what was refused again, with the new cause.

        Raises:
            OSError: the file cannot be written.
        """
        line = self._line(row, cause, after)
        await self._worker.run(lambda: self._rewrite(row.address, line))

    # ------------------------------------------------------------- on the worker

    def _line(self, row: Row, cause: str, after: Address | None) -> bytes:
        body = row.body.decode("utf-8", "backslashreplace")
        entry = {
            "epoch": row.epoch,
            "seq": row.seq,
            "kind": row.kind,
            "cause": cause,
            "wall_ms": self._clock.now().wall_ms,
            "body": body,
            "digest": _digest(str(row.address), body.encode()),
        }
        if after is not None:
            entry["after"] = [after.epoch, after.seq]
        return orjson.dumps(entry)

    def _held(self) -> set[Address]:
        if self._known is None:
            self._known = {held.row.address for held in held_in(self.path)[0]}
        return self._known

    def _write(self, address: Address, line: bytes) -> None:
        """Append the line, the file open for just that long: this is rare."""
        self._file.open()
        try:
            if address not in self._held():
                self._file.append((line,))
                self._held().add(address)
        finally:
            self._file.close()

    def _take_asked(self) -> list[Delivery]:
        asking = release_path(self.path)
        taken = asking.with_suffix(".taken")
        if not taken.exists():
            if not asking.exists():
                return []
            asking.rename(taken)  # what is asked from here on is a new file
        wanted = {asked for line in taken.read_bytes().splitlines() if (asked := _asked(line))}
        found = [
            Delivery(row=held.row, after=held.after)
            for held in held_in(self.path)[0]
            if held.row.address in wanted
        ]
        taken.unlink()
        return found

    def _rewrite(self, address: Address, line: bytes | None) -> None:
        """Write the file anew without an event, or with another line for it."""
        lines = [
            kept
            for kept in self.path.read_bytes().splitlines()
            if (held := _held(kept)) is None or held.row.address != address
        ]
        beside = self.path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        anew = LineFile(beside, OWNER_ONLY)
        anew.open()
        try:
            anew.append([*lines, *([] if line is None else [line])])
        finally:
            anew.close()
        beside.replace(self.path)
        sync_directory(self.path.parent)
        self._known = None
