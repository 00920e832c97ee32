"""The parts of the MQTT sink that need no connection: topics, reasons, poison."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ports import Address, Refusal
from agent.sinks.mqtt.poison import POISON_AFTER, Poison
from agent.sinks.mqtt.reasons import (
    hung_up,
    not_connected,
    refusal,
    says_nothing_of_the_event,
)
from agent.sinks.mqtt.topics import Topics, path_segments

ONE, TWO, THREE = (Address("000001-00000000", seq) for seq in (1, 2, 3))


# ------------------------------------------------------------------ topics


def test_topics_follow_the_equipment() -> None:
    """Root, version, the station's path, then what the message is (D-113)."""
    topics = Topics("plants/acme", "graz/line-3/press_07")
    base = "plants/acme/v1/graz/line-3/press_07"
    assert topics.event("unit_completed") == f"{base}/events/unit_completed"
    assert (topics.health, topics.position) == (f"{base}/health", f"{base}/position")


@given(st.text())
def test_no_text_becomes_a_topic_unless_it_is_plain(text: str) -> None:
    """Whatever a kind or a path holds: plain segments pass as they are, all else is refused."""
    plain = text != "" and set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")
    try:
        assert Topics("a", "b").event(text) == f"a/v1/b/events/{text}"
    except ValueError as error:
        assert not plain
        assert str(error) == f"kind {text!r} cannot stand in a topic"  # noqa: PT017 - the other outcome is looked at as well
    else:
        assert plain


@pytest.mark.parametrize("path", ["", "a//b", "/a", "a/", "a/B", "a/+", "a/#", "ä", "a\n"])
def test_a_path_with_anything_else_is_refused(path: str) -> None:
    """Wildcards, empty levels and control characters never reach a broker (PITFALLS Q3)."""
    with pytest.raises(ValueError, match="cannot stand in a topic"):
        path_segments(path)


# ------------------------------------------------------------------ reasons


def test_only_what_is_known_to_be_final_is_final() -> None:
    """Too large and malformed never pass; any other refusal, known or not, is asked again."""
    final = [code for code in range(0x80, 0x100) if refusal(code)[0] is Refusal.NEVER]
    assert final == [0x95, 0x99]


def test_reasons_name_the_code() -> None:
    """Known codes have words with advice, unknown ones at least their number."""
    assert refusal(0x97)[1].startswith("refused by broker: quota exceeded: raise it")
    assert refusal(0xC0)[1] == "refused by broker: no reason known (0xC0)"
    assert not_connected(0xC0) == "refused the connection: no reason known (0xC0)"
    assert hung_up(0x8B) == "closed the connection: it is shutting down (0x8B)"
    assert hung_up(0xC0) == "closed the connection: no reason known (0xC0)"


def test_what_accuses_an_event_and_what_does_not() -> None:
    """Malformed, protocol error and too large may be an event's doing; a restart is not."""
    assert [says_nothing_of_the_event(code) for code in (0x81, 0x82, 0x95, 0x99)] == [False] * 4
    assert [says_nothing_of_the_event(code) for code in (0x8B, 0x8E, 0x97, 0x98)] == [True] * 4


# ------------------------------------------------------------------ poison


def test_one_hang_up_accuses_nobody() -> None:
    """A broker that was killed once with a window under way is no reason to slow down."""
    poison = Poison()
    poison.dropped({ONE, TWO})
    assert not poison.suspected


def test_twice_in_a_row_is_suspect_and_sent_alone() -> None:
    """What was under way at two hang-ups in a row is suspected until it is confirmed."""
    poison = Poison()
    poison.dropped({ONE, TWO})
    poison.dropped({TWO, THREE})
    assert poison.suspected
    assert not poison.proven(TWO)
    poison.done(TWO)
    assert not poison.suspected


def test_three_hang_ups_on_one_alone_prove_it() -> None:
    """Only then may an event be set aside, and setting it aside ends the suspicion."""
    poison = Poison()
    poison.dropped({ONE, TWO})
    poison.dropped({ONE, TWO})
    for _ in range(POISON_AFTER):
        assert not poison.proven(ONE)
        poison.dropped({ONE})
    assert poison.proven(ONE)
    assert not poison.proven(TWO)
    poison.done(ONE)
    assert not poison.proven(ONE)


def test_those_behind_stay_suspect() -> None:
    """Confirming one suspect clears it and all before it, not those behind."""
    poison = Poison()
    poison.dropped({ONE, TWO, THREE})
    poison.dropped({ONE, TWO, THREE})
    poison.done(TWO)
    assert poison.suspected
    poison.done(THREE)
    assert not poison.suspected


@given(
    st.integers(1, 30),
    st.integers(0, 29),
    st.integers(1, 10),
)
def test_poison_is_found_and_nothing_else_is(count: int, bad_at: int, window: int) -> None:
    """Of any number of events in any window, exactly the one the broker hangs up on is proven."""
    addresses = [Address("000001-00000000", seq) for seq in range(1, count + 1)]
    bad = addresses[bad_at % count]
    poison, open_, proven, hang_ups = Poison(), list(addresses), list[Address](), 0
    while open_:
        sent = open_[: 1 if poison.suspected else window]
        if poison.proven(sent[0]):
            proven.append(sent[0])
            poison.done(open_.pop(0))
        elif bad in sent:
            for address in sent[: sent.index(bad)]:
                poison.done(address)
                open_.remove(address)
            poison.dropped([address for address in sent if address in open_])
            hang_ups += 1
        else:
            for address in sent:
                poison.done(address)
                open_.remove(address)
    assert proven == [bad]
    assert hang_ups <= 2 + POISON_AFTER
