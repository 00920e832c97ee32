"""The order between journal and confirmation."""

from hypothesis import given
from hypothesis import strategies as st

from agent.ports import Address
from agent.publisher.flights import Flight, Flights
from tests.doubles import EPOCH, event_row


def _filled(count: int, unwanted: frozenset[int] = frozenset()) -> Flights:
    flights = Flights()
    for seq in range(1, count + 1):
        flights.add(row := event_row(seq), row.address, None, wanted=seq not in unwanted)
    return flights


def _taken(flights: Flights, count: int) -> list[Flight]:
    taken = [flights.take(now_ms=seq * 10) for seq in range(count)]
    return [flight for flight in taken if flight is not None]


def test_the_cursor_waits_for_the_first() -> None:
    """What is settled behind an open one does not move the cursor."""
    flights = _filled(3)
    first, second, _ = _taken(flights, 3)
    flights.settle(second)
    assert flights.advance() == (None, None)
    flights.settle(first)
    assert flights.advance() == (Address(EPOCH, 2), Address(EPOCH, 2))
    assert (len(flights), flights.under_way) == (1, 1)


def test_what_came_back_is_sent_first_and_in_order() -> None:
    """Events that came back go out again before newer ones, oldest first."""
    flights = _filled(4)
    taken = _taken(flights, 3)
    flights.put_back(taken[2])
    flights.put_back(taken[0])
    again = _taken(flights, 3)
    assert [flight.row.seq for flight in again] == [1, 3, 4]


def test_a_lost_connection_brings_back_all_but_what_is_settled() -> None:
    """After it, exactly what is not settled waits, in order, and nothing is under way."""
    flights = _filled(4)
    taken = _taken(flights, 3)
    flights.settle(taken[1])
    flights.put_back_all()
    assert flights.under_way == 0
    assert [flight.row.seq for flight in _taken(flights, 9)] == [1, 3, 4]


def test_the_cursor_passes_what_is_not_for_this_sink() -> None:
    """Rows that a filter leaves out move the cursor, and not the stream's own address."""
    flights = _filled(3, unwanted=frozenset({1, 3}))
    assert flights.advance() == (Address(EPOCH, 1), None)
    (second,) = _taken(flights, 3)
    flights.settle(second)
    assert flights.advance() == (Address(EPOCH, 3), Address(EPOCH, 2))


def test_the_oldest_under_way_is_known() -> None:
    """The age that is shown is that of the oldest unconfirmed one."""
    flights = _filled(3)
    seen = [flights.oldest_sent_ms]
    taken = _taken(flights, 3)
    seen.append(flights.oldest_sent_ms)
    flights.settle(taken[0])
    seen.append(flights.oldest_sent_ms)
    assert seen == [None, 0, 10]


@given(st.lists(st.sampled_from(["take", "settle", "back", "drop", "advance"]), max_size=60))
def test_nothing_is_lost_whatever_happens(steps: list[str]) -> None:
    """At any moment each event is passed, settled, under way or waiting: exactly one of them."""
    flights, under_way, passed = _filled(12), list[Flight](), 0
    settled: set[int] = set()
    for step in steps:
        if step == "take" and (flight := flights.take(0)) is not None:
            under_way.append(flight)
        elif step == "settle" and under_way:
            flight = under_way.pop(len(under_way) // 2)
            settled.add(flight.row.seq)
            flights.settle(flight)
        elif step == "back" and under_way:
            flights.put_back(under_way.pop())
        elif step == "drop":
            under_way.clear()
            flights.put_back_all()
        elif step == "advance":
            to, _ = flights.advance()
            passed = passed if to is None else to.seq
        assert flights.under_way == len(under_way)
        assert flights.unsent + flights.under_way + len(settled) == 12
        assert set(range(1, passed + 1)) <= settled
        assert len(flights) == 12 - passed
