"""What may be asked on `control`, and how an answer is read from the journal (D-138, D-139)."""

from __future__ import annotations

import asyncio
import contextlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ports import Row
from agent.sinks.mqtt.control import (
    MOST_EVENTS,
    MOST_WAITING,
    READ_ROWS,
    Answer,
    Line,
    Pace,
    RequestError,
    Resend,
    parse,
)
from agent.sinks.mqtt.resending import PLACES, reserved
from tests.doubles import EPOCH, ManualClock, MemoryJournal, event_row, settled

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def asked(first: int = 1, last: int = 9, **more: object) -> bytes:
    """Return a request as a message."""
    return orjson.dumps({"resend": {"epoch": EPOCH, "from": first, "to": last, **more}})


def test_a_request_is_read() -> None:
    """Epoch, from, to, and where to answer."""
    assert parse(asked(3, 5, reply_to="historian-1")) == Resend(
        epoch=EPOCH, first=3, last=5, reply_to="historian-1"
    )


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"", "no JSON"),
        (b" " * 5000, "longer than 4096 bytes"),
        (b"[]", "only {"),
        (b'{"stop": 1}', "only {"),
        (b'{"resend": {}, "stop": 1}', "only {"),
        (b'{"resend": 1}', "takes epoch, from, to and reply_to"),
        (asked(also=1), "takes epoch, from, to and reply_to"),
        (b'{"resend": {"epoch": "x", "from": 1, "to": 2}}', "no epoch"),
        (asked(0), "whole numbers"),
        (asked(5, 4), "whole numbers"),
        (asked(1, 1 << 40), "whole numbers"),
        (b'{"resend": {"epoch": "000001-00000000", "from": true, "to": 2}}', "whole numbers"),
        (asked(reply_to="a/b"), "may have a-z"),
        (asked(reply_to="#"), "may have a-z"),
        (asked(reply_to="x" * 65), "no name"),
        (asked(reply_to=7), "no name"),
    ],
)
def test_what_is_no_request_is_refused_by_name(message: bytes, why: str) -> None:
    """`control` takes nothing else, and no topic that somebody makes up (X04)."""
    with pytest.raises(RequestError, match=why):
        parse(message)


@given(st.binary(max_size=60) | JSON.map(lambda value: orjson.dumps({"resend": value})))
def test_whatever_comes_is_a_request_or_refused(message: bytes) -> None:
    """Bytes of anybody's raise nothing else (X08)."""
    with contextlib.suppress(RequestError):
        assert isinstance(parse(message), Resend)


def test_the_line_is_short_and_knows_what_waits() -> None:
    """The same request once, so many at most, and only the newest refusal is told."""
    line = Line()
    line.take(asked(), is_retained=True)
    assert line.next() is None
    line.take(asked(), is_retained=False)
    line.take(asked(), is_retained=False)
    assert line.next() == Resend(epoch=EPOCH, first=1, last=9)
    assert line.next() is None
    for last in range(1, MOST_WAITING + 3):
        line.take(asked(1, last), is_retained=False)
    refused = line.next_refused()
    assert refused is not None
    assert refused.why == f"busy: {MOST_WAITING} requests wait; ask again later"
    assert refused.members == {"epoch": EPOCH, "from": 1, "to": MOST_WAITING + 2}
    assert (line.next_refused(), line.take_dropped(), line.take_dropped()) == (None, 1, 0)


async def answer(rows: list[Row], first: int, last: int) -> tuple[list[int], dict[str, object]]:
    """Return the seqs of an answer over these rows, and its end."""
    found = Answer(
        Resend(epoch=EPOCH, first=first, last=last), MemoryJournal(rows).read, kinds=None
    )
    seqs: list[int] = []
    is_through = False
    while not is_through:
        some, is_through = await found.step()
        seqs += [row.seq for row in some]
    return seqs, found.end()


async def test_an_answer_ends_before_a_hole() -> None:
    """What is not kept is not spoken for: the range that is covered ends before it (D-139)."""
    rows = [event_row(seq) for seq in (*range(1, 60), *range(70, 75))]
    seqs, end = await answer(rows, 40, 72)
    assert (seqs, end["to"]) == ([*range(40, 60)], 59)
    with pytest.raises(RequestError, match=f"the next one kept is {EPOCH}-70"):
        await answer(rows, 60, 72)


async def test_an_answer_ends_with_its_epoch() -> None:
    """A range that reaches beyond the epoch covers what the epoch has."""
    rows = [event_row(seq) for seq in range(1, READ_ROWS + 6)]
    rows += [event_row(seq, epoch="000043-00000000") for seq in range(1, 80)]
    seqs, end = await answer(rows, 1, 10_000)
    assert (seqs, end["to"]) == ([*range(1, READ_ROWS + 6)], READ_ROWS + 5)


async def test_an_answer_is_never_endless() -> None:
    """After so many events the asker goes on with another request."""
    rows = [event_row(seq) for seq in range(1, MOST_EVENTS + 500)]
    seqs, end = await answer(rows, 1, MOST_EVENTS + 400)
    assert (len(seqs), end["to"]) == (MOST_EVENTS, MOST_EVENTS)


async def test_the_pace_is_kept() -> None:
    """So many a second, whoever asks."""
    clock = ManualClock()
    pace = Pace(clock, 10.0)
    await pace.wait(1)

    second = asyncio.ensure_future(pace.wait(20))
    await settled()
    await clock.advance(1.8)
    assert not second.done()
    await clock.advance(0.2)
    assert second.done()


def test_places_are_kept_for_answers_and_never_all() -> None:
    """The live events always have the larger part of what the broker takes."""
    assert [reserved(most) for most in (1, 2, 15, 16, 65535)] == [0, 1, 1, PLACES, PLACES]
