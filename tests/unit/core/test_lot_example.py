"""The annotated example of filling by lot, through a shift's bad day in simulated time."""

from agent.core.events import (
    Certainty,
    LotAmount,
    LotClosed,
    LotCounted,
    LotIssued,
    LotOpened,
    LotRefused,
    LotReturned,
    LotSplit,
    QuantityMismatch,
    Why,
)
from drivers.base import CodeScanned
from tests.core_rig import Rig
from tests.unit.core.test_examples import example

GTIN = "09506000134352"
LOT = f"https://id.gs1.org/01/{GTIN}/10/"


def filler() -> Rig:
    """Return the filler at the start of a shift."""
    rig = Rig(example("filling-by-lot"))
    rig.tags["bottles"] = 0
    rig.link("scanner", up=True)
    rig.link("plc", up=True)
    rig.plc(bottles=0)
    return rig


def label(rig: Rig, text: str) -> None:
    """Let a GS1 label be read."""
    rig.turn(1_100)
    rig.observe(CodeScanned, device="scanner", raw=b"]C1" + text.encode())


def code(rig: Rig, text: str) -> None:
    """Let a code of the tablet be read."""
    rig.turn(1_100)
    rig.scan(text)


def fill(rig: Rig, n: int) -> None:
    """Fill bottles, eight a second, polled ten times a second."""
    for _ in range(n):
        rig.plc(125, bottles=int(rig.tags["bottles"]) + 1)
    rig.turn(2_000)


def test_filling_by_lot() -> None:
    """Cut by 500, a bad box of caps found, pallets shipped, one back, a part set aside."""
    rig = filler()
    label(rig, f"01{GTIN}10L1")
    label(rig, "0109506000134369" + "10CAPS1")
    rig.turn(120_000)
    fill(rig, 700)
    label(rig, "0109506000134369" + "10CAPS2")
    rig.turn(120_000)
    fill(rig, 500)

    # Which sub-lots may have got CAPS2? The recall is these, not the lot.
    touched = {
        lot
        for row in rig.of(LotCounted)
        for lot in row.lots or (row.lot,)
        if any("CAPS2" in lots for use in row.components for lots in use.candidates)
    }
    assert touched == {f"{LOT}L1/0002", f"{LOT}L1/0003"}
    assert {row.certainty for row in rig.of(LotCounted) if row.n} == {Certainty.CERTAIN}

    # Two pallets leave while the lot goes on; a carton comes back.
    label(rig, "00395060001343520018" + f"02{GTIN}" + "37480\x1d" + "10L1")
    label(rig, "00395060001343520025" + f"02{GTIN}" + "37480\x1d" + "10L1")
    assert [(e.quantity, e.measure, e.remaining) for e in rig.of(LotIssued)] == [
        ("480", "bottles", "720"),
        ("480", "bottles", "240"),
    ]
    code(rig, f"BACK-{GTIN}-L1-24")
    assert rig.of(LotReturned)[0].remaining == "264"

    # A part is set aside under its own number; the agent is killed between pick and split.
    code(rig, f"PICK-{GTIN}-L1")
    rig.restart()
    rig.link("scanner", up=True)
    rig.link("plc", up=True)
    rig.plc(bottles=rig.tags["bottles"])
    code(rig, f"SPLIT-{GTIN}-L1B-100")
    assert len(rig.of(LotRefused)) == 1
    code(rig, f"PICK-{GTIN}-L1")
    code(rig, f"SPLIT-{GTIN}-L1B-100")
    (split,) = rig.of(LotSplit)
    assert split.children == (LotAmount(lot=f"{LOT}L1B", quantity="100"),)
    assert split.remaining == "164"

    # More is shipped than is left: said by name.
    assert rig.of(QuantityMismatch) == []
    label(rig, "00395060001343520032" + f"02{GTIN}" + "37480\x1d" + "10L1")
    (mismatch,) = rig.of(QuantityMismatch)
    assert (mismatch.stated, mismatch.expected) == ("480", "164")

    # The next lot: what overlaps is of either, and the sums are the counter's.
    rig.turn(1_100)
    rig.observe(CodeScanned, device="scanner", raw=f"]C101{GTIN}10L2".encode())
    rig.ms -= 60
    rig.plc(120, bottles=1_201)
    fill(rig, 10)
    closed = {e.lot: (e.n, e.n_possible) for e in rig.of(LotClosed)}
    assert closed[f"{LOT}L1/0001"] == closed[f"{LOT}L1/0002"] == (500, 0)
    assert closed[f"{LOT}L1"] == (1_200, 0)
    (either,) = [row for row in rig.of(LotCounted) if row.lots]
    assert either.lots == (f"{LOT}L1/0003", f"{LOT}L2/0001")
    assert either.why == (Why.BOUNDARY_UNCERTAIN,)
    assert sum(row.n for row in rig.of(LotCounted)) == 1_211
    assert [e.lot.removeprefix(LOT) for e in rig.of(LotOpened)] == [
        "L1",
        "L1/0001",
        "L1/0002",
        "L1/0003",
        "L2",
        "L2/0001",
    ]
