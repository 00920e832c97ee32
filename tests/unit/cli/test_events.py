"""`lineside events` and `lineside verify`: what happened, and whether all of it is there."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.cli import exits, main
from tests.unit.app.test_station import World

UNIT = "]C1010952123454321321S1"


@dataclass
class Shell:
    """A terminal beside a station's journal."""

    journal: Path
    capsys: pytest.CaptureFixture[str]

    def call(self, *arguments: str) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error of a command on the journal."""
        with pytest.raises(SystemExit) as ended:
            main((arguments[0], str(self.journal), *arguments[1:]))
        assert isinstance(ended.value.code, int)
        out, complaints = self.capsys.readouterr()
        return ended.value.code, out, complaints


@pytest.fixture
async def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """A journal in which a unit was scanned, and the terminal."""
    async with World(tmp_path).running() as bench:
        await bench.station.emit(bench.scan(b"WO-104711"))
        await bench.station.emit(bench.scan(UNIT.encode()))
        await bench.clock.advance(1)
    return Shell(bench.journal, capsys)


def test_a_table_for_people(shell: Shell) -> None:
    """The newest last, and how many there are."""
    code, out, complaints = shell.call(
        "events", "--kind", "order_started", "--kind", "code_scanned"
    )
    assert (code, complaints) == (exits.OK, "")
    lines = out.splitlines()
    assert lines[-1] == "3 events"
    assert "104711" in lines[-3] or "104711" in lines[-4]
    assert "01/09521234543213/21/S1" in lines[-2]


def test_table_spares_bookkeeping(shell: Shell) -> None:
    """States carried come in sets at each start: only who names a kind sees them in the table."""
    assert "state_carried" not in shell.call("events")[1]
    assert "state_carried" in shell.call("events", "--kind", "state_carried")[1]
    assert "state_carried" in shell.call("events", "--json")[1]


def test_cut_answer_says_so(shell: Shell) -> None:
    """Who gets only the newest is told, apart from what a program reads."""
    code, out, complaints = shell.call("events", "--json", "--limit", "2")
    assert (code, len(out.splitlines())) == (exits.OK, 2)
    assert complaints == "lineside events: only the newest 2; --limit 0 for all\n"
    assert shell.call("events", "--json", "--limit", "0")[2] == ""


@pytest.mark.parametrize(
    "name",
    [
        "01/09521234543213/21/S1",
        "(01)09521234543213(21)S1",
        UNIT,
        "https://id.gs1.org/01/09521234543213/21/S1",
    ],
)
def test_a_unit_by_any_of_its_names(shell: Shell, name: str) -> None:
    """What somebody has at hand at two in the morning finds the unit."""
    code, out, _ = shell.call("events", "--unit", name, "--json")
    assert code == exits.OK
    assert [json.loads(line)["kind"] for line in out.splitlines()] == ["code_scanned"]


def test_events_as_they_are_stored(shell: Shell) -> None:
    """One JSON object a line, all of an epoch, in order; none where nothing fits."""
    code, out, _ = shell.call("events", "--json", "--limit", "0")
    stored = [json.loads(line) for line in out.splitlines()]
    assert code == exits.OK
    assert [event["seq"] for event in stored] == list(range(1, len(stored) + 1))
    epoch = stored[0]["epoch"]
    assert (
        len(shell.call("events", "--json", "--epoch", epoch, "--limit", "2")[1].splitlines()) == 2
    )
    assert shell.call("events", "--json", "--epoch", "000009-00000000")[1] == ""
    assert shell.call("events", "--json", "--until", "2020-01-01T00:00:00Z")[1] == ""


def test_a_unit_that_nobody_knows_is_told(shell: Shell) -> None:
    """With code 3, as every question does; one that has nothing in that time only has no rows."""
    code, out, complaints = shell.call("events", "--json", "--unit", "SN-9")
    assert (code, out) == (exits.UNKNOWN, "")
    assert complaints == (
        "lineside events: 'SN-9' is not known here: no event that is kept is about it; name it in "
        "full, as on its label, or ask `lineside trace`\n"
    )
    known = ("events", "--json", "--unit", UNIT)
    for narrow in (("--kind", "unit_completed"), ("--until", "2020-01-01T00:00:00Z")):
        assert shell.call(*known, *narrow) == (exits.OK, "", "")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--since", "yesterday"), "'yesterday' is no moment"),
        (("--since", "9999999999d"), "'9999999999d' is no moment"),
        (("--since", "1h", "--until", "2h"), "--until 2h is before --since 1h"),
        (("--kind", "scanned"), "no kind 'scanned'; known: "),
        (("--unit", " "), "the name is empty"),
        (("--epoch", "first"), "'first' is no epoch; write it as addresses begin, 000042-9f3a1c7e"),
        (("--epoch", "000009-00000000-7"), "'000009-00000000-7' is no epoch"),
        (("--unit", "(01)09521234543214(21)S1"), "bad_check_digit"),
    ],
)
def test_a_question_that_makes_no_sense(
    shell: Shell, arguments: tuple[str, ...], complaint: str
) -> None:
    """One line, and the exit code of a wrong command line."""
    code, out, complaints = shell.call("events", *arguments)
    assert (code, out) == (exits.USAGE, "")
    assert complaints.startswith("lineside events: ")
    assert complaint in complaints
    assert complaints.count("\n") == 1


@pytest.mark.parametrize("command", ["events", "verify"])
def test_a_place_without_a_journal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """No station file is a file to mend; a path that no disk takes can only be refused."""
    assert Shell(tmp_path / "no.yaml", capsys).call(command)[0] == exits.CONFIG
    code, _, complaints = Shell(tmp_path / ("x" * 300), capsys).call(command)
    assert code == exits.REFUSED
    assert complaints.endswith("File name too long\n")


def test_a_whole_journal(shell: Shell) -> None:
    """Exit code 0, in words and as an object."""
    code, out, _ = shell.call("verify")
    assert code == exits.OK
    assert out.endswith("  whole\n")
    code, out, _ = shell.call("verify", "--json")
    assert (code, json.loads(out)["is_whole"]) == (exits.OK, True)


def test_an_altered_journal(shell: Shell) -> None:
    """Exit code 1, and the first bad event is named."""
    with closing(sqlite3.connect(shell.journal / "journal.db")) as database:
        database.execute(
            "UPDATE events SET body = CAST(replace(CAST(body AS TEXT), '21/S1', '21/S2') AS BLOB) "
            "WHERE kind = 'code_scanned'"
        )
        database.commit()
    code, out, _ = shell.call("verify")
    assert code == exits.REFUSED
    assert "NOT WHOLE, first at 000001-" in out


def test_a_journal_that_was_taken_away(shell: Shell) -> None:
    """Exit code 1, and what must have been there is named, although only the mark is left."""
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (shell.journal / name).unlink(missing_ok=True)
    code, out, complaints = shell.call("verify")
    assert (code, out) == (exits.REFUSED, "")
    assert "the database is gone, and the mark knows events up to 000001-" in complaints


def test_one_journal_that_cannot_be_read_hides_no_other(
    shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each station of a folder is told of, and the exit code is 1 for all of them."""
    stations, state = tmp_path / "stations", tmp_path / "state"
    stations.mkdir()
    text = (Path(__file__).parents[3] / "config" / "manual-bench.example.yaml").read_text()
    old = next(line for line in text.splitlines() if line.startswith("station: "))
    for name, journal in (("a", tmp_path / "nowhere"), ("b", shell.journal)):
        mine = text.replace(old, f"station: acme/graz/{name}\njournal: {{path: {journal}}}")
        (stations / f"{name}.yaml").write_text(mine.replace("Scanner_1147", f"Scanner_{name}"))
    code, out, complaints = Shell(stations, capsys).call("verify", "--state", str(state))
    assert (code, out.endswith("  whole\n")) == (exits.REFUSED, True), complaints
    assert "nowhere: no journal here" in complaints
