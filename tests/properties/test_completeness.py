"""The proof of completeness beside a model that knows what was delivered (D-136 to D-138).

A station writes epochs; some of its events reach a consumer, doubled and in any order, over a full
stream or a filtered one. Completeness is claimed exactly where nothing lacks, never elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.trace.completeness import Answered, Lack, Ledger, Link, Stand
from agent.trace.spans import Spans
from tests.streams import STATION, digest, written


@dataclass(frozen=True)
class History:
    """What a station wrote: every event, oldest first, and which of them are on the stream."""

    links: tuple[Link, ...]
    wanted: frozenset[int]
    """Places in `links`; all of them on a full stream."""

    @property
    def stream(self) -> list[Link]:
        """Return what the sink gets, each with its `after` where the stream is filtered."""
        if len(self.wanted) == len(self.links):
            return list(self.links)
        found: list[Link] = []
        for place in sorted(self.wanted):
            link = self.links[place]
            after = (found[-1].epoch, found[-1].seq) if found else None
            found.append(with_after(link, after))
        return found

    @property
    def position(self) -> Stand:
        """Return where its journal stands."""
        last = self.links[-1]
        return Stand(
            station=STATION,
            epoch=last.epoch,
            last_seq=last.seq,
            last_hash=last.hash,
            first_kept=None,
        )


def with_after(link: Link, after: tuple[str, int] | None) -> Link:
    """Return a link as a filtered stream carries it."""
    return Link(
        station=link.station,
        epoch=link.epoch,
        seq=link.seq,
        hash=link.hash,
        prev=link.prev,
        after=after,
        starts=link.starts,
        previous=link.previous,
        previous_hash=link.previous_hash,
    )


@st.composite
def histories(draw: st.DrawFn, *, is_filtered: bool) -> History:
    """Draw a history; a filtered stream has the first event, so that it is known to begin there."""
    links = written(draw(st.lists(st.integers(1, 8), min_size=1, max_size=6)))
    everything = frozenset(range(len(links)))
    if not is_filtered or len(links) == 1:
        return History(tuple(links), everything)
    some = draw(st.frozensets(st.integers(1, len(links) - 1), max_size=len(links) - 2))
    return History(tuple(links), some | {0})


def previous_of(history: History, epoch: str) -> tuple[str, int] | None:
    """Return where the epoch before one ended."""
    return next(link.previous for link in history.links if link.epoch == epoch)


def heard(links: Sequence[Link], position: Stand | None) -> Ledger:
    """Return a ledger that took these in this order."""
    ledger = Ledger()
    for link in links:
        ledger.take(link)
    if position is not None:
        ledger.stand(position)
    return ledger


@settings(max_examples=120, deadline=None)
@given(histories(is_filtered=False), st.data())
def test_a_full_stream_is_complete_exactly_when_nothing_lacks(
    history: History, data: st.DataObject
) -> None:
    """Lost, doubled, shuffled: the gaps are what was lost, and can be asked for (D-138)."""
    lost = data.draw(st.frozensets(st.sampled_from(range(len(history.links)))))
    kept = [link for place, link in enumerate(history.links) if place not in lost]
    order = data.draw(st.permutations(kept + kept[: len(kept) // 2]))
    ledger = heard(order, history.position)
    report = ledger.report(STATION)
    assert report.is_complete == (not lost)
    assert not report.forks
    assert not report.broken
    assert not report.conflicts
    named = {
        (asked.epoch, seq) for asked in report.to_ask for seq in range(asked.first, asked.last + 1)
    }
    held = {(link.epoch, link.seq) for link in kept}
    everything = {(link.epoch, link.seq) for link in history.links}
    assert not named & held
    assert named <= everything
    for link in history.links:
        ledger.take(link)
    assert ledger.report(STATION).is_complete


@settings(max_examples=120, deadline=None)
@given(histories(is_filtered=True), st.data())
def test_a_filtered_stream_is_complete_exactly_when_nothing_of_it_lacks(
    history: History, data: st.DataObject
) -> None:
    """Each event speaks for the numbers between `after` and itself, over epochs too (D-138)."""
    stream = history.stream
    lost = data.draw(st.frozensets(st.sampled_from(range(len(stream)))))
    kept = [link for place, link in enumerate(stream) if place not in lost]
    ledger = heard(data.draw(st.permutations(kept + kept[::2])), history.position)
    report = ledger.report(STATION)
    is_through = stream[-1].hash == history.links[-1].hash  # else nothing speaks for the rest
    assert report.is_complete == (not lost and is_through)
    for link in history.links:  # what was lost is named
        mine = [other for other in stream if other.hash == link.hash]
        if mine and mine[0] not in kept and report.upto is not None:
            upto_epoch, _, upto_seq = report.upto.rpartition("-")
            assert (link.epoch, link.seq) > (upto_epoch, int(upto_seq))


@settings(max_examples=120, deadline=None)
@given(histories(is_filtered=True), st.data())
def test_a_filtered_stream_is_mended_by_answers(history: History, data: st.DataObject) -> None:
    """Asking for what is named, until nothing is, ends in a proof; a lost answer proves nothing."""
    stream = history.stream
    lost = data.draw(st.frozensets(st.sampled_from(range(len(stream)))))
    kept = [link for place, link in enumerate(stream) if place not in lost]
    ledger = heard(kept, history.position)
    for _ in range(len(history.links) + 1):
        for asked in ledger.report(STATION).to_ask:
            sent = [
                link
                for link in stream
                if link.epoch == asked.epoch and asked.first <= link.seq <= asked.last
            ]
            answer = Answered(
                station=STATION,
                epoch=asked.epoch,
                first=asked.first,
                last=asked.last,
                sent=len(sent),
                is_filtered=len(stream) < len(history.links),
                starts=asked.first == 1,
                previous=previous_of(history, asked.epoch) if asked.first == 1 else None,
            )
            ledger.answered(answer)  # before its events are there it speaks for nothing
            if [link for link in sent if link not in kept]:
                assert not ledger.report(STATION).is_complete
            for link in sent:
                ledger.take(with_after(link, None))
            ledger.answered(answer)
    assert ledger.report(STATION).is_complete


@settings(max_examples=80, deadline=None)
@given(histories(is_filtered=False), st.data())
def test_without_a_position_no_end_is_claimed(history: History, data: st.DataObject) -> None:
    """Where nobody says how far the running epoch goes, all that is there proves nothing."""
    report = heard(data.draw(st.permutations(history.links)), None).report(STATION)
    assert (report.is_complete, report.open_end) == (False, True)
    assert report.gaps == ()


@settings(max_examples=80, deadline=None)
@given(histories(is_filtered=False), st.data())
def test_an_altered_event_is_never_part_of_a_proof(history: History, data: st.DataObject) -> None:
    """One content exchanged for another breaks a link, or is a conflict where both came."""
    at = data.draw(st.integers(0, len(history.links) - 1))
    link = history.links[at]
    altered = Link(
        station=STATION,
        epoch=link.epoch,
        seq=link.seq,
        hash=digest("altered"),
        prev=link.prev,
        starts=link.starts,
        previous=link.previous,
        previous_hash=link.previous_hash,
    )
    both = data.draw(st.booleans())
    others = [other for other in history.links if other is not link or both]
    report = heard(data.draw(st.permutations([*others, altered])), history.position).report(STATION)
    assert not report.is_complete
    assert report.conflicts or report.broken


@settings(max_examples=80, deadline=None)
@given(histories(is_filtered=False), st.integers(1, 8), st.data())
def test_two_successors_of_one_epoch_are_a_fork(
    history: History, length: int, data: st.DataObject
) -> None:
    """A clone goes on from a state that another gateway went on from too (DESIGN 3)."""
    at = data.draw(st.integers(0, len(history.links) - 1))
    origin = history.links[at]
    number = int(origin.epoch.partition("-")[0]) + 1
    clone = f"{number:06d}-cccccccc"
    links = [
        Link(
            station=STATION,
            epoch=clone,
            seq=seq,
            hash=digest(clone, seq),
            prev=digest(clone, seq - 1) if seq > 1 else origin.hash,
            starts=seq == 1,
            previous=(origin.epoch, origin.seq) if seq == 1 else None,
            previous_hash=origin.hash if seq == 1 else None,
        )
        for seq in range(1, length + 1)
    ]
    order = data.draw(st.permutations([*history.links, *links]))
    report = heard(order, history.position).report(STATION)
    is_last = origin.epoch == history.links[-1].epoch
    followers = {fork.of: fork.into for fork in report.forks}
    assert is_last or clone in followers[origin.epoch]
    assert not report.is_complete or is_last


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 12))), st.integers(1, 60))
def test_spans_are_sets_of_numbers(added: list[tuple[int, int]], low: int) -> None:
    """However intervals are added, they hold the numbers that a set would (model)."""
    spans, model = Spans(), set[int]()
    for first, more in added:
        spans.add(first, first + more - 1)
        model |= set(range(first, first + more))
    high = low + 20
    window = set(range(low, high + 1))
    assert {n for a, b in spans.lacking(low, high) for n in range(a, b + 1)} == window - model
    assert {n for a, b in spans.shared(low, high) for n in range(a, b + 1)} == window & model
    assert spans.within(low, high) == len(window & model)
    assert [n for a, b in spans for n in range(a, b + 1)] == sorted(model)
    assert (len(spans), spans.first) == (len(model), min(model, default=None))
    assert (spans.last, low in spans) == (max(model, default=None), low in model)


def test_a_gap_says_whether_it_can_be_asked_for() -> None:
    """Older than the oldest kept is gone, beyond what the next epoch knows is lost (D-139)."""
    links = written([10, 3])
    ledger = Ledger()
    for link in links[10:]:
        ledger.take(link)
    first, second = links[0].epoch, links[10].epoch
    ledger.stand(
        Stand(station=STATION, epoch=first, last_seq=12, last_hash=digest(1), first_kept=(first, 4))
    )
    report = ledger.report(STATION)
    assert [(str(gap.range), gap.why) for gap in report.gaps] == [
        (f"{first}-1…3", Lack.GONE),
        (f"{first}-4…10", Lack.MISSING),
        (f"{first}-11…12", Lack.LOST),
    ]
    assert second not in {asked.epoch for asked in report.to_ask}
