"""What the opening and the end of a sub-lot say, to the last field (D-10, D-29)."""

from agent.core.events import CodeScanned, LotClosed, LotOpened
from tests.lot_rig import LotRig, cut

BY_BOX = cut(by_carrier=True)


def opened(event: LotOpened) -> dict[str, object]:
    """Return all that an opening says beside its envelope."""
    return {
        "lot": event.lot,
        "product": event.product,
        "previous": event.previous,
        "part_of": event.part_of,
        "carrier": event.carrier,
        "from_count": event.from_count,
        "between_ms": (event.earliest_ms, event.latest_ms),
        "because": event.because,
    }


def closed(event: LotClosed) -> dict[str, object]:
    """Return all that an end says beside its envelope."""
    return {
        "lot": event.lot,
        "n": (event.n, event.n_possible),
        "measure": event.measure,
        "reason": event.reason,
        "part_of": event.part_of,
        "to_count": event.to_count,
        "between_ms": (event.earliest_ms, event.latest_ms),
        "because": event.because,
    }


def test_a_container_that_waits_opens_with_its_lot() -> None:
    """At the count of that moment and within the scan of the lot: that is what opens it."""
    rig = LotRig(BY_BOX)
    rig.count(3)
    rig.rest()
    rig.scan("BOX-1")
    rig.turn(1_100)
    rig.scan("L-1", took_ms=30)
    scan = rig.of(CodeScanned)[-1]
    assert opened(rig.of(LotOpened)[-1]) == {
        "lot": "L-1/BOX-1",
        "product": None,
        "previous": None,
        "part_of": "L-1",
        "carrier": "BOX-1",
        "from_count": 3,
        "between_ms": (scan.earliest_ms, scan.latest_ms),
        "because": (),
    }
    assert scan.latest_ms - scan.earliest_ms == 30


def test_the_next_container_ends_the_one_before_within_its_scan() -> None:
    """Both say which scan led to them, and when it began and ended."""
    rig = LotRig(BY_BOX)
    rig.scan("BOX-1")
    rig.turn(1_100)
    rig.scan("L-1")
    rig.count(5)
    rig.rest()
    rig.scan("BOX-2", took_ms=40)
    scan = rig.of(CodeScanned)[-1]
    between_ms = (scan.earliest_ms, scan.latest_ms)
    assert between_ms[1] - between_ms[0] == 40
    assert closed(rig.of(LotClosed)[-1]) == {
        "lot": "L-1/BOX-1",
        "n": (5, 0),
        "measure": "pcs",
        "reason": "carrier",
        "part_of": "L-1",
        "to_count": None,
        "between_ms": between_ms,
        "because": (scan.address,),
    }
    assert opened(rig.of(LotOpened)[-1]) == {
        "lot": "L-1/BOX-2",
        "product": None,
        "previous": "L-1/BOX-1",
        "part_of": "L-1",
        "carrier": "BOX-2",
        "from_count": None,
        "between_ms": between_ms,
        "because": (scan.address,),
    }


def test_a_full_sub_lot_ends_within_the_poll_that_filled_it() -> None:
    """With the count at which it is full; the next begins with the piece after it."""
    rig = LotRig(cut(every_n=4))
    rig.turn(1_100)
    rig.scan("L-1")
    rig.count(6, took_ms=300)
    rig.rest()
    filled_ms = rig.rows()[0].last_ms
    between_ms = (filled_ms - 300, filled_ms)
    assert closed(rig.of(LotClosed)[0]) == {
        "lot": "L-1/0001",
        "n": (4, 0),
        "measure": "pcs",
        "reason": "full",
        "part_of": "L-1",
        "to_count": 4,
        "between_ms": between_ms,
        "because": (),
    }
    first, second = (opened(event) for event in rig.of(LotOpened)[1:])
    assert first == second | {"lot": "L-1/0001", "from_count": 0}
    assert second == {
        "lot": "L-1/0002",
        "product": None,
        "previous": None,
        "part_of": "L-1",
        "carrier": None,
        "from_count": 4,
        "between_ms": between_ms,
        "because": (),
    }


def test_a_sub_lot_by_time_wakes_the_agent_when_it_is_over() -> None:
    """At its moment, not a millisecond later, at whatever count then is."""
    rig = LotRig(cut(every_ms=60_000))
    rig.turn(1_100)
    rig.scan("L-1")
    rig.count(2)
    rig.rest()
    since_ms = rig.of(LotOpened)[-1].latest_ms
    assert rig.wakeup_ms == since_ms + 60_000
    rig.turn(58_000)
    end = rig.of(LotClosed)[-1]
    assert (end.reason, end.latest_ms, end.to_count) == ("time", since_ms + 60_000, 2)
