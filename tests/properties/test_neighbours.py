"""What is known of a neighbour, beside what its own look-up knows: the same, or it says so.

A station records units, corrections, blocks, components and new runs of its agent; what of it comes
over a broker comes in any order, doubled, in parts, and with messages between that are no events.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.events import (
    ComponentInstalled,
    ComponentRemoved,
    EventCorrected,
    LotBlocked,
    LotUnblocked,
    Result,
    UnitReidentified,
    UnitReworked,
    UnitScrapped,
)
from agent.formats.cloudevents import envelope
from agent.trace.claims import Stand
from agent.trace.neighbour_keep import NeighbourKeep
from agent.trace.remembered import Store
from agent.trace.took import Proof
from tests.doubles import MORNING_MS
from tests.histories import STATION, History
from tests.streams import hashed

UNITS = ("SN-1", "SN-2", "SN-3")
PARTS = ("ECU-1", "ECU-2")
TOPIC = f"lineside/v1/{STATION}/events/x"
NOW_MS = MORNING_MS + 86_400_000
BY: Mapping[str, Any] = {"who": "k:1", "reason": "r"}


def _correct(history: History, pick: int) -> None:
    """Correct some event of before: its result, its unit, or that it ever was."""
    target = history.rows[pick % len(history.rows)]
    said: tuple[dict[str, Any], ...] = (
        {"replacement": (("result", "ok"),)},
        {"replacement": (("unit", UNITS[pick % 3]),)},
        {"retracted": True},
        {},
    )
    history.add(
        EventCorrected,
        supersedes=(str(target.address),),
        corrects=target.kind,
        **BY,
        **said[pick % 4],
    )


def _installed(history: History, pick: int) -> None:
    history.add(
        ComponentInstalled,
        component=PARTS[pick % 2],
        position="p",
        unit=UNITS[pick % 3],
        cycle="c-1",
    )


def _removed(history: History, pick: int) -> None:
    history.add(ComponentRemoved, component=PARTS[pick % 2], position="p", unit=None)


STEPS: Mapping[str, Callable[[History, int], object]] = {
    "ok": lambda h, n: h.unit(UNITS[n % 3]),
    "nok": lambda h, n: h.unit(UNITS[n % 3], result=Result.NOK),
    "scrap": lambda h, n: h.add(UnitScrapped, unit=UNITS[n % 3], **BY),
    "rework": lambda h, n: h.add(UnitReworked, unit=UNITS[n % 3], visit=2, **BY),
    "rename": lambda h, n: h.add(UnitReidentified, unit=UNITS[n % 3], new=UNITS[(n + 1) % 3], **BY),
    "block": lambda h, n: h.add(LotBlocked, lot=UNITS[n % 3], source="scan", **BY),
    "unblock": lambda h, n: h.add(LotUnblocked, lot=UNITS[n % 3], source="scan", **BY),
    "install": _installed,
    "remove": _removed,
    "correct": _correct,
    "start": lambda h, _: h.start(int(h.rows[-1].epoch[:6]) + 1),
}


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Return what a station recorded."""
    history = History()
    history.start(1)
    steps = st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 59))
    for name, pick in draw(st.lists(steps, min_size=1, max_size=14)):
        STEPS[name](history, pick)
    return history


def keep_in(directory: str) -> NeighbourKeep:
    """Return what is kept of the station."""
    return NeighbourKeep(Path(directory), (STATION,), Proof("lineside", "me"), asks=True)


def stand_of(history: History) -> dict[str, Stand]:
    """Return where it stands."""
    last, first = history.rows[-1], history.rows[0]
    stand = Stand(
        station=STATION,
        epoch=last.epoch,
        last_seq=last.seq,
        last_hash=last.hash,
        first_kept=(first.epoch, first.seq),
    )
    return {STATION: stand}


@given(histories(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_order_and_repeats_change_no_answer(history: History, random: Random) -> None:
    """What the station's own look-up knows of it, its neighbour knows: once all of it is there."""
    sent = [*history.rows, *random.choices(history.rows, k=3)]
    random.shuffle(sent)
    cut = random.randrange(len(sent) + 1)
    with tempfile.TemporaryDirectory() as directory:
        own = Store(Path(directory) / "own.db", STATION)
        own.take(history.rows)
        for part in (sent[:cut], sent[cut:]):
            keep = keep_in(directory)
            took = keep.take([(TOPIC, envelope(row.body)) for row in part], NOW_MS)
            assert took.aside == []
            keep.close()
        keep = keep_in(directory)
        with closing(own), closing(keep):
            keep.open()
            (extent,) = keep.extents(stand_of(history)).values()
            assert (extent.holes, extent.twins, extent.since) == ((), (), "")
            assert extent.as_of == str(history.rows[-1].address)
            for unit in UNITS:
                assert keep.history(STATION, {unit}, unit) == own.history({unit}, unit)
                assert keep.contents(STATION, {unit}) == own.contents({unit})
            for part_name in PARTS:
                assert keep.component(STATION, part_name) == own.component(part_name)
            assert keep.blocked == {STATION: own.blocked}


@given(histories(), st.data())
@settings(max_examples=30, deadline=None)
def test_what_lacks_is_never_taken_for_all(history: History, data: st.DataObject) -> None:
    """Whatever the broker loses: there is a hole, or what came begins later; never neither."""
    lost = data.draw(st.sets(st.sampled_from(range(len(history.rows))), min_size=1))
    came = [row for at, row in enumerate(history.rows) if at not in lost]
    with tempfile.TemporaryDirectory() as directory, closing(keep_in(directory)) as keep:
        keep.take([(TOPIC, envelope(row.body)) for row in came], NOW_MS)
        (extent,) = keep.extents(stand_of(history)).values()
        is_later = bool(extent.since) and extent.since != str(history.rows[0].address)
        assert extent.holes or is_later
        first = str(came[0].address) if came else ""
        assert extent.holes or extent.since == first


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(["", "ok", "000001-01010101-2", "unit_completed", "9" * 400, "1-\0"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6) | st.just("received"), inner, max_size=3)
    ),
    max_leaves=4,
)


@given(histories(), st.data())
@settings(max_examples=60, deadline=None)
def test_no_message_stops_the_reader(history: History, data: st.DataObject) -> None:
    """A member of an event is anything at all, under its right hash: it is taken or set aside."""
    row = data.draw(st.sampled_from(history.rows))
    members = orjson.loads(row.body)
    name = data.draw(st.sampled_from(sorted(set(members) - {"hash"})))
    odd = hashed({**members, name: data.draw(JSON)})
    junk = data.draw(st.binary(max_size=20))
    reply = f"lineside/v1/{STATION}/reply/me"
    sent = [(TOPIC, odd), (TOPIC, junk), (reply, odd), (reply, junk)]
    sent += [(TOPIC, envelope(each.body)) for each in history.rows]
    with tempfile.TemporaryDirectory() as directory, closing(keep_in(directory)) as keep:
        took = keep.take(sent, NOW_MS)
        keep.survey(stand_of(history))
        keep.extents(stand_of(history))
        assert took.new + took.known + len(took.unreadable) >= len(history.rows) - 1
        assert keep.take(sent, NOW_MS).new <= len(took.unreadable)
