"""Files of other systems: forms that come down to the same, and errors that name the place."""

import json
import re
import tracemalloc
import zlib
from collections import deque
from pathlib import Path

import pytest

from agent.trace.genealogy import Kind, recall, where_from
from agent.trace.importing import read_source
from agent.trace.interchange import Facts, Slot, facts_of
from agent.trace.packed import Packed
from agent.trace.recorded import InterchangeError
from agent.trace.shipment import Shipment
from agent.trace.spreadsheet import Spreadsheet

SMALL = Path("tests/data/trace/genealogy_small.json")


def test_document_folder_and_lines_are_the_same(tmp_path: Path) -> None:
    """One JSON document, stations.json with events.jsonl, and the lines alone say the same."""
    document = json.loads(SMALL.read_bytes())
    (tmp_path / "stations.json").write_text(json.dumps({"stations": document["stations"]}))
    lines = tmp_path / "events.jsonl"
    lines.write_text("\n".join(json.dumps(event) for event in document["events"]) + "\n\n")
    whole, _ = read_source(SMALL)
    wanted = list(whole.slots)
    assert wanted == facts_of(document["events"]).slots
    assert list(read_source(tmp_path)[0].slots) == wanted
    assert list(read_source(lines)[0].slots) == wanted
    assert list(whole.slots) == wanted


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
    sheet, _ = read_source(path)
    facts = Facts(list(sheet.slots), sheet.all_units, sheet.all_scrapped)
    found = recall(facts, "L1")
    assert (found.certain, found.scrapped) == (["U1"], ["U2"])
    assert recall(facts, "ECU-1").cleared == ["U1"]
    assert where_from(facts, "U2").possible == ["L1", "L2"]
    assert facts.units(["U3", "ECU-1", "L1"]) == {"U3", "ECU-1"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", b"{\n", r"a\.json:2: not JSON: .*, column 1; what is read is trace-v1 \("),
        ("a.json", b"[]", r"a\.json:1: no list of events; what is read is trace-v1"),
        ("a.json", b'{"events":\n["\xff"]}', r"a\.json:2: not UTF-8: b'\\xff'; save it as UTF-8"),
        ("a.json", b"[" * 100_000, r"a\.json:1: not JSON that can be read: nested too deeply"),
        (
            "a.json",
            b'{"stations": {"S": 1}, "events": []}',
            r"a\.json:1: no list of stations; write",
        ),
        (
            "a.json",
            b'{"n": [1, {}],\n"events" : [\n{"type": "scrap", "unit": "U"},\n\n {"type":\n 1}\n]}',
            r"a\.json:5: event #2: type is 1; write one of install",
        ),
        ("a.json", b'{"form": "other", "events": []}', "form 'other'; what is read is trace-v1"),
        ("a.json", b'{"events": [7]}', r"a\.json:1: 7 is no event; write an object with a type"),
        ("a.jsonl", b'{"type": "scrap", "unit": "U"}\n{', r"a\.jsonl:2: not JSON"),
        ("a.jsonl", b'\n{"type": "scrap"}', r"a\.jsonl:2: event #1 \(scrap\): unit is missing"),
        ("a.csv", b"part,lot\n", r"a\.csv:1: column lot, part is not known; known are component"),
        ("a.csv", b"component\nL\n", r"a\.csv:1: no column unit"),
        ("a.csv", b"unit\n\xff\n", "not UTF-8"),
        ("a.csv", b"", r"a\.csv:1: no column unit; known are"),
        ("a.csv", b"unit,component\n,L1\n", r"a\.csv:2: no unit in this line"),
        ("a.csv", b"unit,component,component\nU,L1,L2\n", "component is there twice; write a line"),
        (
            "a.csv",
            b"unit,component\nU,L1,L2\n",
            r"a\.csv:2: 3 cells for 2 columns: 'U,L1,L2'; leave",
        ),
        (
            "a.csv",
            b"unit,component\n\nU\n",
            r"a\.csv:3: 1 cells for 2 columns: 'U'; leave one empty",
        ),
        (
            "a.csv",
            b'unit,component\nU,"L1\nV,L2\n',
            r"a\.csv:2: unexpected end of data; close each",
        ),
        ("a.csv", b"unit,component\nany:x,L\n", r"a\.csv:2: 'any:x'; write it without 'any:' at"),
        ("a.csv", b"unit,component\nU,L|group:1\n", r"'L\|group:1'; write it without 'group:'"),
        ("a.csv", b"unit,component\nU,a\0b\n", r"a\.csv:2: 'a\\x00b'; write it without .* NUL"),
        ("a.csv", b"unit,component,since\nU,L,nan\n", r"a\.csv:2: since 'nan'; write it as 2026"),
        ("a.csv", b"unit,since,until\nU,9,3\n", r"a\.csv:2: until '3' is before since; exchange"),
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


@pytest.mark.parametrize(
    "content",
    [
        "unit,component\nU 1,L;1\nU2,\n",
        '\ufeffunit;component\r\nU 1;"L;1";;\r\nU2;\r\n',
        "unit\tcomponent\rU 1\tL;1\rU2\t\r",
        '"component","unit"\n"L;1","U 1"\n\n"","U2"\n',
    ],
)
def test_however_a_spreadsheet_is_saved_it_says_the_same(tmp_path: Path, content: str) -> None:
    """By comma, semicolon or tab, with any line ends, quotes and columns in any order."""
    path = tmp_path / "units.csv"
    path.write_bytes(content.encode())
    facts, _ = read_source(path)
    assert list(facts.slots) == [Slot("U 1", Kind.FEED, ("L;1",), why="direct_link")]
    assert facts.all_units == {"U 1", "U2"}


def test_remarks_have_their_places(tmp_path: Path) -> None:
    """What is taken as it stands is told with its line, in one document as in lines."""
    (tmp_path / "stations.json").write_text('[{"station": "S", "slots": ["A"]}, {"station": "T"}]')
    lines = tmp_path / "events.jsonl"
    events = [
        {"type": "load", "station": "S", "slot": "A", "lot": "L", "t": [0, 0]},
        {"type": "process", "station": "S2", "unit": "U", "t": 1},
    ]
    lines.write_text("\n" + "\n".join(map(json.dumps, events)))
    told = "event #2: station 'S2' is not one of the stations listed"
    assert read_source(tmp_path)[0].told == [f"{lines}:3: {told}"]
    whole = tmp_path / "plant.json"
    stations = json.loads((tmp_path / "stations.json").read_bytes())
    whole.write_text(json.dumps({"events": events, "stations": stations}, indent=0))
    assert read_source(whole)[0].told == [f"{whole}:13: {told}"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path that is not there is named with the system's reason."""
    with pytest.raises(InterchangeError, match=r"gone\.json: No such file"):
        read_source(tmp_path / "gone.json")
    with pytest.raises(InterchangeError, match=r"events\.jsonl: No such file"):
        read_source(tmp_path)


def test_a_spreadsheet_is_gone_through_and_not_held() -> None:
    """As often as it is asked for its slots, a line when its turn comes: none waits in memory."""
    lines = "".join(f"U-{n % 9};L-{n % 7};{n}\n" for n in range(30_000))
    packed = Packed(zlib.compress(f"unit;component;since\n{lines}".encode()), 4096)
    facts, most = Spreadsheet(Path("units.csv"), packed), list[int]()
    names = list(facts.slots)  # so that Python's table of names, which is large, does not grow
    for go in (lambda: list(facts.slots), lambda: deque(facts.slots, maxlen=1)):
        tracemalloc.start()
        assert go()[-1] == Slot("U-2", Kind.FEED, ("L-4",), 29_999.0, why="direct_link")
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    held, gone_through = most
    assert 4 * gone_through < held
    assert len(names) == 30_000


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
    assert list(facts.slots) == []
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
