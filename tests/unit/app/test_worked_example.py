"""The worked example, measured: what the store recalls is what the arithmetic says (D-2, D-10)."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent.app import plotting
from agent.app.worked_example import Example, example
from agent.core.scopes import scope
from agent.demo import worked_example as line
from agent.demo.worked_example import PRODUCTION_LOT, Shift
from agent.trace.api import Selection, Trace
from tests.trace_rig import documents

ROOT = Path(__file__).parents[3]
SMALL = Shift(units=500, faulty=14, place=301)
FAULTY = line.BOXES[1]


@pytest.fixture(scope="module")
def small() -> Example:
    """The example on a tenth of the units."""
    return example(SMALL, (100, 50, 10))


@pytest.fixture(scope="module")
def drawn(small: Example, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Its drawing; made outside a test, because matplotlib keeps the files of its fonts open."""
    path = tmp_path_factory.mktemp("drawn") / "recall.svg"
    plotting.draw(small, path)
    return path.read_bytes()


def test_every_way_to_record_recalls_what_the_arithmetic_says(small: Example) -> None:
    """Least, most and mean over all places are exact, and no affected unit is left out (D-4)."""
    assert [row.tracked for row in small.rows] == [
        "lot",
        "sub-lots of 100",
        "sub-lots of 50",
        "sub-lots of 10",
        "serial",
    ]
    for row in small.rows:
        assert row.over_places == scope(500, 14, row.size)
        assert row.holds_all
    assert [row.recalled for row in small.rows] == [500, 100, 50, 20, 14]
    assert small.agrees


def test_serials_without_links_recall_everything(small: Example) -> None:
    """The 140 come of the link from unit to component, not of the serial (D-3)."""
    assert small.unlinked == SMALL.units


def test_a_wrong_figure_is_said(small: Example) -> None:
    """A recall that misses a unit, or another mean, is no agreement."""
    missing = replace(small.rows[0], holds_all=False)
    assert not replace(small, rows=(missing,)).agrees
    assert not replace(small, unlinked=499).agrees
    assert not replace(small.rows[1], over_places=scope(500, 14, 50)).agrees


@pytest.mark.parametrize(("place", "size"), [(2_465, 500), (930, 100), (950, 1_000)])
def test_the_whole_lot_recalls_what_the_shared_data_says(place: int, size: int) -> None:
    """5,000 units, the faulty box at a published place: just the sub-lots touched (D-10)."""
    published = json.loads((ROOT / "tests/data/trace/worked_example.json").read_text())
    (cut,) = (each for each in published["sublots"] if each["sublot_size"] == size)
    (want,) = (each for each in cut["at_offset"] if each["offset"] == place)
    with Trace.open(":memory:") as trace:
        trace.take_events(documents(line.counted(Shift(place=place), size)))
        report = trace.recall(FAULTY)
        assert trace.recall(PRODUCTION_LOT)["scopes"]["pieces_by_lots"] == 5_000
    lots = [each["lot"] for each in report["lots"]]
    assert lots == [f"{PRODUCTION_LOT}/{number:04}" for number in want["sublots_touched"]]
    assert report["scopes"]["pieces_by_lots"] == want["recall_units"]


def test_units_name_what_they_got() -> None:
    """By serial exactly the units of the box come back, all certain, and the order says all."""
    with Trace.open(":memory:") as trace:
        trace.take_events(documents(line.bound(SMALL)))
        report = trace.recall(FAULTY)
        order = trace.recall(Selection(order=PRODUCTION_LOT))
    assert [each["unit"] for each in report["certain"]] == [f"SN-{n:04}" for n in range(302, 316)]
    assert report["possible"] == []
    assert len(order["certain"]) == report["scopes"]["by_order"] == 500


@pytest.mark.parametrize("case", [0, 1, 2])
def test_changes_while_the_line_runs_are_possible_by_so_much(case: int) -> None:
    """Known to within k units, d - 2k are certain and d + 2k come back (D-11, D-44)."""
    published = json.loads((ROOT / "tests/data/trace/worked_example.json").read_text())
    want = published["unit_level_with_uncertain_changeover"]["cases"][case]
    shift = Shift(units=500, place=180)
    doubt = want["changeover_uncertainty_units_each_side"]
    with Trace.open(":memory:") as trace:
        trace.take_events(documents(line.bound(shift, doubt=doubt)))
        report = trace.recall(FAULTY)
    certain, possible = ([each["unit"] for each in report[c]] for c in ("certain", "possible"))
    assert len(certain) == want["certain_units"]
    assert len(possible) == want["possible_only_units"]
    first, last = (place - 930 + shift.place + 1 for place in want["positions"])
    assert sorted({*certain, *possible}) == [f"SN-{n:04}" for n in range(first, last + 1)]


def test_a_drawing_is_the_same_each_time(small: Example, drawn: bytes, tmp_path: Path) -> None:
    """What is measured alike is drawn alike, to the byte, and no moment is in it."""
    plotting.draw(small, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == drawn
    assert b"dc:date" not in drawn


def test_a_drawing_that_cannot_be_written_is_said(
    small: Example, drawn: bytes, tmp_path: Path
) -> None:
    """A form that is none, and a folder that is not there, are named."""
    assert drawn
    with pytest.raises(plotting.PlotError, match=r"recall\.doc: "):
        plotting.draw(small, tmp_path / "recall.doc")
    with pytest.raises(plotting.PlotError, match=r"none/recall\.svg: No such file or directory$"):
        plotting.draw(small, tmp_path / "none" / "recall.svg")


def test_without_matplotlib_it_is_said_how_to_get_it(tmp_path: Path) -> None:
    """The measuring needs no library of its own; the drawing says what it lacks, and no more."""
    script = """
import sys
sys.modules["matplotlib"] = None
from pathlib import Path
from agent.app import plotting
from agent.app.worked_example import example
from agent.demo.worked_example import Shift
found = example(Shift(units=20, faulty=2, place=5), ())
try:
    plotting.draw(found, Path("recall.svg"))
except plotting.PlotError as error:
    print(found.agrees, error)
"""
    told = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.startswith("True no plot: matplotlib is not installed; pip install matpl")
    assert list(tmp_path.iterdir()) == []


def test_the_drawing_of_the_docs_has_the_published_means() -> None:
    """docs/recall.svg is the example's own drawing: its figures are those of D-10."""
    drawn = (ROOT / "docs" / "recall.svg").read_text()
    means = [f"{float(scope(5_000, 140, size).mean):,.1f}" for size in (5_000, *line.SIZES, 1)]
    for mean in means:
        assert re.search(rf">{re.escape(mean.removesuffix('.0'))}</text>", drawn)
