"""A look at a station's devices, one by one: what is there, how good, how fast, and what is not."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.app.registries import registries
from agent.app.rim import SystemClock
from agent.config.load import load
from agent.config.loaded import DeviceConfig, StationConfig
from agent.config.problems import ConfigError
from agent.core.identity.rules import badge_of, looks_like_badge
from agent.core.station import Station
from drivers.base import (
    AnyObservation,
    CodeScanned,
    Driver,
    DriverError,
    LinkChanged,
    TagFault,
    TagGroup,
    TagValue,
    ValuesSeen,
)
from drivers.options import Tag
from drivers.registry import driver_spec

__all__ = ["ConfigError", "ProbedDevice", "ProbedTag", "probe"]

SETTLE_S = 0.5
"""How long values may trickle in after the link is up."""
ROUNDS = 5
"""Reads whose round trip is measured; the middle one is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedTag:
    """One tag as the device shows it."""

    name: str
    place: str
    """`file:line:column`."""
    seen: TagValue | None
    """None: the device sent nothing for it."""
    fault: TagFault | None
    write: bool


@dataclass(slots=True, kw_only=True)
class ProbedDevice:
    """One device of a station."""

    name: str
    place: str
    endpoint: str
    error: str | None = None
    """Why it cannot be reached; None: the link came up."""
    connect_ms: float | None = None
    round_trip_ms: float | None = None
    tags: list[ProbedTag] = field(default_factory=list)
    codes: list[bytes] = field(default_factory=list)
    """What a reader sent while it was listened to, badges aside (D-64)."""
    badges: int = 0
    """How many badges it sent, or what began like one."""
    is_reader: bool = False

    @property
    def is_fine(self) -> bool:
        """Whether the link came up and every tag is there with a value."""
        return self.error is None and all(
            tag.fault is None and tag.seen is not None and tag.seen.value is not None
            for tag in self.tags
        )


async def probe(path: Path, *, within_s: float, listen_s: float) -> AsyncIterator[ProbedDevice]:
    """Connect to each device of a station file in turn and yield what it shows.

    Args:
        path: The station file.
        within_s: How long a device may take to come up.
        listen_s: How long a reader is listened to.

    Raises:
        ConfigError: the station file is refused.
    """
    config = load(path, registries())
    for device in config.devices.values():
        yield await _probe(config, device, within_s, listen_s)


class Watch:
    """What a driver emits while it is looked at."""

    def __init__(self, station: Station) -> None:
        self._rules = station.scans
        self.badges = 0
        self.up = asyncio.Event()
        self.faults: tuple[TagFault, ...] = ()
        self.values: dict[str, TagValue] = {}
        self.codes: list[bytes] = []

    async def emit(self, observation: AnyObservation) -> None:
        """Note it."""
        if isinstance(observation, LinkChanged):
            self.faults = observation.faults
            self.up.set()
        elif isinstance(observation, ValuesSeen):
            self.values.update({value.tag: value for value in observation.values})
        elif isinstance(observation, CodeScanned):
            self._scanned(observation)

    def _scanned(self, seen: CodeScanned) -> None:
        is_badge = badge_of(seen.raw, self._rules, reference_date=seen.received.day) is not None
        if is_badge or looks_like_badge(seen.raw, self._rules):
            self.badges += 1
        else:
            self.codes.append(seen.raw)


async def _probe(
    config: StationConfig, device: DeviceConfig, within_s: float, listen_s: float
) -> ProbedDevice:
    spec = driver_spec(device.driver)
    tags = [
        Tag(name=tag.name, address=tag.address, write=tag.write, fast=tag.fast)
        for tag in device.tags
    ]
    driver = spec.build(device.name, device.options, tags, SystemClock())
    found = ProbedDevice(
        name=device.name,
        place=config.where(device.name),
        endpoint=device.endpoint,
        is_reader=spec.tag_options is None,
    )
    watch = Watch(config.station)
    running = asyncio.ensure_future(driver.run(watch.emit))
    try:
        await _look(driver, running, watch, found, tags, within_s, listen_s)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, DriverError):
            await running
    faults = {fault.tag: fault for fault in watch.faults}
    found.codes, found.badges = watch.codes, watch.badges
    found.tags = [
        ProbedTag(
            name=tag.name,
            place=config.where(tag.name),
            seen=watch.values.get(tag.name),
            fault=faults.get(tag.name),
            write=tag.write,
        )
        for tag in tags
    ]
    return found


async def _look(  # noqa: PLR0917 - one look, told in one go
    driver: Driver,
    running: asyncio.Future[None],
    watch: Watch,
    found: ProbedDevice,
    tags: list[Tag],
    within_s: float,
    listen_s: float,
) -> None:
    began_s = time.monotonic()
    coming = asyncio.ensure_future(watch.up.wait())
    await asyncio.wait((running, coming), timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    coming.cancel()
    if _has_ended(running, found):
        return
    if not watch.up.is_set():
        found.error = f"{found.endpoint}: no link within {within_s:g} s"
        return
    found.connect_ms = (time.monotonic() - began_s) * 1000
    await asyncio.wait((running,), timeout=listen_s if found.is_reader else SETTLE_S)
    faulty = {fault.tag for fault in watch.faults}
    names = tuple(tag.name for tag in tags if tag.name not in faulty)
    if _has_ended(running, found) or not names:
        return
    trips = []
    for _ in range(ROUNDS):
        began_s = time.monotonic()
        try:
            read = await driver.read(TagGroup(name="probe", guard=(), tags=names))
        except DriverError as error:
            found.error = str(error)
            return
        trips.append((time.monotonic() - began_s) * 1000)
        watch.values.update({value.tag: value for value in read.values})
    found.round_trip_ms = sorted(trips)[ROUNDS // 2]


def _has_ended(running: asyncio.Future[None], found: ProbedDevice) -> bool:
    """Whether the link did not come up, or has gone while it was looked at; notes why."""
    if running.done():
        found.error = str(running.exception() or "the driver ended")
    return running.done()
