"""Recall of lots that are cut: every sub-lot that got it and, where it is clear, no other."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.core.station import By, Component
from agent.trace.api import Trace
from agent.trace.genealogy import where_from
from tests.lot_rig import LotRig, cut
from tests.trace_rig import documents, stored

LINE = replace(cut(every_n=10), components=(Component(position="caps", by=By.LOT, required=False),))
RUNS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 33), st.booleans()), max_size=8)
"""Of each stretch: which box of caps is on, how many pieces, and whether it is changed at rest."""


def filled(runs: list[tuple[int, int, bool]]) -> tuple[LotRig, dict[str, set[int]]]:
    """Fill one lot; return of each box the pieces that it really fed."""
    rig, truth, at = LotRig(LINE), defaultdict[str, set[int]](set), 0
    rig.scan("CAPS-9")
    rig.turn(1_200)
    rig.scan("L-1")
    for box, n, at_rest in runs:
        if at_rest:
            rig.rest()
        rig.turn(1_200)
        rig.scan(f"CAPS-{box}")
        rig.turn(1_200 if at_rest else 0)
        for _ in range(n):
            rig.count(1, took_ms=100)
        truth[f"CAPS-{box}"] |= set(range(at, at + n))
        at += n
    rig.rest()
    return rig, truth


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(RUNS)
def test_a_recall_has_every_sublot_that_got_it(runs: list[tuple[int, int, bool]]) -> None:
    """However boxes are changed, the sub-lots of the pieces that a box fed are taken back (D-4)."""
    rig, truth = filled(runs)
    with stored(documents(rig.events)) as store:
        for box, pieces in truth.items():
            report = Trace(store).recall(box)
            taken = {each["lot"] for each in report["lots"]}
            assert _sublots(pieces) <= taken
            assert report["scopes"]["pieces_by_whole_lots"] == sum(n for _, n, _ in runs)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(RUNS)
def test_boxes_changed_at_rest_take_no_other_sublot_back(runs: list[tuple[int, int, bool]]) -> None:
    """What no piece of a box can be in is left out (D-6, D-10).

    The piece that was in the machine at a change may have drawn from either (D-44).
    """
    rig, truth = filled([(box, n, True) for box, n, _ in runs])
    made = sum(n for _, n, _ in runs)
    with stored(documents(rig.events)) as store:
        for box, fed in truth.items():
            report = Trace(store).recall(box)
            in_doubt = {piece + 1 for piece in fed if piece + 1 < made}
            lots = {each["lot"]: each["certainty"] for each in report["lots"]}
            assert lots.keys() == _sublots(fed | in_doubt)
            assert {lot for lot in lots if lots[lot] == "certain"} <= _sublots(fed)
            scope = sum(min(10, made - _first(lot)) for lot in lots)
            assert report["scopes"]["pieces_by_lots"] == scope
            for lot in lots:
                found = where_from(store, lot)
                pieces = set(range(_first(lot) - 1, _first(lot) + 10))
                others = {other for other, some in truth.items() if some & pieces} | {"CAPS-9"}
                held = {*found.certain, *found.possible}
                assert {name for name in held if name.startswith("CAPS-")} <= others


def _sublots(pieces: set[int]) -> set[str]:
    return {f"L-1/{piece // 10 + 1:04}" for piece in pieces}


def _first(sublot: str) -> int:
    return (int(sublot.rpartition("/")[2]) - 1) * 10


def test_what_went_into_the_whole_lot_may_be_in_each_sublot() -> None:
    """Of a lot that was merged into it, nobody knows in which sub-lot it is: all are possible."""
    rig, _ = filled([(1, 25, True)])
    events = documents(rig.events)
    merged = {**events[-1], "seq": events[-1]["seq"] + 1, "kind": "lot_merged"}
    merged |= {"lot": "L-1", "parents": [{"lot": "L-7"}]}
    with stored(events, [merged]) as store:
        report = Trace(store).recall("L-7")
        sublots = {each["lot"]: each["certainty"] for each in report["lots"]}
        assert sublots == {f"L-1/{n:04}": "possible" for n in (1, 2, 3)}
        own = Trace(store).recall("L-1")["lots"]
        assert [each["lot"] for each in own] == sorted(sublots)
        assert {(each["certainty"], *each["reasons"]) for each in own} == {
            ("certain", "direct_link")
        }
        tree = Trace(store).tree("L-1/0002")
    assert "L-7" in {node.name for child in tree.children for node in child.children}
    assert not any(
        node.name.startswith("L-1/") for child in tree.children for node in child.children
    )
