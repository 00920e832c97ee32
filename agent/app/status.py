"""What a station does now, in the words of the retained `state` (D-113).

It is a view for people and dashboards. What it says is in the events too, and only they prove it;
it says what is on disk, never what is still on its way there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.core.state import NotReady, State
from drivers.base import ClockState


def status_of(
    station: str,
    reason: NotReady,
    state: State | None,
    *,
    names_people: bool,
    clock: ClockState = ClockState.SYNCED,
    neighbours: Sequence[Mapping[str, object]] = (),
    blind: Sequence[str] = (),
    unsteady: Sequence[str] = (),
) -> dict[str, object]:
    """Return what can be said of a station.

    Args:
        station: Its path.
        reason: Why it could not record a cycle now, or READY.
        state: What is known from events on disk; None: there is no run.
        names_people: Whether who is signed on may stand there: pseudonyms may. A name in the clear
            would stay on the broker for everybody who comes later, so that it is left out.
        clock: What is known of the gateway's clock; said unless a time source sets it (D-90).
        neighbours: Of each station that is followed, whether all is known of it.
        blind: Sinks that cannot see what the other side refuses: MQTT 3.1.1.
        unsteady: Sinks that come and go, too often for an event each time.
    """
    said: dict[str, object] = {
        "station": station,
        "ready": reason is NotReady.READY,
        "reason": reason.name.lower(),
    }
    if clock is not ClockState.SYNCED:
        said["clock"] = str(clock)
    if neighbours:
        said["neighbours"] = list(neighbours)
    if blind:
        said["refusals_unseen"] = list(blind)
    if unsteady:
        said["sinks_unsteady"] = list(unsteady)
    if state is not None:
        said |= _known(state)
        if names_people:
            said["operators"] = [
                {"ref": session.ref, "role": session.role} for session in state.people.sessions
            ]
    return said


def _known(state: State) -> dict[str, object]:
    """Return what a station says of itself from the events on disk; of people nothing."""
    lot, product, shown = state.production.lot, state.product.running, state.machine.shown
    said: dict[str, object] = {"epoch": state.epoch, "machine": state.station.machine}
    if state.run.faults:
        said["faults"] = list(state.run.faults)
    if state.people.order is not None:
        said["order"] = state.people.order
    if lot is not None:
        said["lot"] = lot.counts_to
    named = (product and (product.product or product.named)) or (lot and lot.product)
    if named:
        said["product"] = named
    if shown is not None:
        said["machine_state"] = shown.state
    return said
