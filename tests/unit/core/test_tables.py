"""Every strategy, in every phase, given every kind of observation: decided, and named."""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from itertools import product
from typing import get_args

import pytest

from agent.core.events import Event, UnitEvent, UnitUnbound
from agent.core.signals import phase
from agent.core.state import Phase, SnapshotAsk
from agent.core.station import Policy, Station, Strategy
from drivers.base import (
    AnyObservation,
    AskAnswered,
    ClockMoved,
    CodeScanned,
    CommandGiven,
    FrameStatus,
    HeadSigned,
    HoldChanged,
    LinkChanged,
    RangeSkipped,
    SamplesLost,
    SnapshotRead,
    TimerFired,
    ValuesSeen,
)
from tests.core_rig import CAMERA, END, PRESS, Rig
from tests.unit.core.test_carriers import BY_SCAN
from tests.unit.core.test_cavities import MOULD, TAGS
from tests.unit.core.test_following import LASER
from tests.unit.core.test_queueing import LINE

STATIONS: Mapping[Strategy, Station] = {
    Strategy.SCAN_THEN_CYCLE: PRESS,
    Strategy.CYCLE_THEN_SCAN: LASER,
    Strategy.FIFO: LINE,
    Strategy.TAG: CAMERA,
    Strategy.CARRIER: BY_SCAN,
    Strategy.MULTI_CAVITY: replace(MOULD, handshakes=(replace(END, cavities=TAGS),)),
}
"""One station for each strategy with handshakes; the table of a bench is in `test_bench`, and what
counts pieces has no phases (`test_production`)."""


def up(strategy: Strategy) -> Rig:
    """Return a station of a strategy, at rest."""
    rig = blind(strategy)
    for reader in ("scanner", "tunnel", "hand", "loader", "unloader"):
        rig.link(reader, up=True)
    rig.answer()
    rig.due()
    rig.turn(1_000)
    return rig


def blind(strategy: Strategy) -> Rig:
    """Return one whose first snapshot is not read."""
    rig = Rig(replace(STATIONS[strategy], duplicates=Policy.RECORD))
    rig.tags |= {"inside": 1, "clear": False, "code": "SN-1", "code_l": "SN-1", "code_r": "SN-2"}
    rig.tags |= {"ok_l": True, "ok_r": True}
    rig.link("plc", up=True)
    return rig


def asking(strategy: Strategy) -> Rig:
    """Return one whose trigger has risen."""
    rig = up(strategy)
    rig.scan("SN-1")
    rig.turn(300)
    rig.plc(trigger=True, request=1, count=1)
    return rig


def read(strategy: Strategy) -> Rig:
    """Return one whose snapshot is read: it settles, looks, or has answered."""
    rig = asking(strategy)
    rig.read()
    return rig


def answered(strategy: Strategy) -> Rig:
    """Return one whose answer stands."""
    rig = read(strategy)
    rig.turn(5_000)
    rig.answer()
    rig.due()
    return rig


def torn(strategy: Strategy) -> Rig:
    """Return one whose snapshot never held still."""
    rig = asking(strategy)
    rig.read(coherent=False)
    return rig


REACHED: Mapping[str, tuple[Callable[[Strategy], Rig], frozenset[Phase]]] = {
    "blind": (blind, frozenset({Phase.BLIND})),
    "idle": (up, frozenset({Phase.IDLE})),
    "asking": (asking, frozenset({Phase.ASKING})),
    "read": (read, frozenset({Phase.SETTLING, Phase.LOOKING, Phase.ANSWERED})),
    "answered": (answered, frozenset({Phase.ANSWERED})),
    "torn": (torn, frozenset({Phase.TORN})),
}


def snapshot(rig: Rig) -> object:
    """Answer the open ask, or one that nobody waits for."""
    asks = [ask for ask in rig.asks if isinstance(ask, SnapshotAsk)]
    if asks:
        return rig.read(asks[0])
    members = {"ask": "none", "group": "end", "values": (), "coherent": True, "tries": 1}
    return rig.observe(SnapshotRead, device="plc", **members)


def sign_head(rig: Rig, *, behind: int = 0) -> object:
    """Sign the newest event, or one that is not."""
    seq = rig.state.seq - behind
    members = {"hash": "h", "at": "2026-11-25T06:00:00.000Z", "key": "k", "signature": "s"}
    return rig.observe(HeadSigned, epoch=rig.state.epoch, seq=seq, **members)


OBSERVED: Mapping[type, tuple[Callable[[Rig], object], ...]] = {
    ValuesSeen: (
        lambda rig: rig.plc(trigger=True, request=2, count=2),
        lambda rig: rig.plc(trigger=False),
        lambda rig: rig.plc(code="junk", verdict=False),
    ),
    SnapshotRead: (snapshot,),
    CodeScanned: (
        lambda rig: rig.scan("SN-7"),
        lambda rig: rig.scan("CAR-7"),
        lambda rig: rig.scan("junk"),
        lambda rig: rig.scan("NOREAD"),
        lambda rig: rig.scan("SN-", status=FrameStatus.OVERLONG),
        lambda rig: rig.scan("SN-8", device="tunnel"),
        lambda rig: rig.scan("CAR-8", device="loader"),
    ),
    LinkChanged: (
        lambda rig: rig.link("plc", up=False),
        lambda rig: rig.link("plc", up=True),
        lambda rig: rig.link("scanner", up=False),
    ),
    SamplesLost: (
        lambda rig: rig.observe(SamplesLost, device="plc", tag=None, count=2, reason="queue"),
        lambda rig: rig.observe(SamplesLost, device="tunnel", tag=None, count=2, reason="queue"),
    ),
    TimerFired: (lambda rig: rig.observe(TimerFired), lambda rig: rig.turn(60_000)),
    AskAnswered: (
        lambda rig: rig.observe(AskAnswered, ask="none", known=True),
        lambda rig: rig.observe(AskAnswered, ask=rig.working.live["end"].lookup or "", known=False),
    ),
    ClockMoved: (lambda rig: rig.observe(ClockMoved, step_ms=-3_600_000),),
    CommandGiven: (
        lambda rig: rig.observe(CommandGiven, command="no-such", who="Ada", reason="to see"),
    ),
    RangeSkipped: (lambda rig: rig.observe(RangeSkipped, sink="s", first="a-1", last="a-2", n=2),),
    HeadSigned: (sign_head, lambda rig: sign_head(rig, behind=1)),
    HoldChanged: (
        lambda rig: rig.observe(HoldChanged, held=True),
        lambda rig: rig.observe(HoldChanged, held=False),
    ),
}


def is_named(event: Event) -> bool:
    """Return whether whatever an event refuses, loses or leaves open has its reason."""
    reasoned = any(each.name == "reason" for each in fields(event))
    if isinstance(event, UnitUnbound) and not event.why:
        return False
    return not reasoned or bool(str(getattr(event, "reason", "")))


def test_the_scenes_are_for_the_whole_union() -> None:
    """Every kind of observation, and every strategy that has handshakes."""
    assert set(OBSERVED) == set(get_args(AnyObservation))
    assert set(STATIONS) == set(Strategy) - {Strategy.SCAN_ONLY, Strategy.COUNT_ONLY}


@pytest.mark.parametrize(("strategy", "where"), list(product(STATIONS, REACHED)))
def test_each_phase_is_reached_by_each_strategy(strategy: Strategy, where: str) -> None:
    """The scenes are what they say."""
    make, phases = REACHED[where]
    rig = make(strategy)
    assert phase(rig.state, rig.working, rig.station.handshakes[-1]) in phases


@pytest.mark.parametrize(("strategy", "where"), list(product(STATIONS, REACHED)))
def test_every_cell_is_decided_and_named(strategy: Strategy, where: str) -> None:
    """Nothing is stuck: the next cycle is answered; no refusal, loss or doubt is without a reason.

    The rig holds at each step that the state is the fold of the events.
    """
    for kind, acts in OBSERVED.items():
        for n, act in enumerate(acts):
            rig = REACHED[where][0](strategy)
            act(rig)
            rig.due()
            assert [e for e in rig.events if not is_named(e)] == [], (kind, n)
            rig.observe(HoldChanged, held=False)
            rig.link("plc", up=True)
            rig.turn(10_001)
            rig.answer()
            rig.plc(trigger=False)
            rig.turn(10_001)
            rig.answer()
            rig.due()
            before = len(rig.of(UnitEvent))
            rig.plc(trigger=True, request=50, count=50)
            rig.answer()
            rig.turn(4_000)
            rig.answer()
            assert rig.answered() not in {None, 0, 7}, (kind, n)
            assert len(rig.of(UnitEvent)) > before, (kind, n)
