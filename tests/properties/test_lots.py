"""Lots and sub-lots beside a plain model: nothing lost, nothing made, less recalled (D-10, D-52).

The model makes pieces one by one and knows the lot, the sub-lot and the caps of each. The events
of the station are laid beside it.
"""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.core.events import (
    Certainty,
    LotClosed,
    LotCounted,
    LotIssued,
    LotMerged,
    LotOpened,
    LotRelabelled,
    LotReturned,
    LotSplit,
    QuantityMismatch,
)
from agent.core.station import By, Component, Station
from tests.lot_rig import LINE, LotRig, cut

CAPS = Component(position="caps", by=By.LOT, required=False)
STATIONS = [
    replace(station, components=(CAPS,))
    for station in (LINE, cut(every_n=7), cut(every_ms=5_000), cut(by_carrier=True))
]


class Line(RuleBasedStateMachine):
    """Pieces, lots, boxes, caps, moves of quantities, kills, in any order."""

    station: Station

    def __init__(self) -> None:
        super().__init__()
        self.rig = LotRig(self.station)
        self.lot: str | None = None
        self.box: str | None = None
        self.caps: str | None = None
        self.made: list[tuple[str | None, str | None, str | None]] = []
        """The lot, the box and the caps of each piece."""
        self.moved: Counter[str] = Counter()
        """What was put into each lot beside counting, less what was taken."""
        self.emptied: set[str] = set()
        """Lots of which all was taken, however much that was."""

    @property
    def now(self) -> tuple[str | None, str | None, str | None]:
        """What the next piece is."""
        return self.lot, self.box, self.caps

    @rule(n=st.integers(1, 30), back_ms=st.sampled_from([0, 0, 0, 50, 400]))
    def make(self, n: int, back_ms: int) -> None:
        """Pieces are counted in one poll; `back_ms`: the poll began before the newest scan.

        Then the pieces may have been made before that scan: the model does not say which they are.
        """
        self.rig.count(n, took_ms=100, back_ms=back_ms)
        self.made += [self.now] * n
        self.rig.turn(200)

    @rule(ms=st.sampled_from([300, 2_000, 6_000]))
    def wait(self, ms: int) -> None:
        """Time passes."""
        self.rig.turn(ms)

    @rule(number=st.integers(1, 3))
    def change(self, number: int) -> None:
        """A lot is scanned."""
        self._scan(f"L-{number}")
        if self.lot != f"L-{number}":
            self.lot, self.box = f"L-{number}", None if self.lot else self.box

    @rule()
    def end(self) -> None:
        """The lot is ended."""
        self._scan("LOT END")
        self.box = self.box if self.lot is None else None
        self.lot = None

    @rule(number=st.integers(1, 3))
    def put_on(self, number: int) -> None:
        """A box is put on."""
        self._scan(f"BOX-{number}")
        self.box = f"BOX-{number}"

    @rule(number=st.integers(1, 3))
    def fill_caps(self, number: int) -> None:
        """A box of caps is put in."""
        self._scan(f"CAPS-{number}")
        self.caps = f"CAPS-{number}"

    @rule(parent=st.integers(1, 3), child=st.integers(4, 6), n=st.integers(1, 20))
    def split(self, parent: int, child: int, n: int) -> None:
        """A part is split off."""
        self._move(f"L-{parent}>L-{child}:{n}", LotSplit)

    @rule(parents=st.sets(st.integers(4, 6), min_size=1), child=st.integers(7, 9))
    def merge(self, parents: set[int], child: int) -> None:
        """Lots are put together."""
        for parent in sorted(parents):
            self._scan(f"PICK L-{parent}")
        self._move(f"MERGE L-{child}", LotMerged)

    @rule(lot=st.integers(1, 9), n=st.integers(1, 20), back=st.booleans())
    def ship(self, lot: int, n: int, back: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """A quantity leaves, or comes back."""
        self._move(
            f"{'RETURN' if back else 'ISSUE'} L-{lot} {n}", LotReturned if back else LotIssued
        )

    def _scan(self, code: str) -> None:
        self.rig.turn(1_200)
        self.rig.scan(code)

    def _move(self, code: str, kind: type) -> None:
        self._scan(code)
        done = [event for event in self.rig.decision.events if isinstance(event, kind)]
        assert len(done) <= 1
        for event in done:
            if isinstance(event, LotSplit):
                for child in event.children:
                    self.moved[event.lot] -= int(child.quantity or 0)
                    self.moved[child.lot] += int(child.quantity or 0)
            elif isinstance(event, LotMerged):
                for parent in event.parents:
                    self.moved[parent.lot] -= int(parent.quantity or 0)
                    self.emptied |= set() if parent.quantity else {parent.lot}
                self.moved[event.lot] += int(event.quantity or 0)
            elif isinstance(event, LotIssued):
                self.moved[event.lot] -= int(event.quantity or 0)
            elif isinstance(event, LotReturned):
                self.moved[event.lot] += int(event.quantity or 0)

    @rule(reboot=st.booleans())
    def kill(self, reboot: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """The agent is killed; the counter stands while it is away."""
        self.rig.rest()
        self.rig.restart(reboot=reboot)
        self.rig.connect()
        self.box = self.box if self.lot is not None else None

    @invariant()
    def every_piece_is_in_one_row(self) -> None:
        """What is recorded and what waits is the counter's delta, each piece once (D-29)."""
        rows = self.rig.of(LotCounted)
        waiting = sum(step.n for step in self.rig.working.steps)
        assert sum(row.n for row in rows) + waiting == len(self.made)
        for before, row in pairwise(rows):
            assert row.from_count == before.to_count
            assert row.first_ms <= row.last_ms

    @invariant()
    def what_is_certain_is_true(self) -> None:
        """A certain row is of its lot, its box and its caps; a possible one names each (D-44)."""
        at = 0
        for row in self.rig.rows():
            pieces = self.made[at : at + row.n]
            at += row.n
            if row.certainty is Certainty.CERTAIN:
                assert {lot for lot, _, _ in pieces} == {row.part_of or row.lot}
            if row.certainty is Certainty.CERTAIN and row.lot and "/BOX" in row.lot:
                assert {box for _, box, _ in pieces} == {row.lot.rpartition("/")[2]}
            (use,) = row.components
            assert {caps for _, _, caps in pieces if caps} <= set(use.candidates)

    @invariant()
    def sublots_are_their_lot(self) -> None:
        """The rows of a lot's interval are its sub-lots, and the ends say so (D-110)."""
        certain: Counter[str] = Counter()
        for event in self.rig.events:
            if isinstance(event, LotOpened):
                certain[event.lot] = 0
            elif isinstance(event, LotCounted):
                sure = event.certainty is Certainty.CERTAIN
                for lot in {event.lot if sure else None, event.part_of} - {None}:
                    certain[str(lot)] += event.n
            elif isinstance(event, LotClosed):
                assert event.n == certain[event.lot]
                if event.reason == "full":
                    assert event.n + event.n_possible >= 7
                    assert event.n <= 7

    @invariant()
    def quantities_are_conserved(self) -> None:
        """What is in a lot is what was counted and put in, less what was taken (D-52)."""
        counted: Counter[str] = Counter()
        possible: Counter[str] = Counter()
        parents: dict[str, str] = {}
        for event in self.rig.events:
            if isinstance(event, LotOpened) and event.part_of:
                parents[event.lot] = event.part_of
            elif isinstance(event, LotCounted):
                lots = event.lots or ((event.lot,) if event.lot else ())
                wholes = {event.part_of or parents.get(lot, lot) for lot in lots}
                sure = event.certainty is Certainty.CERTAIN or event.part_of is not None
                for lot in wholes:
                    (counted if sure else possible)[lot] += event.n
        for entry in self.rig.state.lots.known:
            if entry.lot in self.emptied or entry.part_of is not None:
                continue
            if entry.least is not None and entry.most is not None:
                least = counted[entry.lot] + self.moved[entry.lot]
                assert (int(entry.least), int(entry.most)) == (least, least + possible[entry.lot])

    @invariant()
    def nothing_is_overdrawn_silently(self) -> None:
        """Whatever goes below nothing was said so by name (D-52)."""
        short = {lot.lot for lot in self.rig.state.lots.known if int(lot.most or 0) < 0}
        said = {event.lot for event in self.rig.of(QuantityMismatch)}
        assert short <= said


def _machine(station: Station) -> type:
    line = type("Drawn", (Line,), {"station": station})
    case = line.TestCase  # type: ignore[attr-defined]  # hypothesis adds it
    case.settings = settings(
        max_examples=15, stateful_step_count=25, suppress_health_check=list(HealthCheck)
    )
    return case  # type: ignore[no-any-return]  # as above


TestWholeLots = _machine(STATIONS[0])
TestByCount = _machine(STATIONS[1])
TestByTime = _machine(STATIONS[2])
TestByCarrier = _machine(STATIONS[3])


@given(names=st.lists(st.sampled_from(["L-1", "L-2", "L-3", "L-4"]), min_size=2, max_size=8))
def test_relabelling_is_one_to_one(names: list[str]) -> None:
    """However labels follow each other, an old one stands for one lot, and the sums stay."""
    rig = LotRig()
    rig.scan("L-1")
    rig.turn(1_500)
    rig.count(10)
    rig.rest()
    for old, new in pairwise(names):
        rig.turn(1_200)
        rig.scan(f"PICK {old}")
        rig.turn(1_200)
        rig.scan(f"RELABEL {new}")
        rig.turn(1_200)
        rig.scan("CANCEL")
    now = {event.lot: event.new_lot for event in rig.of(LotRelabelled)}
    assert len(now) == len(rig.of(LotRelabelled))
    lot = "L-1"
    while lot in now:
        lot = now[lot]
    assert rig.balance(lot) == (10, 10)
    assert rig.state.lots.aliases.get("L-1", "L-1") == lot


# ------------------------------------------------------------------ what a recall takes in

N, D = 5_000, 140
PUBLISHED = {
    5_000: (5_000.0, 5_000, 5_000),
    1_000: (1_114.4, 1_000, 2_000),
    500: (628.7, 500, 1_000),
    100: (238.5, 200, 300),
    10: (149.0, 140, 150),
}
"""Mean, least and most recalled of N pieces with a bad run of D, by sub-lot size (D-10)."""


@pytest.mark.parametrize("size", PUBLISHED)
def test_a_recall_shrinks_as_the_formula_says(size: int) -> None:
    """Measured from events: the sub-lots that a bad load touched, over every place of it (D-10)."""
    rig = LotRig(replace(cut(every_n=size), components=(CAPS,)))
    rig.scan("L-1")
    rig.turn(1_500)
    for _ in range(N // 50):
        rig.count(50, took_ms=1_500)
    rig.rest()
    held: Counter[str] = Counter()
    of: list[str] = []
    for row in rig.rows():
        assert row.certainty is Certainty.CERTAIN
        held[str(row.lot)] += row.n
        of += [str(row.lot)] * row.n
    recalled = [
        sum(held[lot] for lot in {*of[start : start + D : 10], of[start + D - 1]})
        for start in range(N - D + 1)
    ]
    mean, least, most = PUBLISHED[size]
    assert round(sum(recalled) / len(recalled), 1) == mean
    assert (min(recalled), max(recalled)) == (least, most)


@pytest.mark.parametrize(("size", "most"), [(1_000, 2_000), (500, 1_000), (100, 400), (10, 290)])
def test_a_bad_load_takes_in_the_sublots_that_it_fed(size: int, most: int) -> None:
    """A box of caps fed 140 bottles: its recall by events has them all, and little more (D-2).

    Either end is as sharp as a row is short: some 70 bottles of a second (d + 2u, D-11).
    """
    rig = LotRig(replace(cut(every_n=size), components=(CAPS,)))
    rig.scan("CAPS-1")
    rig.turn(1_200)
    rig.scan("L-1")
    fed: list[str] = []
    for caps, n in (("CAPS-1", 1_930), ("CAPS-2", D), ("CAPS-3", 2_930)):
        rig.turn(1_200)
        rig.scan(caps)
        for _ in range(n // 10):
            rig.count(10, took_ms=150)
            fed += [caps] * 10
    rig.rest()
    held: Counter[str] = Counter()
    touched = set()
    bad = 0
    at = 0
    for row in rig.rows():
        held[str(row.lot)] += row.n
        if any("CAPS-2" in use.candidates for use in row.components):
            touched.add(str(row.lot))
            bad += fed[at : at + row.n].count("CAPS-2")
        at += row.n
    assert at == len(fed) == N
    assert bad == D
    assert D <= sum(held[lot] for lot in touched) <= most
