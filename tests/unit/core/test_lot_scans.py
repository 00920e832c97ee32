"""What is done to lots by scan: each action is recorded, or refused, as what it is (D-52, D-53)."""

from dataclasses import replace

import pytest

from agent.core.events import CodeScanned, LotFault, LotIssued, LotRefused
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from tests.lot_rig import LINE, LotRig

TO = ScanRule(
    match=RegexMatch(pattern=r"TO (?P<destination>\w+) (?P<id>L-\d+):(?P<quantity>\S+)"),
    means=Means.LOT_ISSUE,
)


def rig_of() -> LotRig:
    """Return a rig that has made 100 pieces of L-1."""
    rig = LotRig(replace(LINE, scans=(TO, *LINE.scans)))
    rig.scan("L-1")
    rig.turn(1_500)
    rig.count(100, took_ms=20_000)
    rig.rest()
    return rig


@pytest.mark.parametrize(
    ("code", "action"),
    [
        ("ISSUE L-1 x", "issue"),
        ("RETURN L-1 x", "return"),
        ("MERGE L-3 x", "merge"),
        ("SPLIT L-3 x", "split"),
    ],
)
def test_a_quantity_that_is_none_is_refused_as_that_action(code: str, action: str) -> None:
    """By name, with what was picked, which still waits, and the scans that led to it."""
    rig = rig_of()
    rig.scan("PICK L-1")
    (pick,) = rig.of(CodeScanned)[-1:]
    rig.turn(1_500)
    rig.scan(code)
    scan = rig.of(CodeScanned)[-1]
    refused = rig.of(LotRefused)[-1]
    assert (refused.action, refused.cause) == (action, LotFault.BAD_QUANTITY)
    assert (refused.lot, refused.lots, refused.quantity) == (scan.code, ("L-1",), "x")
    assert refused.because == (pick.address, scan.address)
    assert [waiting.address for waiting in rig.state.lots.picks] == [pick.address]


def test_a_new_name_that_is_another_lots_is_refused_as_that() -> None:
    """Two lots under one name could not be told apart any more."""
    rig = rig_of()
    rig.scan("PICK L-1")
    rig.turn(1_500)
    rig.scan("SPLIT L-2 10")
    rig.turn(1_500)
    rig.scan("PICK L-1")
    rig.turn(1_500)
    rig.scan("RELABEL L-2")
    refused = rig.of(LotRefused)[-1]
    assert (refused.action, refused.cause) == ("relabel", LotFault.LOT_EXISTS)
    assert (refused.lot, refused.lots) == ("L-2", ("L-1",))


def test_what_is_issued_by_scan_says_where_it_goes_and_by_which_scan() -> None:
    """The label may name the destination; without one it is not known."""
    rig = rig_of()
    rig.scan("TO dock4 L-1:7")
    scan, issued = rig.of(CodeScanned)[-1], rig.of(LotIssued)[-1]
    assert (issued.lot, issued.quantity, issued.destination) == ("L-1", "7", "dock4")
    assert issued.because == (scan.address,)
    rig.turn(1_500)
    rig.scan("ISSUE L-1 5")
    assert rig.of(LotIssued)[-1].destination is None
