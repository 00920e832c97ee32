"""Finding the unit of a cycle by the station's strategy, and waiting for its scan (D-23, D-24).

What is found goes to `choosing`: the cycle is then completed or started with its one candidate,
refused for what is missing or wrong, or unbound with all of its candidates.
"""

from __future__ import annotations

from agent.core import pairing, strategies
from agent.core.anew import replace
from agent.core.draft import Draft
from agent.core.state import Live, Rise
from agent.core.station import Handshake


def seek(draft: Draft, handshake: Handshake) -> None:
    """Look for the unit by the station's strategy; wait the settle before saying there is none."""
    live = draft.live(handshake.name)
    if live.snapshot is None:
        raise AssertionError("a unit is sought for a cycle with its snapshot")
    if pairing.seeks_scan(draft.station, handshake):
        _seek_scan(draft, handshake, live, live.snapshot.rise)
    else:
        strategies.entry(draft.station).seek(draft, handshake, live.snapshot)


def _seek_scan(draft: Draft, handshake: Handshake, live: Live, rise: Rise) -> None:
    entry = strategies.entry(draft.station)
    found = entry.candidates(draft.state, rise)
    settle_ms = rise.latest_ms + entry.wait_ms(draft.station)
    if not entry.enough(draft.state, found) and draft.now_ms < settle_ms:
        draft.set_live(handshake.name, replace(live, settle_ms=settle_ms))
    else:
        sought = tuple(candidate.because for candidate in found)
        draft.set_live(handshake.name, replace(live, settle_ms=None, sought=sought))
        entry.take(draft, handshake, found)


def settle_due(draft: Draft, handshake: Handshake) -> None:
    """Say that there is no scan, once the settle is over."""
    live = draft.live(handshake.name)
    if live.settle_ms is not None and live.settle_ms <= draft.now_ms:
        seek(draft, handshake)


def seek_again(draft: Draft, handshake: Handshake) -> None:
    """While the look-up runs, a scan may turn out to be a second candidate, or take one back."""
    live = draft.live(handshake.name)
    if live.snapshot is None or not pairing.seeks_scan(draft.station, handshake):
        return
    found = strategies.entry(draft.station).candidates(draft.state, live.snapshot.rise)
    if tuple(candidate.because for candidate in found) != live.sought:
        quiet = replace(live, candidate=None, seats=(), lookup=None, lookup_until_ms=None)
        draft.set_live(handshake.name, quiet)
        seek(draft, handshake)
