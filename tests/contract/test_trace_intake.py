"""Messages into a store, on both databases: proven, taken once, or set aside and named."""

from collections.abc import Callable

import orjson
import pytest

from agent.formats.cloudevents import envelope
from agent.trace.aside import all_aside
from agent.trace.intake import Intake, again
from agent.trace.store import RowError, Store
from tests.streams import STATION, hashed, rows

Fresh = Callable[[], str]
TOPIC = f"lineside/v1/{STATION}/events/unit_completed"


def messages(lengths: list[int]) -> list[tuple[str, bytes]]:
    """Return a station's events as a broker hands them out."""
    return [(TOPIC, envelope(row.body)) for row in rows(lengths)]


def test_twice_and_shuffled_is_once(fresh: Fresh) -> None:
    """Whatever order and however often: each event is held once (D-136, D-137)."""
    sent = messages([5, 5])
    with Store.open(fresh()) as store:
        intake = Intake(store, "lineside", "me")
        first, second = intake.take(sent[::-1], 1), intake.take([*sent, *sent[:3]], 2)
    assert (first.new, first.known, second.new, second.known) == (10, 0, 0, 13)
    assert (first.aside, second.aside) == ([], [])
    assert first.newest == {STATION: ("000002-00000002", 5)}


def test_a_name_that_the_database_cannot_hold_holds_up_nobody(fresh: Fresh) -> None:
    """PostgreSQL has no NUL in text; SQLite has. Either way the others are taken."""
    odd = hashed({**orjson.loads(rows([9])[6].body), "unit": "SN-\0"})
    sent = messages([9])
    sent[6] = (TOPIC, envelope(odd))
    with Store.open(fresh()) as store:
        took = Intake(store, "lineside", "me").take(sent, 1)
        assert took.new + len(took.aside) == 9
        assert [link.seq for link in took.unreadable] == [7] * len(took.aside)
        waiting = list(all_aside(store.archive.connection))
        assert [one.why.partition(":")[0] for one in waiting] == [
            "000001-00000001-7" for _ in took.aside
        ]
        assert again(store, 2) == (0, waiting)


@pytest.mark.parametrize("depth", [40, 150, 450])
def test_a_message_that_is_nested_without_end_holds_up_nobody(fresh: Fresh, depth: int) -> None:
    """Whoever may publish cannot end a collector by it: it is set aside, the others are taken."""
    odd = b'{"hash":"x","kind":"k","x":' + b'{"a":[' * depth + b"]}" * depth + b"}"
    sent = messages([4])
    sent.insert(2, (TOPIC, odd))
    with Store.open(fresh()) as store:
        took = Intake(store, "lineside", "me").take(sent, 1)
        assert (took.new, [one.why for one in took.aside]) == (4, ["nested too deep"])


def test_an_event_that_nobody_can_read_is_kept_for_later(fresh: Fresh) -> None:
    """It is what was recorded, but lacks what its kind has; once it can be read it is taken."""
    bad = hashed({**orjson.loads(rows([4])[2].body), "components": 7})
    sent = messages([4])
    sent[2] = (TOPIC, envelope(bad))
    with Store.open(fresh()) as store:
        took = Intake(store, "lineside", "me").take(sent, 1)
        assert (took.new, [link.seq for link in took.unreadable]) == (3, [3])
        assert [one.digest for one in took.aside] == [orjson.loads(bad)["hash"]]
        assert Intake(store, "lineside", "me").take(sent, 2).aside == []
        assert [one.at_ms for one in all_aside(store.archive.connection)] == [1]


def test_what_was_set_aside_goes_in_when_it_can(fresh: Fresh) -> None:
    """A message that came over the wrong topic is no event of that station; over its own it is."""
    (one,) = messages([1])
    with Store.open(fresh()) as store:
        took = Intake(store, "elsewhere", "me").take([one], 1)
        assert [each.why for each in took.aside] == [f"000001-00000001-1: is of station {STATION}"]
        assert again(store, 2) == (1, [])


def test_another_content_under_the_same_address_is_set_aside(fresh: Fresh) -> None:
    """A cloned gateway: what came first stays, and the other is kept and named."""
    sent = messages([3])
    other = hashed({**orjson.loads(rows([3])[1].body), "unit": "SN-CLONE"})
    with Store.open(fresh()) as store:
        intake = Intake(store, "lineside", "me")
        intake.take(sent, 1)
        took = intake.take([sent[1], (TOPIC, envelope(other))], 2)
    assert [one.payload for one in took.aside] == [envelope(other)]
    assert "held with another content" in took.aside[0].why


def test_an_answer_is_taken_and_handed_on(fresh: Fresh) -> None:
    """Events that were sent again are events; the message that ends an answer is for the asker."""
    (one,) = rows([1])
    reply = f"lineside/v1/{STATION}/reply/me"
    end = b'{"epoch":"000001-00000001","from":1,"to":1,"sent":1,"unsent":[],"filtered":false}'
    with Store.open(fresh()) as store:
        took = Intake(store, "lineside", "me").take(
            [(reply, envelope(one.body, resend=True)), (reply, end)], 1
        )
    assert (took.new, took.aside) == (1, [])
    assert [message for _, message in took.spoke] == [envelope(one.body, resend=True), end]


@pytest.mark.parametrize("fresh", ["postgres"], indirect=True)
def test_what_a_database_refuses_of_a_row_is_told_from_a_database_that_is_away(
    fresh: Fresh,
) -> None:
    """The first is about one event, and no retry helps."""
    event = {**orjson.loads(rows([2])[1].body), "unit": "\0"}
    with Store.open(fresh()) as store, pytest.raises(RowError):
        store.take_events([event])
