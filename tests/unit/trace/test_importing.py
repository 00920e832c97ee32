"""Files of other systems: forms that come down to the same, and errors that name the place."""

import json
import re
from pathlib import Path

import pytest

from agent.trace.genealogy import recall, where_from
from agent.trace.importing import read_source
from agent.trace.interchange import InterchangeError
from agent.trace.shipment import Shipment

SMALL = Path("tests/data/trace/genealogy_small.json")


def test_document_folder_and_lines_are_the_same(tmp_path: Path) -> None:
    """One JSON document, stations.json with events.jsonl, and the lines alone say the same."""
    document = json.loads(SMALL.read_bytes())
    (tmp_path / "stations.json").write_text(json.dumps({"stations": document["stations"]}))
    lines = tmp_path / "events.jsonl"
    lines.write_text("\n".join(json.dumps(event) for event in document["events"]) + "\n\n")
    whole, _ = read_source(SMALL)
    assert read_source(tmp_path)[0].slots == whole.slots
    assert read_source(lines)[0].slots == whole.slots


def test_a_spreadsheet_says_units_and_what_is_in_them(tmp_path: Path) -> None:
    """Lots, serial parts, one-of-several, times and scrap; semicolons and a BOM as Excel writes."""
    path = tmp_path / "units.csv"
    path.write_text(
        "\ufeffunit;component;kind;since;until;scrapped\n"
        "U1;L1;lot;2026-03-02T06:00:00Z;;\n"
        "U1;ECU-1;serial;10;20;no\n"
        "U2;L1|L2;;;;yes\n"
        "U3;;;;;\n"
    )
    facts, _ = read_source(path)
    found = recall(facts, "L1")
    assert (found.certain, found.scrapped) == (["U1"], ["U2"])
    assert recall(facts, "ECU-1").cleared == ["U1"]
    assert where_from(facts, "U2").possible == ["L1", "L2"]
    assert facts.units(["U3", "ECU-1", "L1"]) == {"U3", "ECU-1"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b"{", r"a\.json: not JSON"),
        ("a.json", b"[]", r"no list of events; write trace-v1"),
        ("a.json", b'{"form": "other", "events": []}', "form 'other'; what is read is trace-v1"),
        ("a.json", b'{"events": [7]}', r"event 1 is no object: 7"),
        ("a.jsonl", b'{"type": "scrap", "unit": "U"}\n{', r"a\.jsonl:2: not JSON"),
        ("a.jsonl", b'\n{"type": "scrap"}', r"event #2 \(scrap\): unit is missing"),
        ("a.csv", b"part,lot\n", r"a\.csv:1: column lot, part is not known; known are component"),
        ("a.csv", b"component\nL\n", r"a\.csv:1: no column unit"),
        ("a.csv", b"unit\n\xff\n", "not UTF-8"),
        ("a.csv", b"unit,component\n,L1\n", r"a\.csv:2: no unit in this line"),
        ("a.csv", b"unit,kind\nU,reel\n", r"a\.csv:2: kind 'reel'; write one of lot, serial"),
        ("a.csv", b"unit,component,since\nU,L,noon\n", r"a\.csv:2: since 'noon'; write it as 2026"),
        ("a.csv", b"unit,component,until\nU,L,2026-03-02\n", r"until '2026-03-02'; write it as"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    """File, line and value are in the text, and what to write instead."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InterchangeError, match=said):
        read_source(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path that is not there is named with the system's reason."""
    with pytest.raises(InterchangeError, match=r"gone\.json: No such file"):
        read_source(tmp_path / "gone.json")
    with pytest.raises(InterchangeError, match=r"events\.jsonl: No such file"):
        read_source(tmp_path)


def test_a_list_of_shipments_is_read(tmp_path: Path) -> None:
    """Units, parcels and lots that left, came back, or both; no links come of it."""
    path = tmp_path / "shipped.csv"
    path.write_text(
        "unit;lot;quantity;measure;shipped;returned;destination;party;document\n"
        "SN-1;;;;2026-03-02T06:00:00Z;;ACME;;DN-1\n"
        "BOX;;;;1772431200;1772434800;;ACME;\n"
        ";L-1;2.5;kg;;2026-03-02T06:00:00+00:00;;;\n"
    )
    facts, _ = read_source(path)
    at = 1_772_431_200.0
    assert facts.slots == []
    assert facts.shipments == [
        Shipment(thing="SN-1", at=at, party="ACME", document="DN-1"),
        Shipment(thing="BOX", at=at, party="ACME"),
        Shipment(thing="BOX", at=at + 3600, is_back=True, party="ACME"),
        Shipment(thing="L-1", at=at, is_back=True, is_all=False, quantity="2.5", measure="kg"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("unit,lot,shipped\n,,2026-03-02T06:00:00Z\n", ":2: write a unit or a lot in each line"),
        ("unit,lot,shipped\nU,L,2026-03-02T06:00:00Z\n", ":2: write a unit or a lot in each"),
        ("unit,quantity,shipped\nU,3,2026-03-02T06:00:00Z\n", "quantity '3'; a unit has none"),
        ("lot;quantity;shipped\nL;2,5;1772431200\n", "quantity '2,5'; write it as 12.5"),
        ("lot;quantity;shipped\nL;0;1772431200\n", "quantity '0'; write it as 12.5"),
        ("unit,shipped\nU,\n", ":2: say when it was shipped, or returned"),
        ("unit,shipped\nU,02.03.2026\n", "shipped '02.03.2026'; write it as"),
        ("shipped,where\n", ":1: column where is not known; known are destination"),
        ("shipped\n", ":1: no column unit or lot; known are"),
    ],
)
def test_a_list_of_shipments_that_cannot_be_read_is_named(
    tmp_path: Path, content: str, said: str
) -> None:
    """File, line and value are in the text, and what to write instead."""
    path = tmp_path / "shipped.csv"
    path.write_text(content)
    with pytest.raises(InterchangeError, match=re.escape(said)):
        read_source(path)
