"""The annotated examples of material, each driven through a bad day in simulated time."""

from dataclasses import replace

from agent.core.events import (
    Certainty,
    ComponentLoaded,
    ComponentUnloaded,
    ComponentUse,
    Event,
    LoadRefused,
    LoadUsedUp,
    LotClosed,
    LotCounted,
    MaterialReturned,
    QuantityLow,
    UnitCompleted,
    UnitRefused,
    Why,
)
from drivers.base import CodeScanned
from tests.core_rig import Rig
from tests.unit.core.test_examples import example

RESISTOR, CAPACITOR = "RC0603-10K", "CC0603-100N"


def label(rig: Rig, part: str, lot: str, quantity: int) -> Event:
    """Let the operator scan a reel's label, and return what came of it."""
    rig.turn(1_100)
    code = f"[)>\x1e06\x1d1P{part}\x1d1T{lot}\x1dQ{quantity}\x1e\x04"
    rig.observe(CodeScanned, device="scanner", raw=code.encode())
    return rig.decision.events[-1]


def panel(rig: Rig, number: int) -> tuple[ComponentUse, ...]:
    """Place one panel, and return what it received."""
    rig.turn(20_000)
    rig.cycle(number, panel=f"PNL{number:08d}")
    return rig.units()[-1].components


def test_smt_splice() -> None:
    """A reel is joined, one is forgotten, a lot is blocked; nothing certain is wrong."""
    rig = Rig(example("smt-splice"))
    rig.tags |= {"panel": "", "verdict": True}
    rig.up()
    rig.scan("OP-1234")
    assert isinstance(label(rig, RESISTOR, "A1", 300), ComponentLoaded)
    assert isinstance(label(rig, CAPACITOR, "C1/C2", 4000), ComponentLoaded)

    panel(rig, 1)
    first, second = panel(rig, 2)
    assert first.certainty is Certainty.CERTAIN
    assert (second.why, len(second.candidates)) == (Why.MULTI_LOT_LABEL, 2)

    for number in range(3, 8):
        panel(rig, number)
    assert [low.remaining for low in rig.of(QuantityLow)] == ["200"]
    label(rig, RESISTOR, "A2", 100)  # joined with 160 left on A1
    for number in range(8, 11):
        first, _ = panel(rig, number)
        assert [lot[-2:] for lot in first.candidates] == ["A1", "A2"]
    assert [off.reason for off in rig.of(ComponentUnloaded)] == ["spliced_out"]
    panel(rig, 11)
    first, _ = panel(
        rig, 12
    )  # the label of A2 says that no more is in it: a splice was not scanned
    assert (first.why, [lot[-2:] for lot in first.candidates]) == (Why.MATERIAL_UNKNOWN, ["A2"])
    assert len(rig.of(LoadUsedUp)) == 1

    label(rig, RESISTOR, "A3", 5000)
    rig.turn(1_100)
    rig.scan(f"BLOCK di:1P/{RESISTOR}/1T/A3")
    panel(rig, 13)
    assert rig.of(UnitRefused)[-1].reason is Why.LOT_BLOCKED
    rig.turn(1_100)
    rig.scan("OFF-1")
    panel(rig, 14)
    panel(rig, 15)
    assert rig.of(UnitRefused)[-1].reason is Why.COMPONENT_MISSING
    assert len(rig.of(UnitCompleted)) == 12


def sack(rig: Rig, lot: str, *, gtin: str = "09506000134369", best_before: str = "270630") -> Event:
    """Let the operator scan a sack of 25 kg, and return what came of it."""
    rig.turn(60_000)
    code = f"]C101{gtin}17{best_before}310302500010{lot}"
    rig.observe(CodeScanned, device="scanner", raw=code.encode())
    return rig.decision.events[-1]


def jars(rig: Rig, n: int) -> LotCounted:
    """Fill `n` jars, one a second, and return the newest row."""
    for _ in range(n):
        rig.plc(1_000, jars=int(rig.tags["jars"]) + 1)
    rig.turn(3_000)
    return rig.of(LotCounted)[-1]


def test_filling_hopper() -> None:
    """Powder on powder, a wrong sack, a rest taken back: each jar may be of all that is in it."""
    rig = Rig(example("filling-hopper"))
    rig.link("scanner", up=True)
    rig.link("plc", up=True)
    rig.plc(jars=0)
    rig.observe(CodeScanned, device="scanner", raw=b"]C1010950600013435210JAM-1")
    rig.scan("HOPPER EMPTY")
    loaded = sack(rig, "P1")
    assert isinstance(loaded, ComponentLoaded)
    assert (loaded.quantity, loaded.expiry) == ("25.000", "2027-06-30")
    rig.turn(700_000)
    (use,) = jars(rig, 5).components
    assert use.certainty is Certainty.CERTAIN

    sack(rig, "P2")
    (use,) = jars(rig, 40).components
    assert (use.why, [lot[-2:] for lot in use.candidates]) == (Why.HOPPER_MIX, ["P1", "P2"])
    refused = sack(rig, "S1", gtin="09506000134376")
    assert isinstance(refused, LoadRefused)
    assert [reply.good for reply in rig.decision.replies] == [False]
    rig.turn(2_000)
    rig.scan("HOPPER NOT POURED")
    rig.turn(2_000)
    rig.scan("REST-000123")
    back = rig.of(MaterialReturned)[-1]
    assert (back.lot, len(back.parents), back.certainty) == ("000123", 2, Certainty.CERTAIN)

    assert rig.of(LoadUsedUp) == []
    jars(rig, 60)  # more than two sacks hold: one was poured and not scanned
    assert rig.of(LoadUsedUp)[-1].measure == "kg"
    (use,) = jars(rig, 1).components
    assert use.why is Why.MATERIAL_UNKNOWN
    rig.turn(2_000)
    rig.scan("HOPPER EMPTY")
    sack(rig, "P3")
    rig.turn(700_000)
    (use,) = jars(rig, 3).components
    assert use == replace(use, certainty=Certainty.CERTAIN, why=None)
    rig.scan("LOT END")
    (closed,) = rig.of(LotClosed)
    assert (closed.n, closed.n_possible, closed.reason) == (109, 0, "ended")
    late = jars(rig, 1)
    assert (late.lot, late.why) == (None, (Why.NO_LOT_OPEN,))
    rig.turn(2_000)
    rig.scan("LOT END")  # none is open: the scan is kept, and nothing follows
    assert len(rig.of(LotClosed)) == 1
    assert [lot[-2:] for lot in use.candidates] == ["P3"]
