"""Proof of life: that the server still answers, is the same run, and still watches every item.

A canary alone does not see an item that died with the canary alive (PITFALLS U1), so once a minute
every watched value is read and compared with what the subscription showed last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drivers.base import Quality, TagFault
from drivers.opcua import values
from drivers.opcua.link import Link
from drivers.opcua.resolve import Item, ServerSeen, chunks, look_at_server, resolve
from drivers.opcua.seen import Seen
from drivers.options import Tag

_LOOK_EVERY_S = 2.0
_AUDIT_EVERY_MS = 60_000
_TRY_FAULTS_EVERY_MS = 10_000
_STANDS_STILL_MS = 10_000
_RENEW_AT = 0.75  # of the token's life (OPC 10000-4, 5.6.2)


class Watch:
    """Looks at one link again and again; anything doubtful ends it."""

    def __init__(
        self,
        link: Link,
        seen: Seen,
        *,
        server: ServerSeen,
        watched: Sequence[Item],
        faulty: Sequence[Tag],
        grace_s: float,
    ) -> None:
        self._link = link
        self._server = server
        self._watched = watched
        self._faulty = faulty
        self._seen = seen
        self._grace_s = grace_s

    async def run(self) -> None:
        """Look; never return.

        Raises:
            LinkDownError: no answer, another run of the server, a clock that stopped, an item that
                is no longer watched, or a tag that did not work and would now.
        """
        clock = self._seen.clock
        begun = audited = tried = renewed = clock.now().boot_ms
        ticks = _Ticks(self._server.current_time, begun)
        while True:
            await clock.sleep(min(_LOOK_EVERY_S, self._link.timeout_s))
            now = clock.now().boot_ms
            server = await look_at_server(self._link)
            if not server.same_run(self._server):
                raise self._link.down(
                    "it was started anew, or has other namespaces now; connecting anew"
                )
            if ticks.stopped(server.current_time, now):
                raise self._link.down("its clock stands still; connecting anew")
            if now - renewed >= self._link.client.secure_channel_timeout * _RENEW_AT:
                await self._link.renew_channel()
                renewed = now
            if self._faulty and now - tried >= _TRY_FAULTS_EVERY_MS:
                await self._try_faults(server)
                tried = now
            if now - audited >= _AUDIT_EVERY_MS:
                await self.audit()
                audited = now

    async def _try_faults(self, server: ServerSeen) -> None:
        """Connect anew as soon as a tag that did not work would (a PLC after a download)."""
        works, _ = await resolve(self._link, server, self._faulty)
        if works:
            raise self._link.down(f"tag '{works[0].tag.name}' is there now; connecting anew")

    async def audit(self) -> None:
        """Compare every watched value with what was shown of it last.

        Raises:
            LinkDownError: one differs and the subscription has not said so in good time.
        """
        silent = await self._differing(self._watched)
        if not silent:
            return
        await self._seen.clock.sleep(self._grace_s)
        shown = {item.tag.name: before for item, before in silent}
        for item, _ in await self._differing([item for item, _ in silent]):
            if self._seen.newest.get(item.tag.name) is shown[item.tag.name]:
                raise self._link.down(
                    f"tag '{item.tag.name}' changes and the subscription is silent; connecting anew"
                )

    async def _differing(self, items: Sequence[Item]) -> list[tuple[Item, object]]:
        """Return the items that do not read as shown, each with what was shown."""
        found: list[tuple[Item, object]] = []
        for some in chunks(items, self._server.nodes_per_read):
            shown = [self._seen.newest.get(item.tag.name) for item in some]
            readings = await self._link.values(self._link.read_request([one.node for one in some]))
            for item, before, reading in zip(some, shown, readings, strict=True):
                now = values.tag_value(item.tag.name, reading, self._seen.clock.now().wall_ms)
                is_new = before is None and now.quality is not Quality.BAD
                if is_new or (
                    before is not None
                    and (before.value, before.quality) != (now.value, now.quality)
                ):
                    found.append((item, before))
        return found


class _Ticks:
    """Whether a clock that was seen to run has stopped; one that never ran says nothing."""

    def __init__(self, time: Any, at_ms: int) -> None:  # noqa: ANN401 - whatever the server says
        self._time = time
        self._changed_ms = at_ms
        self._has_run = False

    def stopped(self, time: Any, at_ms: int) -> bool:  # noqa: ANN401 - whatever the server says
        """Take the server's present time; return whether it stands still for too long."""
        if time != self._time:
            self._has_run, self._time, self._changed_ms = True, time, at_ms
        return self._has_run and at_ms - self._changed_ms > _STANDS_STILL_MS


def code_of(fault: TagFault) -> str:
    """Return the code in a fault's cause, or the cause where the protocol has no code for it."""
    _, bracket, rest = fault.cause.rpartition("(0x")
    return f"0x{rest.rstrip(')')}" if bracket else fault.cause
