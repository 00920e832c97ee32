"""What a subscription's messages become, message by message, without a server."""

from collections.abc import Sequence
from typing import cast

import pytest
from asyncua import ua

from drivers.base import AnyObservation, LinkDownError, SamplesLost, ValuesSeen
from drivers.opcua import OpcUaTag
from drivers.opcua.feed import Feed, Terms
from drivers.opcua.link import Link
from drivers.opcua.resolve import Item
from drivers.opcua.seen import Seen
from drivers.opcua.wire import Published, Reading
from drivers.options import Tag
from tests.doubles import ManualClock

TERMS = Terms(subscription=3, publishing_ms=100.0, sampling_ms=50.0, keep_alive_s=2.0, warnings=())
ITEMS = [
    Item(tag=Tag(name=name, address=OpcUaTag(node=f"i={kind}")), node=ua.NodeId(), kind=kind)
    for name, kind in (("count", 6), ("serial", 12))
]


class EndOfScriptError(Exception):
    """There are no more messages."""


class ScriptedLink:
    """Publishes what the test says, so much later each."""

    endpoint = "opc.tcp://plc:4840"
    timeout_s = 2.0

    def __init__(self, clock: ManualClock, messages: Sequence[tuple[float, Published]]) -> None:
        self._clock = clock
        self._messages = list(messages)
        self.done: list[tuple[int, int]] = []

    async def publish(self, done: Sequence[tuple[int, int]], within_s: float) -> Published:
        """Return the next message after its time has passed."""
        assert within_s == 4.0
        self.done += done
        if not self._messages:
            raise EndOfScriptError
        after_s, message = self._messages.pop(0)
        await self._clock.advance(after_s)
        return message

    def down(self, what: str) -> LinkDownError:
        """Return the error that ends the link."""
        return LinkDownError(f"{self.endpoint}: {what}")


def message(sequence: int, *changes: tuple[int, Reading], subscription: int = 3) -> Published:
    """Return a message; without changes it is a keep-alive."""
    return Published(
        subscription=subscription,
        sequence=sequence,
        changes=list(changes),
        is_keep_alive=not changes,
    )


def count(value: int, status: int = 0) -> tuple[int, Reading]:
    """Return a change of the first item."""
    return 0, (value, 6, status, 0)


class Told:
    """What was emitted, and what the server was told that it may forget."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.seen: list[AnyObservation] = []
        self.slow_s = 0.0

    async def emit(self, observation: AnyObservation) -> None:
        """Take an observation, as slowly as the test says."""
        self.seen.append(observation)
        await self.clock.advance(self.slow_s)

    async def of(self, *messages: tuple[float, Published]) -> list[tuple[int, int]]:
        """Run the feed over (seconds later, message) and return what was acknowledged."""
        link = ScriptedLink(self.clock, messages)
        feed = Feed(cast("Link", link), TERMS, ITEMS, Seen("plc", self.clock))
        with pytest.raises(EndOfScriptError):
            await feed.run(self.emit)
        return link.done

    @property
    def counts(self) -> list[object]:
        """Return every value of the counter, in order."""
        return [
            value.value
            for one in self.seen
            if isinstance(one, ValuesSeen)
            for value in one.values
            if value.tag == "count"
        ]

    @property
    def losses(self) -> list[tuple[str | None, str]]:
        """Return what was said to be lost."""
        return [(one.tag, one.reason) for one in self.seen if isinstance(one, SamplesLost)]


async def test_messages_are_handed_on_in_order_and_acknowledged() -> None:
    """Each message's values come in its order; keep-alives and strangers are not acknowledged."""
    told = Told()
    done = await told.of(
        (0.1, message(1, count(1), count(2), (1, ("SN", 12, 0, 0)))),
        (0.1, message(2)),
        (0.1, message(9, count(99), subscription=8)),
        (0.1, message(2, count(3))),
    )
    assert told.counts == [1, 2, 3]
    assert told.losses == []
    assert done == [(3, 1), (3, 2)]


async def test_change_happened_within_both_intervals_before_its_receipt() -> None:
    """A change lies between receipt less sampling and publishing, and its receipt (DESIGN 2)."""
    told = Told()
    begun = told.clock.now().boot_ms
    await told.of((1.0, message(1, count(1))))
    (seen,) = told.seen
    assert (seen.earliest_ms - begun, seen.latest_ms - begun) == (850, 1000)


async def test_time_without_a_request_widens_the_interval() -> None:
    """What the server held back while the receiver was slow may be that much older."""
    told = Told()
    told.slow_s = 3.0
    begun = told.clock.now().boot_ms
    await told.of((1.0, message(1, count(1))), (0.0, message(2, count(2))))
    assert [(one.earliest_ms - begun, one.latest_ms - begun) for one in told.seen] == [
        (850, 1000),
        (850, 4000),
    ]


async def test_missing_message_is_a_loss() -> None:
    """A gap in the sequence numbers says that values are missing, before those that came (U11)."""
    told = Told()
    await told.of((0.1, message(1, count(1))), (0.1, message(3, count(3))))
    assert told.losses == [(None, "messages of the server are missing")]
    assert told.counts == [1, 3]
    assert isinstance(told.seen[1], SamplesLost)


async def test_first_message_may_have_any_number() -> None:
    """Nothing can be missing before the first message of a subscription, whatever its number."""
    told = Told()
    await told.of((0.1, message(0, count(1))), (0.1, message(1, count(2))))
    assert told.losses == []


async def test_repeated_message_is_nothing_new() -> None:
    """A message that comes twice is handed on once (U11)."""
    told = Told()
    await told.of((0.1, message(1, count(1))), (0.1, message(1, count(1))))
    assert told.counts == [1]
    assert told.losses == []


async def test_sequence_numbers_wrap_to_one() -> None:
    """After the largest number comes 1, and nothing is missing."""
    told = Told()
    await told.of((0.1, message(2**32 - 1, count(1))), (0.1, message(1, count(2))))
    assert told.losses == []
    assert told.counts == [1, 2]


async def test_overflow_is_said_before_the_value_that_carries_it() -> None:
    """The value with the overflow bit is good; what was lost came before it (D-95)."""
    told = Told()
    await told.of((0.1, message(1, count(5, 0x480))))
    assert told.losses == [("count", "the server's queue ran over")]
    assert told.counts == [5]
    assert isinstance(told.seen[0], SamplesLost)


async def test_unknown_handle_is_nobodys_value() -> None:
    """A handle that we did not give out names no tag."""
    told = Told()
    await told.of((0.1, message(1, (7, (1, 6, 0, 0)))))
    assert told.seen == []


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (count(2, 0x4000), "tag 'count' has another meaning now; connecting anew"),
        (count(0, 0x80340000), "tag 'count' is gone: BadNodeIdUnknown (0x80340000); connecting"),
        ((0, ("2", 12, 0, 0)), "tag 'count' was of type Int32 and is String now; connecting anew"),
    ],
)
async def test_node_that_is_not_what_it_was_ends_the_link(
    second: tuple[int, Reading], why: str
) -> None:
    """The value is shown once; then everything is resolved anew (D-98, U03, U04)."""
    told = Told()
    link = ScriptedLink(told.clock, [(0.1, message(1, count(1))), (0.1, message(2, second))])
    feed = Feed(cast("Link", link), TERMS, ITEMS, Seen("plc", told.clock))
    with pytest.raises(LinkDownError) as caught:
        await feed.run(told.emit)
    assert why in str(caught.value)
    assert len(told.counts) == 2


async def test_ended_subscription_ends_the_link() -> None:
    """A status of the subscription itself is told by name (U05)."""
    told = Told()
    ending = Published(subscription=3, sequence=1, changes=[], status=0x800A0000)
    link = ScriptedLink(told.clock, [(0.1, ending)])
    feed = Feed(cast("Link", link), TERMS, ITEMS, Seen("plc", told.clock))
    with pytest.raises(LinkDownError, match="ended the subscription: BadTimeout"):
        await feed.run(told.emit)
