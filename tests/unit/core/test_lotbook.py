"""The book of lots, event by event: what each leaves of what is known, to the last field (D-52)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from agent.core import binder, lotbook
from agent.core.events import (
    Event,
    EventTime,
    HistoryLost,
    LotAmount,
    LotIssued,
    LotMerged,
    LotOpened,
    LotRelabelled,
    LotReturned,
    LotSplit,
)
from agent.core.lot_parts import KnownLot, LotsState
from agent.core.state import State
from drivers.base import ClockState
from tests.lot_rig import LINE

L1 = KnownLot(lot="L-1", product="valve", measure="pcs", least="90", most="100", out="5")
PART = KnownLot(lot="L-1/1", measure="pcs", least="10", most="12", part_of="L-1", carrier="BOX-1")
OTHER = KnownLot(lot="L-9", measure="kg", least="3.5", most="3.5", parents=("L-8",))


def book(*known: KnownLot, **more: Any) -> State:  # noqa: ANN401 - fields of LotsState
    """Return a station that knows some lots."""
    return replace(binder.initial(LINE), lots=LotsState(known=known, **more))


def after(state: State, kind: type[Event], **fields: Any) -> LotsState:  # noqa: ANN401 - fields
    """Return the book after an event."""
    time = EventTime(
        received_ms=1, offset_min=0, boottime_ms=1, boot_id="b", clock_state=ClockState.SYNCED
    )
    envelope: dict[str, Any] = {
        "epoch": "e",
        "seq": 1,
        "station": "s",
        "config": "c",
        "machine": "m",
        "time": time,
    }
    return lotbook.EVOLVES[kind](state, kind(**envelope, **fields)).lots


@pytest.mark.parametrize("chain", [("L-1", "L-2", "L-3"), ("L-1", "L-2", "L-1")])
def test_a_lot_descends_of_all_that_it_was_made_of(chain: tuple[str, ...]) -> None:
    """Through parents and the whole of a sub-lot; also where the book was told a circle."""
    known = [KnownLot(lot=b, parents=(a,)) for a, b in pairwise(chain)]
    state = book(*known, KnownLot(lot="S", part_of=chain[-1]), aliases={"OLD": chain[0]})
    assert lotbook.descends(state, "S", chain[0])
    assert lotbook.descends(state, chain[1], chain[0])
    assert not lotbook.descends(state, chain[1], "S")
    assert not lotbook.descends(state, "nobody", chain[0])


def test_a_lot_that_is_opened_again_keeps_what_is_known_of_it() -> None:
    """A product that is said now is the product; one that is not said changes nothing."""
    opened: dict[str, Any] = {"lot": "L-1", "earliest_ms": 1, "latest_ms": 2}
    assert after(book(L1, OTHER), LotOpened, **opened).known == (OTHER, L1)
    told = after(book(L1), LotOpened, **opened, product="screw")
    assert told.known == (replace(L1, product="screw"),)
    (new,) = after(book(), LotOpened, **opened, product="screw").known
    assert new == KnownLot(lot="L-1", product="screw", measure="pcs", least="0", most="0")


def test_a_sub_lot_is_given_its_number_by_its_lot() -> None:
    """Counted there; one that is named by its container takes no number."""
    opened: dict[str, Any] = {"lot": "L-1/1", "part_of": "L-1", "earliest_ms": 1, "latest_ms": 2}
    whole, part = after(book(L1), LotOpened, **opened).known
    assert whole == replace(L1, parts=1)
    assert part == KnownLot(lot="L-1/1", measure="pcs", least="0", most="0", part_of="L-1")
    whole, part = after(book(L1), LotOpened, **opened, carrier="BOX-1").known
    assert (whole, part.carrier) == (L1, "BOX-1")


def test_a_split_moves_what_is_said_and_the_part_is_the_same_product() -> None:
    """Out of the lot and into the part; the part is made of the lot."""
    parts = (LotAmount(lot="L-2", quantity="30"), LotAmount(lot="L-3"))
    found = after(book(L1), LotSplit, lot="L-1", children=parts, measure="pcs", whole=False)
    assert found.known == (
        KnownLot(
            lot="L-2", product="valve", measure="pcs", least="30", most="30", parents=("L-1",)
        ),
        replace(L1, least=None, most=None),  # nobody knows how much L-3 has
        KnownLot(lot="L-3", product="valve", measure="pcs", parents=("L-1",)),
    )


def test_a_merge_empties_what_goes_in_whole_and_takes_a_part_of_the_rest() -> None:
    """What they become is made of all, in the measure and of the product that the event says."""
    parents = (LotAmount(lot="L-1"), LotAmount(lot="L-7", quantity="2"))
    merged: dict[str, Any] = {"lot": "L-10", "parents": parents, "measure": "kg"}
    found = after(book(L1), LotMerged, **merged, product="valve", quantity="97")
    assert found.known == (
        replace(L1, least="0", most="0"),
        KnownLot(lot="L-7", measure="kg"),  # never seen here: what is left in it nobody knows
        KnownLot(
            lot="L-10",
            product="valve",
            measure="kg",
            least="97",
            most="97",
            parents=("L-1", "L-7"),
        ),
    )


def test_what_leaves_a_sub_lot_leaves_its_lot() -> None:
    """A quantity as said; all of it as what is known of it, at the least and at the most."""
    said = after(book(L1, PART), LotIssued, lot="L-1/1", quantity="4")
    assert {each.lot: (each.least, each.most, each.out) for each in said.known} == {
        "L-1/1": ("6", "8", "4"),
        "L-1": ("86", "96", "5"),
    }
    whole = after(book(L1, PART), LotIssued, lot="L-1/1")
    assert {each.lot: (each.least, each.most, each.out) for each in whole.known} == {
        "L-1/1": ("0", "0", None),
        "L-1": ("78", "90", "5"),
    }
    unknown = replace(PART, least=None, most=None)
    gone = after(book(L1, unknown), LotIssued, lot="L-1/1")
    assert {each.lot: (each.least, each.most) for each in gone.known} == {
        "L-1/1": ("0", "0"),
        "L-1": (None, None),
    }


def test_what_comes_back_is_in_the_lot_and_not_out_any_more() -> None:
    """In its lot as well; nobody knows how much, where it is not said."""
    back = after(book(L1, PART), LotReturned, lot="L-1/1", quantity="4")
    assert {each.lot: (each.least, each.most, each.out) for each in back.known} == {
        "L-1/1": ("14", "16", "-4"),
        "L-1": ("94", "104", "5"),
    }
    (new,) = after(book(), LotReturned, lot="L-5", quantity="4", measure="kg").known
    assert new == KnownLot(lot="L-5", measure="kg", out="-4")
    (unsaid,) = after(book(OTHER), LotReturned, lot="L-9").known
    assert unsaid == replace(OTHER, least=None, most=None, out=None)


def test_a_new_name_stands_for_the_old_one_everywhere() -> None:
    """For names before it, and for what is a part of it; nothing else is touched."""
    state = book(L1, PART, OTHER, aliases={"L-0": "L-1", "X": "L-9"})
    found = after(state, LotRelabelled, lot="L-1", new_lot="L-2")
    assert found.known == (replace(PART, part_of="L-2"), OTHER, replace(L1, lot="L-2"))
    assert found.aliases == {"L-0": "L-2", "X": "L-9", "L-1": "L-2"}


def test_after_lost_history_nobody_knows_what_is_in_a_lot() -> None:
    """What it is called and made of is still known (D-142)."""
    lost: dict[str, Any] = {"lost_epoch": "e", "first_seq": 1, "last_seq": 2, "reason": "damage"}
    assert after(book(L1, OTHER), HistoryLost, **lost).known == (
        replace(L1, least=None, most=None, out=None),
        replace(OTHER, least=None, most=None, out=None),
    )
