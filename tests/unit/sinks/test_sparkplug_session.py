"""What a Sparkplug node says in one session after the other, judged without a network."""

from __future__ import annotations

import asyncio

import pytest

from agent.core.events import EventTime, MachineStateChanged
from agent.formats.sparkplug import DEVICE_REBIRTH
from agent.journal.chain import seal
from agent.ports import Address, Row, SinkDownError
from agent.sinks.options import MachineNow, Oddity
from agent.sinks.sparkplug.node import MOST_CHARACTERS, MOST_METRICS
from agent.sinks.sparkplug.session import REBIRTH_EVERY_MS
from tests.doubles import EPOCH, event_row
from tests.peers.sparkplug_bench import rebirth, said
from tests.sparkplug_rig import SparkplugRig

TAGS = {"plc": ("force", "count"), "feeder": ("level",)}


@pytest.fixture
async def there() -> SparkplugRig:
    """Return a node with both devices there, each tag with a value, born."""
    rig = SparkplugRig(TAGS)
    rig.link("plc", up=True)
    rig.show("plc", "force", 1.5)
    rig.show("plc", "count", 1)
    rig.link("feeder", up=True)
    rig.show("feeder", "level", 10)
    rig.begin()
    return rig


def state_row(seq: int, word: str, epoch: str = EPOCH) -> Row:
    """Return a change of the machine's state as the journal has it."""
    time = EventTime(
        received_ms=1_796_029_200_000 + seq,
        offset_min=60,
        boottime_ms=1,
        boot_id="boot-1",
        clock_state=SparkplugRig(TAGS).clock.now().clock_state,
    )
    return seal(
        MachineStateChanged(
            epoch=epoch, seq=seq, station="acme/press-07", config="0" * 64, time=time,
            machine="press-07", source="packml", state=word, category="running",
            previous="idle", earliest_ms=1, latest_ms=1,
        ),
        None,
    )  # fmt: skip


async def test_seq_wraps_and_goes_on(there: SparkplugRig) -> None:
    """After 255 comes 0, over all kinds of messages; the rules count along (D-124)."""
    for count in range(2, 602):
        there.show("plc", "count", count)
        there.work()
    assert there.rules.problems == []
    seqs = [one.payload.seq for one in there.rules.seen]
    assert seqs[:3] == [0, 1, 2]
    assert seqs.count(0) == 3


async def test_a_message_has_an_end(there: SparkplugRig) -> None:
    """Many values are several messages, and long texts fewer of them."""
    for count in range(2, 2 + 2 * MOST_METRICS):
        there.show("plc", "count", count)
    there.work()
    sizes = [len(one.payload.metrics) for one in said(there.rules, "DDATA", "plc")]
    assert (max(sizes), sum(sizes)) == (MOST_METRICS, 2 * MOST_METRICS)
    there.show("feeder", "level", "a")
    there.work()
    there.work()  # born as a text
    for number in range(4):
        there.show("feeder", "level", f"{number}" + "x" * (MOST_CHARACTERS // 4))
    there.work()
    there.work()
    assert [len(one.values) for one in said(there.rules, "DDATA", "feeder")] == [1, 1]
    assert [len(one.payload.metrics) for one in said(there.rules, "DDATA", "feeder")] == [3, 1]
    assert there.rules.problems == []


async def test_what_is_not_proven_is_given_back(there: SparkplugRig) -> None:
    """Values that no ping stands behind are said again after the next births, as history."""
    assert there.session is not None
    there.show("plc", "count", 2)
    there.session.work()
    assert said(there.rules, "DDATA", "plc")[-1].values == {"count": 2}
    there.show("plc", "count", 3)
    there.end()
    assert there.feed.waiting == 5  # with the three of the births: no ping stood behind them either
    there.begin()
    there.work()
    assert said(there.rules, "DBIRTH", "plc")[-1].values["count"] == 3
    history = [(name, value) for one in there.rules.seen for name, value, _ in one.historical]
    assert history == [("count", 1), ("count", 2)]
    assert there.rules.problems == []


async def test_what_may_be_under_way_is_bounded() -> None:
    """A broker that reads nothing is not fed without end; what does not fit waits, then goes."""
    there = SparkplugRig(TAGS, most=150)
    there.link("plc", up=True)
    there.show("plc", "count", 1)
    there.show("plc", "force", 1.0)
    session = there.begin()
    for count in range(2, 402):
        there.show("plc", "count", count)
        session.work()
    sent = sum(len(one.payload.metrics) for one in said(there.rules, "DDATA", "plc"))
    assert sent == 150 - 2  # and the two of the birth
    assert there.feed.waiting == 150
    assert there.feed.dropped == 402 - 150 - 150
    assert there.rules.problems == []


async def test_a_type_that_history_does_not_have_is_lost_and_counted() -> None:
    """What was a text and is a number now cannot be said as history; the number can."""
    there = SparkplugRig(TAGS)
    there.link("feeder", up=True)
    for value in ("a", "b", 3):
        there.show("feeder", "level", value)
    there.begin()
    there.work()
    assert said(there.rules, "DBIRTH", "feeder")[-1].values["level"] == 3
    assert there.feed.dropped == 2
    assert there.rules.problems == []


async def test_a_tag_that_is_bad_from_the_beginning_is_born_with_its_first_value() -> None:
    """Nobody knows its type before; until then it is left out, and asks for no births."""
    there = SparkplugRig({"plc": ("count",)})
    there.link("plc", up=True)
    there.show("plc", "count", None, code="0x80340000")
    there.begin()
    there.show("plc", "count", None, code="0x80350000")
    there.work()
    assert [one.kind for one in there.rules.seen] == ["NBIRTH", "DBIRTH"]
    there.show("plc", "count", 5)
    there.work()  # finds the type out
    there.work()
    assert said(there.rules, "DBIRTH", "plc")[-1].values == {DEVICE_REBIRTH: False, "count": 5}
    assert there.rules.problems == []


async def test_a_device_waits_for_its_values_but_not_for_ever() -> None:
    """Born when all tags were seen, or a second after the link; not before, not in between."""
    there = SparkplugRig(TAGS)
    there.begin()
    there.link("plc", up=True)
    there.show("plc", "count", 1)
    await there.clock.advance(0.9)
    there.work()
    assert said(there.rules, "DBIRTH", "plc") == []
    await there.clock.advance(0.1)
    there.work()
    assert len(said(there.rules, "DBIRTH", "plc")) == 1
    there.link("plc", up=False)
    there.link("plc", up=True)  # within one turn: it was dead all the same
    there.work()
    assert len(said(there.rules, "DDEATH", "plc")) == 1
    there.show("plc", "count", 2)
    there.show("plc", "force", 2.0)
    there.work()
    there.work()
    assert len(said(there.rules, "DBIRTH", "plc")) >= 2
    assert there.rules.problems == []


async def test_births_are_asked_for_again_and_again(there: SparkplugRig) -> None:
    """The first time at once, then once in ten seconds however many ask; a device alone as well."""
    assert there.wire is not None
    ask = there.wire.hear
    for _ in range(3):
        ask(there.topics.ncmd, rebirth())
    there.work()
    ask(there.topics.ncmd, rebirth())
    there.work()
    assert len(said(there.rules, "NBIRTH")) == 2
    await there.clock.advance(REBIRTH_EVERY_MS / 1000)
    there.work()
    assert len(said(there.rules, "NBIRTH")) == 3
    dcmd = there.topics.dcmd[:-1]
    for device in ("plc", "plc", "nobody"):
        ask(dcmd + device, rebirth(DEVICE_REBIRTH))
    there.work()
    ask(dcmd + "plc", rebirth(DEVICE_REBIRTH))
    there.work()
    assert len(said(there.rules, "DBIRTH", "plc")) == 4
    assert len(said(there.rules, "DBIRTH", "feeder")) == 3
    assert there.counts == {Oddity.REBIRTHS: 3}
    assert there.rules.problems == []


async def test_a_rebirth_goes_before_data_that_waits(there: SparkplugRig) -> None:
    """From the request on no data goes out before NBIRTH and every DBIRTH, and then it goes on."""
    assert there.wire is not None
    there.work()
    there.show("plc", "count", 2)
    there.show("plc", "count", 3)
    there.wire.hear(there.topics.ncmd, rebirth())
    before = len(there.rules.seen)
    there.work()
    kinds = [(one.kind, one.device) for one in there.rules.seen[before:]]
    assert kinds == [("NBIRTH", None), ("DBIRTH", "plc"), ("DBIRTH", "feeder"), ("DDATA", "plc")]
    assert [one.name for one in there.rules.seen[-1].said] == ["count"]
    assert there.rules.problems == []


async def test_a_state_is_live_once_and_history_before(there: SparkplugRig) -> None:
    """What the birth showed, and what was before it, is history; then only changes are said."""
    there.states.take(state_row(1, "execute"))
    there.machine = MachineNow(as_of=Address(EPOCH, 1), state="execute", category="running")
    there.end()
    there.begin()
    shown = [there.states.take(state_row(seq, word)) for seq, word in ((1, "execute"), (2, "held"))]
    there.work()
    birth = said(there.rules, "NBIRTH")[-1].values
    assert (birth["Machine/State"], birth["Machine/Event"]) == ("execute", None)
    first, second = said(there.rules, "NDATA")
    assert {name: value for name, value, _ in first.historical} == {
        "Machine/State": "execute",
        "Machine/Category": "running",
        "Machine/Reason": None,
        "Machine/Mode": None,
        "Machine/Event": f"{EPOCH}-1",
    }
    assert second.values == {"Machine/State": "held", "Machine/Event": f"{EPOCH}-2"}
    assert [one.done() for one in shown] == [True, True]
    assert there.rules.problems == []


async def test_a_state_is_not_confirmed_before_the_broker_has_it(there: SparkplugRig) -> None:
    """No ping, no confirmation; a session that ends gives it back with its reason."""
    assert there.session is not None
    shown = there.states.take(state_row(1, "held"))
    waiting = there.states.take(state_row(2, "execute"))
    there.session.work()
    assert not shown.done()
    late = there.states.take(state_row(3, "held"))
    late.cancel()
    there.end()
    for one in (shown, waiting):
        assert isinstance(one.exception(), SinkDownError)


@pytest.mark.parametrize("kind", ["unit_completed", "machine_state_changed"])
async def test_an_event_that_says_nothing_is_passed(there: SparkplugRig, kind: str) -> None:
    """One of a later version, or that is damaged, does not stop those behind it."""
    row = event_row(1, kind=kind)
    gone = there.states.take(event_row(2))
    gone.cancel()
    shown = there.states.take(row)
    there.work()
    await asyncio.wait_for(shown, 60)
    assert said(there.rules, "NDATA") == []


async def test_a_station_without_a_state_says_nothing_of_a_machine() -> None:
    """Its node has the station's metrics alone."""
    there = SparkplugRig(TAGS, has_machine=False)
    there.begin()
    (birth,) = there.rules.seen
    assert not [name for name in birth.values if name.startswith("Machine/")]
    assert there.rules.problems == []


async def test_a_broker_with_a_limit_gets_what_fits() -> None:
    """Messages go in halves; one value alone that does not fit is dropped, and counted."""
    there = SparkplugRig({"plc": ("text",)})
    there.link("plc", up=True)
    there.show("plc", "text", "a")
    there.begin(packet_bytes=600)
    for number in range(8):
        there.show("plc", "text", f"{number}" + "x" * 100)
    there.show("plc", "text", "y" * 700)
    there.work()
    texts = [
        metric.value for one in said(there.rules, "DDATA", "plc") for metric in one.payload.metrics
    ]
    assert texts == [f"{number}" + "x" * 100 for number in range(8)]
    assert (there.feed.dropped, there.counts) == (1, {Oddity.TOO_LARGE: 1})
    with pytest.raises(SinkDownError, match="takes 100 bytes, and the birth has"):
        there.begin(packet_bytes=100)
