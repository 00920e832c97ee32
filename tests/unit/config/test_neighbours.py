"""Folders of station files: neighbours never stop each other, and never claim the same (G02)."""

from pathlib import Path

import pytest

from agent.app.registries import registries
from agent.config.load import load_folder, station_files
from agent.config.loaded import FolderConfig
from agent.config.problems import ConfigError
from tests.unit.config.stations import CELL, FILLER, PRESS, edited, write

SECOND = edited(
    PRESS,
    ("station: acme/press-07", "station: acme/press-08"),
    ("/dev/serial/by-id/one", "/dev/serial/by-id/two"),
    ("s=Result", "s=Result2"),
    ("s=Ack", "s=Ack2"),
    ("s=Ready", "s=Ready2"),
)


def folder(path: Path, **texts: str) -> FolderConfig:
    """Return what became of these texts as files of one folder."""
    write(path, **texts)
    return load_folder(path, registries())


def said(found: FolderConfig, path: Path) -> list[str]:
    """Return what is wrong, with the folder left out."""
    return [str(problem).replace(f"{path}/", "") for problem in found.problems]


def test_stations_that_share_a_plc_are_right(tmp_path: Path) -> None:
    """One PLC with the same options, each station with its own outputs: as it should be."""
    found = folder(tmp_path, a=PRESS, b=SECOND, c=FILLER)
    assert [config.station.path for config in found.stations] == [
        "acme/press-07",
        "acme/press-08",
        "acme/filler",
    ]
    assert found.refused == {}


def test_broken_file_never_stops_its_neighbours(tmp_path: Path) -> None:
    """Each file is judged alone; what is no station file is not looked at."""
    (tmp_path / ".hidden.yaml").write_text("{", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("{", encoding="utf-8")
    found = folder(
        tmp_path, a="station: [", b=FILLER, c=edited(CELL, ("driver: modbus", "driver: x"))
    )
    assert [config.station.path for config in found.stations] == ["acme/filler"]
    assert sorted(found.refused) == [str(tmp_path / "a.yaml"), str(tmp_path / "c.yaml")]


CLASHES = {
    "one scanner": (
        ("/dev/serial/by-id/two", "/dev/serial/by-id/one"),
        "8:3: devices.scanner: /dev/serial/by-id/one is claimed by {other}:8 too; {let_go}",
    ),
    "one output": (
        ("s=Result2", "s=Result"),
        "15:3: tags.result: the output 'result' at {plc} is claimed by {other}:15 too; {let_go}",
    ),
    "one topic": (
        ("acme/press-08", "acme/press-07"),
        "2:10: station: the station {seven} (and its topics) is claimed by {other}:2 too; {let_go}",
    ),
    "one endpoint with other options": (
        ('url: "opc.tcp://127.0.0.1:4840"', 'url: "opc.tcp://127.0.0.1:4840", timeout: 9s'),
        "7:3: devices.plc: {plc} has other options than in {other}:7; {same}",
    ),
}
WORDS = {
    "plc": "opc.tcp://127.0.0.1:4840",
    "seven": "acme/press-07",
    "let_go": "one of the two must let go",
    "same": "stations that share a device share its connection: give both the same options",
}


@pytest.mark.parametrize("name", CLASHES)
def test_what_two_stations_claim_is_refused_to_both(tmp_path: Path, name: str) -> None:
    """Which of the two is right cannot be known, so neither runs; a third one does."""
    change, says = CLASHES[name]
    found = folder(tmp_path, a=PRESS, b=edited(SECOND, change), c=FILLER)
    assert said(found, tmp_path) == [
        "a.yaml:" + says.format(other="b.yaml", **WORDS),
        "b.yaml:" + says.format(other="a.yaml", **WORDS),
    ]
    assert [config.station.path for config in found.stations] == ["acme/filler"]


CLAIMS = {
    "one journal": ("devices:\n", "journal: {path: /x/y/../j}\ndevices:\n", "the journal /x/j"),
    "one file": ("path: audit.jsonl", "path: /x/audit.jsonl", "the file /x/audit.jsonl"),
    "one name at a broker": (
        '"mqtt://127.0.0.1"',
        '"mqtt://127.0.0.1", client_id: me',
        "the client id me",
    ),
}


@pytest.mark.parametrize(("old", "new", "thing"), CLAIMS.values(), ids=CLAIMS)
def test_places_to_write_to_are_claimed(tmp_path: Path, old: str, new: str, thing: str) -> None:
    """One journal, one file, one name at a broker: each belongs to one station."""
    found = folder(tmp_path, a=edited(PRESS, (old, new)), b=edited(SECOND, (old, new)))
    assert [thing in text for text in said(found, tmp_path)] == [True, True]
    assert found.stations == ()


def test_single_file_is_a_folder_of_one(tmp_path: Path) -> None:
    """A path to a file gives that file, right or wrong or not there at all."""
    write(tmp_path, a=FILLER)
    assert len(load_folder(tmp_path / "a.yaml", registries()).stations) == 1
    missing = load_folder(tmp_path / "b.yaml", registries())
    assert said(missing, tmp_path) == ["b.yaml:1:1: cannot be read: No such file or directory"]


def test_folder_without_station_files_is_refused(tmp_path: Path) -> None:
    """Nothing to run is a mistake, not a success."""
    with pytest.raises(ConfigError, match="has no station file; put one file for each station"):
        load_folder(tmp_path, registries())


def test_folder_that_cannot_be_listed_is_refused(tmp_path: Path) -> None:
    """The system's reason is told."""
    write(tmp_path, a=FILLER)
    with pytest.raises(ConfigError, match="cannot be read: Not a directory"):
        station_files(tmp_path / "a.yaml")


def rooted(text: str, root: str, broker: str = "127.0.0.1") -> str:
    """Return a station whose sink publishes below this root."""
    return edited(text, ('mqtt://127.0.0.1"', f'mqtt://{broker}", root: {root}'))


def test_a_sink_below_another_sinks_topics_is_a_warning(tmp_path: Path) -> None:
    """Who reads those would take it for a station; beside it, or on another broker, it is right."""
    below = rooted(SECOND, "lineside/v1/test")
    assert not folder(tmp_path, a=PRESS, b=rooted(SECOND, "lineside/test")).stations[1].warnings
    elsewhere = rooted(SECOND, "lineside/v1/test", "127.0.0.2")
    assert not folder(tmp_path, a=PRESS, b=elsewhere).stations[1].warnings
    first, second = folder(tmp_path, a=PRESS, b=below).stations
    assert first.warnings == ()
    (warning,) = second.warnings
    line = below[: below.index("  plant:")].count("\n") + 1
    assert str(warning).replace(f"{tmp_path}/", "") == (
        f"b.yaml:{line}:3: publish.plant.root: its topics lie below those of a.yaml:{line} (root "
        "'lineside'): who reads these takes them for a station ('lineside/v1/test'); choose a "
        "root that does not begin with 'lineside/v1'"
    )
