"""What is remembered of packing after each event, to the last field (D-9, D-24, D-42, D-91)."""

from dataclasses import replace
from typing import Any

import pytest

from agent.core import packed
from agent.core.events import (
    AgentStarted,
    Certainty,
    CodeRefused,
    ComponentInstalled,
    CycleMissed,
    Event,
    InterlockBypassed,
    NoRead,
    ParentClosed,
    ParentOpened,
    Result,
    UnitCompleted,
    UnitPacked,
    UnitRefused,
    UnitStarted,
    UnitUnpacked,
    Why,
)
from agent.core.levels import Level, Order, ParentBy
from agent.core.packages import Child, OpenParent, PackingState, Turn, WaitingChild
from agent.core.parts import LONG_AGO
from agent.core.state import State
from agent.core.station import Station
from agent.ports import Address
from tests.core_rig import INTERLOCK, PRESS, Rig
from tests.histories import make
from tests.packing_rig import BENCH, BOX, PALLET

AT = Address("000001-aa", 99)
CASE = Level(name="case", parent=ParentBy.CYCLE, order=Order.CHILDREN_FIRST)
OPENED = replace(CASE, order=Order.PARENT_FIRST)
READ = Turn(
    address="e-1",
    epoch="e",
    means="child",
    level="box",
    code="AU-9",
    product="A",
    device="scanner",
    earliest_ms=100,
    latest_ms=120,
)
OPEN = OpenParent(
    level="box",
    parent="BOX-1",
    product=None,
    address="e-2",
    epoch="e",
    children=(Child(code="AU-1"), Child(code="AU-2", is_sure=False)),
    latest_ms=90,
)
ON_PALLET = replace(OPEN, level="pallet", parent="PAL-1", children=(Child(code="BOX-7"),))
WAITS = WaitingChild(
    level="box", code="AU-5", product="A", address="e-3", epoch="e", earliest_ms=80
)
CYCLE: dict[str, Any] = {
    "cycle": "c-1",
    "generation": 1,
    "answer": 1,
    "earliest_ms": 700,
    "latest_ms": 720,
}

PASSED: dict[str, Any] = {
    "tag": "passed",
    "from_count": 1,
    "to_count": 2,
    "first_ms": 1,
    "last_ms": 2,
}


def at(station: Station = BENCH, **packing: Any) -> State:  # noqa: ANN401 - fields of PackingState
    """Return a station that remembers this of packing."""
    return replace(Rig(station).state, packing=PackingState(**packing))


def fold(state: State, event: Event) -> PackingState:
    """Return what is remembered after an event."""
    return packed.EVOLVES[type(event)](state, event).packing


def doubts(state: State, event: Event) -> list[tuple[Why, ...]]:
    """Return the doubts of what waits and of what is open after an event."""
    after = fold(state, event)
    return [each.doubts for each in after.waiting] + [each.doubts for each in after.open]


# ------------------------------------------------------------------ the cycle's unit


@pytest.mark.parametrize(
    ("level", "kind", "means"),
    [
        (OPENED, UnitStarted, "parent"),
        (OPENED, UnitCompleted, "parent_end"),
        (CASE, UnitCompleted, "parent"),
        (CASE, UnitStarted, None),
    ],
)
def test_a_cycles_unit_has_its_turn_as_the_parent(
    level: Level, kind: type[Event], means: str | None
) -> None:
    """As its event says it: nobody read it at a reader, and it was there within its cycle."""
    made = {"result": Result.OK, "visit": 1} if kind is UnitCompleted else {}
    said: dict[str, Any] = CYCLE | made | {"unit": "SN-1", "product": "B", "handshake": "end"}
    turn = Turn(
        address="000001-aa-99",
        epoch="000001-aa",
        means=means or "",
        level="case",
        code="SN-1",
        product="B",
        device="",
        earliest_ms=700,
        latest_ms=720,
    )
    station = replace(PRESS, packing=(level,))
    told = (Why.KNOWLEDGE_MISSING,)
    for certainty, doubt in ((Certainty.CERTAIN, ()), (Certainty.POSSIBLE, told)):
        event = make(kind, AT, certainty=certainty, why=told, **said)
        wanted = () if means is None else (replace(turn, doubts=doubt),)
        assert fold(at(station), event).turns == wanted


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (make(InterlockBypassed, AT, **PASSED, n=0), ()),
        (make(InterlockBypassed, AT, **PASSED, n=1), (Why.CYCLE_BETWEEN,)),
        (make(InterlockBypassed, AT, **PASSED, n=None), (Why.CYCLE_BETWEEN,)),
        (make(CycleMissed, AT, n=1, reason="torn"), ()),
        (make(CycleMissed, AT, n=1, reason="counter"), (Why.CYCLE_BETWEEN,)),
        (make(UnitRefused, AT, **CYCLE, handshake="begin", reason=Why.DUPLICATE), ()),
        (
            make(UnitRefused, AT, **CYCLE, handshake="end", reason=Why.DUPLICATE),
            (Why.CYCLE_BETWEEN,),
        ),
    ],
)
def test_a_cycle_without_a_record_leaves_what_waits_in_doubt(
    event: Event, why: tuple[Why, ...]
) -> None:
    """It may have taken it; not where nothing passed, or the machine has not worked (D-7)."""
    waits = replace(WAITS, level="case")
    state = at(replace(INTERLOCK, packing=(CASE, BOX)), waiting=(waits, WAITS))
    assert doubts(state, event) == [why, ()]


# ------------------------------------------------------------------ readers


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (make(NoRead, AT, device="scanner"), (Why.READER_AWAY,)),
        (
            make(CodeRefused, AT, device="scanner", raw="00", reason="bad_charset", detail=""),
            (Why.READER_AWAY,),
        ),
        (make(CodeRefused, AT, device="scanner", raw="00", reason="no_rule", detail=""), ()),
    ],
)
def test_what_could_not_be_read_may_have_been_a_parent(event: Event, why: tuple[Why, ...]) -> None:
    """A code that no rule takes was none (D-24)."""
    assert doubts(at(waiting=(WAITS,), open=(ON_PALLET,)), event) == [why, why]


def test_in_another_boot_what_was_read_was_read_long_ago() -> None:
    """All is kept but what was closed last: what is read now was read after that (D-91)."""
    state = at(turns=(READ,), open=(OPEN, ON_PALLET), waiting=(WAITS,))
    started = make(AgentStarted, AT, version="1")
    assert fold(state, started) == state.packing
    other = replace(started, time=replace(started.time, boot_id="boot-2"))
    assert fold(state, other) == PackingState(
        turns=(replace(READ, earliest_ms=LONG_AGO, latest_ms=LONG_AGO),),
        open=(replace(OPEN, latest_ms=LONG_AGO), replace(ON_PALLET, latest_ms=LONG_AGO)),
        waiting=(replace(WAITS, earliest_ms=LONG_AGO),),
    )


# ------------------------------------------------------------------ parents and children


@pytest.mark.parametrize("certainty", [Certainty.CERTAIN, Certainty.POSSIBLE])
def test_a_parent_that_is_opened(certainty: Certainty) -> None:
    """With what is in it and around it; children of the one before are its own only if resumed."""
    why = (Why.KNOWLEDGE_MISSING,)
    event = make(
        ParentOpened,
        AT,
        level="box",
        parent="BOX-2",
        product="B",
        children=("AU-3",),
        within=("PAL-1",),
        certainty=certainty,
        why=why,
        because=("e-1",),
        earliest_ms=200,
        latest_ms=220,
    )
    opened = OpenParent(
        level="box",
        parent="BOX-2",
        product="B",
        address="000001-aa-99",
        epoch="000001-aa",
        children=(Child(code="AU-3"),),
        doubts=() if certainty is Certainty.CERTAIN else why,
        within=("PAL-1",),
        latest_ms=220,
    )
    state = at(turns=(READ,), open=(OPEN, ON_PALLET))
    assert fold(state, event) == PackingState(open=(ON_PALLET, opened))
    again = make(
        ParentOpened, AT, level="box", parent="BOX-1", resumed=True, earliest_ms=1, latest_ms=2
    )
    assert fold(state, again).open[1].children == OPEN.children


def test_what_is_around_an_open_parent_moves_with_what_is_around_that() -> None:
    """At whatever depth: what lies inside the thing that was moved stays around it (D-9)."""
    inner = replace(OPEN, within=("TRAY-1", "BIN-1", "PAL-1"))
    outer = replace(ON_PALLET, parent="PAL-2", within=("TRUCK-2",))
    state = at(open=(inner, outer))

    def within(child: str, parent: str | None) -> tuple[str, ...]:
        if parent is None:
            event = make(UnitUnpacked, AT, child=child, parent="X", how="scan")
        else:
            event = make(UnitPacked, AT, level="pallet", child=child, parent=parent)
        return fold(state, event).open[0].within

    assert within("BIN-1", "PAL-2") == ("TRAY-1", "BIN-1", "PAL-2", "TRUCK-2")
    assert within("BOX-1", "PAL-9") == ("PAL-9",)
    assert within("TRAY-1", None) == ("TRAY-1",)
    assert within("BIN-1", None) == ("TRAY-1", "BIN-1")
    assert within("OTHER", "PAL-2") == inner.within


def test_what_waits_is_in_doubt_once_it_is_elsewhere() -> None:
    """Built in or packed: it may be in either, until it is taken out of that again (D-42)."""
    other = replace(WAITS, code="AU-6", address="e-4")
    state = at(waiting=(WAITS, other), open=(OPEN, ON_PALLET))
    gone = make(ComponentInstalled, AT, component="AU-5", unit="SN-1", position="p", cycle="c-1")
    (doubted, untouched) = fold(state, gone).waiting
    assert doubted == replace(WAITS, other="SN-1", doubts=(Why.CONFLICT,))
    assert untouched == other
    both = at(waiting=(doubted, replace(doubted, code="AU-6")), open=state.packing.open)
    for parent, left in (("SN-1", WAITS), ("SN-2", doubted)):
        out = make(UnitUnpacked, AT, child="AU-5", parent=parent, how="scan")
        assert fold(both, out).waiting == (left, both.packing.waiting[1])


def test_a_child_is_taken_out_of_its_own_parent() -> None:
    """One of the same name in another parent stays there."""
    pallet = replace(ON_PALLET, children=(Child(code="AU-1"),))
    event = make(UnitUnpacked, AT, child="AU-1", parent="BOX-1", how="scan")
    box, same = fold(at(open=(OPEN, pallet)), event).open
    assert (box.children, same) == (OPEN.children[1:], pallet)


@pytest.mark.parametrize("how", ["scan", "next"])
def test_what_is_closed_has_its_turn_in_the_next_level(how: str) -> None:
    """As if it had been read there when it was closed; the code that opens the next one waits."""
    event = make(
        ParentClosed,
        AT,
        level="box",
        parent="BOX-1",
        product="B",
        children=("AU-1",),
        how=how,
        latest_ms=300,
        because=("e-1",),
    )
    station = replace(BENCH, packing=(replace(BOX, into="pallet"), PALLET))
    after = fold(at(station, turns=(READ,), open=(OPEN, ON_PALLET)), event)
    turn = Turn(
        address="000001-aa-99",
        epoch="000001-aa",
        means="child",
        level="pallet",
        code="BOX-1",
        product="B",
        device="",
        earliest_ms=300,
        latest_ms=300,
    )
    assert after.turns == ((READ, turn) if how == "next" else (turn,))
    assert after.open == (ON_PALLET,)
    (closed,) = after.closed
    assert (closed.level, closed.parent, closed.latest_ms) == ("box", "BOX-1", 300)
