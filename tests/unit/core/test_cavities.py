"""Strategy `multi-cavity`: k units a cycle, each by its cavity's scan or tag (D-23)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import cavities
from agent.core.crew import Crew, Need
from agent.core.events import (
    Certainty,
    CodeScanned,
    ExpiryReason,
    Result,
    ScanExpired,
    UnitCompleted,
    UnitEvent,
    UnitRefused,
    UnitUnbound,
    Why,
)
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.state import LookupAsk, Seat
from agent.core.station import Cavity, Counter, Outcome, Pairing, Policy, Strategy
from drivers.base import CodeScanned as CodeSeen
from tests.core_rig import END, HOUSING, PRESS, RULES, Rig

PAIR = Pairing(strategy=Strategy.MULTI_CAVITY, window_ms=10_000, settle_ms=200)
TAGS = (Cavity(name="left", tag="code_l", verdict="ok_l"), Cavity(name="right", tag="code_r"))
READERS = (Cavity(name="left", reader="reader_l"), Cavity(name="right", reader="reader_r"))
MARKS = (Cavity(name="left", mark="1"), Cavity(name="right", mark="2"))
MARKED = ScanRule(match=RegexMatch(pattern=r"M(?P<cavity>\d)-(?P<id>SN-\d+)"), means=Means.UNIT)
MOULD = replace(PRESS, pairing=PAIR, scans=(*RULES, MARKED))


def rig_of(own: tuple[Cavity, ...] = TAGS, **changes: Any) -> Rig:  # noqa: ANN401 - fields of Station
    """Return a mould with its links up."""
    rig = Rig(replace(MOULD, handshakes=(replace(END, cavities=own),), **changes))
    rig.tags |= {"code_l": "", "code_r": "", "ok_l": True}
    rig.up()
    return rig


def read(rig: Rig, reader: str, code: str) -> None:
    """Let a reader send a code."""
    rig.ms += 20
    rig.observe(CodeSeen, device=reader, earliest_ms=rig.ms - 20, raw=code.encode())


def shot(rig: Rig, request: int, left: str = "", right: str = "", **tags: Any) -> int | None:  # noqa: ANN401 - tags
    """Run a cycle with these codes in the tags, and return the answer."""
    return rig.cycle(request, code_l=left, code_r=right, **tags)


def newest(rig: Rig) -> dict[str | None, UnitEvent]:
    """Return the events of the newest cycle, by cavity."""
    units = rig.units()
    return {unit.cavity: unit for unit in units if unit.request == units[-1].request}


# ------------------------------------------------------------------ by tag


def test_each_cavity_has_its_own_unit() -> None:
    """A unit event each, of one cycle, one commit and one answer (D-23, D-59)."""
    rig = rig_of()
    assert shot(rig, 1, "SN-1", "SN-2") == 1
    left, right = rig.units()
    assert [(unit.cavity, unit.unit) for unit in (left, right)] == [
        ("left", "SN-1"),
        ("right", "SN-2"),
    ]
    assert left.cycle == right.cycle
    assert (left.request, left.answer, left.because) == (right.request, right.answer, right.because)
    assert {unit.certainty for unit in (left, right)} == {Certainty.CERTAIN}
    assert rig.state.cycle.answered["end"].bound


def test_all_events_come_in_one_decision() -> None:
    """Nothing is recorded before the last cavity is decided (D-20)."""
    rig = rig_of()
    rig.plc(trigger=True, request=1, count=1, code_l="SN-1", code_r="SN-2")
    rig.read()
    assert [ask.unit for ask in rig.asks if isinstance(ask, LookupAsk)] == ["SN-1"]
    rig.look_up()
    assert rig.units() == []
    rig.look_up()
    assert rig.new() == ["unit_completed", "unit_completed"]


def test_cavity_without_a_code_is_unbound_alone() -> None:
    """Fewer codes than cavities: the one that lacks it, not its neighbour (D-25)."""
    rig = rig_of()
    assert shot(rig, 1, "SN-1", " ") == 8
    found = newest(rig)
    assert isinstance(found["left"], UnitCompleted)
    assert found["left"].certainty is Certainty.CERTAIN
    assert isinstance(found["right"], UnitUnbound)
    assert found["right"].why == (Why.NO_SCAN,)
    assert found["left"].answer == 8
    assert not rig.state.cycle.answered["end"].bound


@pytest.mark.parametrize("code", ["junk", "CAR-1"])
def test_bad_code_is_the_worst(code: str) -> None:
    """The machine is told the worst of its cavities; the code is kept (D-39)."""
    rig = rig_of()
    assert shot(rig, 1, "", code) == 4
    found = newest(rig)
    assert isinstance(found["right"], UnitRefused)
    assert found["right"].raw == code.encode().hex()
    assert isinstance(found["left"], UnitUnbound)


def test_own_verdict_counts_for_its_cavity() -> None:
    """One NOK makes the answer NOK; the other unit stays OK (D-39)."""
    rig = rig_of()
    assert shot(rig, 1, "SN-1", "SN-2", ok_l=False) == 2
    results = {unit.cavity: unit.result for unit in rig.of(UnitCompleted)}
    assert results == {"left": Result.NOK, "right": Result.OK}


def test_one_code_in_two_cavities_is_in_neither() -> None:
    """One unit is not in two places (D-25)."""
    rig = rig_of()
    assert shot(rig, 1, "SN-1", "SN-1") == 8
    assert [(unit.why, unit.candidates) for unit in rig.of(UnitUnbound)] == [
        ((Why.CAVITY_UNKNOWN,), ("SN-1",))
    ] * 2


def test_code_that_stayed_from_the_cycle_before_is_not_believed() -> None:
    """For each cavity alone (D-23)."""
    rig = rig_of()
    shot(rig, 1, "SN-1", "SN-2")
    assert shot(rig, 2, "SN-3", "SN-2") == 8
    found = newest(rig)
    assert isinstance(found["left"], UnitCompleted)
    assert found["right"].why == (Why.STALE_CODE,)


def test_same_codes_with_a_guard_that_stands_still_are_duplicates() -> None:
    """The same units asked about again under a new number (D-35)."""
    rig = rig_of()
    shot(rig, 1, "SN-1", "SN-2")
    assert shot(rig, 2, "SN-1", "SN-2", count=1) == 3
    assert [unit.reason for unit in rig.of(UnitRefused)] == [Why.DUPLICATE] * 2


def test_counter_beside_the_guard_tells_a_stale_code() -> None:
    """The piece counter moved on although the guard did not (D-23, D-29)."""
    counter = Counter(device="plc", tag="count", modulus=65_536, max_step=50, fastest_ms=10)
    station = replace(MOULD, counter=counter, handshakes=(replace(END, guard=(), cavities=TAGS),))
    rig = Rig(station)
    rig.tags |= {"code_l": "", "code_r": "", "ok_l": True}
    rig.up()
    rig.turn(1_000)
    shot(rig, 1, "SN-1", "SN-2")
    rig.turn(1_000)
    assert shot(rig, 2, "SN-1", "SN-2") == 8


def test_codes_after_a_plc_restart_are_taken_as_they_are() -> None:
    """In a new generation nothing is stale (D-33)."""
    rig = rig_of(duplicates=Policy.RECORD)
    shot(rig, 5, "SN-1", "SN-2")
    assert shot(rig, 1, "SN-1", "SN-2") == 1


def test_missing_operator_refuses_every_unit() -> None:
    """What nobody may pass without is asked once for all (answer 6)."""
    rig = rig_of(crew=Crew(needs=(Need(),)))
    assert shot(rig, 1, "SN-1", "SN-2") == 6
    assert [unit.reason for unit in rig.of(UnitRefused)] == [Why.OPERATOR_MISSING] * 2


@pytest.mark.parametrize(("policy", "answer"), [(Policy.RECORD, 1), (Policy.REFUSE, 5)])
def test_look_ups_share_one_limit(policy: Policy, answer: int) -> None:
    """Whatever is not known when it is over goes by the station's policy (D-41)."""
    rig = rig_of(unknown=policy)
    rig.plc(trigger=True, request=1, count=1, code_l="SN-1", code_r="SN-2")
    rig.read()
    rig.turn(300)
    rig.look_up()
    assert rig.units() == []
    rig.turn(200)
    assert [unit.why for unit in rig.units()] == [(), (Why.KNOWLEDGE_MISSING,)]
    assert rig.answered() == answer


def test_units_of_one_cycle_received_the_same_material() -> None:
    """The second record of a cycle looks as far back as the first (D-44)."""
    rig = rig_of(components=(HOUSING,))
    rig.scan("L-1")
    rig.turn(1_000)
    shot(rig, 1, "SN-1", "SN-2")
    rig.turn(1_000)
    rig.scan("L-2")
    rig.turn(1_000)
    shot(rig, 2, "SN-3", "SN-4")
    first, second = rig.units()[-2:]
    assert first.components == second.components
    assert first.components[0].candidates == ("L-1", "L-2")


def test_load_that_is_used_up_within_the_cycle_is_possible_for_all() -> None:
    """One is left for two cavities: either of the cycle may have got what came after."""
    counted = replace(HOUSING, use="1", quantity="5")
    rig = rig_of(components=(counted,))
    rig.scan("L-1")
    rig.turn(1_000)
    shot(rig, 1, "SN-1", "SN-2")
    rig.turn(1_000)
    shot(rig, 2, "SN-3", "SN-4")
    rig.turn(1_000)
    shot(rig, 3, "SN-5", "SN-6")
    sure = [unit.components[0].certainty for unit in rig.units()[2:]]
    assert sure == [Certainty.CERTAIN, Certainty.CERTAIN, Certainty.POSSIBLE, Certainty.POSSIBLE]


def test_repeated_request_is_answered_from_its_events() -> None:
    """The same request yields no second set of events (D-20)."""
    rig = rig_of()
    rig.plc(trigger=True, request=1, count=1, code_l="SN-1", code_r="")
    rig.answer()
    assert rig.answered() == 8
    rig.restart()
    rig.device = {}
    rig.up()
    assert len(rig.units()) == 2
    assert rig.answered() == 8


# ------------------------------------------------------------------ by scan


def test_each_reader_reads_its_cavity() -> None:
    """The cavity of a code is that of its reader (D-23)."""
    rig = rig_of(READERS)
    read(rig, "reader_r", "SN-2")
    read(rig, "reader_l", "SN-1")
    rig.turn(10)
    assert shot(rig, 1) == 1
    assert {name: unit.unit for name, unit in newest(rig).items()} == {
        "left": "SN-1",
        "right": "SN-2",
    }
    assert rig.state.pairing.pending == ()


def test_cycle_waits_the_settle_for_every_cavity() -> None:
    """One code is not enough while another may be on its way (D-24)."""
    rig = rig_of(READERS)
    read(rig, "reader_l", "SN-1")
    rig.turn(10)
    rig.plc(trigger=True, request=1, count=1)
    rig.read()
    assert rig.asks == []
    rig.turn(100)
    read(rig, "reader_r", "SN-2")
    rig.answer()
    found = newest(rig)
    assert found["left"].certainty is Certainty.CERTAIN
    assert (found["right"].unit, found["right"].why) == ("SN-2", (Why.ORDER_OF_FACTS,))


def test_missing_and_double_codes_by_scan() -> None:
    """A cavity with two codes and one with none are unbound, each with its own (D-25)."""
    rig = rig_of(READERS)
    read(rig, "reader_l", "SN-1")
    read(rig, "reader_l", "SN-2")
    rig.turn(10)
    assert shot(rig, 1) == 8
    found = newest(rig)
    assert (found["left"].why, found["right"].why) == ((Why.TWO_CANDIDATES,), (Why.NO_SCAN,))
    left = found["left"]
    assert isinstance(left, UnitUnbound)
    assert left.candidates == ("SN-1", "SN-2")
    assert rig.state.pairing.pending == ()


def test_one_code_at_two_readers_is_in_neither_cavity() -> None:
    """Read in both, it is known of neither (D-34: never collapse across readers)."""
    rig = rig_of(READERS)
    read(rig, "reader_l", "SN-1")
    read(rig, "reader_r", "SN-1")
    rig.turn(10)
    shot(rig, 1)
    assert {unit.why for unit in rig.units()} == {(Why.CAVITY_UNKNOWN,)}
    assert rig.of(ScanExpired) == []


def test_codes_say_their_cavity() -> None:
    """The group `cavity` of the pattern names it (D-23)."""
    rig = rig_of(MARKS)
    rig.scan("M2-SN-2")
    rig.scan("M1-SN-1")
    rig.turn(10)
    assert shot(rig, 1) == 1
    assert newest(rig)["right"].unit == "SN-2"


def test_code_of_no_known_cavity_may_be_any_ones() -> None:
    """It is a candidate where a code is missing, and leaves the others possible (D-23)."""
    rig = rig_of(MARKS)
    rig.scan("M1-SN-1")
    rig.scan("M7-SN-7")
    rig.turn(10)
    assert shot(rig, 1) == 8
    found = newest(rig)
    right = found["right"]
    assert isinstance(right, UnitUnbound)
    assert (right.candidates, right.why) == (("SN-7",), (Why.CAVITY_UNKNOWN,))
    assert (found["left"].unit, found["left"].certainty) == ("SN-1", Certainty.POSSIBLE)
    assert found["left"].why == (Why.CAVITY_UNKNOWN,)


def test_stray_code_takes_nothing_from_a_bad_one() -> None:
    """A tag whose code is refused stays refused; the scanned cavities are in doubt (D-85)."""
    rig = rig_of((TAGS[0], MARKS[1]))
    rig.scan("SN-7")
    rig.scan("M2-SN-2")
    rig.turn(10)
    assert shot(rig, 1, "junk") == 4
    found = newest(rig)
    assert isinstance(found["left"], UnitRefused)
    assert found["right"].why == (Why.CAVITY_UNKNOWN,)


def test_second_code_during_the_look_ups_makes_two() -> None:
    """The cavities are judged again when a scan comes between (D-25)."""
    rig = rig_of(READERS)
    read(rig, "reader_l", "SN-1")
    read(rig, "reader_r", "SN-2")
    rig.turn(10)
    rig.plc(trigger=True, request=1, count=1)
    rig.read()
    rig.look_up()
    read(rig, "reader_r", "SN-3")
    rig.answer()
    found = newest(rig)
    assert isinstance(found["left"], UnitCompleted)
    assert found["right"].why == (Why.TWO_CANDIDATES,)
    assert len(rig.units()) == 2


def test_unbound_cycle_spends_what_waits() -> None:
    """Nothing shifts by one into the next cycle (D-24)."""
    rig = rig_of(READERS)
    rig.turn(5)
    assert shot(rig, 1) == 8
    read(rig, "reader_l", "SN-1")
    rig.turn(11_000)
    assert [event.reason for event in rig.of(ScanExpired)] == [ExpiryReason.WINDOW]


def test_scans_pending_over_a_restart_are_possible() -> None:
    """Another code may have been missed while the agent was away (D-24)."""
    rig = rig_of(READERS)
    read(rig, "reader_l", "SN-1")
    rig.restart()
    rig.up()
    read(rig, "reader_r", "SN-2")
    rig.turn(10)
    shot(rig, 1)
    found = newest(rig)
    assert found["left"].why == (Why.SCAN_BEFORE_RESTART,)
    assert found["right"].certainty is Certainty.CERTAIN


def test_cavity_that_is_decided_says_why() -> None:
    """A seat without reason and without unit is a bug, and ends the run (STYLE 3.6)."""
    rig = rig_of()
    seat = Seat(cavity="left", found=(), outcome=Outcome.UNBOUND)
    with pytest.raises(AssertionError, match="says why"):
        cavities._record(None, END, seat)  # type: ignore[arg-type]  # noqa: SLF001 - cannot happen
    assert rig.units() == []


# ------------------------------------------------------------------ for every mould


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["once", "once", "twice", "never"]), min_size=2, max_size=2),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_each_cycle_has_one_event_a_cavity_and_none_is_wrong(
    cycles: list[tuple[list[str], bool]],
) -> None:
    """However the readers fail: an event a cavity, one answer, and no unit is wrong (D-23)."""
    rig = rig_of(READERS, lookup_within_ms=60_000)
    for request, (how, restarts) in enumerate(cycles, 1):
        for place, reads in enumerate(how):
            reader = ("reader_l", "reader_r")[place]
            if reads != "never":
                read(rig, reader, f"SN-{request}{place}")
            if reads == "twice":
                read(rig, reader, f"SN-{request}{place + 5}")
        if restarts:
            rig.restart()
            rig.up()
        rig.turn(10)
        answer = shot(rig, request)
        own = [unit for unit in rig.units() if unit.request == request]
        assert sorted(unit.cavity or "" for unit in own) == ["left", "right"]
        assert {unit.answer for unit in own} == {answer}
        assert len({unit.cycle for unit in own}) == 1
        for unit in own:
            if unit.unit is not None:
                assert unit.unit == f"SN-{request}{int(unit.cavity == 'right')}"
        rig.turn(2_000)
    named = {a for e in rig.events if isinstance(e, UnitEvent | ScanExpired) for a in e.because}
    assert {scan.address for scan in rig.of(CodeScanned)} <= named
