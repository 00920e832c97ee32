"""What is asked on `control` and retained on `state`, by a scripted broker (FAULTS X03, X04)."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import orjson
import pytest

from agent.ports import Address
from agent.publisher import Condition
from agent.publisher.quarantine import ask_release, held_in
from agent.sinks.mqtt.resending import PLACES
from tests.doubles import EPOCH, event_row
from tests.peers.fake_broker import SILENCE, FakeBroker
from tests.peers.mqtt_bench import TOPICS, MqttBench, eventually
from tests.peers.mqtt_packets import Publish


def asking(first: int, last: int, epoch: str = EPOCH, **more: object) -> bytes:
    """Return a request."""
    return orjson.dumps({"resend": {"epoch": epoch, "from": first, "to": last, **more}})


def told(publish: Publish) -> dict[str, Any]:
    """Return what a reply says."""
    members: dict[str, Any] = orjson.loads(publish.payload)
    return members


def seqs(replies: list[Publish]) -> list[int]:
    """Return the seq of each event that was sent again."""
    return [told(reply)["data"]["seq"] for reply in replies if "data" in told(reply)]


async def test_a_resend_is_the_same_event_marked_beside_its_content(tmp_path: Path) -> None:
    """Same id, times and bytes; `resend` stands outside what is hashed (D-139)."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, rows=9)
        async with bench.running():
            await bench.until_confirmed(9)
            broker.ask(f"{TOPICS}/control", asking(4, 6, reply_to="historian"))
            await broker.until(lambda: len(broker.replies) == 4)
            assert {reply.topic for reply in broker.replies} == {f"{TOPICS}/reply/historian"}
            assert seqs(broker.replies) == [4, 5, 6]
            again, first = told(broker.replies[0]), told(broker.events[3])
            assert again.pop("resend") is True
            assert again == first
            assert b',"data":' + event_row(4).body + b"}" in broker.replies[0].payload
            assert told(broker.replies[3]) == {
                "epoch": EPOCH,
                "from": 4,
                "to": 6,
                "sent": 3,
                "unsent": [],
                "filtered": False,
            }
            assert bench.publisher.state().odd["resent"] == 3
            assert len(broker.events) == 9
            assert (broker.subscriptions[0][-1], bench.confirmed) == (0x25, 9)  # no retained, QoS 1
        assert bench.warnings == ["resends"]


async def test_what_is_no_request_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    """`control` takes nothing else; a retained message is none at all (X03, X04).

    Why is said where an answer is waited for, wherever the request names that place.
    """
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, rows=3)
        async with bench.running():
            await bench.until_confirmed(3)
            broker.ask(f"{TOPICS}/control", asking(1, 3), is_retained=True)
            broker.ask(f"{TOPICS}/control", b'{"stop": true}')
            await broker.until(lambda: len(broker.replies) == 1)
            assert told(broker.replies[0]) == {"refused": 'only {"resend": {…}} is taken here'}
            broker.ask(f"{TOPICS}/control", asking(4, 9))
            broker.ask(f"{TOPICS}/control", asking(1, 3, epoch="000041-00000000"))
            await broker.until(lambda: len(broker.replies) == 3)
            behind, gone = (told(reply)["refused"] for reply in broker.replies[1:])
            broker.ask(f"{TOPICS}/control", asking(3, 1, reply_to="historian"))
            await broker.until(lambda: len(broker.replies) == 4)
            assert broker.replies[3].topic == f"{TOPICS}/reply/historian"
            assert told(broker.replies[3])["refused"].startswith("resend: `from` and `to` are")
            assert behind == f"{EPOCH}-4 is behind the newest event"
            assert gone == (
                "000041-00000000-1 is not kept: it was deleted, is damaged, or never was; "
                f"the next one kept is {EPOCH}-1"
            )
            assert told(broker.replies[1])["from"] == 4
        assert seqs(broker.replies) == []
        assert bench.warnings == ["refused_requests"]


@pytest.mark.parametrize("code", [0x10, 0x87])
async def test_who_does_not_listen_holds_up_nobody_who_does(tmp_path: Path, code: int) -> None:
    """A request whose answer reaches nobody is given up, and the next one that came with it not."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, rows=3)
        async with bench.running():
            await bench.until_confirmed(3)
            broker.answer_status = lambda publish: code if publish.topic.endswith("away") else 0
            broker.ask(f"{TOPICS}/control", asking(1, 3, reply_to="away"))
            broker.ask(f"{TOPICS}/control", b'{"resend": {"reply_to": "away"}}')
            broker.ask(f"{TOPICS}/control", asking(1, 2, reply_to="there"))
            await broker.until(lambda: bool(broker.replies) and "to" in told(broker.replies[-1]))
        assert seqs([reply for reply in broker.replies if reply.topic.endswith("there")]) == [1, 2]


async def test_a_flood_is_answered_slowly(tmp_path: Path) -> None:
    """Refusals come once a second at most; the rest is counted, and live events go on (X03)."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1)
        async with bench.running():
            await bench.until_confirmed(1)
            for number in range(20):
                broker.ask(f"{TOPICS}/control", f"junk {number}".encode())
            bench.append(2, 30)
            await bench.until_confirmed(30)
            assert len(broker.replies) <= 3
            await eventually(lambda: bench.publisher.state().odd["refused_requests"] >= 19)


@pytest.mark.parametrize("receive_maximum", [1, 2, 20])
async def test_a_resend_takes_no_place_of_the_live_events(
    tmp_path: Path, receive_maximum: int
) -> None:
    """With all live places taken and unanswered, the resend is through, within the limit (B11)."""
    properties = b"\x21" + struct.pack(">H", receive_maximum)
    connack = bytes([0, 0, len(properties)]) + properties
    async with FakeBroker(connack=connack) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=40, window=50)
        async with bench.running():
            await bench.until_confirmed(40)
            broker.answer = lambda publish: SILENCE if "/events/" in publish.topic else 0
            broker.most_under_way = 0
            bench.append(41, 80)
            live = max(1, receive_maximum - (PLACES if receive_maximum > 16 else 1))
            await broker.until(lambda: broker.most_under_way == live)
            broker.ask(f"{TOPICS}/control", asking(1, 30))
            await broker.until(lambda: len(broker.replies) == 31)
            assert broker.most_under_way == live
            assert seqs(broker.replies) == list(range(1, 31))
            assert {reply.mid is None for reply in broker.replies} == {receive_maximum == 1}
            broker.answer = lambda _: 0
            broker.confirm_all()
            await bench.until_confirmed(80)


async def test_a_filtered_sink_sends_again_only_what_is_its(tmp_path: Path) -> None:
    """Where it has no event, the end of the answer says so, and where the epoch came from."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, kinds=("unit_completed",))
        started = event_row(1, kind="agent_started")
        bench.journal.append([started, event_row(2, kind="code_scanned"), event_row(3)])
        async with bench.running():
            await bench.until_confirmed(3)
            broker.ask(f"{TOPICS}/control", asking(1, 99))
            await broker.until(lambda: len(broker.replies) == 2)
        assert seqs(broker.replies) == [3]
        end = told(broker.replies[1])
        assert (end["to"], end["sent"], end["filtered"], end["follows"]) == (3, 1, True, "")


async def test_what_is_in_quarantine_is_not_sent_by_request(tmp_path: Path) -> None:
    """What the broker cannot take stays where it is, and the answer names it."""
    async with FakeBroker(
        lambda publish: 0x99 if told(publish).get("data", {}).get("seq") == 2 else 0
    ) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=3)
        async with bench.running():
            await bench.until_confirmed(3)
            broker.ask(f"{TOPICS}/control", asking(1, 3))
            await broker.until(lambda: len(broker.replies) == 3)
        end = told(broker.replies[2])
        assert (seqs(broker.replies), end["sent"], end["unsent"]) == ([1, 3], 2, [2])


async def test_a_broker_that_lets_nobody_ask_is_told_of(tmp_path: Path) -> None:
    """Without the subscription events flow all the same."""
    async with FakeBroker() as broker:
        broker.suback = 0x87
        bench = MqttBench(tmp_path, broker.port, rows=1)
        async with bench.running():
            await bench.until_confirmed(1)
        assert bench.warnings == ["no_control"]


async def test_nobody_is_listened_to_where_the_file_says_so(tmp_path: Path) -> None:
    """`resend: 0`: no subscription."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1, resend=0)
        async with bench.running():
            await bench.until_confirmed(1)
        assert broker.subscriptions == []


async def test_the_state_is_retained_and_follows(tmp_path: Path) -> None:
    """It is said at the birth and after each change, beside health and position (D-113, D-114)."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1)
        bench.status = {"ready": True, "reason": "ready"}
        async with bench.running():
            await bench.until_confirmed(1)
            bench.status = {"ready": False, "reason": "disk_full"}
            await broker.until(lambda: any(publish.mid is None for publish in broker.status))
        states = [publish for publish in broker.status if publish.topic == f"{TOPICS}/state"]
        assert [(told(state)["ready"], state.retain) for state in states] == [
            (True, True),
            (False, True),
            (False, True),
        ]


async def test_key_figures_are_shown_beside_and_never_retained(tmp_path: Path) -> None:
    """At QoS 0, when they were made anew: they take no event's place, and do not stay (D-114)."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, rows=1)
        bench.figures = {"running": 1}
        async with bench.running():
            await bench.until_confirmed(1)
            await broker.until(lambda: shown(broker) == [1])
            bench.figures = {"running": 2}
            await broker.until(lambda: shown(broker) == [1, 2])
            bench.append(2, 2)
            await bench.until_confirmed(2)
        figures = [publish for publish in broker.status if publish.topic == f"{TOPICS}/oee"]
        assert [(publish.retain, publish.mid) for publish in figures] == [(False, None)] * 2


def shown(broker: FakeBroker) -> list[int]:
    """Return the figures that came, in order."""
    topic = f"{TOPICS}/oee"
    return [told(publish)["running"] for publish in broker.status if publish.topic == topic]


async def test_an_event_never_expires(tmp_path: Path) -> None:
    """Message expiry deletes evidence: no trace event and no resend carries it (D-121)."""
    async with FakeBroker() as broker:
        bench = MqttBench(tmp_path, broker.port, rows=2)
        async with bench.running():
            await bench.until_confirmed(2)
            broker.ask(f"{TOPICS}/control", asking(1, 2))
            await broker.until(lambda: len(broker.replies) == 3)
        plain = b"\x01\x01\x03\x00\x2bapplication/cloudevents+json; charset=utf-8"
        assert {publish.properties for publish in (*broker.events, *broker.replies)} == {plain}


async def test_a_released_event_is_sent_alone_and_leaves_the_quarantine(tmp_path: Path) -> None:
    """What the broker takes by now is delivered after all; what it refuses again stays."""
    refused = {2, 3}
    async with FakeBroker(
        lambda publish: 0x99 if told(publish)["data"]["seq"] in refused else 0
    ) as broker:
        bench = MqttBench(tmp_path, broker.port, rows=4)
        async with bench.running():
            await bench.until_confirmed(4)
            refused.discard(2)
            ask_release(bench.quarantined, [Address(EPOCH, 2), Address(EPOCH, 3)])
            await eventually(lambda: len(broker.events) == 6)
            await eventually(lambda: len(held_in(bench.quarantined)[0]) == 1)
            bench.append(5, 5)
            await bench.until_confirmed(5)
            assert bench.publisher.state().released == 1
            assert bench.states[-1].condition is Condition.CONNECTED
        assert [held.row.seq for held in held_in(bench.quarantined)[0]] == [3]
