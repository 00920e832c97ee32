"""A file of events in which somebody wrote: the line is named, and nothing falls apart."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.app import giving_out
from agent.app.event_sources import SourceError
from agent.app.giving_out import Asked
from agent.app.other_sources import LinesSource, wrong_line
from agent.app.trace_feeding import FeedError, feed
from agent.formats.epcis.ids import Ids
from agent.formats.json import encode
from agent.trace.store import Store
from agent.trace.wanted import Wanted
from tests.measured import Day


def written(path: Path, **wrong: object) -> Path:
    """Write a file of two units, the second with these members; one that is None is missing."""
    day = Day()
    day.unit(1)
    day.unit(2, unit="SN-2")
    good, bad = (json.loads(encode(event)) for event in day.events)
    members = {name: value for name, value in (bad | wrong).items() if value is not None}
    path.write_text("\n".join((json.dumps(good), "", json.dumps(members), '{"torn')))
    return path


def asked(form: str, path: Path) -> Asked:
    """Return what is asked for: all of a file."""
    return Asked(form=form, paths=(path,), wanted=Wanted(), store=None, ids=Ids())


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"machine": None}, "no event as an agent writes it: UnitCompleted: no machine"),
    ({"components": [1]}, "no event as an agent writes it: "),
    ({"time": None}, "no event: it has no time"),
    ({"seq": "x"}, "no event: it has no seq"),
]


@pytest.mark.parametrize(
    ("form", "wrong", "says"), [("units", *WRONG[0]), *(("epcis", *each) for each in WRONG)]
)
def test_an_export_names_the_line(
    tmp_path: Path, form: str, wrong: dict[str, Any], says: str
) -> None:
    """With what is wrong in it, and leaves no file behind."""
    path, out = written(tmp_path / "e.jsonl", **wrong), tmp_path / "out.csv"
    with pytest.raises(SourceError) as error:
        giving_out.give(asked(form, path), out)
    assert str(error.value).startswith(f"{path}:3: {says}")
    assert not out.exists()


@pytest.mark.parametrize(("wrong", "says"), WRONG)
def test_the_trace_store_names_the_line(tmp_path: Path, wrong: dict[str, Any], says: str) -> None:
    """As an export does; nothing of it is noted as read."""
    path = written(tmp_path / "e.jsonl", **wrong)
    with Store.open(":memory:") as store:
        with pytest.raises(FeedError) as error:
            feed(store, path)
        assert says in str(error.value)
        assert store.noted("update:") == {}


def test_what_is_right_is_read_to_the_end(tmp_path: Path) -> None:
    """Empty lines and one that is being written are none; their numbers are those of the file."""
    path = written(tmp_path / "e.jsonl")
    assert wrong_line(path) is None
    assert [number for number, _ in LinesSource(path).lines()] == [1, 3]


def test_a_mistake_of_ours_is_not_told_as_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where every line is right it goes on as what it is."""

    def broken(*_: object, **__: object) -> None:
        raise KeyError("ours")

    monkeypatch.setattr(giving_out, "export_table", broken)
    with pytest.raises(KeyError, match="ours"):
        giving_out.give(asked("units", written(tmp_path / "e.jsonl")), None)
