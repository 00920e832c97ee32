"""What a person does to lots by command: done and named, or refused with what to do (D-52)."""

from dataclasses import replace

import pytest

from agent.core.command import lot_amount
from agent.core.events import (
    Declined,
    LotAmount,
    LotIssued,
    LotMerged,
    LotRelabelled,
    LotReturned,
    LotSplit,
    QuantityMismatch,
)
from agent.core.lot_plan import Lots
from tests.lot_rig import LINE, LotRig


def rig_of(n: int = 100, lots: Lots | None = None) -> LotRig:
    """Return a rig that has made so many pieces of L-1."""
    rig = LotRig(replace(LINE, lots=lots or Lots(measure="pcs")))
    rig.scan("L-1")
    rig.turn(1_500)
    rig.count(n, took_ms=20_000)
    rig.rest()
    return rig


def test_a_whole_split_by_command() -> None:
    """All children in one event, with who and why, and the sum checked (D-52)."""
    rig = rig_of()
    rig.command("split-lot", lot="L-1", into=("L-2=60", "L-3=30"), whole="yes")
    (split,), (mismatch,) = rig.of(LotSplit), rig.of(QuantityMismatch)
    assert split.children == (
        LotAmount(lot="L-2", quantity="60"),
        LotAmount(lot="L-3", quantity="30"),
    )
    assert (split.whole, split.remaining, split.who, split.reason) == (
        True,
        "10",
        "k:OP-7",
        "as told",
    )
    assert (mismatch.stated, mismatch.expected) == ("90", "100")
    (reply,) = rig.command_replies
    assert (reply.address, reply.refused) == (split.address, None)


def test_what_was_counted_is_recorded_before() -> None:
    """A command counts what waits: the lot has it when it is split."""
    rig = rig_of()
    rig.count(5)
    rig.command("split-lot", lot="L-1", into="L-2=105")
    assert rig.of(LotSplit)[0].remaining == "0"
    assert rig.of(QuantityMismatch) == []


def test_a_merge_an_issue_a_return_and_another_name() -> None:
    """Each is its event, as by scan."""
    rig = rig_of()
    rig.command("split-lot", lot="L-1", into=("L-2=60", "L-3=30"), whole="no")
    rig.command("merge-lots", lot="L-9", **{"from": ("L-2=20", "L-3")}, quantity="50")
    assert rig.of(LotMerged)[0].parents == (
        LotAmount(lot="L-2", quantity="20"),
        LotAmount(lot="L-3", quantity="30"),
    )
    rig.command("issue-lot", lot="L-9", quantity="5", destination="dock 4")
    assert rig.of(LotIssued)[0].destination == "dock 4"
    rig.command("return-lot", lot="L-9")
    assert rig.of(LotReturned)[0].quantity == "5"
    rig.command("relabel-lot", lot="L-9", new="L-10")
    assert rig.of(LotRelabelled)[0].new_lot == "L-10"
    assert rig.balance("L-10") == (50, 50)
    assert rig.of(QuantityMismatch) == []


@pytest.mark.parametrize(
    ("name", "arguments", "cause", "detail"),
    [
        ("split-lot", {"lot": "L-1", "into": "L-1=5"}, Declined.BAD_ARGUMENT, "of itself"),
        ("split-lot", {"lot": "L-1", "into": "L-2=x"}, Declined.BAD_ARGUMENT, "above 0"),
        (
            "split-lot",
            {"lot": "L-1", "into": "L-2=5", "measure": "kg"},
            Declined.BAD_ARGUMENT,
            "another unit of measure",
        ),
        (
            "split-lot",
            {"lot": "L-1", "into": "L-2=5", "whole": "maybe"},
            Declined.BAD_ARGUMENT,
            "yes or no",
        ),
        ("split-lot", {"lot": "L-0", "into": "L-1=5"}, Declined.NOT_SO, "made of it"),
        ("merge-lots", {"lot": "L-2", "from": ("L-1", "L-1=5")}, Declined.BAD_ARGUMENT, "twice"),
        ("relabel-lot", {"lot": "L-1", "new": "L-0"}, Declined.ALREADY, "another lot's"),
        ("issue-lot", {"lot": "L-1", "quantity": "500"}, Declined.NOT_SO, "does not fit"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_do(
    name: str, arguments: dict[str, str | tuple[str, ...]], cause: Declined, detail: str
) -> None:
    """By name and in words; nothing has changed, and no `lot_refused` beside it."""
    rig = rig_of(lots=Lots(measure="pcs", refuse_mismatch=True))
    rig.command("split-lot", lot="L-1", into="L-0=1")
    before = rig.state.lots
    rig.command(name, **arguments)
    refused = rig.refused()
    assert refused.cause is cause
    assert detail in (refused.detail or "")
    assert rig.state.lots == before


def test_a_lot_with_the_sign_in_its_name_can_be_named() -> None:
    """The last sign counts."""
    assert lot_amount("A=B=3") == ("A=B", "3")
    assert lot_amount("A=B=") == ("A=B", "")
