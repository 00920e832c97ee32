"""The envelope that every event of a decision gets."""

from dataclasses import replace

import orjson
import pytest

from agent.core import binder
from agent.core.draft import Draft
from agent.core.events import OperatorRef, OperatorSignedOn
from agent.core.state import Working
from agent.formats.json import decode, encode
from drivers.base import ClockState
from tests.core_rig import PRESS, instant


@pytest.mark.parametrize("unsynced_s", [None, 0, 86_400])
def test_an_event_says_for_how_long_nobody_has_set_its_clock(unsynced_s: int | None) -> None:
    """State and age are in each event and come back from its bytes; a set clock has no age."""
    state = ClockState.SYNCED if unsynced_s is None else ClockState.HOLDOVER
    now = replace(instant(0), clock_state=state, unsynced_s=unsynced_s)
    draft = Draft(binder.initial(PRESS), Working(), now, binder.evolve)
    event = draft.add(OperatorSignedOn(**draft.head(), operator=OperatorRef(ref="k:one")))
    body = encode(event)
    assert decode(body) == event
    time = orjson.loads(body)["time"]
    assert (time["clock_state"], time.get("unsynced_s")) == (state, unsynced_s)
    assert ("unsynced_s" in time) == (unsynced_s is not None)


@pytest.mark.parametrize("wall_ms", [2**31 * 1000 - 1, 2**31 * 1000, 2**32 * 1000])
def test_an_event_after_2038_is_as_any_other(wall_ms: int) -> None:
    """No count of seconds runs over: the moment comes back from the event's bytes (C10)."""
    now = replace(instant(0), wall_ms=wall_ms)
    draft = Draft(binder.initial(PRESS), Working(), now, binder.evolve)
    event = draft.add(OperatorSignedOn(**draft.head(), operator=OperatorRef(ref="k:one")))
    assert decode(encode(event)).time.received_ms == wall_ms
