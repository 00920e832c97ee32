"""`lineside quarantine`: what is held is shown, and asked for, whether the agent runs or not."""

import asyncio
import json
from pathlib import Path

import pytest

from agent.app import quarantining
from agent.app.outlets import quarantine_path
from agent.cli import exits, main
from agent.ports import Address
from agent.publisher import Quarantine
from agent.publisher.quarantine import held_in
from tests.doubles import EPOCH, InlineWorker, ManualClock, event_row
from tests.unit.config.stations import PRESS


def run(*arguments: str) -> int:
    """Run the command and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(("quarantine", *arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


class Bench:
    """A station file with two sinks, and the quarantine of one of them."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "press-07.yaml"
        self.file.write_text(PRESS)
        self.state = directory / "state"
        station = self.state / "acme" / "press-07"
        station.mkdir(parents=True)
        self.clock = ManualClock()
        self.path = quarantine_path(station, "plant")
        self.quarantine = Quarantine(self.path, InlineWorker(), self.clock)

    def hold(self, *seqs: int) -> None:
        """Set events aside."""
        for seq in seqs:
            asyncio.run(self.quarantine.put(event_row(seq), "too large"))

    def run(self, command: str, *arguments: str) -> int:
        """Run a command on this station."""
        return run(command, str(self.file), *arguments, "--state", str(self.state))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a station whose quarantine is empty."""
    return Bench(tmp_path)


def test_list_says_what_is_held(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing held is exit code 0; something is 1, with address, cause and time."""
    assert bench.run("list") == exits.OK
    assert capsys.readouterr().out == "0 events held\n"
    bench.hold(7, 8)
    assert bench.run("list") == exits.REFUSED
    assert f"{EPOCH}-7" in capsys.readouterr().out
    assert bench.run("list", "--json", "--sink", "plant") == exits.REFUSED
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[0] == {
        "station": "acme/press-07",
        "sink": "plant",
        "address": f"{EPOCH}-7",
        "kind": "unit_completed",
        "refused": "2026-11-30T09:00:00+00:00",
        "cause": "too large",
    }
    assert bench.run("list", "--sink", "audit") == exits.OK


def test_each_file_is_read_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is of one moment, and a large quarantine is not read again for what rotted in it."""
    read: list[Path] = []

    def counted(path: Path) -> tuple[list[quarantining.Held], int]:
        read.append(path)
        return held_in(path)

    monkeypatch.setattr(quarantining, "held_in", counted)
    bench.hold(7)
    assert bench.run("list") == exits.REFUSED
    assert sorted(read) == sorted({*read})
    assert bench.path in read


def test_show_gives_the_event_as_stored(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """The body on standard output, the cause beside it."""
    bench.hold(7)
    assert bench.run("show", f"{EPOCH}-7") == exits.OK
    told = capsys.readouterr()
    assert told.out.encode() == event_row(7).body + b"\n"
    assert told.err == "acme/press-07 plant: too large\n"


def test_release_leaves_a_question(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """With no agent running it waits on the disk, and the command says so (exit code 1)."""
    bench.hold(7, 8)
    assert bench.run("release", f"{EPOCH}-7", "--wait", "0") == exits.REFUSED
    assert f"{EPOCH}-7: asked, and not sent yet: the agent does not" in capsys.readouterr().out
    (delivery,) = asyncio.run(bench.quarantine.asked())
    assert delivery.row.seq == 7


def test_the_outcome_is_told(bench: Bench) -> None:
    """Delivered, refused again, or not sent yet: each event has its own word."""
    bench.hold(7, 8, 9)
    found = quarantining.chosen(quarantining.find_quarantines(bench.file, bench.state), ())

    def agent_works(_s: float) -> None:
        asyncio.run(bench.quarantine.let_go(Address(EPOCH, 7)))
        asyncio.run(bench.clock.advance(1))
        asyncio.run(bench.quarantine.keep(event_row(8), "malformed", None))

    outcomes = quarantining.outcome(found, 0.1, agent_works)
    assert [one.is_delivered for one in outcomes] == [True, False, False]
    assert outcomes[1].why == "refused again: malformed"
    assert outcomes[2].why.startswith("asked, and not sent yet")


def test_each_mistake_is_one_line(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """An address that is not held, a sink that is not there, nothing named, rot, no file."""
    bench.hold(7)
    for arguments, code, said in (
        (("show", f"{EPOCH}-9"), exits.REFUSED, f"{EPOCH}-9 is in no quarantine here"),
        (("list", "--sink", "x"), exits.REFUSED, "no sink is called 'x'; there are: audit, plant"),
        (("release",), exits.USAGE, "name the addresses of events, or --all"),
    ):
        assert bench.run(*arguments) == code
        assert said in capsys.readouterr().err
    with bench.path.open("ab") as file:
        file.write(b"not ours\n")
    assert bench.run("list") == exits.REFUSED
    assert f"{bench.path}: 1 of its lines cannot be read" in capsys.readouterr().err
    assert run("list", str(bench.file), "--state", str(bench.state / "no")) == exits.REFUSED
    assert "/no/acme/press-07: no station was here; has the agent" in capsys.readouterr().err
    assert run("list", "/no/such.yaml") == exits.CONFIG
    assert "/no/such.yaml:1:1: cannot be read: No such file" in capsys.readouterr().err
    bench.file.write_text("station: x\n")
    assert bench.run("list") == exits.CONFIG


def test_what_a_removed_sink_left_is_shown_and_not_released(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody would send it: the command says where it is."""
    left = Quarantine(quarantine_path(bench.path.parent, "old"), InlineWorker(), bench.clock)
    asyncio.run(left.put(event_row(7), "too large"))
    assert bench.run("list") == exits.REFUSED
    capsys.readouterr()
    assert bench.run("release", "--all") == exits.REFUSED
    assert "the station file has no sink 'old' any more" in capsys.readouterr().err
    bench.hold(7)
    assert bench.run("show", f"{EPOCH}-7") == exits.REFUSED
    assert "is in several (acme/press-07 old, acme/press-07 plant)" in capsys.readouterr().err
