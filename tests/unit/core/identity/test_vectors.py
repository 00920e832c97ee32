"""The vectors of tests/data: every verdict as wanted, nothing that must never come out."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agent.core.identity import data_identifiers, gs1
from agent.core.identity.codes import parse
from agent.core.identity.reading import Assume, CodeError, Field, Form, Profile, Reading

DATA = Path(__file__).parents[3] / "data" / "barcodes"


def records(name: str) -> list[Any]:
    """Return the records of a file, each named by its id."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [pytest.param(record, id=record["id"]) for record in map(json.loads, lines)]


def profile_of(record: Mapping[str, Any]) -> Profile:
    """Return the profile that a record's configuration describes."""
    config = record["config"]
    return Profile(
        reference_date=date.fromisoformat(record.get("reference_date", "2026-06-01")),
        assume=Assume(config.get("assume", "unknown")),
        separator_text=config.get("separator_text", ""),
        expect=frozenset(config.get("expect", ())),
    )


def pairs(fields: tuple[Field, ...]) -> list[list[str]]:
    """Return fields as the records write them."""
    return [[field.identifier, field.value] for field in fields]


def verdict(record: Mapping[str, Any]) -> Reading | CodeError:
    """Return the reading of a record's bytes, or the refusal."""
    try:
        return parse(bytes.fromhex(record["raw_hex"]), profile_of(record))
    except CodeError as error:
        return error


def hold(record: Mapping[str, Any], found: Reading | CodeError) -> None:
    """Hold a verdict against the one that is wanted."""
    errors = {record.get("error"), *record.get("also_ok", ())}
    if isinstance(found, CodeError):
        assert record["verdict"] in ("error", "flag_or_reject") or "plain" in errors
        assert found.reason in errors
        assert 0 <= found.at <= len(bytes.fromhex(record["raw_hex"]))
        return
    assert [pair for pair in record.get("never", ()) if pair in pairs(found.fields)] == []
    if found.form is Form.PLAIN:
        assert record["verdict"] == "plain" or "plain" in errors
        assert found.fields == ()
        return
    assert record["verdict"] == "ok"  # nothing doubtful is accepted unless a profile declares it
    assert found.doubts == ()
    if "ais" in record:
        assert pairs(found.fields) == record["ais"]
    else:
        assert [{"format": e.format, "fields": pairs(e.fields)} for e in found.envelopes] == record[
            "envelopes"
        ]
    assert list(found.ignored) == record.get("ignored", [])


@pytest.mark.parametrize("record", records("gs1_vectors.jsonl"))
def test_gs1(record: Mapping[str, Any]) -> None:
    """GS1 element strings and links come out as wanted, with the meaning of their values."""
    found = verdict(record)
    hold(record, found)
    fields = {} if isinstance(found, CodeError) else {f.identifier: f for f in found.fields}
    for code, day in record.get("dates", {}).items():
        read = gs1.day_of(fields[code], profile_of(record).reference_date)
        assert read is not None
        assert read.day.isoformat() == day
    for code, decimal in record.get("decimals", {}).items():
        assert gs1.decimal_of(fields[code]) == decimal


@pytest.mark.parametrize("record", records("iso15434_vectors.jsonl"))
def test_iso15434(record: Mapping[str, Any]) -> None:
    """ISO/IEC 15434 messages come out as wanted, with the meaning of their values."""
    found = verdict(record)
    hold(record, found)
    fields = {} if isinstance(found, CodeError) else {f.identifier: f for f in found.fields}
    today = profile_of(record).reference_date
    for code, day in record.get("dates", {}).items():
        field = fields[code]
        of_gs1 = code.isdecimal()
        read = (
            gs1.day_of(field, today)
            if of_gs1
            else data_identifiers.day_of(code, field.value, today)
        )
        assert read is not None
        assert read.day.isoformat() == day
    for code, wanted in record.get("quantities", {}).items():
        amount, unit = data_identifiers.quantity_of(code, fields[code].value) or ("", "")
        assert ([amount, unit] if unit else amount) == wanted
