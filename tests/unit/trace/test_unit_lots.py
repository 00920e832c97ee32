"""The recall of a lot has the units that are of it, or came out of it (D-1, D-4, D-7, D-9)."""

from sqlalchemy import select

from agent.trace.genealogy import recall
from agent.trace.said import UNIDENTIFIED
from agent.trace.tables import ABOUT, THINGS
from tests.core_rig import Rig
from tests.granular_rig import MIXED
from tests.trace_rig import documents, stored
from tests.unit.core.test_belonging import BOTH, MARKING, rig_of, unit


def found(rig: Rig, lot: str) -> tuple[list[str], list[str]]:
    """Return what the recall of a lot names for certain, and what it names as possible."""
    with stored(documents(rig.events)) as store:
        answer = recall(store, lot)
    return list(answer.certain), list(answer.possible)


def test_marked_units_are_in_the_recall_of_their_lot() -> None:
    """One more than the lot held is possible; those of the next lot are not in it."""
    rig = rig_of(MARKING)
    rig.scan("BOX-1-2")
    rig.turn(500)
    for serial in (1, 2, 3):
        unit(rig, serial)
    rig.scan("BOX-2-5")
    rig.turn(500)
    unit(rig, 4)
    assert found(rig, "BOX-1") == (["SN-1", "SN-2"], ["SN-3"])
    assert found(rig, "BOX-2") == (["SN-4"], ["SN-3"])


def test_units_of_a_lot_are_in_its_recall() -> None:
    """The unit of a changeover is possible in both; one without a code is there as unidentified."""
    rig = rig_of(BOTH)
    rig.scan("LOT-7")
    rig.turn(500)
    unit(rig, 1)
    rig.turn(500)
    rig.scan("SN-2")
    rig.turn(50)
    rig.plc(300, trigger=True, request=2)
    rig.ms -= 100
    rig.scan("LOT-8")
    rig.ms += 80
    rig.answer()
    rig.turn(300)
    rig.answer()
    rig.due()
    rig.plc(trigger=False)
    rig.turn(500)
    rig.cycle(3)
    certain, possible = found(rig, "LOT-8")
    assert [name.startswith(UNIDENTIFIED) for name in certain] == [True]
    assert possible == ["SN-2"]
    assert found(rig, "LOT-7") == (["SN-1"], ["SN-2"])


def test_unit_made_while_no_lot_was_open_may_be_of_each() -> None:
    """What nobody knows widens the answer (D-4)."""
    rig = rig_of(BOTH)
    unit(rig, 1)
    rig.scan("LOT-7")
    rig.turn(500)
    unit(rig, 2)
    assert found(rig, "LOT-7") == (["SN-2"], ["SN-1"])


def test_cycles_of_a_lot_are_in_its_history() -> None:
    """With their values; the pieces are counted by the counter's rows."""
    rig = Rig(MIXED)
    rig.up()
    rig.plc(recipe="S-1", count=0)
    rig.scan("LOT-7")
    rig.turn(500)
    rig.cycle(1, count=1)
    rig.turn(3_000)
    with stored(documents(rig.events)) as store, store.archive.connection.begin():
        about = select(THINGS.c.name, ABOUT.c.n).join(ABOUT, ABOUT.c.thing == THINGS.c.id)
        lines = store.archive.connection.execute(about).all()
    assert [n for name, n in lines if name == "LOT-7" and n] == [1]
    assert sum(name == "LOT-7" for name, _ in lines) >= 3


def test_pieces_of_a_changeover_may_be_units_without_a_record() -> None:
    """They are possible for the lot, and unidentified besides (D-7)."""
    rig = Rig(MIXED)
    rig.up()
    rig.plc(recipe="S-1", count=0)
    rig.scan("LOT-7")
    rig.turn(2_000)
    rig.plc(100, recipe="V-1")
    rig.ms -= 90
    rig.plc(100, count=2)
    rig.turn(500)
    rig.scan("SN-3")
    rig.turn(50)
    rig.cycle(3, count=3)
    with stored(documents(rig.events)) as store, store.archive.connection.begin():
        about = select(THINGS.c.name, ABOUT.c.n).join(ABOUT, ABOUT.c.thing == THINGS.c.id)
        lines = store.archive.connection.execute(about).all()
    assert 2 in [n for name, n in lines if name.startswith(UNIDENTIFIED)]
    assert 2 in [n for name, n in lines if name == "LOT-7"]
