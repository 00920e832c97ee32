"""docs/events.md: its list names every kind, and its two programs do what the page says."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from agent.core.events import Certainty, ComponentUse, Result, UnitCompleted, Why
from agent.formats.cloudevents import envelope
from agent.ports import Row
from tests.histories import History

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "events.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMPLETE, WHICH = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def run(program: str, lines: list[bytes], *words: str) -> tuple[str, str]:
    """Return what a program of the page prints, and what it complains about."""
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        input=b"\n".join(lines),
        capture_output=True,
        check=False,
    )
    return done.stdout.decode(), done.stderr.decode()


@pytest.fixture
def rows() -> list[Row]:
    """Return two epochs: four events, then three."""
    made = History()
    made.start(1)
    for serial in ("SN1", "SN2", "SN3"):
        made.unit(serial)
    made.start(2, carried=1)
    made.unit("SN4")
    return made.rows


def test_list_names_every_kind() -> None:
    """A kind that the code has is on the page, in the words of its docstring, and no other."""
    made = runpy.run_path(str(ROOT / ".ci" / "make_events_docs.py"))["page"]()
    assert made == TEXT, "run: .venv/bin/python .ci/make_events_docs.py"


def test_list_holds_no_number_of_a_rule() -> None:
    """The readers of the page do not have the rules that docstrings refer to."""
    assert re.findall(r"\b(?:D-\d+|DESIGN)\b", TEXT) == []


def test_links_lead_somewhere() -> None:
    """Each file that the page names by a link is there."""
    links = re.findall(r"\]\(([^)#:]+)[^)]*\)", TEXT)
    assert [link for link in links if not (PAGE.parent / link).exists()] == []


def test_whole_stream_is_complete(rows: list[Row]) -> None:
    """Messages in any order, some twice, some as the journal gives them: nothing is missing."""
    messages = [envelope(row.body) for row in rows]
    mixed = [*reversed(messages), messages[2], rows[3].body]
    last = f"7 events to {rows[-1].epoch} {rows[-1].seq} {rows[-1].hash}\n"
    assert run(COMPLETE, mixed) == (last, "")


@pytest.mark.parametrize("lost", range(1, 6))
def test_gap_is_named(rows: list[Row], lost: int) -> None:
    """An event that did not come is seen, also where it was the last or first of an epoch."""
    messages = [envelope(row.body) for row in rows]
    del messages[lost]
    before, after = rows[lost - 1], rows[lost + 1]
    said = run(COMPLETE, messages)[0].splitlines()
    where = f"{before.epoch} {before.seq} and {after.epoch} {after.seq}"
    assert said[:-1] == [f"missing between {where}"]


def test_change_is_noticed(rows: list[Row]) -> None:
    """An event that is not what was recorded is refused."""
    messages = [envelope(row.body).replace(b'"unit":"SN2"', b'"unit":"SN9"') for row in rows]
    assert run(COMPLETE, messages)[1].startswith("altered: {")


def test_units_of_a_lot_are_found() -> None:
    """Who received it for certain, who perhaps, and who received nobody knows what."""
    made = History()
    made.start(1)
    for serial, lots, certainty in (
        ("SN1", ("L-1",), Certainty.CERTAIN),
        ("SN2", ("L-1", "L-2"), Certainty.POSSIBLE),
        ("SN3", ("L-2",), Certainty.CERTAIN),
        ("SN4", (), Certainty.POSSIBLE),
    ):
        use = ComponentUse(
            position="soap",
            candidates=lots,
            certainty=certainty,
            why=None if lots else Why.MATERIAL_UNKNOWN,
        )
        made.add(
            UnitCompleted,
            unit=serial,
            cycle="c-1",
            handshake="end",
            generation=1,
            answer=1,
            components=(use,),
            earliest_ms=1,
            latest_ms=2,
            result=Result.OK,
            visit=1,
        )
    said, wrong = run(WHICH, [row.body for row in made.rows], "L-1")
    found = [line.split()[2:] for line in said.splitlines()]
    assert (found, wrong) == (
        [["SN1", "soap", "certain"], ["SN2", "soap", "possible"], ["SN4", "soap", "unknown"]],
        "",
    )


def test_envelope_ends_with_the_event(rows: list[Row]) -> None:
    """The page cuts the event out of its message: `data` is last, and `hash` is last in it."""
    for row in rows:
        message = json.loads(envelope(row.body, after="000001-01010101-1"))
        assert (list(message)[-1], list(message["data"])[-1]) == ("data", "hash")
