"""What cycles that nobody saw may have drawn: what was there then, never less (D-7, D-44)."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from agent.trace.genealogy import recall
from agent.trace.said import UNIDENTIFIED
from agent.trace.store import Store
from tests.trace_rig import Plant, derived, stored

pytestmark = pytest.mark.usefixtures("fresh")


class Line(Plant):
    """A press with two feeders; every event is recorded at the moment that it tells."""

    def __init__(self) -> None:
        super().__init__()
        self.on: dict[str, list[tuple[str, str]]] = {}
        """By position: the loads that are on, each with its lot."""
        self.made = 0

    @property
    def now_ms(self) -> int:
        """The boot clock of the next event."""
        return len(self.events) * 1000

    def load(self, position: str, lot: str, **members: Any) -> str:  # noqa: ANN401 - fields
        """Put a lot on, in the place of what was there."""
        said: dict[str, Any] = {"position": position, "lot": lot, "earliest_ms": self.now_ms}
        address = self.add("component_loaded", latest_ms=self.now_ms, **said, **members)
        for load, before in self.on.get(position, ()):
            off = {"position": position, "lot": before, "load": load, "reason": "replaced"}
            self.add("component_unloaded", **off, earliest_ms=self.now_ms, latest_ms=self.now_ms)
        self.on[position] = [(address, lot)]
        return address

    def make(self) -> str:
        """Make a unit from what is on."""
        self.made += 1
        uses = [
            {
                "position": position,
                "candidates": [lot for _, lot in loads],
                "certainty": "certain" if len(loads) == 1 else "possible",
                "why": None if loads else "material_unknown",
                "loads": [load for load, _ in loads],
            }
            for position, loads in self.on.items()
        ]
        times: dict[str, Any] = {"earliest_ms": self.now_ms, "latest_ms": self.now_ms}
        unit = f"U{self.made}"
        return self.add("unit_completed", handshake="end", unit=unit, components=uses, **times)

    def miss(self, since_ms: int) -> str:
        """Let cycles be missed since a moment until now."""
        return self.add(
            "cycle_missed", n=3, reason="counter", first_ms=since_ms, last_ms=self.now_ms
        )


def holders(store: Store, lot: str) -> list[str]:
    """Return the cycles that nobody saw which a recall of a lot has."""
    found = recall(store.widened(lot), lot)
    assert not any(name.startswith(UNIDENTIFIED) for name in found.certain)
    return [name for name in found.possible if name.startswith(UNIDENTIFIED)]


def lots_of(line: Line, *lots: str) -> list[str]:
    """Return which lots cycles that nobody saw may have drawn; in any order, and built anew."""
    with stored(line.events) as store:
        found, wanted = [lot for lot in lots if holders(store, lot)], derived(store)
        store.rebuild()
        assert derived(store) == wanted
    with stored(*([event] for event in line.events[::-1])) as store:
        assert derived(store) == wanted
    return found


def run_of(*lots: str) -> Line:
    """Return a line that made a unit from each of some lots, one after the other."""
    line = Line()
    line.load("screw", "S")
    for lot in lots:
        line.load("seal", lot)
        line.make()
    return line


def test_what_was_long_gone_is_not_in_a_cycle_that_was_missed_later() -> None:
    """It may have what the cycle before had, of every position, and nothing from earlier."""
    line = run_of("A", "B", "C")
    line.miss(line.now_ms)
    line.load("seal", "D")
    line.make()
    assert lots_of(line, "A", "B", "C", "D", "S") == ["C", "S"]


def test_what_was_put_on_meanwhile_is_in_it_too() -> None:
    """Also where it was put on before the interval began, as long as no cycle says otherwise."""
    line = run_of("A", "B")
    since_ms = line.now_ms
    line.load("seal", "C")
    line.load("seal", "D")
    line.miss(since_ms)
    line.load("seal", "E")
    assert lots_of(line, "A", "B", "C", "D", "E", "S") == ["B", "C", "D", "S"]


def test_a_load_that_is_scanned_late_may_have_been_there() -> None:
    """Its interval reaches back to the cycles that were missed (D-44)."""
    line = run_of("A", "B")
    line.miss(line.now_ms)
    line.load("seal", "C", meets_from_ms=0)
    assert lots_of(line, "A", "B", "C") == ["B", "C"]


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("component_unloaded", {"reason": "unloaded", "lot": "B", "load": "x"}),
        ("load_used_up", {"lot": "B", "load": "x", "remaining": "0"}),
        ("quantity_overrun", {"lot": "B", "load": "x", "remaining": "-1"}),
    ],
)
def test_where_it_is_not_known_what_was_there_it_may_be_anything(
    kind: str, members: dict[str, str]
) -> None:
    """What was taken off, or used up, leaves the position unknown; the others stay as they are."""
    line = run_of("A", "B")
    line.load("screw", "T")
    line.make()
    line.add(kind, position="seal", earliest_ms=line.now_ms, latest_ms=line.now_ms, **members)
    line.miss(line.now_ms)
    assert lots_of(line, "A", "B", "S", "T") == ["A", "B", "T"]


def test_a_load_that_never_was_leaves_the_position_unknown() -> None:
    """Retracted, it is not known what was there; corrected, it is the right lot (D-143)."""
    line = run_of("A", "B")
    load = line.load("seal", "C")
    line.miss(line.now_ms)
    line.correct(load, lot="D")
    assert lots_of(line, "A", "B", "C", "D") == ["B", "D"]
    line.correct(load)
    assert lots_of(line, "A", "B") == ["A", "B"]
    line = run_of("A", "B")
    line.miss(line.now_ms)
    line.correct(line.on["seal"][0][0])
    assert lots_of(line, "A") == ["A"]


def test_a_serial_that_waited_may_have_gone_into_it() -> None:
    """What comes by its own scan is not on a position; which one went in nobody knows (D-42)."""
    line = run_of("A")
    scan = line.add("code_scanned", code="ECU-1", means="component", position="ecu")
    line.on["ecu"] = [(scan, "ECU-1")]
    line.make()
    line.miss(line.now_ms)
    assert lots_of(line, "ECU-2") == ["ECU-2"]


@pytest.mark.parametrize("lost", ["boot", "history", "interval", "first"])
def test_where_nothing_says_what_was_there_it_may_be_all_that_ever_was(lost: str) -> None:
    """In another boot, behind lost history, without an interval, or before the first cycle."""
    line = run_of("A", "B")
    since_ms: int | None = line.now_ms
    if lost == "history":
        line.add("history_lost", lost_epoch="000000-aa", first_seq=1, last_seq=9)
        line.events[-1]["machine"] = "press"
    if lost == "first":
        since_ms = 0
    line.miss(since_ms or 0)
    if lost == "boot":
        line.events[-1]["time"]["boot_id"] = "boot-2"
    if lost == "interval":
        del line.events[-1]["first_ms"]
    assert lots_of(line, "A", "B", "S") == ["A", "B", "S"]


def test_an_aborted_cycle_had_what_was_there_when_it_was() -> None:
    """It has no interval of its own: it is told at its end."""
    line = run_of("A", "B")
    line.add("cycle_aborted", handshake="end", generation=1, reason="trigger_fell")
    assert lots_of(line, "A", "B") == ["B"]


@pytest.mark.parametrize("seed", range(6))
def test_no_lot_that_was_there_is_ever_left_out(seed: int) -> None:
    """On random lines: every lot that was on at any moment of the interval is in the recall."""
    random = Random(seed)  # noqa: S311 - a line is drawn, no key
    line, there, names = Line(), list[tuple[int, int, str, str]](), list[str]()
    since: dict[str, tuple[int, str]] = {}
    wanted: dict[str, set[str]] = {}
    for number in range(60):
        draw = random.random()
        if draw < 0.3 or len(line.on) < 2:
            position, lot = random.choice(("seal", "screw")), f"L{number}"
            if position in since:
                there.append((since[position][0], line.now_ms, *since[position][1:], position))
            since[position] = (line.now_ms, lot)
            line.load(position, lot)
            names.append(lot)
        elif draw < 0.8:
            line.make()
        else:
            begin = random.randrange(max(1, line.now_ms))
            stays = [*there, *((at, line.now_ms, lot, p) for p, (at, lot) in since.items())]
            end = line.now_ms
            met = {lot for a, b, lot, _ in stays if a <= end and b >= begin}
            wanted[f"{UNIDENTIFIED}acme/press/{line.miss(begin)}"] = met
    with stored(line.events) as store:
        found = {lot: holders(store, lot) for lot in names}
        for cycles, lots in wanted.items():
            assert lots <= {lot for lot in names if cycles in found[lot]}, cycles
