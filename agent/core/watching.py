"""Whether a PLC's program runs, and how the PLC knows that the agent does (D-32).

A link that is up says nothing of the program behind it: a gateway may answer from its cache (FAULTS
M08), a server may go on while the program stands (U06). So a device with a heartbeat is believed
only once that was seen to change on this link, and no longer than `within` after it did. While it
is not believed, its handshakes are blind and its counts wait: nothing is lost, for a counter is
absolute and a handshake is read again by snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.core import events as ev
from agent.core.anew import replace
from agent.core.draft import Draft
from agent.core.state import Beat, Health, Working
from agent.core.station import Station
from drivers.base import WriteGroup

HINT = "see that its program runs, and that the gateway before it answers with new values"


def source(device: str) -> str:
    """Return what a heartbeat's fault is raised for: the device, not a tag of it."""
    return device


def linked(draft: Draft, device: str, *, up: bool) -> None:
    """Begin anew with a link: the beat of the one before says nothing of this one."""
    beats = {name: beat for name, beat in draft.working.beats.items() if name != device}
    watch = draft.station.watch(device)
    if up and watch is not None and watch.heartbeat is not None:
        beats[device] = Beat(value=None, since_ms=draft.now_ms)
    draft.working = replace(draft.working, beats=beats)


def seen(draft: Draft, device: str) -> bool:
    """Take a heartbeat from the readings; True: the device is believed (again) from here on."""
    watch, beat = draft.station.watch(device), draft.working.beats.get(device)
    if watch is None or beat is None:
        return False
    reading = draft.working.readings.get(watch.heartbeat or "")
    if reading is None or reading.good is None or reading.good == beat.value:
        return False
    is_first = beat.value is None
    since_ms = beat.since_ms if is_first else reading.latest_ms
    newer = Beat(value=reading.good, since_ms=since_ms, alive=not is_first)
    draft.working = replace(draft.working, beats={**draft.working.beats, device: newer})
    if newer.alive and source(device) in draft.state.run.faults:
        draft.add(ev.FaultCleared(**draft.head(), source=source(device)))
    return newer.alive and not beat.alive


def stopped(draft: Draft) -> tuple[str, ...]:
    """Say which heartbeats have stood still for too long, and return their devices, once each."""
    still = []
    for watch in draft.station.watches:
        beat = draft.working.beats.get(watch.device)
        if beat is None or draft.now_ms < beat.since_ms + watch.within_ms:
            continue
        if beat.alive:
            beats = {**draft.working.beats, watch.device: replace(beat, alive=False)}
            draft.working = replace(draft.working, beats=beats)
            still.append(watch.device)
        if source(watch.device) not in draft.state.run.faults:
            cause = f"heartbeat '{watch.heartbeat}' did not change for {watch.within_ms} ms"
            draft.add(
                ev.FaultRaised(**draft.head(), source=source(watch.device), cause=cause, hint=HINT)
            )
    return tuple(still)


def beat_due(
    station: Station, working: Working, health: Health, device: str
) -> Iterator[WriteGroup]:
    """Yield our heartbeat for a device: it counts with the boot clock, as long as we look at it."""
    watch, link = station.watch(device), working.links.get(device)
    if watch is None or watch.agent_heartbeat is None or link is None or not link.up:
        return
    count = health.now_ms // watch.every_ms
    value = bool(count % 2) if watch.modulus is None else count % watch.modulus
    yield WriteGroup(device=device, values=((watch.agent_heartbeat, value),))


def deadlines(draft: Draft) -> Iterator[int]:
    """Yield when a heartbeat has stood still for too long, and when ours is to change."""
    for watch in draft.station.watches:
        link = draft.working.links.get(watch.device)
        beat = draft.working.beats.get(watch.device)
        if beat is not None and (beat.alive or source(watch.device) not in draft.state.run.faults):
            yield beat.since_ms + watch.within_ms
        if watch.agent_heartbeat is not None and link is not None and link.up:
            yield (draft.now_ms // watch.every_ms + 1) * watch.every_ms
