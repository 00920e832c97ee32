"""What brokers, their other clients and OPC UA servers may send, and the laws that it must keep.

Whoever may publish on a topic that is read must not be able to end the reader, nor to have
something believed that no agent wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from functools import cache
from random import Random

import orjson
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from agent.formats.sparkplug import DataType, Metric, Payload, PayloadError, decode, encode
from agent.journal.chain import prove
from agent.sinks.mqtt import control
from agent.sinks.sparkplug.host import PrimaryHost
from agent.trace.claims import Range
from agent.trace.heard import HeardError, answer_of, event_of, link_of, stand_of
from agent.trace.requests import Requests
from drivers.opcua import wire
from tests.streams import STATION, rows

_SHREDS = (
    b'"', b"{", b"}", b"[", b"]", b",", b"null", b"-1", b"1e308", b"1e999", b"9" * 40, b"9" * 5000,
    b"\\ud800", b"\\u0000", b"\x00", b"\xff", b"[" * 300, b'{"a":' * 600, b"true", b'"hash"',
)  # fmt: skip
_DEEP = tuple(b"[" * depth + b"]" * depth for depth in (50, 300, 600, 1000))


@cache
def _bodies() -> tuple[bytes, ...]:
    return tuple(row.body for row in rows([4, 5]))


def _shredded(random: Random, raw: bytes) -> bytes:
    """Return a message with pieces cut out, put in or doubled."""
    for _ in range(random.choice((0, 1, 1, 1, 2, 4))):
        at, size = random.randrange(len(raw) + 1), random.choice((0, 1, 3, 12))
        raw = raw[:at] + random.choice((b"", *_SHREDS)) + raw[at + size :]
    return raw


def _flipped(random: Random, raw: bytes) -> bytes:
    """Return bytes with some of them changed or cut off."""
    changed = bytearray(raw)
    for _ in range(random.choice((0, 1, 1, 2, 6))):
        changed[random.randrange(len(changed))] = random.choice((0, 1, 127, 128, 255, 7, 63))
    return bytes(changed[: random.choice((len(changed), random.randint(0, len(changed)))) or 1])


def _valued(random: Random, members: dict[str, object]) -> bytes:
    """Return an object of which one member has a value that it should not have."""
    values: Sequence[object] = (
        None, True, -1, 0, 1, 2**53, 2**63, 1e308, 1.5, "", "x", "000001-aa-1", "9" * 5000, [], {},
        ["x"], {"x": 1}, "\u0000", "-ff", "000001-" + "9" * 5000,
    )  # fmt: skip
    raw = orjson.dumps({**members, random.choice(list(members)): "HOLE"})
    value = random.choice((*map(_json, values), *_DEEP))
    return raw.replace(b'"HOLE"', value)


def _json(value: object) -> bytes:
    return str(value).encode() if type(value) is int else orjson.dumps(value)


_SAID: Sequence[dict[str, object]] = (
    {"epoch": "000001-aa", "first_kept": "000001-aa-1", "last_seq": 7, "last_hash": "ab" * 32},
    {"epoch": "000001-aa", "from": 1, "to": 5, "sent": 5, "unsent": [], "filtered": False,
     "follows": None},
    {"epoch": "000001-aa", "from": 1, "to": 5, "refused": "not kept", "next": "000001-aa-3"},
    {"resend": {"epoch": "000001-aa", "from": 1, "to": 5, "reply_to": "me"}},
    {"online": True, "timestamp": 1_780_000_000_000},
)  # fmt: skip


def said(random: Random) -> bytes:
    """Make a `position`, an answer, a request or a STATE that is nearly right."""
    members = random.choice(_SAID)
    if random.random() < 0.5:
        return _valued(random, members)
    return _shredded(random, orjson.dumps(members))


def words(raw: bytes, _random: Random) -> str:
    """What stations and hosts say is taken or refused by name, whoever said it."""
    taken = []
    for name, take in _READERS.items():
        try:
            take(raw)
        except (HeardError, control.RequestError):
            continue
        taken.append(name)
    return " and ".join(taken) or "refused"


def _asked(raw: bytes) -> None:
    """Let somebody who has asked hear it as the answer."""
    requests = Requests("lineside", "me")
    asked = Range("000001-aa", 1, 5)
    heard = requests.of(STATION)
    heard.online = True
    assert list(requests.to_ask(0.0, lambda _station: (asked,)))
    requests.health(STATION, raw)
    requests.replied(STATION, raw, 1.0)
    requests.settle(STATION, raw)


def _host(raw: bytes) -> None:
    if not PrimaryHost().take(raw):
        raise HeardError("no STATE")


_READERS: dict[str, Callable[[bytes], object]] = {
    "position": lambda raw: stand_of(STATION, raw),
    "answer": lambda raw: answer_of(STATION, raw),
    "request": control.parse,
    "state": _host,
    "asked": _asked,
}


def event(random: Random) -> bytes:
    """Make a delivered event that is nearly right."""
    body, spoil = random.choice(_bodies()), random.random()
    if spoil < 0.8:
        members = orjson.loads(body)
        body = _valued(random, members) if spoil < 0.4 else _shredded(random, body)
    if random.random() < 0.5:
        return body
    whole = b'{"specversion":"1.0","after":"000001-00000001-1","data":%s}' % body
    return _shredded(random, whole) if random.random() < 0.3 else whole


def events(raw: bytes, _random: Random) -> str:
    """An event is believed only if an agent wrote it, to the last byte that is hashed."""
    known = [orjson.loads(body) for body in _bodies()]
    proven = prove(raw)
    assert proven is None or raw in _bodies(), "stored bytes prove that nobody wrote"
    try:
        members = event_of(raw)
        link_of(members)
    except HeardError:
        return "refused"
    assert members.get("data", members) in known, "a message proves that nobody sent"
    return "proven"


def host_command(random: Random) -> bytes:
    """Make a Sparkplug payload that is nearly right."""
    kinds = ((DataType.BOOLEAN, True), (DataType.STRING, "x" * 9), (DataType.DOUBLE, 1.5))
    datatype, value = random.choice((*kinds, (DataType.UINT64, 2**64 - 1)))
    metric = Metric(name="Node Control/Rebirth", timestamp_ms=1, datatype=datatype, value=value)
    payload = Payload(timestamp_ms=1, seq=1, metrics=(metric,) * random.choice((1, 2)))
    return _flipped(random, encode(payload, with_types=True))


def host_commands(raw: bytes, _random: Random) -> str:
    """A payload is read or refused by name; what is read has no more metrics than bytes."""
    try:
        payload = decode(raw)
    except PayloadError:
        return "refused"
    assert len(payload.metrics) <= len(raw)
    return "read"


@cache
def _answers() -> tuple[bytes, ...]:
    value = ua.DataValue(Value=ua.Variant("SN-1", ua.VariantType.String))
    number = ua.DataValue(Value=ua.Variant(7, ua.VariantType.UInt32))
    changes = ua.DataChangeNotification(
        MonitoredItems=[
            ua.MonitoredItemNotification(at, one) for at, one in enumerate((value, number))
        ]
    )
    published = ua.PublishResponse()
    published.Parameters.NotificationMessage = ua.NotificationMessage(
        7, ua.DateTime(2026, 11, 30, 7, tzinfo=UTC), [changes]
    )
    read = ua.ReadResponse()
    read.Results = [value, number]
    return struct_to_binary(published), struct_to_binary(read)


def server_answer(random: Random) -> bytes:
    """Make an OPC UA answer that is nearly right."""
    return _flipped(random, random.choice(_answers()))


def server_answers(raw: bytes, _random: Random) -> str:
    """An answer is read or left to the library, and has no more readings than bytes."""
    became = "left to the library"
    for server_time in (True, False):
        try:
            assert len(wire.publish_response(raw, server_time=server_time).changes) <= len(raw)
            became = "read"
        except wire.UnusualError:
            pass
        try:
            assert len(wire.read_response(raw, server_time=server_time)) <= len(raw)
            became = "read"
        except wire.UnusualError:
            pass
    return became
