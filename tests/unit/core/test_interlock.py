"""May this unit be processed here, by what is known of it: each answer with its reason.

D-34 to D-41, D-56.
"""

from dataclasses import replace
from typing import Any

import pytest

from agent.core.events import (
    Certainty,
    PreviousStation,
    UnitCompleted,
    UnitEvent,
    UnitRefused,
    UnitStarted,
    Why,
)
from agent.core.state import LookupAsk
from agent.core.station import Cavity, ModeTag, Pairing, Policy, Station, Strategy
from agent.core.station import Mode as MachineMode
from drivers.base import AskAnswered, PreviousSeen
from tests.core_rig import BEGIN, ECU, END, HOUSING, PRESS, Rig

SAW, DRILL = "acme/saw", "acme/drill"
LINE = replace(PRESS, previous=(SAW, DRILL))
DONE = PreviousSeen(station=SAW, known=True, address="000001-s-4", result="ok", as_of="000001-s-9")
ALSO = replace(DONE, station=DRILL)


def asked(rig: Rig, *, request: int = 1, unit: str = "SN-1") -> LookupAsk:
    """Scan a unit, let it come to the machine, and return the question about it."""
    rig.scan(unit)
    rig.plc(trigger=True, request=request, count=request)
    rig.read()
    ask = rig.open_ask()
    assert isinstance(ask, LookupAsk)
    return ask


def told(rig: Rig, ask: LookupAsk, *previous: PreviousSeen, **known: Any) -> UnitEvent:  # noqa: ANN401 - of AskAnswered
    """Answer the question and return what became of the unit."""
    given = {"known": True, "knowledge_as_of": "000001-aa-9"} | known
    rig.observe(AskAnswered, ask=ask.id, previous=previous, **given)
    return rig.units()[-1]


def rig_of(station: Station = LINE, **changes: Any) -> Rig:  # noqa: ANN401 - fields of Station
    """Return a station with its links up."""
    rig = Rig(replace(station, **changes))
    rig.up()
    return rig


# ------------------------------------------------------------------ the stations before


def test_all_before_have_done_it() -> None:
    """The unit passes, and its event says by whose word, and up to where they knew (D-41)."""
    rig = rig_of()
    unit = told(rig, asked(rig), DONE, ALSO)
    assert (unit.answer, unit.certainty, unit.why) == (1, Certainty.CERTAIN, ())
    assert unit.previous[0] == PreviousStation(
        station=SAW, address="000001-s-4", result="ok", knowledge_as_of="000001-s-9"
    )
    assert [each.station for each in unit.previous] == [SAW, DRILL]
    assert unit.knowledge_as_of == "000001-aa-9"


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (replace(ALSO, address=None, result=None), Why.PREVIOUS_MISSING),
        (replace(ALSO, result="nok"), Why.PREVIOUS_NOK),
    ],
)
def test_one_before_has_not(seen: PreviousSeen, why: Why) -> None:
    """Missing or NOK at any station before: answer 5, with all that was known (D-38, D-39)."""
    rig = rig_of()
    unit = told(rig, asked(rig), DONE, seen)
    assert isinstance(unit, UnitRefused)
    assert (unit.answer, unit.reason, unit.unit) == (5, why, "SN-1")
    assert [each.station for each in unit.previous] == [SAW, DRILL]
    assert unit.values != ()


@pytest.mark.parametrize(
    "seen", [replace(ALSO, known=False), replace(ALSO, certain=False), DONE], ids=str
)
@pytest.mark.parametrize("policy", list(Policy))
def test_one_before_cannot_be_known(policy: Policy, seen: PreviousSeen) -> None:
    """Not asked, not certain, or not mentioned: the station's policy decides, and it is said."""
    rig = rig_of(unknown=policy)
    unit = told(rig, asked(rig), DONE, seen)
    if policy is Policy.REFUSE:
        assert isinstance(unit, UnitRefused)
        assert (unit.answer, unit.reason) == (5, Why.PREVIOUS_UNKNOWN)
    else:
        assert (unit.answer, unit.why) == (1, (Why.PREVIOUS_UNKNOWN,))
        assert unit.certainty is Certainty.CERTAIN  # which unit it was is certain


@pytest.mark.parametrize(("policy", "answer"), [(Policy.REFUSE, 5), (Policy.RECORD, 1)])
def test_nothing_can_be_known(policy: Policy, answer: int) -> None:
    """No answer at all from the look-up: the policy, with its reason; no time is waited (D-41)."""
    rig = rig_of(unknown=policy)
    unit = told(rig, asked(rig), known=False, knowledge_as_of=None)
    assert (unit.answer, unit.knowledge_as_of) == (answer, None)
    assert unit.why == (Why.KNOWLEDGE_MISSING,)


def test_where_knowledge_begins_is_said() -> None:
    """After the look-up was lost, an answer rests on what the journal still had."""
    rig = rig_of(PRESS)
    assert told(rig, asked(rig), knowledge_since="000003-b-7").knowledge_since == "000003-b-7"


def test_begin_asks_and_end_does_not() -> None:
    """The interlock is asked before the machine works; at `end` the stations before are past."""
    rig = rig_of(handshakes=(BEGIN, END))
    rig.scan("SN-1")
    rig.plc(b_trigger=True, b_request=1)
    rig.read()
    ask = rig.open_ask()
    assert isinstance(ask, LookupAsk)
    assert isinstance(told(rig, ask, DONE, ALSO), UnitStarted)
    rig.plc(trigger=True, request=1, count=1)
    rig.read()
    ask = rig.open_ask()
    assert isinstance(ask, LookupAsk)
    unit = told(rig, ask, replace(DONE, result="nok"))
    assert (unit.answer, unit.previous, unit.why) == (1, (), ())


def test_begin_refuses() -> None:
    """A unit that may not run here is refused before the machine works: no snapshot of values."""
    rig = rig_of(handshakes=(BEGIN, END))
    rig.scan("SN-1")
    rig.plc(b_trigger=True, b_request=1)
    rig.read()
    ask = rig.open_ask()
    assert isinstance(ask, LookupAsk)
    unit = told(rig, ask, replace(DONE, address=None), ALSO)
    assert (unit.answer, unit.handshake, unit.components) == (5, "begin", ())


def test_what_is_no_production_was_nowhere_before() -> None:
    """A golden part needs no station before this one."""
    mode = ModeTag(tag="mode", values={3: MachineMode.GOLDEN_PART}, bind=True)
    rig = rig_of(mode=mode)
    rig.tags["mode"] = 3
    assert told(rig, asked(rig), replace(DONE, address=None), ALSO).answer == 1


def test_a_bench_asks_too() -> None:
    """Where the scan is the cycle, the stations before count as well."""
    pairing = Pairing(strategy=Strategy.SCAN_ONLY, window_ms=1_000, settle_ms=200)
    rig = Rig(replace(LINE, pairing=pairing, handshakes=(), ready=None, devices=("scanner",)))
    rig.link("scanner", up=True)
    rig.scan("SN-1")
    rig.turn(1_300)
    ask = rig.open_ask()
    assert isinstance(ask, LookupAsk)
    assert told(rig, ask, DONE, replace(ALSO, result="nok")).answer == 5
    assert [reply.good for reply in rig.decision.replies] == [False]


def test_each_cavity_is_asked_for_its_own_unit() -> None:
    """One unit that was not at the saw does not stop its neighbour's record; the worst is told."""
    cavities = (Cavity(name="left", tag="code_l"), Cavity(name="right", tag="code_r"))
    pairing = Pairing(strategy=Strategy.MULTI_CAVITY, window_ms=10_000, settle_ms=200)
    handshakes = (replace(END, cavities=cavities),)
    rig = Rig(replace(LINE, pairing=pairing, handshakes=handshakes))
    rig.tags |= {"code_l": "SN-1", "code_r": "SN-2"}
    rig.up()
    rig.plc(trigger=True, request=1, count=1)
    rig.read()
    for previous in ((DONE, ALSO), (DONE, replace(ALSO, address=None))):
        ask = rig.open_ask()
        rig.observe(AskAnswered, ask=ask.id, known=True, previous=previous)
    assert [(unit.cavity, unit.kind, unit.answer) for unit in rig.units()] == [
        ("left", "unit_completed", 5),
        ("right", "unit_refused", 5),
    ]


# ------------------------------------------------------------------ the unit itself


def test_the_worst_reason_is_given() -> None:
    """Scrap before a duplicate, a duplicate before the stations before, those before a block."""
    missing = replace(DONE, address=None)
    cases: list[tuple[dict[str, Any], tuple[int, Why]]] = [
        ({"scrapped": True, "visits": 1, "blocked": ("SN-1",)}, (6, Why.SCRAPPED)),
        ({"visits": 1, "blocked": ("SN-1",)}, (3, Why.DUPLICATE)),
        ({"blocked": ("SN-1",)}, (5, Why.PREVIOUS_MISSING)),
    ]
    for known, expected in cases:
        rig = rig_of()
        unit = told(rig, asked(rig), missing, ALSO, **known)
        assert isinstance(unit, UnitRefused)
        assert (unit.answer, unit.reason) == expected


@pytest.mark.parametrize("blocked", ["SN-1", "PAPER-1"])
def test_a_blocked_unit_is_refused(blocked: str) -> None:
    """By whatever name it is blocked, here or at a station around: answer 6 (D-37, D-56)."""
    rig = rig_of(PRESS)
    unit = told(rig, asked(rig), names=("PAPER-1", "SN-1"), blocked=(blocked,))
    assert isinstance(unit, UnitRefused)
    assert (unit.answer, unit.reason) == (6, Why.UNIT_BLOCKED)


@pytest.mark.parametrize("known", [True, False])
def test_a_unit_that_is_blocked_here_needs_no_look_up(known: bool) -> None:  # noqa: FBT001 - a case
    """What this station knows itself is true whatever cannot be asked."""
    rig = rig_of(PRESS, blocked=("SN-1",))
    unit = told(rig, asked(rig), known=known)
    assert (unit.answer, unit.why) == (6, (Why.UNIT_BLOCKED,))


@pytest.mark.parametrize(("unfit", "answer"), [(Policy.REFUSE, 6), (Policy.RECORD, 1)])
def test_a_lot_that_is_blocked_elsewhere(unfit: Policy, answer: int) -> None:
    """What is on a position is asked about with the unit; the position's policy decides."""
    rig = rig_of(PRESS, components=(replace(HOUSING, unfit=unfit),))
    rig.scan("L-1")
    ask = asked(rig)
    assert ask.lots == ("L-1",)
    unit = told(rig, ask, blocked=("L-1",))
    assert (unit.answer, unit.why) == (answer, (Why.LOT_BLOCKED,))
    assert unit.unit == "SN-1"


def test_a_serial_component_is_asked_about_too() -> None:
    """What waits for its unit is on the position, and may be blocked elsewhere."""
    rig = rig_of(PRESS, components=(ECU,))
    rig.scan("ECU-1")
    ask = asked(rig)
    assert ask.lots == ("ECU-1",)
    assert told(rig, ask, blocked=("ECU-1",)).answer == 6


def test_another_visit_is_recorded_where_it_may_be() -> None:
    """With `duplicates: record` a unit that was here is a visit more (D-35)."""
    rig = rig_of(duplicates=Policy.RECORD)
    unit = told(rig, asked(rig), DONE, ALSO, visits=2)
    assert isinstance(unit, UnitCompleted)
    assert unit.visit == 3


@pytest.mark.parametrize(
    ("done_result", "answer"), [("nok", 1), ("ok", 3), (None, 3)], ids=["nok", "ok", "not known"]
)
def test_a_tester_takes_a_unit_again_that_was_not_ok(done_result: str | None, answer: int) -> None:
    """With `duplicates: retest` the newest completion decides, whatever was refused since."""
    rig = rig_of(retests=True, rework_limit=2)
    facts: dict[str, Any] = {"visits": 1, "done_result": done_result, "seen_kind": "unit_refused"}
    unit = told(rig, asked(rig), DONE, ALSO, **facts)
    assert unit.answer == answer
    assert getattr(unit, "visit", 2) == 2


def test_a_retest_has_its_limit_too() -> None:
    """`track.rework.limit` says how often a unit may come, whoever lets it come (D-35)."""
    rig = rig_of(retests=True, rework_limit=2)
    unit = told(rig, asked(rig), DONE, ALSO, visits=3, done_result="nok")
    assert (unit.answer, unit.why) == (6, (Why.REWORK_LIMIT,))


def test_a_unit_is_tested_until_it_is_ok() -> None:
    """NOK, NOK, OK are three visits; then it is a duplicate, and scrap stays scrap (D-35, D-36)."""
    rig = Rig(replace(PRESS, retests=True))
    rig.up()
    answers = []
    for request, ok in enumerate((False, False, True, True), 1):
        rig.turn(2_000)
        rig.scan("SN-1")
        answers.append(rig.cycle(request, ok=ok))
    assert answers == [2, 2, 1, 3]
    assert [unit.visit for unit in rig.of(UnitCompleted)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("visits", "reworked", "expected"),
    [(1, True, (1, ())), (1, False, (3, (Why.DUPLICATE,))), (3, True, (6, (Why.REWORK_LIMIT,)))],
)
def test_a_released_unit_may_come_again_within_its_limit(
    visits: int,
    reworked: bool,  # noqa: FBT001 - a case
    expected: tuple[int, tuple[Why, ...]],
) -> None:
    """A person's release lets a duplicate in, the limit of reworks does not (D-35)."""
    rig = rig_of(rework_limit=2)
    unit = told(rig, asked(rig), DONE, ALSO, visits=visits, reworked=reworked)
    assert (unit.answer, unit.why) == expected
