"""An audit beside a station that answers as the MQTT sink does, over a broker that loses some."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.formats.cloudevents import envelope
from agent.ports import Row
from agent.sinks.mqtt.control import Answer, RequestError, parse
from agent.sinks.options import position_of
from agent.trace.audit import Audit, Since
from agent.trace.requests import PATIENCE_S
from tests.doubles import MemoryJournal
from tests.streams import STATION, rows

BASE = f"lineside/v1/{STATION}"


class Station:
    """A station's sink: what it retains, and how it answers on `reply`."""

    def __init__(self, journal: MemoryJournal) -> None:
        self.journal = journal

    def retained(self) -> list[tuple[str, bytes]]:
        """Return health and position."""
        position = position_of(self.journal)
        assert position is not None
        said = {
            "epoch": position.epoch,
            "first_kept": position.first_kept,
            "last_seq": position.last_seq,
            "last_hash": position.last_hash,
        }
        return [
            (f"{BASE}/health", orjson.dumps({"online": True})),
            (f"{BASE}/position", orjson.dumps(said)),
        ]

    def live(self) -> list[tuple[str, bytes]]:
        """Return every event as it is sent the first time."""
        return [(f"{BASE}/events/{row.kind}", envelope(row.body)) for row in self.journal.rows]

    def answer(self, payload: bytes) -> list[tuple[str, bytes]]:
        """Return the messages that answer a request."""
        asked = parse(payload)
        topic = f"{BASE}/reply/{asked.reply_to}"
        answer = Answer(asked, self.journal.read, None)

        async def read() -> list[Row]:
            found: list[Row] = []
            is_through = False
            while not is_through:
                some, is_through = await answer.step()
                found += some
            return found

        try:
            found = asyncio.run(read())
        except RequestError as error:
            said = {**asked.members(), "refused": str(error), "next": str(error.following)}
            return [(topic, orjson.dumps(said))]
        answer.sent = len(found)
        events = [(topic, envelope(row.body, resend=True)) for row in found]
        return [*events, (topic, orjson.dumps(answer.end()))]


def made(kept: Collection[int], lengths: tuple[int, ...] = (6, 4, 5)) -> Station:
    """Return a station whose journal has these of all that it wrote."""
    everything = rows(lengths)
    return Station(MemoryJournal([row for place, row in enumerate(everything) if place in kept]))


def run(audit: Audit, station: Station, lost: Collection[int]) -> None:
    """Ask until nothing more is asked for; every n-th message of the answers is lost."""
    number, now_s = 0, 0.0
    for _ in range(200):
        asked = list(audit.to_ask(now_s))
        for topic, payload in asked:
            assert topic == f"{BASE}/control"
            for reply_topic, reply in station.answer(payload):
                number += 1
                if number not in lost:
                    audit.hear(reply_topic, reply, now_s)
        if not asked and not audit.waits:
            return
        now_s += 1.0
    raise AssertionError("it asks without end")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_lost_is_asked_for_until_it_is_proven(data: st.DataObject) -> None:
    """Live messages and answers get lost, doubled, shuffled: proven only where all is there."""
    station = made(range(15))
    live = station.live()
    some = data.draw(st.lists(st.sampled_from(live), max_size=25))
    lost = data.draw(st.frozensets(st.integers(1, 30), max_size=4))
    kept: list[bytes] = []
    audit = Audit("lineside", "audit-1", Since.ALL, kept.append)
    for topic, payload in (*station.retained(), *some):
        audit.hear(topic, payload, 0.0)
    run(audit, station, lost)
    ((report, heard),) = audit.reports()
    got = {(orjson.loads(one)["data"]["epoch"], orjson.loads(one)["data"]["seq"]) for one in kept}
    assert len(got) == len(kept)
    assert report.is_complete == (len(got) == 15)
    assert not heard.altered


def test_what_is_no_longer_kept_is_named_and_the_rest_comes() -> None:
    """A refusal names the next event that is kept: the audit goes on behind it."""
    station = made([0, *range(3, 15)])
    audit = Audit("lineside", "audit-1", Since.ALL)
    for topic, payload in station.retained():
        audit.hear(topic, payload, 0.0)
    run(audit, station, ())
    ((report, heard),) = audit.reports()
    assert [str(gap.range) for gap in report.gaps] == ["000001-00000001-2…3"]
    assert [str(gone) for gone in heard.refused] == ["000001-00000001-2…3"]
    assert not report.is_complete


def test_from_now_on_is_a_proof_of_what_comes() -> None:
    """It begins behind what the station has when it is heard first, and says so."""
    station = made(range(12))
    audit = Audit("lineside", "audit-1", Since.NOW)
    for topic, payload in station.retained():
        audit.hear(topic, payload, 0.0)
    ((report, _),) = audit.reports()
    assert (report.is_complete, report.since) == (True, "000003-00000003-3")
    later = made(range(15))
    for topic, payload in (*later.live()[13:], *later.retained()):
        audit.hear(topic, payload, 0.0)
    assert not next(audit.reports())[0].is_complete
    run(audit, later, ())
    ((report, _),) = audit.reports()
    assert (report.is_complete, report.upto) == (True, "000003-00000003-5")


def test_an_offline_station_and_a_silent_one_are_not_asked_for_ever() -> None:
    """What cannot answer is told as that, and nothing is claimed of it."""
    station = made(range(15))
    audit = Audit("lineside", "audit-1", Since.OLDEST)
    audit.hear(*station.retained()[1], 0.0)
    assert list(audit.to_ask(0.0)) == []
    audit.hear(f"{BASE}/health", b"{", 0.0)
    assert list(audit.to_ask(0.0)) == []
    audit.hear(f"{BASE}/health", b'{"online": true}', 0.0)
    assert len(list(audit.to_ask(0.0))) == 1
    assert list(audit.to_ask(PATIENCE_S)) == []
    ((report, heard),) = audit.reports()
    assert (report.is_complete, heard.is_silent) == (False, True)


def test_what_is_altered_or_out_of_place_is_told() -> None:
    """An event that does not verify, or that stands below another station, is not held."""
    station = made(range(15))
    topic, payload = station.live()[1]
    audit = Audit("lineside", "audit-1", Since.ALL)
    audit.hear(topic, payload.replace(b"07:00", b"08:00"), 0.0)
    audit.hear(topic.replace("press", "other"), payload, 0.0)
    audit.hear(topic.replace("acme", "rev1/acme"), payload, 0.0)
    audit.hear("elsewhere/v1/x/events/y", b"", 0.0)
    audit.hear(f"{BASE}/state", b"{}", 0.0)
    audit.hear(f"{BASE}/position", b"{}", 0.0)
    audit.hear(f"{BASE}/reply/audit-1", b"{}", 0.0)
    audit.hear(f"{BASE}/reply/somebody", b"{}", 0.0)
    assert [len(heard.altered) for heard in audit.requests.heard.values()] == [3, 1, 1]


def test_a_sink_whose_root_lies_below_is_told_from_a_station() -> None:
    """By its root, once, and what to do; it is not proven, and no other station is touched."""
    station = made(range(15))
    audit = Audit("lineside", "audit-1", Since.ALL)
    for inner, head in (("lineside/v1", "v1"), ("lineside/v1/test", "test/v1")):
        for topic, payload in (*station.retained(), *station.live()):
            audit.hear(topic.replace("lineside/", f"{inner}/", 1), payload, 0.0)
        heard = audit.requests.heard[f"{head}/{STATION}"]
        (why,) = heard.altered
        assert why.startswith(f"these are events of {STATION}: a sink with `root: {inner}` ")
    for topic, payload in (*station.retained(), *station.live()):
        audit.hear(topic, payload, 0.0)
    assert {
        report.station: report.is_complete and not heard.altered
        for report, heard in audit.reports()
    } == {STATION: True, f"v1/{STATION}": False, f"test/v1/{STATION}": False}


def test_an_archive_is_proven_from_its_oldest_event() -> None:
    """What is held already counts; only what lacks from there on is asked for."""
    station = made(range(15))
    live = station.live()
    audit = Audit("lineside", "audit-1", Since.NOW)
    for place in (7, 4, 5, 9):
        audit.have(live[place][1])
    for topic, payload in station.retained():
        audit.hear(topic, payload, 0.0)
    run(audit, station, ())
    ((report, _),) = audit.reports()
    assert (report.is_complete, report.since) == (True, "000001-00000001-5")
