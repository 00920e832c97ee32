"""What we replace in paho, pinned: when paho changes beneath it, this is what turns red."""

from __future__ import annotations

import asyncio

import pytest
from paho.mqtt import _packet
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from agent.sinks.mqtt.wire import Wire, WireClient, plain_reason
from tests.doubles import settled

CONNACK = b"\x20\x03\x00\x00\x00"


class Pipe(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        """Say whether it was closed."""
        return self.closing

    def close(self) -> None:
        """Note that it was closed."""
        self.closing = True

    def abort(self) -> None:
        """Note that it was closed."""
        self.closing = True


def _wire() -> tuple[Wire, Pipe]:
    wire, pipe = Wire(), Pipe()
    wire.connection_made(pipe)
    return wire, pipe


async def test_paho_takes_the_wire_for_its_socket() -> None:
    """`connect` writes CONNECT to the wire and opens nothing itself."""
    wire, pipe = _wire()
    client = WireClient(wire, "press")
    client.on_socket_register_write = lambda *_: None
    client.connect("broker.invalid", 1883, clean_start=True)
    client.loop_write()
    wire.flush()
    assert len(pipe.written) == 1
    assert pipe.written[0].startswith(b"\x10")
    assert b"\x00\x04MQTT\x05\x02" in pipe.written[0]


async def test_what_is_published_in_one_turn_is_one_write() -> None:
    """Twenty messages leave in one piece, and what arrives in one piece is twenty answers."""
    wire, pipe = _wire()
    client, answers = WireClient(wire, "press"), list[int]()
    client.on_socket_register_write = lambda *_: None
    client.on_publish = lambda _client, _data, mid, _reason, _properties: answers.append(mid)
    client.connect("broker.invalid", 1883, clean_start=True)
    wire.data_received(CONNACK)
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    client.loop_write()
    wire.flush()
    mids = [client.publish("a", b"x", qos=1).mid for _ in range(20)]
    client.loop_write()
    wire.flush()
    assert len(pipe.written) == 2
    wire.data_received(b"".join(b"\x40\x03" + mid.to_bytes(2) + b"\x00" for mid in mids))
    while wire.readable:
        assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert answers == mids
    assert client.strays == 0


async def test_foreign_acknowledgements_are_counted() -> None:
    """A PUBACK for nothing is noticed, and paho tells nobody else of it."""
    wire, _ = _wire()
    client, answers = WireClient(wire, "press"), list[int]()
    client.on_socket_register_write = lambda *_: None
    client.on_publish = lambda _client, _data, mid, _reason, _properties: answers.append(mid)
    client.connect("broker.invalid", 1883, clean_start=True)
    wire.data_received(CONNACK + b"\x40\x03\x12\x34\x00")
    while wire.readable:
        client.loop_read()
    assert (client.strays, answers) == (1, [])


@pytest.mark.parametrize(
    ("said", "is_plain"),
    [
        ("", True),
        ("00", True),
        ("10", True),
        ("0000", True),
        ("1000", True),
        ("97", False),
        ("9700", False),
        ("00051f00026f6b", False),
        ("10051f00026f6b", False),
    ],
)
async def test_what_an_acknowledgement_says_is_what_paho_reads(said: str, is_plain: bool) -> None:  # noqa: FBT001 - a row of the table
    """Read by us, where it says "taken" and no more, or by paho: the same reason, once."""
    puback = b"\x12\x34" + bytes.fromhex(said)
    read = _packet.decode_puback(0x40, puback, MQTTProtocolVersion.MQTTv5)
    ours = plain_reason(puback)
    assert (ours is not None) is is_plain
    assert ours is None or (ours, str(read.properties)) == (read.reason, "[]")
    wire, _ = _wire()
    client, answers = WireClient(wire, "press"), list[tuple[object, ...]]()
    client.on_socket_register_write = lambda *_: None
    client.on_publish = lambda _client, _data, *heard: answers.append(heard)
    client.connect("broker.invalid", 1883, clean_start=True)
    wire.data_received(CONNACK)
    client.loop_read()
    mid = client.publish("a", b"x", qos=1).mid
    puback = mid.to_bytes(2) + puback[2:]
    for _ in range(2):
        wire.data_received(b"\x40" + bytes([len(puback)]) + puback)
        while wire.readable:
            client.loop_read()
    assert [(mid, read.reason)] == [answer[:2] for answer in answers]
    assert client.strays == 1


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 64])
async def test_pubacks_may_come_in_any_pieces(size: int) -> None:
    """Whole or cut anywhere, plain, refused and foreign ones in a row: each is told once."""
    wire, _ = _wire()
    client, answers = WireClient(wire, "press"), list[tuple[int, int]]()
    client.on_socket_register_write = lambda *_: None
    client.on_publish = lambda _c, _d, mid, reason, _p: answers.append((mid, reason.value))
    client.connect("broker.invalid", 1883, clean_start=True)
    wire.data_received(CONNACK)
    client.loop_read()
    said = ["", "10", "97", "95", "00", "9700", "00051f00026f6b", "0000"]
    sent = [client.publish("a", b"x", qos=1).mid for _ in said]
    packets = [mid.to_bytes(2) + bytes.fromhex(word) for mid, word in zip(sent, said, strict=True)]
    packets.insert(3, b"\xff\xfe")  # of nobody
    stream = b"".join(b"\x40" + bytes([len(packet)]) + packet for packet in packets)
    for at in range(0, len(stream), size):
        wire.data_received(stream[at : at + size])
        while wire.readable:
            client.loop_read()
    codes = [0, 0x10, 0x97, 0x95, 0, 0x97, 0, 0]
    assert answers == list(zip(sent, codes, strict=True))
    assert client.strays == 1


def _message(qos: int, topic: bytes, mid: int, payload: bytes, *, is_v5: bool) -> bytes:
    """Return a PUBLISH as a broker sends it."""
    head = len(topic).to_bytes(2) + topic + (mid.to_bytes(2) if qos else b"") + b"\0" * is_v5
    left, length = len(head) + len(payload), b""
    while left:
        left, low = divmod(left, 128)
        length += bytes([low | (128 if left else 0)])
    return bytes([0x30 | qos << 1]) + length + head + payload


@pytest.mark.parametrize("size", [1, 7, 300, 100_000])
@pytest.mark.parametrize("is_v5", [True, False])
async def test_of_a_message_without_end_its_beginning_is_kept(*, is_v5: bool, size: int) -> None:
    """However it comes in pieces: it is confirmed, held to be too long, and those behind it come.

    Version 3.1.1 cannot say how long a message to us may be; a quarter of a gigabyte is one.
    """
    wire, pipe = _wire()
    client, got = WireClient(wire, "press", is_v5=is_v5, most_bytes=200), list[tuple[str, bytes]]()
    client.on_socket_register_write = lambda *_: None
    client.on_message = lambda _c, _d, message: got.append((message.topic, bytes(message.payload)))
    client.connect("broker.invalid", 1883)
    wire.data_received(CONNACK if is_v5 else b"\x20\x02\x00\x00")
    client.loop_read()
    long = b"x" * 4000
    stream = b"".join(
        _message(qos, b"a/control", mid, payload, is_v5=is_v5)
        for qos, mid, payload in ((1, 7, long), (0, 0, long), (1, 8, b"short"), (1, 9, long))
    )
    most = 0
    for at in range(0, len(stream), size):
        wire.data_received(stream[at : at + size])
        while wire.readable:
            assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
            most = max(most, len(client._in_packet["packet"]))  # noqa: SLF001 - what it holds
    assert [topic for topic, _ in got] == ["a/control"] * 4
    assert [payload == b"short" for _, payload in got] == [False, False, True, False]
    assert all(len(payload) > 150 for _, payload in got if payload != b"short")
    assert size > 300 or most <= 200 + size
    client.loop_write()
    wire.flush()
    pubacks = b"".join(b"\x40\x02" + mid.to_bytes(2) for mid in (7, 8, 9))
    assert b"".join(pipe.written).endswith(pubacks)


async def test_anything_else_without_end_ends_the_connection() -> None:
    """No packet of a broker but a message has a reason to be long."""
    wire, _ = _wire()
    client = WireClient(wire, "press", most_bytes=200)
    client.on_socket_register_write = lambda *_: None
    client.connect("broker.invalid", 1883, clean_start=True)
    wire.data_received(CONNACK)
    client.loop_read()
    wire.data_received(b"\x90\x80\x80\x80\x40" + b"x" * 1000)
    client.loop_read()
    wire.data_received(b"x")
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_PROTOCOL


async def test_the_wire_is_read_piece_by_piece() -> None:
    """As a socket that never blocks: what is there, then BlockingIOError, then the end."""
    wire, _ = _wire()
    changes: list[bool] = []
    wire.on_change = lambda: changes.append(wire.readable)
    wire.data_received(b"abc")
    assert (wire.recv(2), wire.recv(9)) == (b"ab", b"c")
    with pytest.raises(BlockingIOError):
        wire.recv(1)
    wire.connection_lost(ConnectionResetError())
    assert (wire.recv(1), wire.closed.result()) == (b"", "")
    assert changes == [True, False]


async def test_an_error_of_the_network_is_kept() -> None:
    """That the other side ended it has no text; that the network failed has."""
    wire, _ = _wire()
    wire.connection_lost(TimeoutError("timed out"))
    wire.connection_lost(None)
    await settled()
    assert wire.closed.result() == "was lost: timed out; check the network"


async def test_a_wire_without_a_transport_does_nothing() -> None:
    """Before it is connected, and after it is closed, nothing can go wrong."""
    wire = Wire()
    wire.send(b"lost")
    wire.flush()
    wire.close()
    wire.abort()
    assert wire.fileno() == -1


def test_paho_still_has_what_is_replaced() -> None:
    """The private methods, and what is set of its account of pings, exist under these names."""
    for name in (
        "_create_socket",
        "_packet_read",
        "_handle_pubackcomp",
        "_send_pingreq",
        "_handle_pingresp",
    ):
        assert name in vars(Client)
        assert name in vars(WireClient)
    assert "_do_on_publish" in vars(Client)
    kept = vars(Client(CallbackAPIVersion.VERSION2)).keys()
    assert {"_ping_t", "_last_bytes_received", "_in_packet", "_out_messages"} <= kept
