"""Where a running station takes commands by persons: a Unix socket in its state directory.

Laws:
    1. Who may write the station's journal may give commands, and nobody else: the socket is for its
       owner alone (0600), in a directory for its owner alone.
    2. The answer comes after the commit of what it tells (recorded before released).
    3. What comes in has hard caps: one line of JSON, so long, within so many seconds, from so many
       at once. A person's name or badge is what the station's rules for operators make of it before
       anything else sees it (D-64).

One connection is one command: `{"command": "scrap", "who": "...", "reason": "...", "arguments":
{"unit": "SN-1"}}` and a line feed; a value may be a list. The answer is one line too: `accepted`,
the `address` of the event, and `error` where it is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from agent.app.conceal import UNNAMED
from agent.app.keying import Conceal, with_scan
from agent.app.naming import canonical_name
from agent.core.command import CODES, Names, lot_amount
from agent.core.commands import TABLE
from agent.core.state import CommandReply
from agent.core.station import Station
from agent.engine import CommandLostError
from agent.ports import Clock
from agent.seat import Tell
from drivers.base import CommandGiven, Instant

NAME = "commands"
"""The socket's name in the station's state directory."""
MOST_BYTES = 16_384
MOST_AT_ONCE = 8
READ_WITHIN_S = 5.0
MOST_VALUES = 100
LONGEST = {"command": 40, "who": 200, "reason": 1000}
LONGEST_VALUE = 1000

_PERSONS = frozenset(
    argument.name
    for command in TABLE.values()
    for argument in command.arguments
    if argument.names is Names.PERSON
)
"""Arguments that name somebody, whichever command they are given to."""

Give = Callable[[CommandGiven], Awaitable[CommandReply]]
Person = Callable[[str, Instant], str]


class RequestError(ValueError):
    """A line is no command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A command as a person gave it."""

    command: str
    who: str
    reason: str
    arguments: tuple[tuple[str, str], ...]


def socket_path(directory: Path) -> Path:
    """Return where a station with this state directory takes commands."""
    return directory / NAME


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Yield a name for a socket that is short enough: a path of the kernel's ends at 107 bytes.

    Raises:
        OSError: its directory cannot be looked into.
    """
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


# ------------------------------------------------------------------ the line


def parse_request(line: bytes) -> Request:
    """Return the command that a line holds.

    Raises:
        RequestError: it holds none; the text says why.
    """
    try:
        members = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"no JSON: {error}") from error
    if not isinstance(members, dict):
        raise RequestError("no JSON object")
    unknown = members.keys() - {*LONGEST, "arguments"}
    if unknown:
        raise RequestError(f"unknown: {', '.join(sorted(unknown))[:LONGEST_VALUE]}")
    given = {name: _text(name, members.get(name, ""), most) for name, most in LONGEST.items()}
    return Request(**given, arguments=tuple(_arguments(members.get("arguments", {}))))


def _arguments(members: object) -> list[tuple[str, str]]:
    if not isinstance(members, dict):
        raise RequestError("arguments: no JSON object")
    found = [
        (_text("arguments", name, LONGEST["command"]), _text(name, value, LONGEST_VALUE))
        for name, given in members.items()
        for value in (given if isinstance(given, list) else [given])
    ]
    if len(found) > MOST_VALUES:
        raise RequestError(f"arguments: more than {MOST_VALUES} values")
    return found


def _text(name: str, value: object, most: int) -> str:
    """Return a text without blanks around it; a number is as good as its decimal text."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise RequestError(f"{name}: no text")
    if len(value) > most:
        raise RequestError(f"{name}: longer than {most} characters")
    if not value.isprintable():
        raise RequestError(f"{name}: has a control character")
    return value.strip()


# ------------------------------------------------------------------ the door


class CommandDoor:
    """Takes one station's commands while it has a run."""

    def __init__(
        self,
        station: Station,
        directory: Path,
        clock: Clock,
        people: tuple[Person, Conceal],
        tell: Tell,
    ) -> None:
        self._station = station
        self._path = socket_path(directory)
        self._clock = clock
        self._person, self._conceal = people
        self._tell = tell
        self._serving: set[asyncio.Task[None]] = set()
        self._given = 0
        self._turn = asyncio.Lock()
        """One command after the other: each knows what became of the one before."""

    async def serve(self, give: Give) -> None:
        """Take commands until cancelled; without a socket the station runs all the same."""
        try:
            listening = self._bound()
        except OSError as error:
            self._tell("commands_unavailable", path=str(self._path), error=error.strerror)
            return

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(
                self._answer(reader, writer, give), name=f"command {self._station.path}"
            )
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

        server = await asyncio.start_unix_server(
            connected, sock=listening, limit=MOST_BYTES, start_serving=False
        )  # it takes a turn of the loop to serve: a run that ends in it must find the server here
        try:
            await server.serve_forever()
        finally:
            server.close()
            self._path.unlink(missing_ok=True)
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    def _bound(self) -> socket.socket:
        """Return the socket, open to its owner alone before anybody can connect.

        One that a killed agent left is taken away: the journal's lock says that this is ours.
        """
        with ExitStack() as undo:
            made = undo.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            self._path.unlink(missing_ok=True)
            with reachable(self._path) as name:
                made.bind(name)
            self._path.chmod(0o600)
            undo.pop_all()
        return made

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, give: Give
    ) -> None:
        """Take the one command of a connection, and say what became of it."""
        try:
            answer = await self._answer_to(reader, give)
            writer.write(orjson.dumps(answer) + b"\n")
            await writer.drain()
        except OSError:
            pass  # who asked has gone; the journal has what became of it
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer_to(self, reader: asyncio.StreamReader, give: Give) -> Mapping[str, Any]:
        try:
            request = await self._request(reader)
            async with self._turn:
                reply = await give(self._as_given(request))
        except RequestError as error:
            return {"accepted": False, "error": str(error)}
        except CommandLostError:
            why = "the station's run ended; look in the journal whether it was recorded"
            return {"accepted": False, "error": why}
        if reply.refused is not None:
            return {"accepted": False, "address": reply.address, "error": reply.refused}
        return {"accepted": True, "address": reply.address}

    async def _request(self, reader: asyncio.StreamReader) -> Request:
        """Return what comes over a connection.

        Raises:
            RequestError: it is no command, too long, too slow, or one too many.
        """
        if len(self._serving) > MOST_AT_ONCE:
            raise RequestError(f"{MOST_AT_ONCE} commands wait already; give it again")
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                return parse_request(await reader.readuntil(b"\n"))
        except TimeoutError as error:
            raise RequestError(f"no whole line within {READ_WITHIN_S:g} s") from error
        except asyncio.LimitOverrunError as error:
            raise RequestError(f"longer than {MOST_BYTES} bytes") from error
        except asyncio.IncompleteReadError as error:
            raise RequestError("the line has no end") from error

    # -------------------------------------------------------------- from words to an observation

    def _as_given(self, request: Request) -> CommandGiven:
        """Return the command as the core may see it: codes canonical, persons concealed."""
        now = self._clock.now()
        self._given += 1
        fault, arguments = None, self._concealed(request.arguments, now)
        try:
            _refuse_nobody(arguments)
            arguments = tuple(
                (name, self._canonical(request.command, name, value, now.day))
                for name, value in arguments
            )
        except ValueError as error:
            fault = str(error)
        given = CommandGiven(
            id=f"command-{self._given}",
            device="",
            earliest_ms=now.boot_ms,
            latest_ms=now.boot_ms,
            received=now,
            command=request.command,
            who=self._person(request.who, now),
            reason=request.reason,
            arguments=arguments,
            fault=fault,
        )
        return with_scan(given, self._station, self._conceal, now.day)

    def _concealed(
        self, arguments: tuple[tuple[str, str], ...], now: Instant
    ) -> tuple[tuple[str, str], ...]:
        """Return arguments in which persons are as the station's rules let them be known (D-64)."""
        return tuple(
            (name, self._person(value, now) if name in _PERSONS else value)
            for name, value in arguments
        )

    def _canonical(self, command: str, name: str, value: str, day: date) -> str:
        known = TABLE[command].arguments if command in TABLE else ()
        if any(argument.name == name and argument.names in CODES for argument in known):
            return canonical_name(value, (self._station,), day)
        if any(argument.name == name and argument.names is Names.LOT_AMOUNT for argument in known):
            lot, quantity = lot_amount(value)
            lot = canonical_name(lot, (self._station,), day)
            return f"{lot}={quantity}" if quantity or "=" in lot else lot
        return value


def _refuse_nobody(arguments: tuple[tuple[str, str], ...]) -> None:
    """Refuse to record a person where the station records nobody.

    Raises:
        ValueError: one is named.
    """
    if any(name in _PERSONS and value == UNNAMED for name, value in arguments):
        raise ValueError("this station records nobody (operators.mode: none)")
