"""Exports from every source: at flat memory, with corrections as what is right (D-131, D-143)."""

import csv
import errno
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet as read_parquet

from agent.app import exporting, parquet
from agent.app.event_sources import EventSource, JournalSource, SourceError
from agent.app.exporting import Exported, export_epcis, export_table
from agent.app.other_sources import LinesSource, find_sources, store_sources
from agent.formats.epcis.ids import Ids
from agent.formats.epcis.mapping import Document, Epcis, Settings
from agent.formats.epcis.rules import problems
from agent.trace import streaming
from agent.trace.store import Store
from agent.trace.wanted import Wanted
from tests.histories import STATION, stored, two_epochs
from tests.trace_rig import Plant

SETTINGS = Settings(ids=Ids("https://id.acme.com/"))
CREATED = "2026-11-30T10:00:00.000Z"


@dataclass
class Listed:
    """A source of events that are at hand."""

    events: list[dict[str, Any]]
    name: str = "list"
    read_kinds: list[tuple[str, ...]] = field(default_factory=list)

    def stations(self) -> frozenset[str]:
        """Return whose they are."""
        return frozenset(event["station"] for event in self.events)

    def read(self, wanted: Wanted) -> Iterator[Document]:
        """Yield those of the kinds that are asked for."""
        self.read_kinds.append(tuple(wanted.kinds))
        kinds = wanted.kinds
        return (event for event in self.events if not kinds or event["kind"] in kinds)

    def newest(self, wanted: Wanted) -> Document | None:
        """Return the last one."""
        return list(self.read(wanted))[-1]


def told(plant: Plant, **wanted: Any) -> tuple[list[Epcis], Exported]:  # noqa: ANN401 - which events
    """Return the events of an EPCIS document, which is sound."""
    out = io.StringIO()
    source = Listed(plant.events)
    done = export_epcis([source], Wanted(**wanted), SETTINGS, out, created=CREATED)
    document = json.loads(out.getvalue())
    assert problems(document) == []
    events: list[Epcis] = document["epcisBody"]["eventList"]
    assert done.written == len(events)
    return events, done


def test_an_empty_document_is_one() -> None:
    """Nothing recorded is no broken file."""
    assert told(Plant())[0] == []


def test_a_retracted_event_never_occurred() -> None:
    """It is told again, with its eventID, as one that did not occur (D-131)."""
    plant = Plant()
    address = plant.add("unit_scrapped", unit="SN-1")
    plant.correct(address)
    first, again = told(plant)[0]
    assert again == {
        **first,
        "errorDeclaration": {
            "declarationTime": plant.events[1]["time"]["received"],
            "reason": "did_not_occur",
        },
    }


def test_a_corrected_event_is_declared_and_told_anew() -> None:
    """The wrong one names what is right instead; a second correction goes on from the first."""
    plant = Plant()
    address = plant.unit("SN-1", "L-1", result="ok")
    first = plant.correct(address, unit="SN-2")
    plant.correct(first, unit="SN-3")
    events = told(plant)[0]
    item = "https://id.acme.com/item/"
    about = [each.get("epcList", [each.get("parentID")])[0].removeprefix(item) for each in events]
    assert about == ["SN-1"] * 2 + ["SN-1"] * 2 + ["SN-2"] * 4 + ["SN-3"] * 2
    wrong, right = events[2:4], events[4:6]
    assert [each["eventID"] for each in wrong] == [each["eventID"] for each in events[:2]]
    for each in wrong:
        assert each["errorDeclaration"]["reason"] == "incorrect_data"
        ids = [other["eventID"] for other in right]
        assert each["errorDeclaration"]["correctiveEventIDs"] == ids
    assert right[0]["lineside:correctedBy"] == ["000001-aa-2"]
    assert len({each["eventID"] for each in events}) == 6


def installed(plant: Plant) -> str:
    """Record a cycle that puts a part into its unit; return the cycle's address."""
    use = {"position": "ecu", "candidates": ["ECU-7"], "certainty": "certain"}
    cycle = plant.add("unit_completed", unit="SN-1", result="ok", components=[use])
    plant.add("component_installed", unit="SN-1", component="ECU-7", because=[cycle])
    plant.events[-1]["time"] = plant.events[-2]["time"]
    return cycle


def test_a_doubt_takes_back_what_was_asserted() -> None:
    """Which unit it was is no longer certain, nor where its part is: nothing instead (D-132)."""
    plant = Plant()
    address = installed(plant)
    plant.add("event_corrected", supersedes=[address], who="lineside", reason="second_scan")
    seen, part, *again = told(plant)[0]
    assert [each["type"] for each in (seen, part)] == ["ObjectEvent", "AssociationEvent"]
    assert [each["eventID"] for each in again] == [seen["eventID"], part["eventID"]]
    assert [each["errorDeclaration"]["reason"] for each in again] == ["incorrect_data"] * 2


def test_another_unit_takes_its_part_with_it() -> None:
    """What a cycle installed is in the unit that is right."""
    plant = Plant()
    plant.correct(installed(plant), unit="SN-2")
    *_, seen, part = told(plant)[0]
    assert seen["epcList"] == ["https://id.acme.com/item/SN-2"]
    assert part["parentID"] == "https://id.acme.com/item/SN-2"
    assert part["childEPCs"] == ["https://id.acme.com/item/ECU-7"]


def test_a_correction_of_what_was_not_asked_for_tells_nothing() -> None:
    """So does one of an event that EPCIS has no words for."""
    plant = Plant()
    address = plant.add("unit_unbound")
    plant.correct(address)
    plant.correct("000001-bb-7")
    assert told(plant)[0] == []


def test_what_would_break_a_rule_is_named_and_not_written() -> None:
    """The document stays sound."""
    plant = Plant()
    plant.add("unit_scrapped", unit="SN-1")
    out = io.StringIO()
    broken = Settings(ids=Ids("no uri "))
    done = export_epcis([Listed(plant.events)], Wanted(), broken, out, created=CREATED)
    assert done.refused == [
        "acme/press/000001-aa-1: readPoint.id: 'no uri location/acme/press' is no URI"
    ]
    assert json.loads(out.getvalue())["epcisBody"]["eventList"] == []


def test_memory_does_not_grow_with_the_events() -> None:
    """Events are read one by one, written one by one, and progress is told on the way."""
    alive = 0
    most = 0

    class Counted(dict[str, Any]):
        """An event that knows how many of it there are."""

        def __init__(self, *args: Any) -> None:  # noqa: ANN401 - a dict's
            nonlocal alive, most
            super().__init__(*args)
            alive += 1
            most = max(most, alive)

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    @dataclass
    class Many(Listed):
        """A long journal."""

        def read(self, wanted: Wanted) -> Iterator[Document]:
            """Yield a unit after the other."""
            if not wanted.kinds:
                for n in range(6_000):
                    plant = Plant()
                    plant.unit(f"SN-{n}", "L-1", result="ok")
                    time = plant.events[0]["time"] | {"boottime_ms": n}
                    yield Counted(plant.events[0] | {"seq": n + 1, "time": time})

    seen: list[int] = []
    out = io.StringIO()
    done = export_epcis([Many([])], Wanted(), SETTINGS, out, created=CREATED, progress=seen.append)
    assert (done.read, done.written) == (6_000, 12_000)
    assert seen == [5_000]
    assert most < 10


# ------------------------------------------------------------------ tables


def test_a_table_has_what_is_right(tmp_path: Path) -> None:
    """A corrected row once, as it stands; a retracted one not at all; every event as recorded."""
    plant = Plant()
    wrong = plant.unit("SN-1", result="ok")
    gone = plant.unit("SN-9", result="ok")
    plant.correct(wrong, unit="SN-2")
    plant.correct(gone)
    path = tmp_path / "units.csv"
    done = export_table("units", [Listed(plant.events)], Wanted(), path)
    lines = path.read_text().splitlines()
    assert lines[0].startswith("time,station,machine,epoch,seq,kind,source_time,unit,")
    assert len(lines) == 2
    assert ",SN-2," in lines[1]
    assert (done.written, done.left_out) == (1, {"retracted": 1})
    events = tmp_path / "events.csv"
    assert export_table("events", [Listed(plant.events)], Wanted(), events).written == 4
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".part"] == []


def read_back(path: Path) -> read_parquet.ParquetFile:
    """Return what was written, from memory: the library's threads keep a file for a while."""
    return read_parquet.ParquetFile(io.BytesIO(path.read_bytes()))


def test_parquet_has_types_and_meanings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows as CSV, in typed columns that say what they hold, group by group."""
    monkeypatch.setattr(parquet, "GROUP_ROWS", 2)
    plant = Plant()
    for n in range(5):
        value = {"name": "force", "value": n / 2, "quality": "good", "measure": "kN"}
        plant.unit(f"SN-{n}", result="ok", values=[value])
    path = tmp_path / "values.parquet"
    done = export_table("values", [Listed(plant.events)], Wanted(), path)
    file = read_back(path)
    table, groups = file.read(), file.num_row_groups
    assert (done.written, table.num_rows, groups) == (5, 5, 3)
    assert table.column("number").to_pylist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert str(table.schema.field("time").type) == "timestamp[ms, tz=UTC]"
    assert table.schema.field("number").metadata[b"unit"] == b"as `measure` says"
    assert table.column("time")[0].as_py().isoformat() == "2026-11-25T06:00:00+00:00"
    with pytest.raises(SourceError, match="No such file"):
        export_table("values", [Listed(plant.events)], Wanted(), tmp_path / "no" / "v.parquet")


def test_a_counter_of_any_width_is_a_number(tmp_path: Path) -> None:
    """Beyond 2^53 events write it as text; what no column of 64 bits holds is told, and in CSV."""
    plant = Plant()
    counts = [7, str(2**53), str(2**63 - 1), str(2**63), None]
    for n, count in enumerate(counts):
        limits = {"low": str(-(2**60)), "high": 2}
        plant.unit(
            f"SN-{n}", count=count, values=[{"name": "f", "quality": "good"} | {"limits": limits}]
        )
    wide, narrow = tmp_path / "units.csv", tmp_path / "units.parquet"
    assert not export_table("units", [Listed(plant.events)], Wanted(), wide).left_out
    rows = list(csv.DictReader(wide.read_text().splitlines()))
    assert [row["count"] for row in rows] == ["7", str(2**53), str(2**63 - 1), str(2**63), ""]
    done = export_table("units", [Listed(plant.events)], Wanted(), narrow)
    column = read_back(narrow).read().column("count")
    assert column.to_pylist() == [7, 2**53, 2**63 - 1, None, None]
    assert done.left_out == {"whole numbers beyond 64 bits with a sign, which CSV has": 1}
    values = tmp_path / "values.parquet"
    export_table("values", [Listed(plant.events)], Wanted(), values)
    assert read_back(values).read().column("low")[0].as_py() == -float(2**60)


def test_without_pyarrow_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An extra that is missing is no traceback."""
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(SourceError, match=r"pip install 'lineside\[parquet\]'"):
        export_table("units", [Listed([])], Wanted(), tmp_path / "units.parquet")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    """And leaves nothing behind."""
    with (
        pytest.raises(SourceError, match="No such file or directory"),
        exporting.written_to(tmp_path / "no" / "units.csv"),
    ):
        pass


@pytest.mark.parametrize("name", ["out", "out.parquet"])
def test_what_is_no_file_is_written_and_never_replaced(tmp_path: Path, name: str) -> None:
    """A device stays one, and says that it is full; behind a link the file itself gets it."""
    device, link, file = tmp_path / name, tmp_path / "link", tmp_path / "units.csv"
    device.symlink_to("/dev/full")
    with pytest.raises(SourceError, match="No space left on device"):
        export_table("units", [Listed([])], Wanted(), device)
    assert device.is_char_device()
    file.write_text("of yesterday")
    link.symlink_to(file)
    export_table("units", [Listed([])], Wanted(), link)
    assert link.is_symlink()
    assert file.read_text().startswith("time,station,")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "link", "units.csv"])


@pytest.mark.parametrize("name", ["units.csv", "units.parquet"])
def test_what_the_disk_does_not_keep_gets_no_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk may say so only when it is asked to keep what was written."""

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SourceError, match=f"{name}: No space left on device"):
        export_table("units", [Listed([])], Wanted(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ sources


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EventSource]]:
    """The same history as a journal, as JSON lines and in a store."""
    monkeypatch.setattr(streaming, "PAGE", 2)
    history = two_epochs()
    journal = stored(tmp_path / "journal", history.rows)
    lines = tmp_path / "audit.jsonl"
    bodies = [row.body.decode() for row in history.rows]
    envelopes = [f'{{"specversion":"1.0","data":{body}}}\n' for body in bodies]
    lines.write_text("".join(envelopes) + "\n" + '{"data": half')
    with Store.open(str(tmp_path / "trace.db")) as store:
        store.take_events(json.loads(body) for body in bodies)
        yield [*find_sources([journal, lines], None), *store_sources(store)]


def test_every_source_yields_the_same_events(sources: list[EventSource]) -> None:
    """In the order of addresses; by kind, time and station; and the newest of them."""
    assert [source.name.rpartition("/")[2] for source in sources] == [
        "journal",
        "audit.jsonl",
        "press-07",
    ]
    journal, *others = (list(source.read(Wanted())) for source in sources)
    assert len(journal) == 8
    assert [each["kind"] for each in journal][::7] == ["agent_started", "unit_completed"]
    for other in others:
        assert other == journal
    since = 1_796_029_200_000 + 3_000  # the moments of `histories`
    asked = (
        Wanted(kinds=("unit_completed",)),
        Wanted(since_ms=since, until_ms=since + 2_000),
        Wanted(station="acme/other"),
        Wanted(station=STATION, kinds=("link_lost",), until_ms=since + 9_000),
    )
    for wanted in asked:
        found = [list(source.read(wanted)) for source in sources]
        assert found[0] == found[1]
        if wanted.station != "acme/other":
            assert found[0] == found[2]
        newest = [source.newest(wanted) for source in sources[:2]]
        assert newest == [found[0][-1] if found[0] else None] * 2
    assert sources[2].newest(Wanted(kinds=("link_lost",))) == journal[5]
    assert sources[2].newest(Wanted(kinds=("lot_opened",))) is None


def test_what_two_paths_lead_to_is_there_once(tmp_path: Path) -> None:
    """A file named twice, or by way of its folder, gives no row twice."""
    path = tmp_path / "e.jsonl"
    path.write_text("")
    journal = stored(tmp_path / "journal", [])
    again = tmp_path / "journal" / ".." / "e.jsonl"
    found = find_sources([path, journal, again, journal], None)
    assert [each.name for each in found] == [str(path), str(journal)]


def test_a_source_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """With its line, where it is a line."""
    with pytest.raises(SourceError, match="no journal here"):
        list(JournalSource(tmp_path).read(Wanted()))
    with pytest.raises(SourceError, match="No such file"):
        list(LinesSource(tmp_path / "no.jsonl").read(Wanted()))
    path = tmp_path / "odd.jsonl"
    wrong = (("[1]\n", "no event"), ("{]\n", "not JSON"), ('{"a": 1}\n', "it has no station"))
    for text, says in wrong:
        path.write_text(text)
        with pytest.raises(SourceError, match=rf"odd.jsonl:1: .*{says}"):
            list(LinesSource(path).read(Wanted()))
