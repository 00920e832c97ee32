"""Strategy `tag`: the PLC, or a camera on it, carries the unit's code in the snapshot (D-23)."""

from __future__ import annotations

from agent.core import answering, choosing, scanning
from agent.core import events as ev
from agent.core.draft import Draft
from agent.core.identity.rules import Identified, Means
from agent.core.state import Candidate, Snapshot
from agent.core.station import Handshake, Outcome


def seek(draft: Draft, handshake: Handshake, snapshot: Snapshot) -> None:
    """Judge the code that the snapshot holds, and choose its unit.

    An empty tag leaves the cycle unbound, a code that no rule accepts is refused, and the code of
    the cycle before, while the guard moved on, is not believed to be this unit's.
    """
    seen = snapshot.values[handshake.unit or ""]
    text = "" if seen.value is None else str(seen.value)
    if not text.strip():
        answering.unbind(draft, handshake, (), ev.Why.NO_SCAN)
        return
    raw = text.encode("utf-8", "backslashreplace")
    judged = scanning.judge_bytes(draft, raw, None)
    if not isinstance(judged, Identified) or judged.means is not Means.UNIT:
        answering.refuse(draft, handshake, None, ev.Why.BAD_CODE, Outcome.BAD_CODE, raw=raw.hex())
        return
    candidate = Candidate(unit=judged.code, product=judged.product, because=())
    if _is_stale(draft, handshake, snapshot):
        answering.unbind(draft, handshake, (candidate,), ev.Why.STALE_CODE)
        return
    choosing.chosen(draft, handshake, candidate)


def _is_stale(draft: Draft, handshake: Handshake, snapshot: Snapshot) -> bool:
    """Whether the code stayed from the cycle before while the guard, or the counter, moved on.

    Also where that one was not bound: a camera that fails once may fail twice. With both standing
    still, or after a restart of the PLC, it is the same unit asked about again: a duplicate or
    another visit.
    """
    before = draft.state.cycle.answered.get(handshake.name)
    if before is None or before.generation != snapshot.generation:
        return False
    guard = len(handshake.guard)
    same = before.content[guard:] == snapshot.content[guard:]
    moved = before.content[:guard] != snapshot.content[:guard]
    return same and (moved or before.count != snapshot.count)
