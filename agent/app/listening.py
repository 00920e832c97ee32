"""A reader listened to, with nothing behind it: each code as it comes, explained or judged.

The reader is the same driver that a station runs, so what shows here is what a station would get.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.app import decode, station_code
from agent.app.decode import Explanation, Profile
from agent.app.registries import registries
from agent.app.rim import SystemClock
from agent.config.load import load
from agent.config.problems import ConfigError
from agent.core.identity.rules import Identified, Judgement, badge_of, looks_like_badge
from agent.core.station import Station
from drivers.base import (
    AnyObservation,
    CodeScanned,
    DriverError,
    FrameStatus,
    LinkChanged,
    SamplesLost,
)
from drivers.options import DriverSpec
from drivers.registry import driver_spec

__all__ = [
    "ConfigError",
    "Heard",
    "Reader",
    "ReaderError",
    "as_object",
    "listen",
    "reader_at",
    "reader_of",
]

BY_ID = Path("/dev/serial/by-id")
LONGEST = 4096
"""Bytes: who tries out a reader may show it any label."""

_NETWORK = re.compile(r"(?:tcp://)?([^/:]+|\[[^/\]]+\]):(\d+)")
_LINE = re.compile(r"(\d+)(?:[ ,/-]?([78])([NEOneo])([12]))?")
_PARITIES = {"N": "none", "E": "even", "O": "odd"}
_RENUMBERED = re.compile(r"/dev/tty(?:USB|ACM)\d+")


class ReaderError(Exception):
    """The reader cannot be listened to, or no longer; one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What to listen to."""

    spec: DriverSpec
    options: Any
    device: str
    station: Station | None = None
    """Whose rules judge the codes; None: they are only explained."""

    @property
    def endpoint(self) -> str:
        """Where it is."""
        return self.spec.endpoint(self.options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One frame, and what it is."""

    time: datetime
    status: FrameStatus
    raw: bytes
    """Empty for a badge and for what may be one: only its length is kept (D-64)."""
    length: int
    is_badge: bool = False
    explanation: Explanation | None = None
    judgement: Judgement | None = None

    @property
    def accepted(self) -> bool:
        """Whether it is a whole code, and a right one."""
        if self.explanation is not None:
            return self.explanation.accepted
        return self.is_badge or isinstance(self.judgement, Identified)


def reader_at(port: str, *, line: str = "", end: str = "ANY", by_id: Path = BY_ID) -> Reader:
    """Return the reader at a serial port or a network address.

    Args:
        port: A path, or `host:port`.
        line: Speed and form of a serial line: `115200`, `9600 7E1`.
        end: What ends a code: CR, LF, CRLF, ANY, ETX, or a silence such as 50ms.
        by_id: Where the stable names of ports are.

    Raises:
        ReaderError: it cannot be so.
    """
    given: dict[str, object] = {"framing": _framing(end) | {"max": LONGEST}, "no_read": ()}
    network = None if port.startswith("/") else _NETWORK.fullmatch(port)
    if network is not None:
        given |= {"host": network[1].strip("[]"), "port_number": int(network[2])}
    else:
        given |= {"port": _stable(port, by_id)}
    if line:
        given |= _settings(line)
    spec = driver_spec("scanner")
    try:
        return Reader(spec=spec, options=spec.options.model_validate(given), device="reader")
    except ValidationError as error:
        causes = "; ".join(each["msg"].removeprefix("Value error, ") for each in error.errors())
        raise ReaderError(causes) from error


def reader_of(path: Path, port: str) -> Reader:
    """Return a reader of a station file, by the name of its device or by its port.

    Raises:
        ConfigError: the station file is refused.
        ReaderError: it has no such reader.
    """
    config = load(path, registries())
    readers = [
        Reader(spec=spec, options=device.options, device=device.name, station=config.station)
        for device in config.devices.values()
        if (spec := driver_spec(device.driver)).tag_options is None
    ]
    for reader in readers:
        if port in (reader.device, reader.endpoint, reader.endpoint.removeprefix("tcp://")):
            return reader
    names = ", ".join(f"{one.device} ({one.endpoint})" for one in readers) or "none"
    raise ReaderError(f"{path}: no reader {port!r}; it has: {names}")


async def listen(
    reader: Reader,
    profile: Profile,
    show: Callable[[Heard], None],
    tell: Callable[[str], None],
    *,
    for_s: float | None = None,
    most: int | None = None,
) -> None:
    """Show each frame of a reader as it comes, until stopped, until its time or number is over.

    Args:
        reader: What to listen to.
        profile: How codes are read where no station judges them.
        show: Gets each frame.
        tell: Gets a line where the link comes up or something is wrong with it.
        for_s: Stop after so long; None: on SIGINT or SIGTERM.
        most: Stop after so many frames.

    Raises:
        ReaderError: it cannot be reached, or is gone.
    """
    over = asyncio.Event()
    seen = 0

    async def emit(observation: AnyObservation) -> None:
        nonlocal seen
        if isinstance(observation, CodeScanned):
            if not over.is_set():
                show(_heard(observation, reader, profile))
                seen += 1
            if seen == most:
                over.set()
        elif isinstance(observation, LinkChanged):
            for text in observation.warnings or (f"listening to {reader.endpoint}",):
                tell(text)
        elif isinstance(observation, SamplesLost):
            tell(observation.reason)

    driver = reader.spec.build(reader.device, reader.options, (), SystemClock())
    with _signals(over):
        running = asyncio.ensure_future(driver.run(emit))
        waiting = asyncio.ensure_future(over.wait())
        try:
            await asyncio.wait(
                (running, waiting), timeout=for_s, return_when=asyncio.FIRST_COMPLETED
            )
            if running.done() and not over.is_set():
                raise ReaderError(str(running.exception() or "the driver ended"))
        finally:
            waiting.cancel()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError, DriverError):
                await running


def as_object(heard: Heard) -> dict[str, Any]:
    """Return a frame as a JSON object."""
    found: dict[str, Any] = {
        "time": heard.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "status": heard.status,
        "raw": heard.raw.hex() if heard.raw else None,
        "length": heard.length,
        "accepted": heard.accepted,
    }
    if heard.explanation is not None:
        found |= decode.as_object(heard.explanation)
    elif heard.judgement is not None:
        found |= station_code.as_object(heard.judgement)
    elif heard.is_badge:
        found["means"] = "operator"
    return found


def _heard(seen: CodeScanned, reader: Reader, profile: Profile) -> Heard:
    """Return what a frame is; of a badge, and of what may be one, nothing is kept (D-64)."""
    time = datetime.fromtimestamp(seen.received.wall_ms / 1000, tz=UTC)
    heard = Heard(time=time, status=seen.status, raw=seen.raw, length=len(seen.raw))
    whole, station = seen.status is FrameStatus.OK, reader.station
    if station is None:
        return replace(heard, explanation=decode.explain(seen.raw, profile)) if whole else heard
    day = profile.reference_date
    if whole and badge_of(seen.raw, station.scans, reference_date=day) is not None:
        return replace(heard, raw=b"", is_badge=True)
    if looks_like_badge(seen.raw, station.scans):
        return replace(heard, raw=b"")
    return replace(heard, judgement=station_code.judged(seen.raw, station, day)) if whole else heard


def _framing(end: str) -> dict[str, object]:
    word = end.upper()
    if word == "ETX":
        return {"start": "STX", "end": "ETX"}
    return {"end": word} if word.isalpha() else {"idle": end}


def _settings(line: str) -> dict[str, object]:
    found = _LINE.fullmatch(line.strip())
    if found is None:
        raise ReaderError(f"{line!r} is no line setting; write it like 9600 or '115200 8N1'")
    speed, bits, parity, stop = found.groups()
    settings: dict[str, object] = {"baudrate": int(speed)}
    if bits:
        settings |= {"data_bits": int(bits), "parity": _PARITIES[parity.upper()]}
        settings["stop_bits"] = int(stop)
    return settings


def _stable(port: str, by_id: Path) -> str:
    """Return the name in by-id of a port that was given by one that moves (PITFALLS T5)."""
    if _RENUMBERED.fullmatch(port) and by_id.is_dir():
        for link in sorted(by_id.iterdir()):
            if link.resolve() == Path(port):
                return str(link)
    return port


@contextlib.contextmanager
def _signals(over: asyncio.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM end what runs inside."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, over.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
