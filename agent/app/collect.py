"""`lineside collect`, composed for a process: names, signals, the exit code."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import TextIO

from agent import telemetry
from agent.app.attached import Outside, Wanted
from agent.app.auditing import AuditError, options_of
from agent.app.collected import Status
from agent.app.collecting import Collector
from agent.app.rim import SystemClock, SystemRandom
from agent.app.tracing import open_named, store_name
from agent.sinks.mqtt import NEWEST
from agent.sinks.mqtt.subscription import stations_filter
from agent.sinks.mqtt.topics import SEGMENT
from agent.threads import ThreadWorker
from agent.trace.store import TraceStoreError
from agent.trace.store_keep import StoreKeep

__all__ = ["CollectError", "Status", "TraceStoreError", "collect", "wanted_of"]

_MOST_NAME = 64
"""Signs that the branch of `reply` may have."""


class CollectError(Exception):
    """The command line does not say what to collect; the text says what to do."""


def wanted_of(
    broker: Mapping[str, object],
    *,
    under: str,
    store: str | None,
    group: str | None,
    name: str | None,
    wait_s: float,
    session_s: int,
    until_complete: bool,
) -> Wanted:
    """Return what is to be collected, from the words of a command line.

    Raises:
        CollectError: they do not fit together.
        TraceStoreError: there is no place for a store.
    """
    try:
        options = options_of({**broker, "version": NEWEST})
        stations_filter(under)
    except (AuditError, ValueError) as error:
        raise CollectError(str(error)) from error
    named = name or _own_name(group)
    for what, given in (("--name", named), ("--group", group)):
        if given is not None and not (SEGMENT.fullmatch(given) and len(given) <= _MOST_NAME):
            raise CollectError(f"{what} {given!r}: use up to {_MOST_NAME} of a-z, 0-9, _ and -")
    return Wanted(
        options=options,
        root=options.root,
        places=(under,),
        group=group,
        name=named,
        open=partial(_open, store_name(store), options.root, named),
        wait_s=wait_s,
        session_s=session_s,
        until_complete=until_complete,
    )


def _open(where: str, root: str, name: str) -> StoreKeep:
    return StoreKeep(open_named(where), root, name)


def _own_name(group: str | None) -> str:
    """Return a name that is this machine's, the same after a restart."""
    words = ("collect", group or "", socket.gethostname().lower())
    return re.sub(r"[^a-z0-9_-]+", "-", "-".join(filter(None, words)))[:_MOST_NAME]


def collect(wanted: Wanted, show: Callable[[Status], None], log: TextIO) -> bool:
    """Collect until SIGTERM or SIGINT; return whether it ended as it should.

    Args:
        wanted: What, and where to.
        show: Takes how it stands, each second.
        log: Takes a line at each change.

    Raises:
        TraceStoreError: the store cannot be opened.
    """
    telemetry.set_up(log)
    return asyncio.run(_run(wanted, show))


async def _run(wanted: Wanted, show: Callable[[Status], None]) -> bool:
    worker = ThreadWorker("store")
    tell = telemetry.Teller(collector=wanted.name)
    outside = Outside(
        clock=SystemClock(),
        random=SystemRandom(),
        worker=worker,
        tell=tell,
        show=show,
        notify=telemetry.Notifier(),
    )
    collector = Collector(wanted, outside)
    running = asyncio.create_task(collector.run(), name="collector")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    tell("collector_started", under=wanted.places[0], group=wanted.group)
    try:
        await running
    except asyncio.CancelledError:
        return not wanted.until_complete
    finally:
        worker.close()
        tell("collector_stopped", new=collector.tally.status(0.0).new)
    return True
