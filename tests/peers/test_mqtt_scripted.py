"""The MQTT sink against a broker that misbehaves on purpose (FAULTS 5)."""

from __future__ import annotations

import asyncio
import struct
from functools import partial
from pathlib import Path

import orjson
import pytest

from agent.publisher import Condition
from agent.sinks.mqtt.connection import Connection, Login
from agent.sinks.mqtt.sink import NO_READER
from agent.sinks.options import encode_json
from tests.doubles import EPOCH, event_row
from tests.peers.fake_broker import HANG_UP, SILENCE, Answer, FakeBroker
from tests.peers.mqtt_bench import TOPICS, CalmBench, MqttBench, eventually
from tests.peers.mqtt_packets import PUBACK, Publish, packet


def seq_of(publish: Publish) -> int:
    """Return the event's seq."""
    seq: int = orjson.loads(publish.payload)["data"]["seq"]
    return seq


def seqs(broker: FakeBroker) -> list[int]:
    """Return the seq of each event that the broker was sent."""
    return [seq_of(publish) for publish in broker.events]


# ------------------------------------------------------------------ what is said


async def test_a_connection_begins_with_will_birth_and_position(tmp_path: Path) -> None:
    """Clean start, a retained will, then health and position, retained, before any event."""
    async with FakeBroker() as broker:
        bench = CalmBench(tmp_path, broker.port, rows=2)
        async with bench.running():
            await bench.until_confirmed(2)
        await broker.until(lambda: bool(broker.disconnects))
        (connect,) = broker.connects
        assert connect.clean_start
        assert connect.properties == b"\x27\0\0\x20\0"  # 8 KiB for us; no session expiry
        assert connect.client_id == "lineside.acme.graz.press-07.plant"
        will = connect.will
        assert will is not None
        assert (will.topic, will.retain) == (f"{TOPICS}/health", True)
        assert orjson.loads(will.payload) == {"online": False, "epoch": EPOCH}
        position = {
            "epoch": EPOCH,
            "first_kept": f"{EPOCH}-1",
            "last_seq": 2,
            "last_hash": f"{2:064x}",
        }
        assert [
            (publish.topic, publish.retain, orjson.loads(publish.payload))
            for publish in broker.status
        ] == [
            (f"{TOPICS}/position", True, position),
            (f"{TOPICS}/health", True, {"online": True, "epoch": EPOCH}),
            (f"{TOPICS}/position", True, position),
            (f"{TOPICS}/health", True, {"online": False, "epoch": EPOCH}),
        ]
        assert broker.disconnects == [b""]  # a normal one: the will stays unspoken


async def test_an_event_is_not_retained_and_says_what_it_is(tmp_path: Path) -> None:
    """Topic by kind, payload the envelope, content type beside it, never retained (D-114)."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1)
        async with bench.running():
            await bench.until_confirmed(1)
        (event,) = broker.events
        assert (event.topic, event.retain, event.dup) == (
            f"{TOPICS}/events/unit_completed",
            False,
            False,
        )
        assert orjson.loads(event.payload)["id"] == f"{EPOCH}-1"
        assert (
            event.properties == b"\x01\x01\x03\x00\x2bapplication/cloudevents+json; charset=utf-8"
        )


async def test_position_follows_the_journal_at_most_once_a_second(tmp_path: Path) -> None:
    """However many events come, one position a second tells the newest; none when none came."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1)
        async with bench.running():
            await bench.until_confirmed(1)
            for seq in range(2, 60):
                bench.append(seq, seq)
                await asyncio.sleep(0)
            await bench.until_confirmed(59)
            await broker.until(
                lambda: any(
                    publish.mid is None and orjson.loads(publish.payload)["last_seq"] == 59
                    for publish in broker.status
                )
            )
            assert len(broker.status) <= 2 + 3
            said = len(broker.status)
            await bench.clock.sleep(5)
            assert len(broker.status) == said


# ------------------------------------------------------------------ windows and limits


@pytest.mark.parametrize("receive_maximum", [1, 7])
async def test_the_receive_maximum_is_honoured(tmp_path: Path, receive_maximum: int) -> None:
    """Never more under way than the broker takes, and still everything arrives (B11)."""
    properties = b"\x21" + struct.pack(">H", receive_maximum)
    connack = bytes([0, 0, len(properties)]) + properties
    async with FakeBroker(connack=connack) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=100, window=50)
        async with bench.running():
            await bench.until_confirmed(100)
        assert seqs(broker) == list(range(1, 101))
        assert broker.most_under_way <= receive_maximum


async def test_the_configured_window_is_filled_and_not_exceeded(tmp_path: Path) -> None:
    """Without confirmations, exactly as many are under way as the station file says."""
    async with FakeBroker(lambda _: SILENCE) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=100, window=20)
        async with bench.running():
            await broker.until(lambda: len(broker.events) == 20)
            assert bench.publisher.state().unacknowledged == 20
            broker.answer = lambda _: 0
            broker.confirm_all()
            await bench.until_confirmed(100)
        assert broker.most_under_way == 20


async def test_what_is_too_large_for_the_broker_is_set_aside_unsent(tmp_path: Path) -> None:
    """An event over its maximum packet size goes to quarantine; the others pass (B06)."""
    properties = b"\x27" + struct.pack(">I", 1500)
    connack = bytes([0, 0, len(properties)]) + properties
    async with FakeBroker(connack=connack) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=2)
        bench.append(3, 3, padding=2000)
        bench.append(4, 5)
        async with bench.running():
            await bench.until_confirmed(5)
        assert seqs(broker) == [1, 2, 4, 5]
        (line,) = bench.quarantined.read_bytes().splitlines()
        assert orjson.loads(line)["cause"].endswith("bytes, 1500 are allowed")
        assert len(broker.connects) == 1


async def test_the_packet_size_is_known_to_the_byte(tmp_path: Path) -> None:
    """What just fits is sent, one byte more is not."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1)
        async with bench.running():
            await bench.until_confirmed(1)
        (event,) = broker.events
        body = struct.pack(">H", len(event.topic)) + event.topic.encode() + b"\0\0"
        body += bytes([len(event.properties)]) + event.properties + event.payload
        exact = len(packet(3, body))
    for limit, sent in ((exact, 1), (exact - 1, 0)):
        connack = b"\0\0\x05\x27" + struct.pack(">I", limit)
        async with FakeBroker(connack=connack) as broker:
            bench = MqttBench(tmp_path, broker.port, rows=1)
            async with bench.running():
                await bench.until_confirmed(1)
            assert len(broker.events) == sent


# ------------------------------------------------------------------ acknowledgements


async def test_a_confirmation_that_never_comes_leads_to_a_new_connection(tmp_path: Path) -> None:
    """After 30 s of silence the client is thrown away, and the event goes again alike (B09)."""
    asked = 0

    def answer(publish: Publish) -> Answer:
        nonlocal asked
        asked += seq_of(publish) == 2
        return SILENCE if seq_of(publish) == 2 and asked == 1 else 0

    async with FakeBroker(answer) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=3)
        async with bench.running():
            await eventually(lambda: len(seqs(broker)) == 3)
            assert bench.confirmed <= 1
            await bench.until_confirmed(3)
        assert len(broker.connects) == 2
        again = [publish for publish in broker.events if seq_of(publish) == 2]
        assert len(again) == 2
        assert again[0].payload == again[1].payload
        assert not again[1].dup  # a new packet in a new session
        assert [state.reason for state in bench.states if state.reason] == [
            f"broker 127.0.0.1:{broker.port}: did not confirm for 30 s; connecting anew"
        ]


async def test_foreign_and_repeated_confirmations_move_nothing(tmp_path: Path) -> None:
    """Unknown, repeated and disordered acknowledgements are counted and change nothing (B10)."""
    async with FakeBroker(lambda _: SILENCE) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=3)
        async with bench.running():
            await broker.until(lambda: len(broker.events) == 3)
            mids = [publish.mid for publish in broker.events if publish.mid is not None]
            broker.confirm(60_000, mids[1], mids[1], 60_001)
            await eventually(lambda: bench.publisher.state().delivered == 1)
            assert bench.confirmed == 0
            broker.confirm(mids[2], mids[0], mids[0])
            await bench.until_confirmed(3)
            bench.append(4, 4)
            await broker.until(lambda: len(broker.events) == 4)
            assert bench.confirmed == 3
        assert bench.publisher.state().delivered == 3
        assert bench.sink.counts["stray_acknowledgements"] == 4


@pytest.mark.parametrize("code", [0x80, 0x83, 0x87, 0x8F, 0x90, 0x91, 0x97, 0xC0])
async def test_a_refusal_that_can_pass_pauses_and_resumes(tmp_path: Path, code: int) -> None:
    """Nothing is set aside; when the broker takes events again, all of them arrive (B04).

    Also where it refuses by a code that the standard does not list for a PUBACK.
    """
    async with FakeBroker(lambda _: code) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=5)
        async with bench.running():
            state = await bench.until(Condition.PAUSED)
            assert state.reason.endswith(f"(0x{code:02X})")
            broker.answer = lambda _: 0
            await bench.until_confirmed(5)
            await bench.until(Condition.CONNECTED)
        assert len(broker.connects) == 1
        assert not bench.quarantined.exists()


@pytest.mark.parametrize("code", [0x95, 0x99])
async def test_a_refusal_for_ever_is_set_aside(tmp_path: Path, code: int) -> None:
    """One event that can never pass does not stop the others, on the same connection."""
    async with FakeBroker(lambda publish: code if seq_of(publish) == 2 else 0) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=4)
        async with bench.running():
            await bench.until_confirmed(4)
        assert seqs(broker) == [1, 2, 3, 4]
        assert len(broker.connects) == 1
        (line,) = bench.quarantined.read_bytes().splitlines()
        assert orjson.loads(line)["seq"] == 2


async def test_nobody_listening_is_counted_and_said_once(tmp_path: Path) -> None:
    """0x10 is delivery, but someone should know that no consumer has a session (B05)."""
    async with FakeBroker(lambda _: 0x10) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=5)
        async with bench.running():
            await bench.until_confirmed(5)
        assert bench.publisher.state().odd["no_subscribers"] == 5
        assert bench.warnings == ["no_subscribers"]


async def test_nobody_listening_can_be_waited_for(tmp_path: Path) -> None:
    """Where the station file says so, an event that reached nobody is not delivered (B05)."""
    async with FakeBroker(lambda _: 0x10) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=3, wait_for_reader=True)
        async with bench.running():
            state = await bench.until(Condition.PAUSED)
            assert (state.reason, bench.confirmed) == (NO_READER, 0)
            broker.answer = lambda _: 0
            await bench.until_confirmed(3)


async def test_a_refused_health_stops_no_event(tmp_path: Path) -> None:
    """A broker that does not let us write `health` is told of, and gets the events."""
    async with FakeBroker() as broker:
        broker.answer_status = lambda _: 0x87
        bench = MqttBench(tmp_path, broker.port, rows=1)
        async with bench.running():
            await bench.until_confirmed(1)
        assert bench.warnings == ["refused_status"]


async def test_a_broker_without_retained_messages_is_told_of(tmp_path: Path) -> None:
    """Health and position are then sent unretained; a retained one would break the connection."""
    async with FakeBroker(connack=b"\0\0\x02\x25\x00") as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1)
        async with bench.running():
            await bench.until_confirmed(1)
        assert [publish.retain for publish in broker.status] == [False] * 4
        assert bench.warnings == ["not_retained"]


# ------------------------------------------------------------------ hanging up


async def test_poison_is_found_alone_and_set_aside(tmp_path: Path) -> None:
    """The event on which the broker hangs up goes to quarantine, and no other (B08)."""
    async with FakeBroker(lambda publish: HANG_UP if seq_of(publish) == 4 else 0) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=40)
        async with bench.running():
            await bench.until_confirmed(40)
        (line,) = bench.quarantined.read_bytes().splitlines()
        entry = orjson.loads(line)
        assert (entry["seq"], entry["cause"]) == (
            4,
            "the broker hung up 3 times on this event alone",
        )
        assert set(seqs(broker)) == set(range(1, 41))
        assert seqs(broker).count(4) == 5


async def test_a_broker_that_goes_for_a_reason_accuses_no_event(tmp_path: Path) -> None:
    """Shut down over and over with the same event under way: it is delivered in the end."""
    async with FakeBroker(lambda _: SILENCE) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1)
        async with bench.running():
            for times in range(1, 7):
                await broker.until(partial(lambda least: len(broker.events) >= least, times))
                broker.send_disconnect(0x8B)
            broker.answer = lambda _: 0
            await bench.until_confirmed(1)
        assert not bench.quarantined.exists()


async def test_a_taken_over_session_is_told(tmp_path: Path) -> None:
    """Another client under our id is named, with what to do (B12)."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1)
        async with bench.running():
            await bench.until_confirmed(1)
            broker.send_disconnect(0x8E)
            state = await bench.until(Condition.DOWN)
            assert state.reason == (
                f"broker 127.0.0.1:{broker.port}: closed the connection: another client took over "
                "this client id; is a second gateway running with the same station? Stop it, or "
                "set `client_id` (0x8E)"
            )
            await bench.until(Condition.CONNECTED)
        assert bench.warnings == ["taken_over"]


async def test_a_half_open_connection_is_given_up() -> None:
    """Idle, and the other side gone without a word: nobody answers the ping, so it is over (Q4)."""
    async with FakeBroker() as broker:
        broker.answers_pings = False
        login = Login(
            host="127.0.0.1",
            port=broker.port,
            client_id="half-open",
            user=None,
            password=None,
            tls=None,
            will_topic=f"{TOPICS}/health",
            will=b"",
            keepalive_s=1,
        )
        connection = await Connection.dial(login)
        assert await connection.greet() is None

        def is_over() -> bool:
            connection.tick()
            return connection.ended.done()

        await eventually(is_over)
        assert not connection.ended.result().hung_up
        await connection.leave()


async def test_garbage_ends_the_connection(tmp_path: Path) -> None:
    """Bytes that are no MQTT are no acknowledgement; the connection is made anew."""
    async with FakeBroker(lambda _: SILENCE) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1)
        async with bench.running():
            await broker.until(lambda: len(broker.events) == 1)
            broker.answer = lambda _: 0
            broker.send(b"\xf0\xff\xff\xff\xff\xff\xff" + packet(PUBACK, b"\0"))
            await bench.until_confirmed(1)
        assert len(broker.connects) == 2


async def test_an_unwritable_kind_is_set_aside(tmp_path: Path) -> None:
    """A kind from a damaged journal never becomes a topic (B07)."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port)
        bench.journal.append([event_row(1, kind="a/b#"), event_row(2)])
        async with bench.running():
            await bench.until_confirmed(2)
        assert seqs(broker) == [2]


async def test_a_new_epoch_is_a_new_birth(tmp_path: Path) -> None:
    """When the engine starts again under a living connection, `health` names the new epoch."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1)
        async with bench.running():
            await bench.until_confirmed(1)
            bench.journal.append([event_row(1, epoch="000043-00000000")])
            await broker.until(
                lambda: any(
                    orjson.loads(publish.payload) == {"online": True, "epoch": "000043-00000000"}
                    for publish in broker.status
                )
            )


def test_the_payload_is_the_envelope() -> None:
    """`data` is the stored event byte for byte, so that its hash can be verified (D-116)."""
    from agent.ports import Delivery  # noqa: PLC0415 - beside what it shows

    row = event_row(1)
    assert row.body in encode_json(Delivery(row=row))
