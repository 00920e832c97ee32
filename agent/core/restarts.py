"""Whether a PLC started again, and whether it lost its memory by it (D-33).

Two words of the PLC say so: a boot counter that rises with each start of its program, and a word
that changes when, and only when, its retentive memory was lost. The first alone is a suspicion: the
handshakes are read again, and the next coherent snapshot decides. The second begins a new device
generation, in which every request is new. It stands in each snapshot, so that no request of the
new life is taken for one of the life before.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.core import events as ev
from agent.core import requests, signals
from agent.core.anew import replace
from agent.core.counting import whole
from agent.core.draft import Draft, Fold
from agent.core.parts import Life
from agent.core.state import Live, Phase, State
from agent.core.station import Handshake, Watch

LOST, KEPT, UNKNOWN = "lost", "kept", "unknown"


def noticed(draft: Draft, device: str, because: str) -> str | None:
    """Record what the readings say of a start; return what became of the memory, None: no start.

    The first sight of a device is what later ones are compared with, and no start of it.
    """
    watch = draft.station.watch(device)
    if watch is None or not watch.life_tags:
        return None
    boots, life = _number(draft, watch.boots), _number(draft, watch.memory_lost)
    if (watch.boots and boots is None) or (watch.memory_lost and life is None):
        return None
    known = draft.state.run.lives.get(device, Life())
    if known == Life(boots=boots, life=life):
        return None
    memory = _memory(watch, known, boots, life)
    draft.add(
        ev.DeviceStarted(
            **draft.head(because=(because,)),
            device=device,
            boots=boots,
            life=life,
            memory=memory or UNKNOWN,
        )
    )
    if memory == LOST:
        for handshake in draft.station.handshakes:
            if handshake.device == device:
                _begin_anew(draft, handshake)
    return memory


def _memory(watch: Watch, known: Life, boots: int | None, life: int | None) -> str | None:
    """Return what became of the memory; None: there is nothing to compare with."""
    if None not in (known.life, life) and known.life != life:
        return LOST
    if None in (known.boots, boots) or known.boots == boots:
        return None
    return KEPT if watch.memory_lost else UNKNOWN


def _number(draft: Draft, tag: str | None) -> int | None:
    reading = draft.working.readings.get(tag or "")
    return whole(reading.good) if reading else None


def _begin_anew(draft: Draft, handshake: Handshake) -> None:
    """Abort what is open, and see nothing until a snapshot of the new life is read."""
    live, name = draft.live(handshake.name), handshake.name
    is_open = signals.phase(draft.state, draft.working, handshake) is not Phase.ANSWERED
    shown = live.shown.request if live.shown else None
    open_request = live.left.request if live.left else shown
    draft.add(
        ev.CycleAborted(
            **draft.head(),
            handshake=name,
            generation=draft.state.cycle.generations.get(name, 1) + 1,
            request=open_request if is_open else None,
            reason=requests.PLC_RESTARTED,
        )
    )
    draft.set_live(name, Live(standing=live.standing))


def _started(state: State, event: ev.DeviceStarted) -> State:
    lives = {**state.run.lives, event.device: Life(boots=event.boots, life=event.life)}
    return replace(state, run=replace(state.run, lives=lives))


EVOLVES: Mapping[type[ev.Event], Fold] = {ev.DeviceStarted: _started}
