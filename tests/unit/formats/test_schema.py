"""The published JSON Schema is the one that the code means."""

from pathlib import Path

import jsonschema
import orjson
import pytest

from agent.core.events import KINDS
from agent.formats.schema import events_schema, text
from agent.ports import Row
from tests.histories import History

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests/data/golden/journal.jsonl"


def valid(row: Row) -> dict[str, object]:
    """Return a row's event."""
    event = orjson.loads(row.body)
    assert isinstance(event, dict)
    return event


def test_the_published_file_is_up_to_date() -> None:
    """Changed events change docs/schema: `python -m agent.formats.schema` writes it."""
    assert (ROOT / "docs/schema/events.schema.json").read_bytes() == text()


def test_the_schema_is_one() -> None:
    """It obeys the 2020-12 rules, and has a rule for each kind."""
    schema = events_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert {rule["if"]["properties"]["kind"]["const"] for rule in schema["allOf"]} == set(KINDS)


def test_golden_events_are_valid() -> None:
    """What is published obeys what is documented."""
    validator = jsonschema.Draft202012Validator(events_schema())
    for line in GOLDEN.read_bytes().splitlines():
        validator.validate(orjson.loads(line))


@pytest.mark.parametrize(
    "change", [{"result": "perhaps"}, {"visit": None}, {"hash": "short"}, {"time": {}}]
)
def test_a_wrong_event_is_invalid(change: dict[str, object]) -> None:
    """The schema catches what does not fit."""
    history = History()
    history.start(1)
    event = valid(history.unit("unit-1")) | change
    assert not jsonschema.Draft202012Validator(events_schema()).is_valid(event)


def test_an_unknown_kind_is_valid() -> None:
    """A consumer keeps kinds of later versions (D-141)."""
    history = History()
    event = valid(history.start(1)[0]) | {"kind": "later"}
    assert jsonschema.Draft202012Validator(events_schema()).is_valid(event)
