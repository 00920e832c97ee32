"""The door for commands: who may, what is taken, and what a person is told."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from agent.app import commanding
from agent.app.commanding import (
    LONGEST,
    LONGEST_VALUE,
    MOST_AT_ONCE,
    MOST_BYTES,
    MOST_VALUES,
    CommandDoor,
    Request,
    RequestError,
    parse_request,
    reachable,
    socket_path,
)
from agent.core.state import CommandReply
from agent.engine import CommandLostError
from drivers.base import CodeScanned, CommandGiven, Instant
from tests.doubles import ManualClock, settled
from tests.unit.app.test_trouble import Told
from tests.unit.config.stations import PRESS, loaded

BLOCK = {"command": "block-lot", "who": "OP-4711", "reason": "cracks", "arguments": {"lot": "L-1"}}
ADDRESS = "000001-aaaa0001-7"


@dataclass
class Engine:
    """What takes the commands: it answers when the test lets it, as the test says."""

    given: list[CommandGiven] = field(default_factory=list)
    refused: str | None = None
    is_lost: bool = False
    is_free: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def has(self, n: int) -> None:
        """Return once so many commands have come."""
        async with self.came:
            await self.came.wait_for(lambda: len(self.given) >= n)

    async def give(self, given: CommandGiven) -> CommandReply:
        """Keep it, and answer."""
        async with self.came:
            self.given.append(given)
            self.came.notify_all()
        await self.is_free.wait()
        if self.is_lost:
            raise CommandLostError
        return CommandReply(command=given.id, address=ADDRESS, refused=self.refused)


@dataclass
class Bench:
    """A door that is open."""

    path: Path
    engine: Engine
    told: Told
    nobody: list[bool] = field(default_factory=lambda: [False])
    """Whether the station records nobody."""

    async def send(self, line: bytes) -> dict[str, Any]:
        """Send some bytes over a connection of its own and return the answer; empty: none came."""
        with reachable(self.path) as name:
            reader, writer = await asyncio.open_unix_connection(name)
        writer.write(line)
        if not line.endswith(b"\n"):
            writer.write_eof()
        answer: dict[str, Any] = json.loads(await reader.readline() or b"{}")
        writer.close()
        await writer.wait_closed()
        return answer

    async def ask(self, **changes: object) -> dict[str, Any]:
        """Give a command that is well but for the changes."""
        return await self.send(json.dumps(BLOCK | changes).encode() + b"\n")


def person(text: str, _at: Instant) -> str:
    """Conceal somebody."""
    return f"k:{text}"


def unseen(seen: CodeScanned) -> CodeScanned:
    """Conceal badges, which begin with OP-."""
    return replace(seen, raw=b"", operator="k:badge") if seen.raw.startswith(b"OP-") else seen


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Bench]:
    """Open a door in a directory until the test is done with it."""
    told, engine = Told(), Engine()
    engine.is_free.set()
    nobody = [False]

    def concealed(text: str, at: Instant) -> str:
        return "unnamed" if nobody[0] else person(text, at)

    door = CommandDoor(loaded(PRESS).station, directory, ManualClock(), (concealed, unseen), told)
    serving = asyncio.create_task(door.serve(engine.give))
    await settled()
    try:
        yield Bench(socket_path(directory), engine, told, nobody)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


async def test_a_command_is_answered_with_the_address_of_its_event(tmp_path: Path) -> None:
    """The core gets it with the person concealed; the answer is the reply's."""
    async with opened(tmp_path) as bench:
        assert await bench.ask() == {"accepted": True, "address": ADDRESS}
        (given,) = bench.engine.given
        assert (given.command, given.who, given.reason) == ("block-lot", "k:OP-4711", "cracks")
        assert (given.arguments, given.fault) == ((("lot", "L-1"),), None)
        assert (given.id, given.device) == ("command-1", "")
        await bench.ask()
        assert bench.engine.given[1].id == "command-2"


async def test_whoever_a_command_names_is_concealed_as_well(tmp_path: Path) -> None:
    """Also where the rest of it cannot be read, or the command takes nobody (D-64)."""
    async with opened(tmp_path) as bench:
        named = {"operator": ["OP-1", "OP-2"]}
        await bench.ask(command="correct", arguments=named)
        await bench.ask(arguments=named | {"lot": "]C1bad\x80"})
        await bench.ask(arguments=named)
        for given in bench.engine.given:
            assert given.arguments[:2] == (("operator", "k:OP-1"), ("operator", "k:OP-2"))


async def test_nobody_is_recorded_where_the_station_records_nobody(tmp_path: Path) -> None:
    """A correction that names somebody is refused by name (D-66)."""
    async with opened(tmp_path) as bench:
        await bench.ask(command="correct", arguments={"operator": "unnamed-soon"})
        bench.nobody[0] = True
        await bench.ask(command="correct", arguments={"operator": "OP-1"})
        one, other = bench.engine.given
        assert (one.fault, other.fault) == (
            None,
            "this station records nobody (operators.mode: none)",
        )
        assert other.arguments == (("operator", "unnamed"),)


async def test_a_refused_command_says_why_and_where_that_stands(tmp_path: Path) -> None:
    """The refusal is an event too."""
    async with opened(tmp_path) as bench:
        bench.engine.refused = "'L-1' is blocked already"
        assert await bench.ask() == {
            "accepted": False,
            "address": ADDRESS,
            "error": "'L-1' is blocked already",
        }


async def test_a_run_that_ends_leaves_the_person_in_no_doubt_where_to_look(tmp_path: Path) -> None:
    """It may have been recorded or not: the journal says."""
    async with opened(tmp_path) as bench:
        bench.engine.is_lost = True
        assert await bench.ask() == {
            "accepted": False,
            "error": "the station's run ended; look in the journal whether it was recorded",
        }


async def test_the_door_is_for_its_owner_alone_and_closes_with_the_run(tmp_path: Path) -> None:
    """Mode 0600; a socket that a killed agent left is in nobody's way; at the end it is gone."""
    path = socket_path(tmp_path)
    path.touch()
    async with opened(tmp_path):
        mode = path.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not path.exists()


async def test_a_path_that_is_too_long_for_a_socket_is_no_hindrance(tmp_path: Path) -> None:
    """The kernel takes 107 bytes; a station's path may be longer."""
    directory = tmp_path.joinpath(*["a-rather-long-name-of-a-line"] * 6)
    directory.mkdir(parents=True)
    async with opened(directory) as bench:
        assert (await bench.ask())["accepted"]


async def test_without_a_socket_the_station_runs_all_the_same(tmp_path: Path) -> None:
    """That no commands are taken is told, with the reason."""
    async with opened(tmp_path / "nowhere") as bench:
        assert bench.told.lines == [
            (
                "commands_unavailable",
                {
                    "path": str(bench.path),
                    "error": "No such file or directory",
                },
            )
        ]


async def test_a_label_is_as_good_as_its_canonical_text(tmp_path: Path) -> None:
    """A lot may be given as it is printed; one that cannot be read is refused by the core."""
    async with opened(tmp_path) as bench:
        await bench.ask(arguments={"lot": "(01)09521234000020(10)L-7"})
        given = bench.engine.given[-1]
        assert given.arguments == (("lot", "https://id.gs1.org/01/09521234000020/10/L-7"),)
        await bench.ask(arguments={"lot": "(01)09521234000021(10)L-7"})
        given = bench.engine.given[-1]
        assert given.arguments == (("lot", "(01)09521234000021(10)L-7"),)
        assert given.fault is not None
        assert "no right code" in given.fault
        await bench.ask(command="nothing-like-it", arguments={"lot": "(01)0(10)L-7"})
        assert bench.engine.given[-1].fault is None


async def test_a_label_may_stand_before_its_quantity(tmp_path: Path) -> None:
    """`LOT=QUANTITY` with the lot as it is printed."""
    async with opened(tmp_path) as bench:
        label, lot = "(01)09521234000020(10)L-7", "https://id.gs1.org/01/09521234000020/10/L-7"
        for given, wanted in (("=30", "=30"), ("", ""), ("=", "")):
            await bench.ask(
                command="split-lot", arguments={"lot": "L-1", "into": f"{label}{given}"}
            )
            assert bench.engine.given[-1].arguments[1] == ("into", f"{lot}{wanted}")
        await bench.ask(command="split-lot", arguments={"lot": "L-1", "into": "A=B="})
        assert bench.engine.given[-1].arguments[1] == ("into", "A=B=")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b'{"command": "block-lot"', "the line has no end"),
        (b"\xff\n", "no JSON: "),
        (b"x" * (MOST_BYTES + 2), f"longer than {MOST_BYTES} bytes"),
    ],
)
async def test_what_is_no_line_of_json_is_not_taken(
    tmp_path: Path, line: bytes, error: str
) -> None:
    """It is answered, and is no command: no event comes of it."""
    async with opened(tmp_path) as bench:
        answer = await bench.send(line)
        assert not answer["accepted"]
        assert answer["error"].startswith(error)
        assert bench.engine.given == []


async def test_who_says_nothing_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that sends no whole line ends."""
    monkeypatch.setattr(commanding, "READ_WITHIN_S", 0.0)
    async with opened(tmp_path) as bench:
        with reachable(bench.path) as name:
            reader, writer = await asyncio.open_unix_connection(name)
        answer = json.loads(await reader.readline())
        assert answer == {"accepted": False, "error": "no whole line within 0 s"}
        writer.close()
        await writer.wait_closed()


async def test_more_than_a_few_at_once_are_sent_away(tmp_path: Path) -> None:
    """What waits is bounded; whoever comes too many is told to come again."""
    async with opened(tmp_path) as bench:
        bench.engine.is_free.clear()
        waiting = [asyncio.create_task(bench.ask()) for _ in range(MOST_AT_ONCE)]
        await bench.engine.has(1)
        for _ in range(MOST_AT_ONCE):
            await settled()
        assert len(bench.engine.given) == 1  # the others wait for their turn
        assert await bench.ask() == {
            "accepted": False,
            "error": f"{MOST_AT_ONCE} commands wait already; give it again",
        }
        bench.engine.is_free.set()
        assert all(answer["accepted"] for answer in await asyncio.gather(*waiting))


async def test_a_person_who_has_gone_costs_nothing(tmp_path: Path) -> None:
    """The command is carried out; that nobody takes the answer is no fault."""
    async with opened(tmp_path) as bench:
        bench.engine.is_free.clear()
        with reachable(bench.path) as name:
            _, writer = await asyncio.open_unix_connection(name)
        writer.write(json.dumps(BLOCK).encode() + b"\n")
        await bench.engine.has(1)
        writer.transport.abort()
        await settled()
        bench.engine.is_free.set()
        assert (await bench.ask())["accepted"]


async def test_what_waits_when_the_run_ends_gets_no_answer(tmp_path: Path) -> None:
    """The connection ends: the other side says where to look."""
    async with opened(tmp_path) as bench:
        bench.engine.is_free.clear()
        with reachable(bench.path) as name:
            reader, writer = await asyncio.open_unix_connection(name)
        writer.write(json.dumps(BLOCK).encode() + b"\n")
        await bench.engine.has(1)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


# ------------------------------------------------------------------ the line


def test_a_line_is_a_command() -> None:
    """Blanks around words go, a number is its text, a list is several values."""
    line = orjson.dumps(
        {
            "command": "correct",
            "who": " Anna ",
            "reason": "typed wrong",
            "arguments": {"address": ["a", "b"], "n": 3, "share": 0.5},
        }
    )
    assert parse_request(line) == Request(
        command="correct",
        who="Anna",
        reason="typed wrong",
        arguments=(("address", "a"), ("address", "b"), ("n", "3"), ("share", "0.5")),
    )
    assert parse_request(b"{}") == Request(command="", who="", reason="", arguments=())


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ([], "no JSON object"),
        ({"comand": "x", "whom": "y"}, "unknown: comand, whom"),
        ({"command": None}, "command: no text"),
        ({"who": True}, "who: no text"),
        ({"who": "x" * (LONGEST["who"] + 1)}, "who: longer than 200 characters"),
        ({"reason": "two\nlines"}, "reason: has a control character"),
        ({"arguments": []}, "arguments: no JSON object"),
        ({"arguments": {"unit": {}}}, "unit: no text"),
        ({"arguments": {"unit": "x" * (LONGEST_VALUE + 1)}}, "unit: longer than 1000 characters"),
        ({"arguments": {"x" * 41: "x"}}, "arguments: longer than 40 characters"),
        ({"arguments": {"a": ["x"] * (MOST_VALUES + 1)}}, "arguments: more than 100 values"),
    ],
)
def test_what_is_no_command_is_refused_in_words(members: object, error: str) -> None:
    """Each text says which part is wrong, and how."""
    with pytest.raises(RequestError) as refused:
        parse_request(orjson.dumps(members))
    assert str(refused.value) == error


@pytest.mark.parametrize("turns", range(6))
async def test_a_run_that_ends_at_once_leaves_no_socket(tmp_path: Path, turns: int) -> None:
    """However short a run is, nobody listens after it: what is asked then goes to the next one."""
    door = CommandDoor(loaded(PRESS).station, tmp_path, ManualClock(), (person, unseen), Told())
    serving = asyncio.create_task(door.serve(Engine().give))
    for _ in range(turns):
        await asyncio.sleep(0)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert not socket_path(tmp_path).exists()
