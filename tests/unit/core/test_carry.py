"""State parts as plain data and back: what is carried is what was folded."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from pathlib import Path

import pytest

from agent.app.registries import registries
from agent.config.load import load
from agent.core import binder, changing
from agent.core.carry import from_plain, to_plain
from agent.core.events import StateCarried, Why
from agent.core.parts import (
    Boundary,
    Counted,
    CycleState,
    Life,
    Load,
    MachineState,
    MaterialState,
    PairingState,
    Pending,
    ProductionState,
    RunState,
    Shown,
)
from agent.core.state import State
from agent.core.station import Mode, Numbering, Station
from agent.formats.json import decode, encode
from tests.core_rig import ECU, FILLER, HOUSING, INTERLOCK, PRESS, Rig

CONFIG = Path(__file__).parents[3] / "config"
PENDING = Pending(
    address="a-1",
    epoch="a",
    code="SN-1",
    product=None,
    earliest_ms=1,
    latest_ms=2,
    doubts=(Why.ORDER_OF_FACTS,),
)


def busy(name: str) -> Rig:
    """Return a station that has something to carry in every part."""
    if name == "filler":
        rig = Rig(FILLER)
        rig.link("plc", up=True)
        rig.plc(count=1, lot="A", order="WO-1")
        rig.plc(count=3, lot="B")
        rig.turn(2_000)
        return rig
    rig = Rig(replace(INTERLOCK if name == "interlock" else PRESS, components=(HOUSING, ECU)))
    rig.up()
    for code in ("OP-1", "WO-1", "L-1", "L-2", "ECU-1", "SN-1"):
        rig.scan(code)
    rig.turn(500)
    rig.plc(b_trigger=True, b_request=1)
    rig.answer()
    rig.cycle(2**60 % 65_536, count=2**60)
    rig.scan("SN-2")
    rig.scan("ECU-2")
    rig.plc(trigger=True, request=7)
    rig.plc(trigger=False)
    return rig


@pytest.mark.parametrize("name", ["press", "interlock", "filler"])
def test_a_fold_from_the_carried_set_is_the_fold_of_everything(name: str) -> None:
    """Through the journal's own JSON, so that older events may be pruned (DESIGN 2)."""
    rig = busy(name)
    rig.restart()
    carried = [event for event in rig.events if isinstance(event, StateCarried)]
    state = binder.initial(rig.station)
    for event in carried[-len(binder.PARTS) :]:
        state = binder.evolve(state, decode(encode(event)))
    assert state == rig.state


@pytest.mark.parametrize("name", ["press", "interlock", "filler"])
def test_a_fold_through_the_journal_is_the_fold_in_memory(name: str) -> None:
    """JSON loses nothing that the state is made of."""
    rig = busy(name)
    state: State = binder.initial(rig.station)
    for event in rig.events:
        state = binder.evolve(state, decode(encode(event)))
    assert state == rig.state


@pytest.mark.parametrize(
    "part",
    [
        PairingState(pending=(PENDING,)),
        CycleState(generations={"end": 3}, suspect=("end",)),
        MaterialState(
            loads=(Load(position="p", lot="L", address="a-2", from_lo_ms=1, from_hi_ms=2),)
        ),
        ProductionState(boundary=Boundary(lots=("A", "B"), latest_ms=5)),
        RunState(lives={"plc": Life(boots=3, life=7)}),
        MachineState(
            bypass_on=True,
            passed=Counted(count=5, at_ms=1, epoch="a"),
            shown=Shown(state="held", category="held", reason="E17"),
        ),
    ],
)
def test_a_part_comes_back_as_it_was(part: object) -> None:
    """Nested parts, tuples, mappings, enums and None."""
    assert from_plain(type(part), to_plain(part)) == part


def test_a_later_field_is_passed_over_and_an_older_body_filled_up() -> None:
    """Additive changes need no new schema (D-141)."""
    assert from_plain(PairingState, {"novelty": 1}) == PairingState()


def test_a_body_of_another_shape_is_an_error() -> None:
    """It is not guessed at."""
    with pytest.raises(TypeError):
        from_plain(PairingState, {"pending": [{"address": "a-1"}]})


@pytest.mark.parametrize("file", sorted(CONFIG.glob("*.yaml")), ids=lambda file: file.name)
def test_the_plan_of_every_example_comes_back_as_it_was(file: Path) -> None:
    """Whatever a station file can say is carried, so that it can be compared with the next one."""
    plan = changing.recorded(load(file, registries()).station)
    assert from_plain(Station, json.loads(json.dumps(to_plain(plan)))) == plan


def test_keys_and_sets_are_text_in_order() -> None:
    """Numbers as keys come back as numbers; a set has one form."""

    @dataclass(frozen=True)
    class Odd:
        by_number: Mapping[int, Mode]
        number: Numbering | None
        big: int

    odd = Odd({2: Mode.MANUAL}, Numbering.PACKTAGS, 2**60)
    plain = to_plain(odd)
    assert plain == {"by_number": {"2": "manual"}, "number": "packtags", "big": 2**60}
    assert from_plain(Odd, plain | {"big": str(2**60)}) == odd
    assert to_plain(frozenset({"b", "a"})) == ["a", "b"]


class Colour(StrEnum):
    """A word."""

    RED = "red"


class Size(IntEnum):
    """A number."""

    SMALL = 1


@dataclass(frozen=True)
class Painted:
    """Something with words and numbers that may be missing."""

    colour: Colour | None
    size: Size
    sizes: tuple[Size | None, ...] = ()


@pytest.mark.parametrize("colour", [Colour.RED, None])
def test_a_word_of_a_closed_set_comes_back_as_that_word(colour: Colour | None) -> None:
    """Not as text that is equal to it: the core asks `is`. Also where it may be missing."""
    thing = Painted(colour=colour, size=Size.SMALL, sizes=(Size.SMALL, None))
    back = from_plain(Painted, json.loads(json.dumps(to_plain(thing))))
    assert back == thing
    assert back.colour is colour
    assert back.size is Size.SMALL
    assert back.sizes[0] is Size.SMALL
    assert from_plain(Painted, {"colour": None, "size": "1"}).size is Size.SMALL
