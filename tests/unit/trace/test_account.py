"""What has come of a station's events: how far it reaches, what lacks, and how old that is."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import orjson
import pytest

from agent.trace.account import MOST_SEQ, Account, Extent, Hole, check
from agent.trace.claims import Link, Range, Stand
from tests.streams import STATION, written

ONE, TWO, THREE = (f"{n:06d}-{n:08x}" for n in (1, 2, 3))


def at_ms(link: Link) -> int:
    """Return when an event of these tests was recorded."""
    return int(link.epoch[:6]) * 100_000 + link.seq * 1000


def stand(link: Link, first_kept: Link | None = None) -> Stand:
    """Return the position of a station whose newest event this is."""
    kept = (first_kept.epoch, first_kept.seq) if first_kept is not None else (ONE, 1)
    return Stand(
        station=STATION,
        epoch=link.epoch,
        last_seq=link.seq,
        last_hash=link.hash,
        first_kept=kept,
    )


def account(*links: Link) -> Account:
    """Return an account of events that came in this order."""
    found = Account(STATION)
    for link in links:
        if (link.epoch, link.seq) not in found:
            found.take(link, at_ms(link))
    return found


def whole(as_of: str) -> Extent:
    """Return the extent of which nothing lacks from the station's first event on."""
    return Extent(
        as_of=as_of, since="", since_ms=None, holes=(), behind=False, twins=(), is_filtered=False
    )


def test_all_that_came_in_any_order_is_all() -> None:
    """From the first event to where the station stands, over its runs."""
    links = written([2, 1, 2])
    for order in permutations(links):
        assert account(*order).extent(stand(links[-1])) == whole(f"{THREE}-2")


def test_what_is_kept_on_disk_is_the_same_account() -> None:
    """Through JSON and back it says the same, holes and doubts too."""
    links = written([4, 5])
    lost = replace(links[8], lost=(ONE, 4, 4))
    one = account(links[0], links[2], links[4], links[5], lost)
    one.differs(links[2], 7)
    other = Account(STATION)
    for name in (ONE, TWO):
        other.restore(name, orjson.loads(orjson.dumps(one.said(name))))
    assert other.extent(stand(links[8])) == one.extent(stand(links[8]))
    assert other.surveyed(stand(links[8])) == one.surveyed(stand(links[8]))
    assert other.newest == one.newest == (TWO, 5)


def test_a_hole_is_no_younger_than_what_came_after_it() -> None:
    """So it is known when it can hold nothing any more that matters."""
    links = written([6, 2])
    without = account(*links[:1], *links[2:4], *links[5:])
    extent = without.extent(stand(links[-1]))
    assert extent.holes == (
        Hole(Range(ONE, 2, 2), at_ms(links[2])),
        Hole(Range(ONE, 5, 5), at_ms(links[5])),
    )
    assert (extent.as_of, extent.behind) == (f"{ONE}-1", False)
    assert without.surveyed(stand(links[-1])).lacking == (Range(ONE, 2, 2), Range(ONE, 5, 5))


def test_the_end_of_a_run_may_lack_too() -> None:
    """The next run's first event says where it ended; its age is that of the next run."""
    links = written([3, 2])
    extent = account(*links[:2], *links[3:]).extent(stand(links[-1]))
    assert extent.holes == (Hole(Range(ONE, 3, 3), at_ms(links[3])),)
    unsaid = account(*links[:2], links[4]).extent(stand(links[-1]))
    assert unsaid.holes == (
        Hole(Range(TWO, 1, 1), at_ms(links[4])),
        Hole(Range(ONE, 3, 3), at_ms(links[4])),
    )


def test_what_is_only_newer_may_be_on_its_way() -> None:
    """More of the newest run, a whole new one, or a position that is older than what came."""
    links = written([3, 3])
    assert account(*links[:2]).extent(stand(links[2])).behind
    assert account(*links[:3]).extent(stand(links[5])).behind
    late = account(*links).extent(stand(links[2]))
    assert late.holes == (Hole(Range(TWO, 4, 4), None),)
    assert late.behind
    assert account().extent(stand(links[5])).behind


def test_what_was_before_the_oldest_is_no_hole_but_is_said() -> None:
    """It is asked for as long as the station keeps it."""
    links = written([4, 3])
    later = account(*links[5:])
    extent = later.extent(stand(links[-1]))
    assert (extent.holes, extent.since, extent.since_ms) == ((), f"{TWO}-2", at_ms(links[5]))
    assert extent.as_of == f"{TWO}-3"
    position = stand(links[-1], links[2])
    assert later.surveyed(position).lacking == (Range(TWO, 1, 1),)
    later.take(links[4], at_ms(links[4]))  # it says what was before
    assert later.surveyed(position).lacking == (Range(ONE, 3, 4),)
    assert later.extent(position).holes == ()
    assert account(*links[2:]).extent(stand(links[-1])).since == f"{ONE}-3"


def test_two_runs_after_the_same_are_twins() -> None:
    """A cloned gateway, until the station itself has told that one of them was lost."""
    links = written([2, 2])
    clone = [
        replace(link, epoch=THREE, hash=link.hash[::-1], previous=link.previous)
        for link in links[2:]
    ]
    extent = account(*links, *clone).extent(stand(clone[-1]))
    assert extent.twins == (Hole(Range(THREE, 1, 1), at_ms(clone[-1])),)
    told = replace(clone[1], lost=(TWO, 1, 2))
    assert account(*links, clone[0], told).extent(stand(told)).twins == ()


def test_two_contents_of_one_address_are_twins_too() -> None:
    """Remembered with the time of the second."""
    links = written([2])
    twice = account(*links)
    twice.differs(links[1], 77)
    assert twice.extent(stand(links[1])).twins == (Hole(Range(ONE, 2, 2), 77),)


def test_old_runs_are_let_go_when_they_are_deleted_there_too() -> None:
    """What is gone is neither a hole nor asked for; what is kept there would be asked for again."""
    links = written([2, 2, 2])
    old = account(*links)
    assert old.forget(at_ms(links[3]) + 1, (ONE, 2)) == []
    assert old.forget(at_ms(links[3]), (THREE, 1)) == [ONE]
    assert old.forget(at_ms(links[5]) + 1, (THREE, 1)) == [TWO]
    position = stand(links[-1], links[4])
    extent = old.extent(position)
    assert (extent.holes, extent.since, extent.as_of) == ((), f"{THREE}-1", f"{THREE}-2")
    assert old.surveyed(position).lacking == ()


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 0},
        {"seq": MOST_SEQ},
        {"previous": (ONE, 1 << 60)},
        {"lost": (ONE, 1, 10**30)},
        {"lost": (ONE, -1, 3)},
    ],
)
def test_numbers_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    """An agent does not write them, and they would not fit."""
    (link,) = written([1])
    check(link)
    with pytest.raises(ValueError, match="is no seq"):
        check(replace(link, **change))  # type: ignore[arg-type]  # one field at a time
