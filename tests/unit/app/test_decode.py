"""Codes explained, and batches of them judged."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agent.app.decode import (
    Assume,
    Family,
    Part,
    Profile,
    RecordError,
    as_object,
    batch,
    explain,
    unescaped,
)

DATA = Path(__file__).parents[2] / "data" / "barcodes"
PROFILE = Profile(reference_date=date(2026, 6, 1), assume=Assume.GS1)
GTIN = "09521234543213"


def wanted(name: str) -> dict[str, Any]:
    """Return the records of a file by their ids."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return {record["id"]: record for record in map(json.loads, lines)}


def verdicts(name: str, family: Family) -> dict[str, Mapping[str, Any]]:
    """Return what the batch form says of a file, by id."""
    with (DATA / name).open(encoding="utf-8") as lines:
        return {verdict["id"]: verdict for verdict in batch(lines, family)}


@pytest.mark.parametrize(
    ("name", "family", "key"),
    [
        ("gs1_vectors.jsonl", Family.GS1, "ais"),
        ("iso15434_vectors.jsonl", Family.ISO15434, "envelopes"),
    ],
)
def test_batches_of_codes(name: str, family: Family, key: str) -> None:
    """Every record of the vectors gets the verdict, the pairs and the meanings wanted."""
    found = verdicts(name, family)
    for record_id, record in wanted(name).items():
        verdict = found[record_id]
        allowed = {record["verdict"], *record.get("also_ok", ())}
        if record["verdict"] == "flag_or_reject":
            allowed |= {"error"}
        assert verdict["verdict"] in allowed, record_id
        if verdict["verdict"] == "error":
            assert verdict["error"] in {record["error"], *record.get("also_ok", ())}, record_id
        if verdict["verdict"] == "ok":
            for name_ in (key, "dates", "decimals", "quantities", "ignored"):
                assert verdict.get(name_) == record.get(name_) or name_ not in record, record_id


def test_batches_of_streams() -> None:
    """Every stream of the vectors gives the frames wanted, through the live framer."""
    found = verdicts("framing_vectors.jsonl", Family.FRAMING)
    for record_id, record in wanted("framing_vectors.jsonl").items():
        assert found[record_id]["frames"] == record["frames"], record_id


def test_doubtful_record_is_flagged() -> None:
    """A batch knows no tolerance, so a doubtful code is an error; empty lines are passed over."""
    record = {"id": "x", "raw_hex": b"[)>\x1e06\x1d1PAB\x1e".hex(), "config": {}}
    assert list(batch(["\n", json.dumps(record)], Family.ISO15434)) == [
        {
            "id": "x",
            "verdict": "error",
            "error": "missing_eot",
            "at": 12,
            "detail": "the message has no end (EOT)",
        }
    ]


@pytest.mark.parametrize(
    ("line", "family", "why"),
    [
        ("{", Family.GS1, "line 1: Expecting property name"),
        ("[]", Family.GS1, "line 1: not a JSON object"),
        ('{"id": "x"}', Family.GS1, "line 1: no 'raw_hex'"),
        ('{"id": "x", "raw_hex": "5"}', Family.GS1, "line 1: non-hexadecimal"),
        (
            '{"id": "x", "chunks": [], "config": {"mode": "x"}}',
            Family.FRAMING,
            "'x' is not a valid",
        ),
    ],
)
def test_what_is_no_record(line: str, family: Family, why: str) -> None:
    """A line that is no record ends the batch with its number and the cause."""
    with pytest.raises(RecordError, match=why):
        list(batch([line], family))


def test_parts_are_explained() -> None:
    """Each field has title, place and meaning."""
    found = explain(
        f"]d201{GTIN}1726020031030012508110012345612345611110123\x1d91X\n".encode(), PROFILE
    )
    assert found.accepted
    assert (found.symbology, found.symbol, found.form) == ("]d2", "GS1 DataMatrix", "gs1")
    assert found.parts[:4] == (
        Part("01", "GTIN", GTIN, 3),
        Part("17", "USE BY or EXPIRY", "260200", 19, "2026-02, acts on 2026-02-28"),
        Part("3103", "NET WEIGHT (kg)", "001250", 27, "1.250"),
        Part(
            "8110",
            "Coupon code identification for use in North America",
            "012345612345611110123",
            37,
        ),
    )


def test_fields_of_a_message_are_explained() -> None:
    """Envelopes keep their format; agreed and textual identifiers have what is known of them."""
    profile = Profile(reference_date=PROFILE.reference_date, known_identifiers=frozenset({"999Y"}))
    raw = b"[)>\x1e06\x1d1PAB\x1d7Q2KG\x1dD260131\x1d999YX\x1e12\x1dSER X\x1e05\x1d91X\x1e\x04"
    assert [part[1:] for part in map(row, explain(raw, profile).parts)] == [
        ("supplier's item code", "AB", "", "06"),
        ("quantity with unit of measure", "2KG", "2 KG", "06"),
        ("date YYMMDD", "260131", "2026-01-31", "06"),
        ("by agreement", "X", "", "06"),
        ("", "X", "", "12"),
        ("INTERNAL", "X", "", "05"),
    ]


def row(part: Part) -> tuple[str, str, str, str, str]:
    """Return a part without its place."""
    return part.identifier, part.title, part.value, part.meaning, part.format


def test_a_refused_code_shows_what_is_right_before_the_fault() -> None:
    """The elements before the fault are shown, and the fault with its byte."""
    found = explain(f"\n]d201{GTIN}10L^".encode(), PROFILE)
    assert not found.accepted
    assert found.form is None
    assert found.parts == (Part("01", "GTIN", GTIN, 4),)
    assert as_object(found)["error"] == {
        "class": "bad_charset",
        "at": 23,
        "detail": "(10) BATCH/LOT cannot hold '^'",
    }


def test_an_accepted_code_as_an_object() -> None:
    """The JSON form names everything; what there is not is null."""
    assert as_object(explain(b"]E3952123454321312", PROFILE)) == {
        "accepted": True,
        "raw": b"]E3952123454321312".hex(),
        "symbology": "]E3",
        "symbol": "EAN-13 with add-on",
        "form": "item_number",
        "parts": [
            {
                "identifier": "01",
                "title": "GTIN",
                "value": GTIN,
                "meaning": None,
                "format": None,
                "at": 3,
            }
        ],
        "doubts": [],
        "ignored": ["12"],
        "error": None,
    }


def test_an_unknown_symbology_is_explained() -> None:
    """A code that begins with no known identifier has none, and says so."""
    found = explain(b"]c1X", PROFILE)
    assert (found.symbology, found.symbol, found.parts) == (None, "", ())


@pytest.mark.parametrize(
    ("typed", "raw"),
    [
        (r"a\x1db", b"a\x1db"),
        ("a<GS>b<RS><EOT>", b"a\x1db\x1e\x04"),
        (r"\\x1d\r\n\t", b"\\x1d\r\n\t"),
        ("<XX>", b"<XX>"),
        (r"\xE4", b"\xe4"),
    ],
)
def test_typed_codes(typed: str, raw: bytes) -> None:
    """A typed code can name every byte."""
    assert unescaped(typed) == raw
