"""The subscription: what changed, straight from the publish responses and in their order.

Theory: one publish request is out at a time; its answer is handed on before the next one is sent.
So order is the server's, nothing waits in a queue of ours, and a receiver that is full makes the
server's queues fill, whose overflow bit then names what was lost (D-157, PITFALLS U3, U6). What
was acknowledged is not yet durable: the handshake, not the subscription, is the truth (U4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from asyncua import ua
from asyncua.ua.ua_binary import struct_from_binary

from drivers.base import AnyObservation, Emit, Instant, TagFault
from drivers.opcua import OpcUaOptions, values
from drivers.opcua import status as words
from drivers.opcua.errors import status_name
from drivers.opcua.link import Link
from drivers.opcua.resolve import Item, chunks, fault_of
from drivers.opcua.seen import Seen
from drivers.opcua.wire import Published

_LIFETIME_S = 60
_MOST_PER_PUBLISH = 5_000
_LEAST_QUEUE = 10
_LAST_SEQUENCE = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the server made of our wishes (PITFALLS U6: the library hides it)."""

    subscription: int
    publishing_ms: float
    sampling_ms: float
    """The slowest of all items."""
    keep_alive_s: float
    """It owes us an answer at least that often."""
    warnings: tuple[str, ...]

    @property
    def blur_ms(self) -> int:
        """How long before its receipt a change may have happened."""
        return math.ceil(self.publishing_ms + max(self.sampling_ms, 0))


async def subscribe(
    link: Link, options: OpcUaOptions, items: Sequence[Item], per_call: int
) -> tuple[Terms, list[TagFault]]:
    """Subscribe to the items; a client handle is an item's place in `items`.

    Returns:
        The server's terms, and the items that it does not watch.
    """
    publishing_ms = options.publishing_interval * 1000
    keep_alives = max(1, round(options.timeout * 1000 / publishing_ms))
    request = ua.CreateSubscriptionRequest()
    request.Parameters = ua.CreateSubscriptionParameters(
        RequestedPublishingInterval=publishing_ms,
        RequestedMaxKeepAliveCount=keep_alives,
        RequestedLifetimeCount=max(3 * keep_alives, math.ceil(_LIFETIME_S * 1000 / publishing_ms)),
        MaxNotificationsPerPublish=_MOST_PER_PUBLISH,
        PublishingEnabled=True,
    )
    with link.asking():
        raw = await link.session.ask(request)
        answer = struct_from_binary(ua.CreateSubscriptionResponse, raw)
        answer.ResponseHeader.ServiceResult.check()
    given = answer.Parameters
    samplings: list[float] = [0.0]
    short: list[str] = []
    faults: list[TagFault] = []
    queue = max(_LEAST_QUEUE, math.ceil(2 * publishing_ms / (options.sampling_interval * 1000)))
    for some in chunks(list(enumerate(items)), per_call):
        parameters = ua.CreateMonitoredItemsParameters(
            SubscriptionId=given.SubscriptionId,
            TimestampsToReturn=link.timestamps,
            ItemsToCreate=[
                _watch(handle, item, options.sampling_interval * 1000, queue)
                for handle, item in some
            ],
        )
        with link.asking():
            results = await link.session.create_monitored_items(parameters)
        for (_, item), result in zip(some, results, strict=True):
            if not result.StatusCode.is_good():
                faults.append(fault_of(item.tag.name, int(result.StatusCode.value)))
                continue
            samplings.append(result.RevisedSamplingInterval)
            if result.RevisedQueueSize < min(queue, 2):
                short.append(item.tag.name)
    terms = Terms(
        subscription=int(given.SubscriptionId),
        publishing_ms=given.RevisedPublishingInterval,
        sampling_ms=max(samplings),
        keep_alive_s=given.RevisedPublishingInterval * given.RevisedMaxKeepAliveCount / 1000,
        warnings=_warnings(options, given.RevisedPublishingInterval, max(samplings), short),
    )
    return terms, faults


def _watch(
    handle: int, item: Item, sampling_ms: float, queue: int
) -> ua.MonitoredItemCreateRequest:
    """Return the request to watch one item: on status or value, oldest discarded first."""
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(NodeId=item.node, AttributeId=ua.AttributeIds.Value),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(
            ClientHandle=handle,
            SamplingInterval=sampling_ms,
            QueueSize=queue,
            DiscardOldest=True,
        ),
    )


def _warnings(
    options: OpcUaOptions, publishing_ms: float, sampling_ms: float, short: Sequence[str]
) -> tuple[str, ...]:
    """Return what the server does less well than asked for, a line each (FAULTS U10)."""
    lines = []
    for name, key, asked_s, given_ms in (
        ("publishes", "publishing_interval", options.publishing_interval, publishing_ms),
        ("samples", "sampling_interval", options.sampling_interval, sampling_ms),
    ):
        if given_ms > asked_s * 1000:
            lines.append(
                f"the server {name} every {given_ms:g} ms, not {asked_s * 1000:g} ms; change that "
                f"at the server, or write `{key}: {given_ms:g}ms` where it will do"
            )
    if short:
        lines.append(f"the server keeps one value only, so changes can be missed: {short[0]}")
    return tuple(lines)


class Feed:
    """One subscription's messages, turned into observations in the order in which they came."""

    def __init__(self, link: Link, terms: Terms, items: Sequence[Item], seen: Seen) -> None:
        self._link = link
        self._terms = terms
        self._items = items
        self._seen = seen
        self._sequence: int | None = None

    async def run(self, emit: Emit) -> None:
        """Hand on what the server publishes; never return.

        Raises:
            LinkDownError: it fell silent, ended the subscription, or a value is not what it was.
        """
        done: list[tuple[int, int]] = []
        within_s = self._terms.keep_alive_s + self._link.timeout_s
        asked = previous = self._seen.clock.now()
        while True:
            published = await self._link.publish(done, within_s)
            received = self._seen.clock.now()
            done = []
            if published.status is not None:
                raise self._link.down(
                    f"the server ended the subscription: {status_name(published.status)}"
                )
            if published.subscription == self._terms.subscription and not published.is_keep_alive:
                done = [(published.subscription, published.sequence)]
                stalled_ms = asked.boot_ms - previous.boot_ms
                for one in self._observations(published, received, stalled_ms):
                    await emit(one)
                self._check(published)
            previous, asked = received, self._seen.clock.now()

    def _observations(
        self, published: Published, received: Instant, stalled_ms: int
    ) -> list[AnyObservation]:
        """Return what a message says: losses first, for they came before.

        Args:
            published: the message.
            received: when it came.
            stalled_ms: how long the server had no request of ours to answer, and so held it back.
        """
        found: list[AnyObservation] = []
        latest = received.boot_ms
        earliest = max(0, latest - self._terms.blur_ms - stalled_ms)
        lost = self._missing(published)
        if lost is None:
            return found
        if lost:
            found.append(
                self._seen.lost(None, None, "messages of the server are missing", received)
            )
        items, wall_ms = self._items, received.wall_ms
        seen = []
        for handle, reading in published.changes:
            if handle >= len(items):
                continue
            tag = items[handle].tag.name
            loss = words.loss_of(reading[2]) if reading[2] else None
            if loss is not None:
                found.append(self._seen.lost(tag, None, loss, received))
            seen.append(values.tag_value(tag, reading, wall_ms))
        if seen:
            found.append(self._seen.values(tuple(seen), earliest, latest, received))
        return found

    def _missing(self, published: Published) -> bool | None:
        """Return whether messages are missing before this one; None if it came before.

        Sequence numbers rise by one and skip 0 when they wrap (OPC 10000-4, 7.26). Where a new
        subscription begins is taken as it comes: nothing can be missing before it.
        """
        before, self._sequence = self._sequence, published.sequence
        if before is None:
            return False
        expected = 1 if before == _LAST_SEQUENCE else before + 1
        if published.sequence == before:
            return None
        return published.sequence != expected

    def _check(self, published: Published) -> None:
        """Refuse to go on with a node that is not what it was at connect (D-98, FAULTS U04)."""
        for handle, (_, kind, status, _) in published.changes:
            if handle >= len(self._items):
                continue
            self._items[handle].check(self._link, kind, status)
            if words.has_other_meaning(status) and published.sequence > 1:
                tag = self._items[handle].tag.name
                raise self._link.down(f"tag '{tag}' has another meaning now; connecting anew")
