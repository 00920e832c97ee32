"""What the demo does when something of its line does not come up, or ends before its time."""

import signal
import socket
import sys
from pathlib import Path

import pytest

from agent.app.demo import READING
from agent.demo.broker import Broker, mosquitto
from agent.demo.line import Line
from agent.demo.process import PATIENCE_S, Child, Machine, StartError

DEAF = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('{"said": "deaf"}', flush=True)
signal.pause()
"""


def script(text: str) -> list[str]:
    """Return the command that runs a few words of Python."""
    return [sys.executable, "-c", text]


async def test_end_and_last_words_of_a_process_are_known(tmp_path: Path) -> None:
    """Its exit code and what it said last tell a person why it is gone."""
    child = Child(
        "one", script("import sys; print('why', file=sys.stderr); sys.exit(3)"), tmp_path / "log"
    )
    assert child.last_words() == ""
    child.start()
    assert await child.ended() == 3
    assert not child.running
    assert child.last_words() == "why"
    await child.stop()
    await child.kill()


async def test_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    """Nothing is left running because it was asked politely."""
    heard: list[object] = []
    child = Machine("deaf", script(DEAF), tmp_path / "log", heard.append)
    await child.switch_on()
    await child.until(lambda: bool(heard), "is deaf", PATIENCE_S)
    await child.stop(within_s=0.5)
    assert await child.ended() == -signal.SIGKILL
    await child.off()


async def test_machine_that_says_nothing_is_named(tmp_path: Path) -> None:
    """Who waits in vain learns for whom, for what, and what it said on standard error."""
    words = "import sys; print('no licence', file=sys.stderr)"
    machine = Machine("press", script(words), tmp_path / "log", lambda _: None)
    await machine.switch_on()
    await machine.gone()
    with pytest.raises(TimeoutError, match=r"press: comes up: not within 0.1 s\nno licence"):
        await machine.until(lambda: False, "comes up", 0.1)
    machine.tell("stroke")  # nobody hears it, and that is no error


async def test_broker_that_cannot_listen_is_no_broker(tmp_path: Path) -> None:
    """A port that somebody else has taken meanwhile ends the set-up with the broker's words."""
    program = mosquitto()
    assert program is not None, "mosquitto is not installed: `make setup` does that"
    broker = Broker(program, tmp_path / "broker")
    try:
        with (
            socket.create_server(("127.0.0.1", broker.port), backlog=1),
            pytest.raises(StartError, match="mosquitto does not come up"),
        ):
            await broker.start()
    finally:
        await broker.stop()


async def test_agent_that_ends_at_once_ends_the_set_up(tmp_path: Path) -> None:
    """Nobody waits for a lamp that cannot come on, and nothing is left running."""
    line = Line(tmp_path, READING)
    line.agent = Child("agent", script("raise SystemExit('no such key')"), tmp_path / "agent.log")
    with pytest.raises(StartError, match=r"the agent ended with code 1:\nno such key"):
        async with line:
            raise AssertionError("there is no line")
    assert not line.press.machine.running
    assert not line.filler.machine.running
