"""One attempt at one OPC UA server: connect, resolve, subscribe, poll, watch; read and write.

Laws:
    1. Every link is a new client: namespaces are read and nodes resolved anew (D-160).
    2. The present value of every tag comes first, and is not an event (D-159).
    3. Whatever is doubtful ends the run with LinkDownError; session and sockets are closed.
    4. A group is written only after the one before it was read back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from asyncua import ua

from drivers.base import (
    Clock,
    DriverConfigError,
    DriverError,
    Emit,
    LinkChanged,
    LinkDownError,
    Quality,
    Scalar,
    SnapshotRead,
    TagFault,
    TagGroup,
    TagValue,
    WriteGroup,
)
from drivers.opcua import OpcUaOptions, endpoint, values
from drivers.opcua.errors import status_name
from drivers.opcua.feed import Feed, Terms, subscribe
from drivers.opcua.link import Link, connected
from drivers.opcua.poll import poll
from drivers.opcua.resolve import Item, ServerSeen, chunks, fault_of, look_at_server, resolve
from drivers.opcua.security import ending
from drivers.opcua.seen import Seen
from drivers.opcua.status import quality_of
from drivers.opcua.watch import Watch, code_of
from drivers.options import Tag

MOST_TRIES = 3
"""How often a snapshot is tried (D-21)."""

_READ_BACKS = 5
_FOR_A_WHILE = (
    "BadNoCommunication",
    "BadNotConnected",
    "BadDeviceFailure",
    "BadOutOfService",
    "BadTooManyOperations",
    "BadResourceUnavailable",
    "BadTimeout",
    "BadShutdown",
    "BadServerHalted",
)
"""Why a write can be refused that nobody has to edit a file for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Live:
    """What read and write need while a link is up."""

    link: Link
    server: ServerSeen
    items: dict[str, Item]
    faults: dict[str, TagFault]


class OpcUaDriver:
    """One server, as `drivers.base.Driver` has it."""

    def __init__(
        self, device: str, options: OpcUaOptions, tags: Sequence[Tag], clock: Clock
    ) -> None:
        self._options = options
        self._tags = tuple(tags)
        self._where = endpoint(options)
        self._clock = clock
        self._seen = Seen(device, clock)
        self._live: _Live | None = None

    async def run(self, emit: Emit) -> None:
        """Connect once and hand on what is seen; never return.

        Raises:
            LinkDownError: the server cannot be reached, or no longer, or is not what it was.
            DriverConfigError: it refuses what the station file says of the connection.
        """
        self._seen.new_link()
        async with connected(self._options) as link:
            server = await look_at_server(link)
            items, faults = await resolve(link, server, self._tags)
            fast = [item for item in items if item.tag.fast]
            slow = [item for item in items if not item.tag.fast]
            terms, unwatched = None, list[TagFault]()
            if slow:
                terms, unwatched = await subscribe(link, self._options, slow, server.items_per_call)
            faults += unwatched
            broken = {fault.tag: fault for fault in faults}
            self._live = _Live(
                link=link,
                server=server,
                items={item.tag.name: item for item in items if item.tag.name not in broken},
                faults=broken,
            )
            try:
                await self._say_up(emit, faults, terms.warnings if terms is not None else ())
                await self._jobs(emit, self._live, terms, slow, fast)
            finally:
                self._live = None

    async def _say_up(
        self, emit: Emit, faults: Sequence[TagFault], warnings: tuple[str, ...]
    ) -> None:
        """Emit that the link is up, and that the tags at fault have no value.

        Revised intervals are warnings, not faults: trigger and request are read, not sampled, so
        a slower server makes no handshake unsafe (FAULTS U10).
        """
        now = self._clock.now()
        ends = ending(self._options.security, now.wall_ms)
        await emit(
            LinkChanged.at(
                now,
                self._seen.id(),
                self._seen.device,
                up=True,
                faults=tuple(faults),
                warnings=(*warnings, *ends),
            )
        )
        if faults:
            lacking = tuple(_lacking(fault.tag, fault) for fault in faults)
            await emit(self._seen.values(lacking, now.boot_ms, now.boot_ms, now))

    async def _jobs(
        self,
        emit: Emit,
        live: _Live,
        terms: Terms | None,
        slow: Sequence[Item],
        fast: Sequence[Item],
    ) -> None:
        """Run the jobs of a link until one of them fails; raise that failure."""
        link, interval_s = live.link, self._options.fast_interval
        watched = [item for item in slow if item.tag.name in live.items]
        faulty = [tag for tag in self._tags if tag.name in live.faults]
        grace_s = self._options.timeout + (2 * terms.blur_ms / 1000 if terms is not None else 0)
        watch = Watch(
            link,
            self._seen,
            server=live.server,
            watched=watched,
            faulty=faulty,
            grace_s=grace_s,
        )
        try:
            async with asyncio.TaskGroup() as jobs:
                jobs.create_task(link.until_broken(), name=f"{self._where} broken")
                jobs.create_task(watch.run(), name=f"{self._where} watch")
                if terms is not None:
                    feed = Feed(link, terms, slow, self._seen)
                    jobs.create_task(feed.run(emit), name=f"{self._where} feed")
                if fast:
                    polling = poll(link, fast, interval_s, self._seen, emit)
                    jobs.create_task(polling, name=f"{self._where} poll")
        except BaseExceptionGroup as group:
            raise _first_cause(group) from None

    async def read(self, group: TagGroup) -> SnapshotRead:
        """Return the group: guard, data, guard, each one read; at most three times.

        Raises:
            LinkDownError: there is no link, or it broke; `run` ends as well.
            DriverConfigError: the group names a tag that this device was not given.
        """
        live = self._need()
        data_tags = tuple(tag for tag in group.tags if tag not in group.guard)
        tries, coherent = 0, False
        guard: list[TagValue] = []
        data: list[TagValue] = []
        sent = received = self._clock.now()
        while not coherent and tries < MOST_TRIES:
            tries += 1
            sent = self._clock.now()
            first = await self._values(live, group.guard)
            data = await self._values(live, data_tags)
            guard = await self._values(live, group.guard) if data_tags else first
            received = self._clock.now()
            coherent = all(
                value.quality is Quality.GOOD and value.value == earlier.value
                for value, earlier in zip(guard, first, strict=True)
            )
        return SnapshotRead(
            id=self._seen.id(),
            device=self._seen.device,
            earliest_ms=sent.boot_ms,
            latest_ms=received.boot_ms,
            received=received,
            ask="",
            group=group.name,
            values=(*guard, *data),
            coherent=coherent,
            tries=tries,
        )

    async def write(self, groups: Sequence[WriteGroup]) -> None:
        """Write the groups in order; each is read back before the next is written.

        Raises:
            LinkDownError: there is no link, it broke, or the device does not hold a value.
            DriverConfigError: a tag is not declared for writing, or does not take the value. What
                can be known beforehand is checked before anything is written.
        """
        live = self._need()
        for prepared in [self._prepared(live, group) for group in groups]:
            await self._write(live, prepared)

    def _need(self) -> _Live:
        """Return the live link."""
        if self._live is None:
            raise LinkDownError(f"{self._where}: no link")
        return self._live

    async def _values(self, live: _Live, tags: Sequence[str]) -> list[TagValue]:
        """Return the present value of each tag, in order; a tag at fault has none."""
        found = {tag: _lacking(tag, live.faults[tag]) for tag in tags if tag in live.faults}
        items = [self._item(live, tag) for tag in tags if tag not in found]
        for some in chunks(items, live.server.nodes_per_read):
            readings = await live.link.values(live.link.read_request([one.node for one in some]))
            wall_ms = self._clock.now().wall_ms
            for item, reading in zip(some, readings, strict=True):
                found[item.tag.name] = values.tag_value(item.tag.name, reading, wall_ms)
        return [found[tag] for tag in tags]

    def _item(self, live: _Live, tag: str) -> Item:
        """Return a tag's item on this link."""
        if tag in live.faults:
            fault = live.faults[tag]
            raise DriverConfigError(tag, fault.cause, fault.hint)
        if tag not in live.items:
            raise DriverConfigError(tag, f"{self._where} was given no such tag", "declare it")
        return live.items[tag]

    def _prepared(self, live: _Live, group: WriteGroup) -> list[tuple[Item, Scalar]]:
        """Return the items of a group with the values as their nodes hold them."""
        prepared = []
        for tag, value in group.values:
            item = self._item(live, tag)
            if not item.tag.write:
                raise DriverConfigError(tag, "it is not declared for writing", "set `write: true`")
            try:
                prepared.append((item, values.fit(value, item.kind)))
            except values.UnfitError as error:
                raise DriverConfigError(
                    tag, str(error), "give the variable a type that holds every answer"
                ) from None
        return prepared

    async def _write(self, live: _Live, prepared: Sequence[tuple[Item, Scalar]]) -> None:
        """Write one group and read it back."""
        for some in chunks(prepared, live.server.nodes_per_write):
            statuses = await live.link.write(
                [(item.node, ua.Variant(value, ua.VariantType(item.kind))) for item, value in some]
            )
            for (item, _), status in zip(some, statuses, strict=True):
                self._check_status(live, item, status)
        for _ in range(_READ_BACKS):
            found = await self._values(live, [item.tag.name for item, _ in prepared])
            wrong = [
                (item, value, back)
                for (item, value), back in zip(prepared, found, strict=True)
                if back.quality is not Quality.GOOD or back.value != value
            ]
            if not wrong:
                return
            await self._clock.sleep(self._options.fast_interval)  # some servers write behind
        item, value, back = wrong[0]
        reads = f"{back.value!r} {back.code}".rstrip()
        raise live.link.down(f"tag '{item.tag.name}' was written {value!r} and reads {reads}")

    def _check_status(self, live: _Live, item: Item, status: int) -> None:
        """Raise what a refused write means."""
        if quality_of(status) is not Quality.BAD:
            return
        if status_name(status).partition(" ")[0] in _FOR_A_WHILE:
            raise live.link.down(f"tag '{item.tag.name}' not written: {status_name(status)}")
        fault = fault_of(item.tag.name, status)
        raise DriverConfigError(item.tag.name, fault.cause, fault.hint)


def _lacking(tag: str, fault: TagFault) -> TagValue:
    """Return the value of a tag at fault."""
    return TagValue(tag=tag, value=None, quality=Quality.BAD, code=code_of(fault))


def _first_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the failure that ended the jobs: a bug before a lost link."""
    leaves: list[BaseException] = []
    rest: list[BaseException] = [group]
    while rest:
        one = rest.pop()
        if isinstance(one, BaseExceptionGroup):
            rest.extend(reversed(one.exceptions))
        else:
            leaves.append(one)
    return next((one for one in leaves if not isinstance(one, DriverError)), leaves[0])
