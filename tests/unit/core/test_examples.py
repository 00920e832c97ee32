"""The annotated examples of config/, each driven through a shift's bad day in simulated time."""

from pathlib import Path

from agent.app.registries import registries
from agent.config.load import load
from agent.core.events import (
    Certainty,
    CodeRefused,
    ComponentInstalled,
    UnitCompleted,
    UnitRefused,
    UnitUnbound,
    Why,
)
from agent.core.station import Station
from tests.core_rig import Rig

CONFIG = Path(__file__).parents[3] / "config"


def example(name: str) -> Station:
    """Return the plan of an example."""
    return load(CONFIG / f"{name}.example.yaml", registries()).station


def test_manual_bench() -> None:
    """A bench binds what was scanned alone, with the board before it; all else is told apart."""
    rig = Rig(example("manual-bench"))
    rig.link("scanner", up=True)
    pause_ms = 1_100
    rig.scan("OP-1234")
    rig.scan("PCB00000001")
    rig.turn(3_000)
    rig.scan("CTRL00000001")
    rig.turn(pause_ms)
    rig.answer()
    first = rig.of(UnitCompleted)[-1]
    assert (first.unit, first.certainty, first.visit) == ("CTRL00000001", Certainty.CERTAIN, 1)
    assert rig.of(ComponentInstalled)[-1].component == "PCB00000001"
    assert [reply.good for reply in rig.decision.replies] == [True]

    rig.scan("CTRL00000002")  # the board was forgotten
    rig.turn(pause_ms)
    rig.answer()
    assert rig.of(UnitRefused)[-1].reason is Why.COMPONENT_MISSING

    rig.scan("PCB00000002")
    rig.scan("CTRL00000002")
    rig.turn(200)
    rig.scan("CTRL00000003")  # the neighbour's label got into the beam
    rig.turn(pause_ms)
    rig.answer()
    unbound = rig.of(UnitUnbound)[-1]
    assert unbound.candidates == ("CTRL00000002", "CTRL00000003")
    assert unbound.components[0].candidates == ("PCB00000002",)

    rig.scan("CTRL99")
    assert rig.of(CodeRefused)[-1].reason
    assert len(rig.units()) == 3
