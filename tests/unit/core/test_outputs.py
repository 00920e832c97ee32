"""What the devices must hold: a function of durable state, working and health (D-18 to D-20)."""

from dataclasses import replace

import pytest

from agent.core import binder
from agent.core.outputs import TEXTS
from agent.core.state import Health, NotReady, Standing
from agent.core.station import Ready
from drivers.base import Scalar, TagFault, WriteGroup
from tests.core_rig import END, INTERLOCK, PRESS, Rig

IDLE = [("ack", False), ("result", 0)]


def press() -> Rig:
    """Return a press in operation, at rest."""
    rig = Rig(PRESS)
    rig.up()
    rig.due()
    rig.turn(1_000)
    return rig


def written(rig: Rig) -> list[tuple[str, Scalar]]:
    """Return what is due of the handshake, in writing order."""
    tags = {"ack", "result", "b_ack", "b_result"}
    return [pair for group in rig.due() for pair in group.values if pair[0] in tags]


def test_idle_values_stand_while_the_trigger_is_low() -> None:
    """Ack before result on the way down."""
    assert written(press()) == IDLE


def test_result_stands_before_ack() -> None:
    """And only once the event is durable (D-19)."""
    rig = press()
    rig.hold_commits = True
    rig.plc(trigger=True, request=1)
    rig.answer()
    rig.turn(300)
    assert rig.units() != []
    assert written(rig) == IDLE
    rig.durable = rig.state
    assert written(rig) == [("result", 8), ("ack", True)]
    rig.plc(trigger=False)
    assert written(rig) == IDLE


def test_without_a_commit_in_time_the_answer_is_seven_and_stands() -> None:
    """Also when the commit lands under it; the repeat gets the stored answer (D-40)."""
    rig = press()
    rig.hold_commits = True
    rig.plc(trigger=True, request=1)
    rig.answer()
    rig.turn(5_001)
    assert rig.working.live["end"].overdue
    assert written(rig) == [("result", 7), ("ack", True)]
    rig.hold_commits, rig.durable = False, rig.state
    assert written(rig) == [("result", 7), ("ack", True)]
    rig.plc(trigger=False)
    assert written(rig) == IDLE
    rig.plc(trigger=True)
    rig.answer()
    assert written(rig) == [("result", 8), ("ack", True)]
    assert len(rig.units()) == 1


def test_an_overdue_answer_changes_what_the_engine_watches() -> None:
    """The rim pulls outputs when `live` has changed: the timer must change it."""
    rig = press()
    rig.plc(trigger=True, request=1)
    rig.asks.clear()
    before = rig.working.live
    rig.turn(5_001)
    assert rig.working.live is not before


def test_an_answer_of_an_earlier_rise_goes_idle_first() -> None:
    """Also a 7."""
    rig = press()
    rig.plc(trigger=True, request=1)
    rig.read(coherent=False)
    assert written(rig) == [("result", 7), ("ack", True)]
    rig.plc(request=2, count=2)
    rig.read(coherent=False)
    assert written(rig) == [*IDLE, ("result", 7), ("ack", True)]


def test_an_answer_can_name_its_request() -> None:
    """With the result, before the ack; a 7 as well, by snapshot or as it was read (D-40)."""
    echo = replace(PRESS, handshakes=(replace(END, result_request="echo"),))
    rig = Rig(echo)
    rig.up()
    assert "echo" not in dict(pair for group in rig.due() for pair in group.values)
    rig.plc(trigger=True, request=41)
    rig.answer()
    rig.turn(300)
    (first, second) = [g.values for g in rig.due() if g.values[-1][0] in {"result", "ack"}]
    assert (first, second) == ((("echo", 41), ("result", 8)), (("ack", True),))
    rig.plc(trigger=True, request=42)
    rig.read(coherent=False)
    rig.due()
    assert (rig.device["echo"], rig.device["result"]) == (42, 7)
    rig.plc(trigger=False)
    rig.due()
    rig.plc(trigger=True, request=43)
    rig.asks.clear()
    rig.turn(5_001)
    rig.due()
    assert (rig.device["echo"], rig.device["result"]) == (43, 7)


def test_without_a_number_an_answer_names_none() -> None:
    """A station without request numbers is not asked for them."""
    bare = replace(END, request=None, modulus=None, result_request="echo")
    rig = Rig(replace(PRESS, handshakes=(bare,)))
    rig.up()
    rig.plc(trigger=True)
    rig.asks.clear()
    rig.turn(5_001)
    assert written(rig) == [("result", 7), ("ack", True)]
    assert "echo" not in rig.device


def test_an_answer_stands_as_long_as_its_trigger() -> None:
    """However often the outputs are asked for, and whatever is decided meanwhile (D-18, D-20)."""
    rig = press()
    rig.plc(trigger=True, request=1)
    rig.answer()
    rig.turn(300)
    answer = [("result", 8), ("ack", True)]
    assert [written(rig) for _ in range(3)] == [answer] * 3
    assert rig.working.live["end"].standing == Standing(code=8, key=(rig.units()[-1].address,))
    rig.scan("SN-1")
    rig.turn(10_000)
    assert written(rig) == answer


def test_the_answer_of_the_next_request_goes_idle_before_it_stands() -> None:
    """The trigger's fall was not seen: what stands is of the request before (D-19, D-21)."""
    rig = press()
    rig.plc(trigger=True, request=1)
    rig.answer()
    rig.turn(300)
    assert written(rig) == [("result", 8), ("ack", True)]
    rig.plc(request=2, count=2)
    rig.answer()
    rig.turn(300)
    assert len(rig.units()) == 2
    groups = [group for group in rig.due() if group.values[0][0] in {"ack", "result"}]
    assert groups == [
        WriteGroup(device="plc", values=(pair,)) for pair in (*IDLE, ("result", 8), ("ack", True))
    ]
    assert written(rig) == [("result", 8), ("ack", True)]


def test_an_answer_is_late_at_its_limit_before_a_timer_says_so() -> None:
    """The rim may ask before the timer fires: 7 at the limit itself, not a millisecond before."""
    rig = press()
    rig.plc(trigger=True, request=1)
    rig.asks.clear()
    late_ms = rig.ms + END.answer_within_ms
    for now_ms, values in ((late_ms - 1, IDLE), (late_ms, [("result", 7), ("ack", True)])):
        groups = binder.due(rig.durable, rig.working, Health(now_ms=now_ms), "plc").groups
        pairs = [pair for group in groups for pair in group.values]
        assert [pair for pair in pairs if pair[0] in {"ack", "result"}] == values


def test_a_seven_names_its_request_as_long_as_it_stands() -> None:
    """Where the PLC wants to know for which request it is (D-40)."""
    rig = Rig(replace(PRESS, handshakes=(replace(END, result_request="echo"),)))
    rig.up()
    rig.plc(trigger=True, request=41)
    rig.read(coherent=False)
    for _ in range(2):
        (values,) = [g.values for g in rig.due() if g.values[-1][0] == "result"]
        assert values == (("echo", 41), ("result", 7))
        standing = rig.working.live["end"].standing
        assert standing == Standing(code=7, key=None)


def test_a_device_that_only_shows_readiness_is_told() -> None:
    """It may have no handshake at all."""
    station = replace(PRESS, ready=Ready(device="scanner", tag="ready", reason=None))
    rig = Rig(station)
    rig.up()
    health = Health(now_ms=rig.ms)
    groups = binder.outputs(rig.durable, rig.working, health)
    assert groups[-1] == WriteGroup(device="scanner", values=(("ready", True),))


def test_nothing_is_due_while_blind() -> None:
    """An ack left standing must not fall under a raised trigger (D-19)."""
    rig = Rig(PRESS)
    rig.link("scanner", up=True)
    rig.link("plc", up=True)
    assert written(rig) == []
    assert written(Rig(PRESS)) == []


def test_each_handshake_has_its_own_outputs() -> None:
    """Of its own device only."""
    rig = Rig(INTERLOCK)
    rig.up()
    assert written(rig) == [("b_ack", False), ("b_result", 0), ("ack", False), ("result", 0)]
    assert rig.due("scanner") == ()


def test_outputs_are_those_of_all_devices() -> None:
    """`due` device by device, in order."""
    rig = press()
    health = Health(now_ms=rig.ms)
    assert binder.outputs(rig.durable, rig.working, health) == rig.due()
    without = replace(PRESS, ready=None, handshakes=())
    assert binder.outputs(binder.initial(without), rig.working, health) == ()


def test_what_is_handed_over_for_a_handshake_that_is_gone_is_passed_over() -> None:
    """Working may have lost its link in between."""
    working = Rig(PRESS).working
    assert binder.handed_over(working, {"end": None}) == working


# ------------------------------------------------------------------ ready


def ready(groups: tuple[WriteGroup, ...]) -> list[tuple[str, Scalar]]:
    """Return what is said of readiness."""
    tags = {"ready", "reason", "text"}
    return [pair for group in groups for pair in group.values if pair[0] in tags]


def test_ready_comes_last_and_not_ready_first() -> None:
    """Ready says that everything else stands; not ready must not wait for anything."""
    rig = press()
    assert rig.due()[-1].values == (("reason", 0), ("text", ""), ("ready", True))
    rig.reason = NotReady.DISK_FULL
    assert rig.due()[0].values == (("reason", 3), ("text", "disk full"), ("ready", False))


def test_every_reason_has_a_text() -> None:
    """But READY, which has none."""
    assert set(TEXTS) == set(NotReady) - {NotReady.READY}


@pytest.mark.parametrize("tag", ["reason", "text"])
def test_reason_and_text_are_optional(tag: str) -> None:
    """A PLC may have the bit alone."""
    rig = Rig(replace(PRESS, ready=Ready(device="plc", tag="ready", reason=None)))
    rig.up()
    assert ready(rig.due()) == [("ready", True)]
    assert tag not in rig.device


def test_why_a_station_is_not_ready() -> None:
    """The first reason that holds, from the rim's to the handshake's own."""
    rig = Rig(PRESS)
    health = Health(now_ms=rig.ms)

    def why() -> NotReady:
        return binder.readiness(rig.durable, rig.working, health)

    assert why() is NotReady.DEVICE_LOST
    rig.link("scanner", up=True)
    rig.link("plc", up=True)
    assert why() is NotReady.TAG_FAULT, "nothing is read yet"
    rig.plc(trigger=False, request=0)
    assert why() is NotReady.STARTING, "read, but not by snapshot"
    rig.answer()
    assert why() is NotReady.READY
    rig.link("plc", up=True, faults=(TagFault(tag="force", cause="x", hint="y"),))
    assert why() is NotReady.READY, "a cycle can be recorded without it"
    rig.link("plc", up=True, faults=(TagFault(tag="ack", cause="x", hint="y"),))
    assert why() is NotReady.TAG_FAULT
    rig.link("plc", up=True)
    rig.link("scanner", up=False)
    assert why() is NotReady.DEVICE_LOST
    health = Health(now_ms=rig.ms, reason=NotReady.JOURNAL)
    assert why() is NotReady.JOURNAL
    rig.working = binder.stop(rig.state, rig.working, "stopped", rig.now).working
    assert why() is NotReady.STOPPING


def test_ready_is_not_written_over_a_lost_link() -> None:
    """There is nobody to write to."""
    rig = press()
    rig.link("plc", up=False)
    assert rig.due() == ()
