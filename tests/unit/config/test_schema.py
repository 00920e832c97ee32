"""The JSON Schema of a station file, checked by a library that is not ours."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agent.app.registries import registries
from agent.config.model import DeviceSection, SinkSection, TagSection
from agent.config.schema import station_schema
from agent.config.source import parse_source, read_source
from tests.unit.config.stations import CELL, FILLER, PRESS, edited

EXAMPLES = [
    path
    for path in sorted((Path(__file__).parents[3] / "config").rglob("*.yaml"))
    if path.parent.name != "plan"  # product lists, no stations
]


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    """Return a validator for the schema with every driver and sink."""
    schema = station_schema(registries())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_every_example_fits_the_schema(validator: Draft202012Validator, file: Path) -> None:
    """What the loader takes, an editor does not underline."""
    assert [error.message for error in validator.iter_errors(read_source(file).data)] == []


@pytest.mark.parametrize("text", [PRESS, FILLER, CELL])
def test_what_is_right_fits_the_schema(validator: Draft202012Validator, text: str) -> None:
    """Every form of a key that the loader takes is in the schema."""
    data = parse_source(text.encode(), "f").data
    assert [error.message for error in validator.iter_errors(data)] == []


WRONG = {
    "a key": ("because: regulated", "becoz: regulated"),
    "a key of a driver": ("no_read: [NOREAD, NR]", "noread: [NR]"),
    "a key of a tag": ("measure: kN", "unit: kN"),
    "a key of a sink": ("required: false", "optional: true"),
    "a name": ("  force:", "  9force:"),
    "a driver": ("driver: opcua", "driver: opc"),
    "a duration": ("window: 20s", "window: 20"),
    "a requirement": ("{operator: refuse, order: record}", "[operator, shift]"),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_slip_does_not_fit_the_schema(
    validator: Draft202012Validator, change: tuple[str, str]
) -> None:
    """An editor sees a misspelt key or a bare number while it is typed."""
    data = parse_source(edited(PRESS, change).encode(), "f").data
    assert not validator.is_valid(data)


def _objects(schema: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON
    """Return every schema of an object with keys."""
    if isinstance(schema, list):
        return [found for item in schema for found in _objects(item)]
    if not isinstance(schema, dict):
        return []
    inner = [found for value in schema.values() for found in _objects(value)]
    return [schema, *inner] if isinstance(schema.get("properties"), dict) else inner


def test_every_key_says_what_it_does(validator: Draft202012Validator) -> None:
    """No key, of ours or of a driver or sink, is without its description."""
    mute = [
        name
        for schema in _objects(validator.schema)
        for name, found in schema["properties"].items()
        if not found.get("description")
    ]
    assert mute == []


def test_defaults_are_as_a_file_writes_them() -> None:
    """A duration or size stands in the schema with its unit, whatever it is held in."""
    definitions = station_schema(registries())["$defs"]
    assert definitions["Journal"]["properties"]["keep"]["default"] == "30d"
    assert definitions["Journal"]["properties"]["quota"]["default"] == "4GiB"
    assert definitions["Pair"]["properties"]["settle"]["default"] == "200ms"
    assert definitions["driver_scanner_Framing"]["properties"]["partial_timeout"]["default"] == "1s"


@pytest.mark.parametrize("name", registries().drivers.names)
def test_no_driver_takes_a_common_key(name: str) -> None:
    """What every device or tag can say means the same whatever its driver."""
    spec = registries().drivers.spec(name)
    assert set(spec.options.model_fields) & set(DeviceSection.model_fields) == set()
    tag_options = spec.tag_options.model_fields if spec.tag_options is not None else {}
    assert set(tag_options) & set(TagSection.model_fields) == set()


@pytest.mark.parametrize("name", registries().sinks.names)
def test_no_sink_takes_a_common_key(name: str) -> None:
    """`sink` chooses; each sink can be required and choose its kinds, or says itself what it is."""
    model = registries().sinks.spec(name).options
    assert set(model.model_fields) & set(SinkSection.model_fields) == set()
    assert all(word in model.model_fields or hasattr(model, word) for word in ("required", "kinds"))
