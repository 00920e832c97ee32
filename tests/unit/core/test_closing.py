"""After a changed station file: what was closed is gone, what is possible is not certain."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.core import binder
from agent.core.events import (
    Certainty,
    ConfigChanged,
    CounterReset,
    Event,
    InterlockBypassed,
    LotCounted,
    MachineStateChanged,
    QueueLoss,
    QueueLost,
    QueueSynced,
    StateCarried,
    UnitCompleted,
    UnitRefused,
    Why,
)
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.parts import QueueState
from agent.core.station import Policy, Station, Until
from agent.formats.json import decode, encode
from tests import file_changes as changes
from tests import open_things as scenes
from tests.core_rig import FILLER, HOUSING, PRESS, RULES, Rig
from tests.unit.core.test_queueing import LINE, WAY, enter
from tests.unit.core.test_queueing import rig_of as line


def under(rig: Rig, change: Callable[[Station], Station], config: str = "c2") -> ConfigChanged:
    """Start again under a changed file, and return what was declared."""
    rig.station = replace(change(rig.station), config=config)
    rig.restart()
    return rig.of(ConfigChanged)[-1]


def test_a_request_that_cannot_be_compared_may_be_a_repeat() -> None:
    """After its tags were moved, the next request is answered as possibly the same (D-20)."""
    rig = scenes.request()
    under(rig, changes.moved("request"))
    assert rig.state.cycle.answered == {}
    rig.up()
    rig.scan("SN-2")
    rig.turn(500)
    rig.cycle(2)
    unit = rig.of(UnitCompleted)[-1]
    assert (unit.certainty, unit.why) == (Certainty.POSSIBLE, (Why.REPEAT_POSSIBLE,))


def test_a_request_that_continues_is_the_same_request() -> None:
    """The PLC that still holds its trigger gets its answer again, and there is no second event."""
    rig = scenes.press()
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(trigger=True, request=1, count=1)
    rig.answer()
    under(rig, lambda station: replace(station, lookup_within_ms=900))
    rig.up()
    assert rig.answered() == 1
    assert len(rig.units()) == 1


def test_a_unit_without_its_end_is_an_aborted_cycle() -> None:
    """Nothing completes it any more (D-7)."""
    rig = scenes.unit()
    assert rig.state.cycle.started is not None
    under(rig, lambda station: replace(station, handshakes=station.handshakes[1:]))
    assert rig.state.cycle.started is None


def test_another_counter_begins_with_its_first_reading() -> None:
    """What was counted between the last reading and the change is told as lost, once (D-31)."""
    rig = scenes.filler()
    under(rig, changes.of_counters(modulus=1_000))
    (reset,) = rig.of(CounterReset)
    assert (reset.from_count, reset.to_count, reset.tag) == (3, 3, "count")
    assert rig.state.production.counted is None
    rig.link("plc", up=True)
    rig.plc(count=700, lot="A", order="WO-1")
    rig.plc(count=702)
    rig.turn(2_000)
    counted = [(e.from_count, e.to_count, e.n) for e in rig.of(LotCounted)][-2:]
    assert counted == [(700, 700, 0), (700, 702, 2)]


def test_a_cycle_counter_of_another_tag_misses_no_cycle() -> None:
    """Its number is not compared with the old one's."""
    rig = scenes.request()
    under(rig, changes.of_counters(tag="other"))
    assert [(e.from_count, e.tag) for e in rig.of(CounterReset)] == [(1, "count")]
    assert [each.count for each in rig.state.cycle.answered.values()] == [None]


def test_another_bypass_counter_begins_with_its_first_reading() -> None:
    """And its key is told anew."""
    rig = scenes.bypass()
    under(rig, lambda station: replace(station, machine="other"))
    rig.up()
    rig.plc(passed=90, key=True)
    assert [(e.to_count, e.n) for e in rig.of(InterlockBypassed)] == [(5, 0), (90, 0)]


@pytest.mark.parametrize(("policy", "answer"), [(Policy.REFUSE, 6), (Policy.RECORD, 1)])
def test_a_stricter_position_judges_what_is_on_it(policy: Policy, answer: int) -> None:
    """What no longer belongs there is wrong from the next unit on, by the new policy (D-57)."""
    rig = scenes.material()
    under(rig, changes.of_position("housing", products=("P-1",), unfit=policy))
    rig.up()
    rig.scan("SN-1")
    rig.turn(500)
    assert rig.cycle(1) == answer
    last = rig.units()[-1]
    reason = last.reason if isinstance(last, UnitRefused) else last.why[0]
    assert reason is Why.WRONG_PART


def test_a_load_of_an_unknown_file_is_possible() -> None:
    """A recall must not lose it, and nothing says that it is still the only one (D-4)."""
    rig, declared = changes.after("load", "not recorded")
    assert (declared.previous_known, declared.changed) == (False, ())
    rig.up()
    rig.scan("SN-1")
    rig.turn(500)
    rig.cycle(1)
    use = rig.of(UnitCompleted)[-1].components[0]
    assert (use.candidates, use.certainty) == (("L-1",), Certainty.POSSIBLE)


def test_a_position_that_feeds_otherwise_was_not_seen_empty() -> None:
    """What else may be in it is not known any more; another vessel stays as it is (D-48)."""
    vessels = tuple(
        replace(HOUSING, position=position, until=Until.EMPTIED) for position in ("housing", "lid")
    )
    emptied = tuple(
        ScanRule(
            match=RegexMatch(pattern=f"EMPTY {each.position}"),
            means=Means.EMPTIED,
            position=each.position,
        )
        for each in vessels
    )
    rig = Rig(replace(PRESS, components=vessels, scans=(*RULES, *emptied)))
    for code in ("EMPTY housing", "EMPTY lid", "L-1"):
        rig.scan(code)
    assert set(rig.state.material.clean) == {"housing", "lid"}
    declared = under(rig, changes.of_position("housing", until=Until.SPLICED))
    assert changes.found(declared, "load").why == "until"
    assert rig.state.material.clean == ("lid",)
    assert [load.lot for load in rig.state.material.loads] == ["L-1"]


def test_what_is_in_another_measure_is_not_counted_down() -> None:
    """Kilograms are no pieces (D-55)."""
    counted = replace(HOUSING, use="1", quantity="10", measure="pcs")
    rig = Rig(replace(PRESS, components=(counted,)))
    rig.scan("L-1")
    assert rig.state.material.loads[0].amount == "10"
    under(rig, changes.of_position("housing", measure="kg"))
    assert rig.state.material.loads[0].amount is None


def test_another_way_is_known_once_the_count_confirms_it() -> None:
    """The parts that were inside are told; what comes after is in order when the count agrees."""
    counted = replace(LINE, handshakes=(replace(LINE.handshakes[0], inside="inside"),))
    rig = line(counted)
    enter(rig, 1, 2)
    under(rig, changes.of_pairing(queue=replace(WAY, most=9)))
    (lost,) = rig.of(QueueLost)
    assert (lost.reason, lost.units) == (QueueLoss.CONFIG_CHANGED, ("SN-1", "SN-2"))
    assert rig.state.queue == QueueState(lost=QueueLoss.CONFIG_CHANGED)
    rig.tags["inside"] = 0
    for reader in ("tunnel", "hand"):
        rig.link(reader, up=True)
    rig.up()
    enter(rig, 3)
    rig.turn(1_000)
    rig.cycle(1)
    assert rig.of(QueueSynced)
    assert rig.of(UnitCompleted)[-1].unit == "SN-3"


def test_a_station_that_begins_with_a_queue_does_not_know_its_order() -> None:
    """Parts may be inside that nobody has read (D-27)."""
    rig = scenes.scan()
    under(rig, lambda station: replace(station, pairing=LINE.pairing))
    assert rig.of(QueueLost)[-1].units == ()
    assert rig.state.queue.lost == QueueLoss.CONFIG_CHANGED


def test_a_machine_that_was_unknown_stays_so_without_an_event() -> None:
    """Nothing has changed."""
    rig = scenes.state()
    rig.link("plc", up=False)
    n = len(rig.of(MachineStateChanged))
    under(rig, lambda station: replace(station, state=None))
    assert len(rig.of(MachineStateChanged)) == n


def test_the_declaration_says_what_differs() -> None:
    """By its path in the plan; what was added and what went is there too."""
    rig = scenes.material()
    changed = under(
        rig,
        lambda station: replace(
            station, components=station.components[:1], machine="other", units={"force": "kN"}
        ),
    ).changed
    assert changed == ("machine", "components.1", "units.force")


def test_nothing_changed_is_nothing_declared() -> None:
    """The same file continues without a word."""
    rig = scenes.scan()
    rig.restart()
    assert rig.of(ConfigChanged) == []
    assert [p.code for p in rig.state.pairing.pending] == ["SN-1"]


def _spoilt(event: Event) -> Event:
    if isinstance(event, StateCarried) and event.part == binder.PLAN:
        return replace(event, body={"path": "acme", "machine": 7})
    return event


def test_a_plan_of_another_version_is_as_if_it_had_not_been_recorded() -> None:
    """What this version cannot read is no ground to stand on."""
    rig = scenes.scan()
    rig.events = [_spoilt(event) for event in rig.events]
    declared = under(rig, lambda station: station)
    assert not declared.previous_known
    assert changes.found(declared, "scan").why == "unknown"


def test_events_fold_under_the_file_that_they_were_concluded_under() -> None:
    """A scan that waited is not lost because the file now has another strategy; it expires."""
    rig = scenes.scan()
    under(rig, lambda station: replace(station, pairing=LINE.pairing))
    assert rig.state.pairing.pending == ()
    under(rig, lambda station: replace(station, pairing=PRESS.pairing), "c3")
    assert len(rig.of(ConfigChanged)) == 2
    n = len(binder.PARTS)
    assert rig.state == _fold(rig, rig.events) == _fold(rig, rig.events[-n:])


def _fold(rig: Rig, events: list[Event]) -> object:
    state = binder.initial(rig.station)
    for event in events:
        state = binder.evolve(state, decode(encode(event)))
    return state


@pytest.mark.parametrize("station", [PRESS, FILLER, LINE], ids=["press", "filler", "line"])
def test_a_recorded_plan_comes_back_from_the_journal(station: Station) -> None:
    """Under another file the plan before is what was recorded, without its scan rules."""
    rig = Rig(station)
    other = binder.initial(replace(station, config="c2", machine="other"))
    for event in rig.events:
        other = binder.evolve(other, decode(encode(event)))
    assert replace(other.station, rules={}) == replace(station, scans=(), no_reads={})


@pytest.mark.parametrize("change", ["product tag", "no products"])
def test_a_product_of_another_source_is_named_anew(change: str) -> None:
    """Until then it is unknown which one it is; without products there is none (D-1)."""
    rig, _ = changes.after("product", change)
    running = rig.state.product.running
    assert running is None or running.named is None
    assert rig.decision.events[-1].kind == "state_carried"
