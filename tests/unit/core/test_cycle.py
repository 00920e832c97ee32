"""The handshake: a total table, and the same answer to the same request whatever breaks (D-18)."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from agent.core import cycle
from agent.core.events import (
    Certainty,
    CycleAborted,
    CycleMissed,
    UnitCompleted,
    UnitEvent,
    UnitRefused,
    Why,
)
from agent.core.parts import LONG_AGO
from agent.core.signals import Kind, phase
from agent.core.state import Phase, SnapshotAsk
from drivers.base import (
    AskAnswered,
    ClockMoved,
    CodeScanned,
    LinkChanged,
    SamplesLost,
    SnapshotRead,
    TimerFired,
    ValuesSeen,
)
from tests.core_rig import CAMERA, END, PRESS, Rig


def press() -> Rig:
    """Return a press in operation, at rest."""
    rig = Rig(PRESS)
    rig.up()
    rig.due()
    rig.turn(1_000)
    return rig


def at(rig: Rig) -> Phase:
    """Return where the handshake stands."""
    return phase(rig.state, rig.working, rig.station.handshakes[-1])


def blind() -> Rig:
    """Return a press whose link is up and whose first snapshot is not read."""
    rig = Rig(PRESS)
    rig.link("plc", up=True)
    return rig


def asking() -> Rig:
    """Return a press whose trigger has risen."""
    rig = press()
    rig.plc(trigger=True, request=1, count=1)
    return rig


def settling() -> Rig:
    """Return a press that waits for a scan."""
    rig = asking()
    rig.read()
    return rig


def looking() -> Rig:
    """Return a press that waits for a look-up."""
    rig = press()
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(trigger=True, request=1, count=1)
    rig.read()
    return rig


def answered() -> Rig:
    """Return a press with an answer standing."""
    rig = looking()
    rig.answer()
    rig.due()
    return rig


def torn() -> Rig:
    """Return a press whose snapshot never held still."""
    rig = asking()
    rig.read(coherent=False)
    return rig


REACHED: dict[Phase, Callable[[], Rig]] = {
    Phase.BLIND: blind,
    Phase.IDLE: press,
    Phase.ASKING: asking,
    Phase.SETTLING: settling,
    Phase.LOOKING: looking,
    Phase.ANSWERED: answered,
    Phase.TORN: torn,
}


def turned_bad(rig: Rig) -> None:
    """Let the trigger read BAD."""
    rig.bad = {"trigger"}
    rig.plc(trigger=True)


OBSERVED: dict[str, Callable[[Rig], object]] = {
    "rose": lambda rig: rig.plc(trigger=True, request=1),
    "fell": lambda rig: rig.plc(trigger=False, request=1),
    "next": lambda rig: rig.plc(trigger=True, request=2, count=2),
    "bad": turned_bad,
    "snapshot": lambda rig: rig.read(an_ask(rig)),
    "torn": lambda rig: rig.read(an_ask(rig), coherent=False),
    "stale": lambda rig: rig.observe(
        SnapshotRead, device="plc", ask="none", group="end", values=(), coherent=True, tries=1
    ),
    "scan": lambda rig: rig.scan("SN-7"),
    "lookup": lambda rig: rig.observe(
        AskAnswered, ask=rig.working.live["end"].lookup or "", known=True
    ),
    "timer": lambda rig: rig.observe(TimerFired),
    "late": lambda rig: rig.turn(20_000),
    "down": lambda rig: rig.link("plc", up=False),
    "up": lambda rig: rig.link("plc", up=True),
    "removed": lambda rig: rig.plc(abort=True),
    "lost": lambda rig: rig.observe(SamplesLost, device="plc", tag=None, count=2, reason="queue"),
    "clock": lambda rig: rig.observe(ClockMoved, step_ms=3_600_000),
}


def an_ask(rig: Rig) -> SnapshotAsk:
    """Return the open snapshot ask, or one that nobody waits for."""
    found = [ask for ask in rig.asks if isinstance(ask, SnapshotAsk)]
    none = SnapshotAsk(
        id="nobody", device="plc", handshake="end", guard=END.snapshot_guard, tags=END.snapshot_tags
    )
    return found[-1] if found else none


def test_the_table_is_total() -> None:
    """Every phase has an answer to every kind of signal."""
    assert set(cycle.ROWS) == set(product(Phase, Kind))


@pytest.mark.parametrize("where", Phase)
def test_each_phase_is_reached(where: Phase) -> None:
    """The scenes of this file are what they say."""
    assert at(REACHED[where]()) is where


@pytest.mark.parametrize(("where", "what"), list(product(Phase, OBSERVED)))
def test_whatever_is_seen_in_whatever_phase_the_next_cycle_works(where: Phase, what: str) -> None:
    """Decide is total, and no observation leaves the handshake stuck."""
    rig = REACHED[where]()
    OBSERVED[what](rig)
    rig.due()
    rig.bad.clear()
    rig.link("plc", up=True)
    rig.turn(10_001)
    rig.answer()
    rig.plc(trigger=False)
    rig.turn(10_001)
    rig.answer()
    assert at(rig) is Phase.IDLE
    rig.scan("CANCEL")
    rig.scan("SN-99")
    rig.turn(500)
    assert rig.cycle(50) == 1
    assert rig.units()[-1].unit == "SN-99"


def test_decide_takes_every_kind_of_observation() -> None:
    """The closed union, each in a station's first moment."""
    values: dict[type, dict[str, object]] = {
        ValuesSeen: {"values": ()},
        SnapshotRead: {"ask": "", "group": "", "values": (), "coherent": True, "tries": 1},
        CodeScanned: {"raw": b""},
        LinkChanged: {"up": False},
        SamplesLost: {"tag": None, "count": None, "reason": ""},
        TimerFired: {},
        AskAnswered: {"ask": "", "known": False},
        ClockMoved: {"step_ms": 1},
    }
    for kind, members in values.items():
        Rig(PRESS).observe(kind, **members)


# ------------------------------------------------------------------ the worked example


@pytest.mark.parametrize("killed", range(14))
def test_a_kill_at_every_step_of_the_worked_example_leaves_two_events(killed: int) -> None:
    """D-20: one event for 4711, one for the duplicate after the PLC's restart; never 1 or 3."""
    rig = press()
    steps = iter(range(100))

    def step(act: Callable[[], object]) -> None:
        if next(steps) == killed:
            rig.restart()
            rig.up()
        act()

    rig.scan("SN-0042")
    rig.turn(500)
    step(lambda: rig.plc(trigger=True, request=4711, count=90))
    step(rig.answer)
    step(rig.due)
    if not rig.units():  # killed before the commit: the PLC still holds its trigger
        rig.answer()
    step(rig.due)
    step(lambda: rig.plc(trigger=False))
    step(rig.due)
    rig.device = {}
    step(lambda: rig.link("plc", up=False))
    rig.tags |= {"trigger": False, "request": 0, "count": 0}
    step(lambda: rig.link("plc", up=True))
    step(rig.answer)
    rig.turn(1_100)
    step(lambda: rig.scan("SN-0042"))
    rig.turn(500)
    step(lambda: rig.plc(trigger=True, request=1, count=1))
    step(rig.answer)
    step(rig.due)
    rig.answer()
    assert rig.answered() == 3
    first, second = rig.units()
    assert isinstance(first, UnitCompleted)
    assert isinstance(second, UnitRefused)
    assert (first.request, second.request) == (4711, 1)
    assert second.generation == first.generation + 1


def test_a_known_request_is_answered_again_without_an_event() -> None:
    """After a restart of the agent, from a fresh snapshot of this link."""
    rig = answered()
    n = len(rig.units())
    rig.restart()
    rig.device = {}
    rig.link("plc", up=True)
    rig.due()
    assert not {"ack", "result"} & set(rig.device), "an ack left standing must not fall"
    rig.answer()
    assert rig.answered() == 1
    assert len(rig.units()) == n


def test_a_known_number_with_other_content_is_a_new_request() -> None:
    """D-20: stored as new with request_id_conflict, and no doubt about the unit."""
    rig = press()
    rig.scan("SN-1")
    rig.turn(500)
    rig.cycle(1)
    rig.scan("SN-2")
    rig.turn(500)
    rig.cycle(1, count=2)
    event = rig.of(UnitCompleted)[1]
    assert (event.why, event.certainty) == ((Why.REQUEST_ID_CONFLICT,), Certainty.CERTAIN)


# ------------------------------------------------------------------ falls, aborts, restarts


@pytest.mark.parametrize("where", [Phase.ASKING, Phase.SETTLING, Phase.LOOKING])
def test_a_trigger_that_falls_unanswered_is_an_aborted_cycle(where: Phase) -> None:
    """Nothing is bound to it (D-22)."""
    rig = REACHED[where]()
    rig.plc(trigger=False)
    assert rig.new() == ["cycle_aborted"]
    assert [(e.request, e.reason) for e in rig.of(CycleAborted)] == [(1, "trigger_fell")]


def test_a_snapshot_that_shows_the_trigger_low_has_seen_its_fall() -> None:
    """Without waiting for the poll that will see it too."""
    rig = asking()
    rig.tags["trigger"] = False
    rig.read()
    assert rig.new() == ["cycle_aborted"]
    assert at(rig) is Phase.IDLE


def test_a_seven_that_was_taken_is_no_aborted_cycle() -> None:
    """The same request comes again and is judged as new (D-40)."""
    rig = asking()
    rig.turn(5_001)
    assert rig.answered() == 7
    rig.plc(trigger=False)
    assert rig.of(CycleAborted) == []
    rig.due()
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(trigger=True)
    rig.answer()
    assert rig.units()[0].answer == 8, "the scan came after the first rise of this request"


def test_a_seven_without_a_request_number_is_an_aborted_cycle() -> None:
    """Nobody can tell whether the next trigger is the same request."""
    rig = Rig(replace(PRESS, handshakes=(replace(END, request=None, modulus=None),)))
    rig.up()
    rig.plc(trigger=True)
    rig.turn(5_001)
    assert rig.answered() == 7
    rig.plc(trigger=False)
    assert [e.request for e in rig.of(CycleAborted)] == [None]


@pytest.mark.parametrize(
    ("tags", "aborted"),
    [
        ({"trigger": True, "request": 1}, []),
        ({"trigger": True, "request": 2}, [1]),
        ({"trigger": False, "request": 1}, [1]),
    ],
)
def test_what_was_open_when_the_link_was_lost_is_told_if_it_ended(
    tags: dict[str, bool | int], aborted: list[int]
) -> None:
    """The same request goes on; another one, or none, means that its fall was not seen."""
    rig = looking()
    rig.link("plc", up=False)
    rig.tags |= tags
    rig.link("plc", up=True)
    rig.answer()
    assert [e.request for e in rig.of(CycleAborted)] == aborted
    events = rig.of(UnitCompleted)
    assert [e.certainty for e in events] == (
        [] if not tags["trigger"] else [Certainty.POSSIBLE if aborted else Certainty.CERTAIN]
    )


def test_the_next_request_under_a_high_trigger_is_a_fall_that_was_not_seen() -> None:
    """It is asked for at once; what stood for the one before goes idle first."""
    rig = answered()
    rig.scan("SN-2")
    rig.turn(500)
    rig.plc(request=2, count=2)
    rig.answer()
    groups = [group.values[0] for group in rig.due()[:4]]
    assert groups == [("ack", False), ("result", 0), ("result", 1), ("ack", True)]
    assert [event.request for event in rig.units()] == [1, 2]


def test_the_next_request_before_the_answer_aborts_the_one_before() -> None:
    """Its scan is in doubt for the next."""
    rig = looking()
    rig.plc(request=2, count=2)
    assert rig.of(CycleAborted)[0].request == 1
    rig.answer()
    assert rig.of(UnitCompleted)[0].why == (Why.CYCLE_BETWEEN,)


def test_a_torn_snapshot_is_a_missed_cycle_and_answer_seven() -> None:
    """D-21; the next number under the same high trigger is a new request."""
    rig = torn()
    assert [(e.reason, e.n, e.to_count) for e in rig.of(CycleMissed)] == [("torn", 1, 1)]
    assert rig.answered() == 7
    rig.plc(request=2, count=2)
    assert at(rig) is Phase.ASKING


@pytest.mark.parametrize("seen", ["rest", "fall", "link"])
def test_a_number_that_went_back_begins_a_new_generation(seen: str) -> None:
    """At rest, with the fall, or on a new link: the PLC lost its memory (D-33)."""
    rig = press()
    rig.cycle(4711)
    if seen == "rest":
        rig.plc(request=0)
    elif seen == "fall":
        rig.plc(trigger=True, request=4712, count=9)
        rig.answer()
        rig.turn(300)
        rig.plc(trigger=False, request=0)
    else:
        rig.link("plc", up=False)
        rig.tags |= {"request": 0}
        rig.link("plc", up=True)
        rig.answer()
    restarts = [e for e in rig.of(CycleAborted) if e.reason == "plc_restarted"]
    assert [(e.generation, e.request) for e in restarts] == [(2, 0)]
    rig.cycle(1)
    assert rig.units()[-1].generation == 2


# ------------------------------------------------------------------ sight


def test_nothing_is_judged_while_trigger_or_request_is_not_good() -> None:
    """Blind, then a new first snapshot; the standing answer is still known."""
    rig = answered()
    rig.bad = {"request"}
    rig.plc(request=1)
    assert at(rig) is Phase.BLIND
    assert rig.due()[-1].values[-1] == ("ready", False)
    rig.bad = set()
    rig.plc(request=1)
    rig.answer()
    assert at(rig) is Phase.ANSWERED
    assert [group.values[0] for group in rig.due()[:2]] == [("result", 1), ("ack", True)]


def test_a_seven_stands_over_a_moment_without_sight() -> None:
    """Until the trigger falls, also when the event lands under it."""
    rig = asking()
    rig.turn(5_001)
    assert rig.answered() == 7
    rig.bad = {"trigger"}
    rig.plc(trigger=True)
    rig.bad = set()
    rig.scan("SN-1")
    rig.plc(trigger=True)
    rig.answer()
    assert rig.answered() == 7


def test_an_answer_for_another_request_does_not_stand_for_this_one() -> None:
    """Found after a moment without sight: idle first, and overdue from its own rise."""
    rig = answered()
    rig.bad = {"trigger"}
    rig.plc(trigger=True)
    rig.bad = set()
    rig.tags |= {"request": 2, "count": 2}
    rig.plc(trigger=True, request=2)
    rig.read()
    assert [group.values[0] for group in rig.due()[:2]] == [("ack", False), ("result", 0)]
    rig.hold_commits = True
    rig.turn(6_000)
    assert rig.answered() == 7


def test_a_rise_out_of_sight_is_bounded_by_when_it_was_low() -> None:
    """Known from the link before; unknown after a link that was lost while it was high."""
    rig = press()
    low_ms = rig.working.live["end"].low_ms
    rig.link("plc", up=False)
    rig.tags |= {"trigger": True, "request": 1}
    rig.link("plc", up=True)
    rig.answer()
    assert rig.units() == []
    rig.turn(300)
    assert rig.units()[0].earliest_ms == low_ms
    rig = answered()
    rig.link("plc", up=False)
    rig.tags |= {"request": 2}
    rig.link("plc", up=True)
    rig.answer()
    rig.turn(300)
    assert rig.units()[-1].earliest_ms == LONG_AGO


def test_lost_samples_are_read_again_by_snapshot() -> None:
    """Of trigger or request, or of nobody knows what; another tag's do not matter."""
    rig = press()
    rig.observe(SamplesLost, device="plc", tag="force", count=1, reason="queue")
    rig.observe(SamplesLost, device="other", tag=None, count=1, reason="queue")
    assert at(rig) is Phase.IDLE
    rig.observe(SamplesLost, device="plc", tag="trigger", count=1, reason="queue")
    assert at(rig) is Phase.BLIND
    rig.tags |= {"trigger": True, "request": 1}
    rig.answer()
    assert at(rig) is Phase.SETTLING


def test_an_unreadable_identity_is_asked_for_again() -> None:
    """Hold where a tag carries the unit and does not read GOOD (D-96)."""
    rig = Rig(CAMERA)
    rig.up()
    rig.bad = {"code"}
    rig.plc(trigger=True, request=1, count=1)
    rig.read()
    assert at(rig) is Phase.ASKING
    rig.bad = set()
    rig.tags["code"] = "SN-1"
    rig.turn(101)
    rig.answer()
    assert rig.of(UnitCompleted)[0].unit == "SN-1"


def test_a_first_snapshot_that_tells_nothing_is_asked_for_again() -> None:
    """Torn, or trigger not GOOD: nothing is due meanwhile."""
    rig = blind()
    rig.read(coherent=False)
    rig.turn(101)
    rig.bad = {"trigger"}
    rig.answer()
    assert at(rig) is Phase.BLIND
    rig.bad = set()
    rig.turn(101)
    rig.answer()
    assert at(rig) is Phase.IDLE


def test_a_snapshot_that_never_comes_is_asked_for_again() -> None:
    """Every wait has an end."""
    rig = asking()
    rig.asks.clear()
    rig.turn(10_001)
    assert [type(ask) for ask in rig.asks] == [SnapshotAsk]
    assert rig.working.live["end"].overdue


def test_without_guard_and_number_a_rise_that_was_not_seen_may_be_a_repeat() -> None:
    """D-20: store it as new, marked repeat_possible."""
    bare = replace(END, request=None, modulus=None, guard=())
    rig = Rig(replace(PRESS, handshakes=(bare,)))
    rig.tags["trigger"] = True
    rig.scan("SN-1")
    rig.up()
    assert Why.REPEAT_POSSIBLE in rig.units()[0].why
    assert rig.units()[0].certainty is Certainty.POSSIBLE


def test_every_unit_event_can_be_told_from_every_other() -> None:
    """Cycle ids are their own."""
    rig = press()
    for request in range(1, 5):
        rig.cycle(request)
    events: list[UnitEvent] = rig.units()
    assert len({event.cycle for event in events}) == 4
