"""What the devices must hold: a function of durable state, working and health (DESIGN 2, D-20).

Result before ack on the way up, ack before result on the way down. Nothing is due for a handshake
until this link's first coherent snapshot, and while its trigger or request does not read GOOD.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.core import signals, watching
from agent.core.anew import replace
from agent.core.counting import whole
from agent.core.state import (
    Due,
    Health,
    Live,
    NotReady,
    Phase,
    Standing,
    State,
    Working,
)
from agent.core.station import Handshake, Outcome, Ready
from drivers.base import WriteGroup


def due(state: State, working: Working, health: Health, device: str) -> Due:
    """Return what one device must hold, given the durable state."""
    groups: list[WriteGroup] = []
    standing: dict[str, Standing | None] = {}
    ready = state.station.ready
    reason = readiness(state, working, health)
    if ready is not None and ready.device == device and reason is not NotReady.READY:
        groups += _ready_groups(working, ready, reason)
    for handshake in state.station.handshakes:
        if handshake.device == device:
            due_groups, stands = _handshake(state, working, health, handshake)
            groups += due_groups
            if due_groups:
                standing[handshake.name] = stands
    if ready is not None and ready.device == device and reason is NotReady.READY:
        groups += _ready_groups(working, ready, reason)
    groups += watching.beat_due(state.station, working, health, device)
    return Due(groups=tuple(groups), standing=standing)


def outputs(state: State, working: Working, health: Health) -> tuple[WriteGroup, ...]:
    """Return what all devices must hold, in writing order for each."""
    station = state.station
    devices = dict.fromkeys(
        [
            *(h.device for h in station.handshakes),
            *([station.ready.device] if station.ready else []),
            *(watch.device for watch in station.watches),
        ]
    )
    return tuple(g for device in devices for g in due(state, working, health, device).groups)


def handed_over(working: Working, standing: Mapping[str, Standing | None]) -> Working:
    """Note which answers stand from now on at the devices."""
    live = dict(working.live)
    for name, stands in standing.items():
        if name in live:
            live[name] = replace(live[name], standing=stands)
    return replace(working, live=live)


def _handshake(
    state: State, working: Working, health: Health, handshake: Handshake
) -> tuple[list[WriteGroup], Standing | None]:
    phase = signals.phase(state, working, handshake)
    live = working.live.get(handshake.name) or Live()
    if phase is Phase.BLIND:
        return [], live.standing
    if phase is Phase.IDLE:
        return _idle(handshake), None
    not_stored = state.station.outcome_code(Outcome.NOT_STORED)
    stands = live.standing
    asked = _asked(working, live, handshake)
    if stands is not None and stands.key is None:
        return _answer(
            handshake, not_stored, asked
        ), stands  # also when the commit has landed since
    answered = state.cycle.answered.get(handshake.name)
    if phase is Phase.ANSWERED and answered is not None:
        now_stands = Standing(code=answered.code, key=(answered.address,))
        before = [] if stands is None or stands == now_stands else _idle(handshake)
        return before + _answer(handshake, answered.code, answered.request), now_stands
    if phase is Phase.TORN or _overdue(live, handshake, health):
        before = [] if stands is None else _idle(handshake)
        return before + _answer(handshake, not_stored, asked), Standing(code=not_stored, key=None)
    return _idle(handshake), None


def _overdue(live: Live, handshake: Handshake, health: Health) -> bool:
    """Whether the answer is late: decided by the timer, or seen now."""
    late = live.rise and health.now_ms >= live.rise.latest_ms + handshake.answer_within_ms
    return live.overdue or bool(late)


def _idle(handshake: Handshake) -> list[WriteGroup]:
    return [
        WriteGroup(device=handshake.device, values=((handshake.ack, False),)),
        WriteGroup(device=handshake.device, values=((handshake.result, 0),)),
    ]


def _asked(working: Working, live: Live, handshake: Handshake) -> int | None:
    """Return the request that a 7 is for: as its snapshot showed it, else as it was read."""
    if live.shown is not None:
        return live.shown.request
    reading = working.readings.get(handshake.request or "")
    return whole(reading.good) if reading else None


def _answer(handshake: Handshake, code: int, request: int | None) -> list[WriteGroup]:
    """Return result, then ack; with the result, for which request it is, where that is asked for.

    At rest that number stays as it is: it means something under the ack only.
    """
    values: tuple[tuple[str, bool | int], ...] = ((handshake.result, code),)
    if handshake.result_request is not None and request is not None:
        values = ((handshake.result_request, request), *values)
    return [
        WriteGroup(device=handshake.device, values=values),
        WriteGroup(device=handshake.device, values=((handshake.ack, True),)),
    ]


# ------------------------------------------------------------------ ready


def readiness(state: State, working: Working, health: Health) -> NotReady:
    """Return why the station could not record a cycle now, or READY."""
    if working.stopping:
        return NotReady.STOPPING
    if health.reason is not NotReady.READY:
        return health.reason
    for device in state.station.devices:
        reason = _distrust(state, working, device)
        if reason is not NotReady.READY:
            return reason
    for handshake in state.station.handshakes:
        if signals.phase(state, working, handshake) is Phase.BLIND:
            unread = signals.read_kind(working, handshake) is signals.Kind.LOST_SIGHT
            return NotReady.TAG_FAULT if unread else NotReady.STARTING
    return NotReady.READY


def _distrust(state: State, working: Working, device: str) -> NotReady:
    """Return why a device is of no use now, or READY."""
    link = working.links.get(device)
    if link is None or not link.up:
        return NotReady.DEVICE_LOST
    if set(link.faults) & state.station.needed_tags:
        return NotReady.TAG_FAULT
    if working.trusts(device):
        return NotReady.READY
    is_still = watching.source(device) in state.run.faults
    return NotReady.HEARTBEAT if is_still else NotReady.STARTING


def _ready_groups(working: Working, ready: Ready, reason: NotReady) -> list[WriteGroup]:
    link = working.links.get(ready.device)
    if link is None or not link.up:
        return []
    values: list[tuple[str, bool | int | str]] = []
    if ready.reason is not None:
        values.append((ready.reason, int(reason)))
    if ready.text is not None:
        values.append((ready.text, "" if reason is NotReady.READY else TEXTS[reason]))
    values.append((ready.tag, reason is NotReady.READY))
    return [WriteGroup(device=ready.device, values=tuple(values))]


TEXTS: Mapping[NotReady, str] = {
    NotReady.STARTING: "starting",
    NotReady.JOURNAL: "journal cannot record",
    NotReady.DISK_FULL: "disk full",
    NotReady.SLOW_DISK: "slow disk",
    NotReady.DEVICE_LOST: "a device cannot be reached",
    NotReady.TAG_FAULT: "a tag cannot be read",
    NotReady.OVERRUN: "too much at once",
    NotReady.STOPPING: "stopping",
    NotReady.HEARTBEAT: "PLC heartbeat stands still",
}
"""The reason for the HMI's text tag."""
