"""A journal and its own file sink named together: an event is one, and in its place (D-137)."""

import json
from pathlib import Path

import pytest

from agent.app import giving_out
from agent.app.event_sources import EventSource
from agent.app.other_sources import LinesSource, find_sources
from agent.app.together import MergedSource, OthersSource, together
from agent.trace.wanted import Wanted
from tests.histories import STATION, History, stored, two_epochs
from tests.trace_rig import Plant


def addresses(source: EventSource, wanted: Wanted = Wanted()) -> list[tuple[str, int]]:  # noqa: B008 - frozen
    """Return the addresses of what a source yields, in its order."""
    return [(event["epoch"], event["seq"]) for event in source.read(wanted)]


def lines(path: Path, *bodies: str) -> Path:
    """Write a file of the file sink."""
    path.write_text("".join(f'{{"specversion":"1.0","data":{body}}}\n' for body in bodies))
    return path


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Two epochs of a station; its journal keeps only what came after the first five events."""
    history = two_epochs()
    stored(tmp_path / "journal", history.rows[5:])
    return history


def test_a_journal_and_its_file_sink_are_one_source(tmp_path: Path, history: History) -> None:
    """Whoever is named first: the file begins before the journal, which has what came last.

    The file is written at least once: a line that came twice, and late, is one event (D-136).
    """
    bodies = [row.body.decode() for row in history.rows]
    file = lines(tmp_path / "audit.jsonl", *bodies[:7], bodies[6], bodies[2])
    wanted = [(row.address.epoch, row.address.seq) for row in history.rows]
    for paths in ([file, tmp_path / "journal"], [tmp_path / "journal", file]):
        (source,) = together(find_sources(paths, None))
        assert isinstance(source, MergedSource)
        assert (source.name, source.stations()) == (STATION, frozenset((STATION,)))
        assert addresses(source) == wanted
        assert addresses(source, Wanted(kinds=("link_lost",))) == [
            place
            for place, row in zip(wanted, history.rows, strict=True)
            if row.kind == "link_lost"
        ]
        newest = source.newest(Wanted())
        assert newest is not None
        assert (newest["epoch"], newest["seq"]) == wanted[-1]
        assert source.newest(Wanted(kinds=("lot_opened",))) is None


def test_one_file_has_no_event_twice(tmp_path: Path) -> None:
    """A sink whose confirmation was lost writes the line again (D-136)."""
    plant = Plant()
    for unit in ("SN-1", "SN-2", "SN-3"):
        plant.unit(unit)
    bodies = [json.dumps(event) for event in plant.events]
    source = LinesSource(lines(tmp_path / "e.jsonl", *bodies[:2], *bodies, bodies[0]))
    (alone,) = together([source])
    assert alone is source
    assert [seq for _, seq in addresses(source)] == [1, 2, 3]


def test_what_only_one_source_has_stays_its_own(tmp_path: Path) -> None:
    """Of a file of several stations only those are merged that another source has too."""
    plant = Plant()
    for station in ("acme/a", "acme/b", "acme/c"):
        plant.add("unit_scrapped", station=station, unit=f"SN-{station[-1]}")
    a, b, c = (json.dumps(event) for event in plant.events)
    paths = [
        lines(tmp_path / f"{n}.jsonl", *bodies) for n, bodies in enumerate([(a, b), (b,), (c,)])
    ]
    others, last, merged = together([LinesSource(path) for path in paths])
    assert isinstance(others, OthersSource)
    assert (others.name, others.stations()) == (str(paths[0]), frozenset(("acme/a",)))
    assert last.name == str(paths[2])
    assert [event["unit"] for event in others.read(Wanted())] == ["SN-a"]
    newest = others.newest(Wanted())
    assert newest is not None
    assert newest["unit"] == "SN-a"
    assert others.newest(Wanted(kinds=("lot_opened",))) is None
    assert [event["unit"] for event in merged.read(Wanted())] == ["SN-b"]


def test_what_was_corrected_later_is_right_from_both(tmp_path: Path) -> None:
    """The file has what was wrong, another one its correction: a row each, and the right one."""
    plant = Plant()
    wrong = plant.unit("SN-1", "L-1", result="ok")
    plant.correct(wrong, unit="SN-2")
    bodies = [json.dumps(event) for event in plant.events]
    paths = (lines(tmp_path / "new.jsonl", bodies[1]), lines(tmp_path / "old.jsonl", *bodies))
    out = tmp_path / "units.csv"
    asked = giving_out.asked(
        "units", paths, since=None, until=None, station=None, store=None, base=None
    )
    assert giving_out.give(asked, out).written == 1
    assert ",SN-2," in out.read_text().splitlines()[1]
