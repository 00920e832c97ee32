"""What a collector subscribes to: every station, whatever the depth of its path, once."""

import asyncio
import struct

import pytest

from agent.sinks.mqtt.connection import SILENCE_S
from agent.sinks.mqtt.login import KEEPALIVE_S, Login
from agent.sinks.mqtt.subscription import DEEPEST, Subscription, filters, stations_filter
from agent.sinks.mqtt.wire import Wire
from tests.doubles import settled
from tests.peers.mqtt_packets import PUBLISH, packet, text

CONNACK = b"\x20\x03\x00\x00\x00"
PINGREQ = b"\xc0\x00"
WINDOW = 4


class Line(asyncio.Transport):
    """A transport that may be told to read nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held = False
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take it."""
        self.written += bytes(data)

    def close(self) -> None:
        """End."""

    def abort(self) -> None:
        """End."""

    def is_closing(self) -> bool:
        """Say that it is open."""
        return False

    def is_reading(self) -> bool:
        """Say whether it reads."""
        return not self.is_held

    def pause_reading(self) -> None:
        """Read nothing."""
        self.is_held = True

    def resume_reading(self) -> None:
        """Read on."""
        self.is_held = False


async def connected() -> tuple[Wire, Line, Subscription]:
    """Return a reader that is connected, with what is beneath it."""
    wire, line = Wire(), Line()
    wire.connection_made(line)
    login = Login(
        host="broker.invalid",
        port=1883,
        client_id="plant",
        user=None,
        password=None,
        tls=None,
        window=WINDOW,
    )
    reader = Subscription(wire, login)
    greeting = asyncio.ensure_future(reader.greet())
    await asyncio.sleep(0)
    wire.data_received(CONNACK)
    assert await greeting is None
    return wire, line, reader


def sent(wire: Wire, mid: int) -> None:
    """Let the broker send an event."""
    body = text("r/v1/a/events/x") + struct.pack(">HB", mid, 0) + b"{}"
    wire.data_received(packet(PUBLISH, body, flags=2))


async def test_while_nothing_is_read_silence_ends_nothing() -> None:
    """The broker gets its pings, and what it answers waits with the rest: it is not gone."""
    wire, line, reader = await connected()
    answers: list[object] = []
    reader.publish_event("r/v1/a/control", b"{}", answers.append)
    for mid in range(1, 2 * WINDOW + 1):
        sent(wire, mid)
    await settled()
    line.written = b""
    for _ in range(3 * SILENCE_S):
        reader.tick()
        await settled()
    assert not reader.ended.done()
    assert line.written == PINGREQ * (3 * SILENCE_S // (KEEPALIVE_S // 2))
    reader.confirm([reader.inbox.popleft() for _ in range(2 * WINDOW)])
    assert not line.is_held
    for _ in range(SILENCE_S - 1):
        reader.tick()
    assert (reader.ended.done(), answers) == (False, [])
    reader.tick()
    assert reader.ended.result().cause == "did not confirm for 30 s; connecting anew"


async def test_what_a_broker_sends_beyond_the_window_waits_with_it() -> None:
    """With twice the window waiting nothing more is read, until no more than one window waits."""
    wire, line, reader = await connected()
    held = []
    for mid in range(1, 2 * WINDOW + 1):
        sent(wire, mid)
        held.append(line.is_held)
    assert held == [False] * (2 * WINDOW - 1) + [True]
    for is_still_held in (True, False):
        batch = [reader.inbox.popleft() for _ in range(WINDOW - 1 if is_still_held else 1)]
        reader.confirm(batch)
        assert line.is_held is is_still_held
    reader.abort()


def fits(topic: str, pattern: str) -> bool:
    """Return whether a topic is one of a filter without `#`."""
    levels, wanted = topic.split("/"), pattern.split("/")
    return len(levels) == len(wanted) and all(
        one in {"+", level} for level, one in zip(levels, wanted, strict=True)
    )


@pytest.mark.parametrize("depth", [1, 2, DEEPEST])
@pytest.mark.parametrize("what", ["events/unit_completed", "position", "health", "reply/me"])
def test_each_message_of_a_station_comes_once(depth: int, what: str) -> None:
    """One filter takes it, and no second one: a broker might send it twice."""
    topic = f"lineside/v1/{'/'.join(['a'] * depth)}/{what}"
    assert sum(fits(topic, pattern) for pattern, _ in filters("lineside", "#", "me", None)) == 1


def test_only_the_stations_below_a_place() -> None:
    """Its own path is one of them, and nobody else's."""
    found = [pattern for pattern, _ in filters("lineside", "acme/graz/#", "me", None)]
    assert any(fits("lineside/v1/acme/graz/events/x", pattern) for pattern in found)
    assert any(fits("lineside/v1/acme/graz/l/p/events/x", pattern) for pattern in found)
    assert not any(fits("lineside/v1/acme/linz/p/events/x", pattern) for pattern in found)
    assert [pattern for pattern, _ in filters("r", "a/+", "me", None)] == [
        "r/v1/a/+/events/+",
        "r/v1/a/+/reply/me",
        "r/v1/a/+/position",
        "r/v1/a/+/health",
    ]


def test_a_group_shares_the_events_alone() -> None:
    """Each member knows every position, and gets the answers that it asked for itself."""
    shared = {pattern for pattern, _ in filters("lineside", "#", "me", "g") if "$share" in pattern}
    assert shared == {
        f"$share/g/{pattern}"
        for pattern, _ in filters("lineside", "#", "me", None)
        if pattern.endswith("/events/+")
    }


@pytest.mark.parametrize("text", ["", "/a", "a//b", "a/#/b", "A/b", "a b", "a/" * 16 + "a", "#/#"])
def test_what_is_no_filter_is_refused(text: str) -> None:
    """It names places, `+`, and `#` at its end."""
    with pytest.raises(ValueError, match=r"cannot stand|more than"):
        stations_filter(text)
