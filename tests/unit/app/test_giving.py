"""Giving a command: to the right station, and what is said where nobody answers."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from agent.app.commanding import reachable
from agent.app.giving import ConfigError, GivingError, Place, give, place_of
from agent.app.reading import find_journals
from agent.threads import ThreadWorker
from tests.unit.app.test_commanding import ADDRESS, opened
from tests.unit.config.stations import FILLER, PRESS, edited, write


def told_by(place: Place, **arguments: tuple[str, ...]) -> tuple[bool, str | None, str | None]:
    """Give a command and return what is told."""
    told = give(place, "block-lot", "OP-4711", "cracks", arguments)
    return told.accepted, told.address, told.error


async def test_the_answer_comes_back(tmp_path: Path) -> None:
    """Accepted or refused, as the station says."""
    worker = ThreadWorker("person")
    async with opened(tmp_path) as bench:
        place = Place("acme/press", bench.path)
        found = await worker.run(lambda: told_by(place, lot=("L-1",)))
        assert found == (True, ADDRESS, None)
        assert bench.engine.given[0].arguments == (("lot", "L-1"),)
        bench.engine.refused = "no"
        assert await worker.run(lambda: told_by(place, lot=("L-1",))) == (False, ADDRESS, "no")
    worker.close()


def test_a_station_that_does_not_run_is_said_so(tmp_path: Path) -> None:
    """No socket, or one that a killed agent left: what to do is in the text."""
    place = Place("acme/press", tmp_path / "commands")
    for cause in ("No such file or directory", "Connection refused"):
        with pytest.raises(GivingError) as failed:
            told_by(place)
        assert str(failed.value) == (
            f"station acme/press takes no commands at {place.path} ({cause}): the agent does not "
            "run, cannot record now, or keeps its state elsewhere; see its log "
            "(systemctl status 'lineside@*'), start it with `lineside run`, or say --state"
        )
        with reachable(place.path) as name, closing(socket.socket(socket.AF_UNIX)) as left:
            if not place.path.exists():
                left.bind(name)


async def test_a_run_that_ends_before_the_answer(tmp_path: Path) -> None:
    """Whether it was recorded is to be looked up: it must be neither lost nor given twice."""
    worker = ThreadWorker("person")
    async with opened(tmp_path) as bench:
        bench.engine.is_free.clear()
        giving = worker.run(lambda: told_by(Place("acme/press", bench.path)))
        await bench.engine.has(1)
    with pytest.raises(GivingError, match="Look with `lineside events` whether it was recorded"):
        await giving
    worker.close()


def test_a_command_too_long_is_not_sent(tmp_path: Path) -> None:
    """The station would not take it."""
    with pytest.raises(GivingError, match="bytes long; 16384 can be taken"):
        told_by(Place("acme/press", tmp_path / "commands"), lot=("x" * 17_000,))


def test_a_command_that_is_no_text_is_not_sent(tmp_path: Path) -> None:
    """Bytes of a shell that are no UTF-8 come as lone surrogates, which no station could record."""
    with pytest.raises(GivingError, match="bytes that are no UTF-8 text; nothing is sent"):
        told_by(Place("acme/press", tmp_path / "commands"), lot=("L-\udce4",))


def test_a_station_is_found_by_its_file(tmp_path: Path) -> None:
    """Its state lies below the state directory, by the station's path."""
    write(tmp_path, press=PRESS)
    place = place_of(tmp_path / "press.yaml", tmp_path / "state")
    state = tmp_path / "state" / "acme" / "press-07"
    assert place == Place("acme/press-07", state / "commands")


def test_a_folder_of_several_stations_names_none(tmp_path: Path) -> None:
    """A person says which; a command on the wrong machine is worse than none."""
    write(tmp_path, press=PRESS, filler=FILLER)
    with pytest.raises(GivingError) as failed:
        place_of(tmp_path, None)
    assert str(failed.value) == (
        f"{tmp_path}: has 2 stations; name one of: {tmp_path}/filler.yaml, {tmp_path}/press.yaml"
    )


def test_a_file_that_is_not_there_or_wrong(tmp_path: Path) -> None:
    """As every command says it."""
    with pytest.raises(ConfigError):
        place_of(tmp_path / "none.yaml", None)
    write(tmp_path, filler=edited(FILLER, ("driver: modbus", "driver: modbuss")))
    with pytest.raises(ConfigError, match="did you mean 'modbus'"):
        place_of(tmp_path / "filler.yaml", None)


def test_a_station_with_neighbours_is_found_by_its_own_file(tmp_path: Path) -> None:
    """A command is for one station: its file names it, wherever those before it are (D-38)."""
    file = Path(__file__).parents[3] / "config" / "assembly-line" / "screw-2.yaml"
    place = place_of(file, tmp_path)
    assert place.station == "acme/graz/assembly/line-6/screw-2"
    assert [journal.parent for journal in find_journals(file, tmp_path)] == [place.path.parent]
