"""Laws of the framer for every stream, every cut and every mode."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from drivers.base import FrameStatus
from drivers.framing import Frame, Framer, FramingOptions, Mode, Terminator

ALPHABET = b"ABN\x00\x02\x03\x04\x0a\x0d\x15\x1d\x7f\xe4\xff"
"""Few bytes, so that ends, noise and no-reads meet often."""

streams = st.lists(st.sampled_from(ALPHABET), max_size=60).map(bytes)
limits = st.integers(1, 12)


@st.composite
def framings(draw: st.DrawFn) -> FramingOptions:
    """Any mode with limits so small that they are reached."""
    most = draw(limits)
    return FramingOptions(
        mode=draw(st.sampled_from(Mode)),
        terminator=draw(st.sampled_from(Terminator)),
        max_len=most,
        length=draw(st.integers(1, most)),
        idle_ms=draw(limits),
        partial_timeout_ms=draw(limits),
        noread=("N", "\x15"),
    )


@st.composite
def moments(draw: st.DrawFn) -> list[tuple[int, bytes]]:
    """Bursts of bytes with the gap before each, in milliseconds."""
    return draw(st.lists(st.tuples(st.integers(0, 15), streams), max_size=6))


def frames_of(framing: FramingOptions, calls: list[tuple[int, bytes]]) -> list[Frame]:
    """Return all frames of a stream given as (time, bytes), the last ended by a disconnect."""
    framer, frames, at_ms = Framer(framing), list[Frame](), 0
    for at_ms, data in calls:
        frames += framer.feed(at_ms, data)
    return frames + framer.disconnect(at_ms)


def timed(bursts: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Return bursts with the time of each in place of the gap before it."""
    now_ms, calls = 0, []
    for gap_ms, data in bursts:
        now_ms += gap_ms
        calls.append((now_ms, data))
    return calls


@given(framings(), moments(), st.data())
def test_cut_of_reads_changes_nothing(
    framing: FramingOptions, bursts: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    """However the bytes of one moment are cut into reads, frames and times are the same."""
    calls = timed(bursts)
    pieces: list[tuple[int, bytes]] = []
    for at_ms, burst in calls:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(burst)), max_size=4)))
        ends = [0, *cuts, len(burst)]
        pieces += [(at_ms, burst[a:b]) for a, b in pairwise(ends)]
    assert frames_of(framing, pieces) == frames_of(framing, calls)


@given(framings(), moments())
def test_frames_are_bounded_and_in_order(
    framing: FramingOptions, bursts: list[tuple[int, bytes]]
) -> None:
    """No frame is empty or too long, none overlaps the next, and little is held between calls."""
    framer, frames, now_ms = Framer(framing), list[Frame](), 0
    for now_ms, burst in timed(bursts):
        frames += framer.feed(now_ms, burst)
        assert framer.held_bytes <= framing.max_len + 1
    frames += framer.disconnect(now_ms)
    assert framer.held_bytes == 0
    assert framer.next_deadline_ms is None
    assert all(0 < len(frame.raw) <= framing.max_len for frame in frames)
    assert all(frame.first_ms <= frame.last_ms for frame in frames)
    assert all(a.last_ms <= b.first_ms for a, b in pairwise(frames))


@given(framings(), moments())
def test_deadline_is_kept_by_whoever_asks_late(
    framing: FramingOptions, bursts: list[tuple[int, bytes]]
) -> None:
    """A reader that ticks at each deadline gets the same frames as one that never does."""
    framer, punctual, at_ms = Framer(framing), list[Frame](), 0
    for at_ms, burst in timed(bursts):
        deadline_ms = framer.next_deadline_ms
        if deadline_ms is not None and deadline_ms <= at_ms:
            punctual += framer.tick(deadline_ms)
        punctual += framer.feed(at_ms, burst)
    punctual += framer.disconnect(at_ms)
    assert punctual == frames_of(framing, timed(bursts))


@given(framings(), moments(), st.integers(0, 30))
def test_doubt_never_makes_a_code(
    framing: FramingOptions, bursts: list[tuple[int, bytes]], slept_ms: int
) -> None:
    """Bytes that may be older than their reading give no code that certain times would not."""
    certain, doubtful = Framer(framing), Framer(framing)
    known, guessed = list[Frame](), list[Frame]()
    last_ms = 0
    for at_ms, burst in timed(bursts):
        since_ms = max(last_ms, at_ms - slept_ms)
        last_ms = at_ms
        known += certain.feed(at_ms, burst)
        guessed += doubtful.feed(at_ms, burst, since_ms=since_ms)
    accepted = [frame.raw for frame in guessed if frame.status is not FrameStatus.PARTIAL]
    rest = iter([frame.raw for frame in known])
    assert all(raw in rest for raw in accepted)


@given(st.lists(st.text("ABC123", min_size=1, max_size=8), max_size=8))
def test_codes_come_out_as_they_went_in(codes: list[str]) -> None:
    """What a reader sends with its terminator is what is framed: each code once, in order."""
    for terminator, end in (("cr", "\r"), ("lf", "\n"), ("crlf", "\r\n"), ("any", "\r\n")):
        stream = "".join(code + end for code in codes).encode()
        frames = Framer(FramingOptions(terminator=Terminator(terminator))).feed(0, stream)
        assert [(frame.raw.decode(), frame.status) for frame in frames] == [
            (code, FrameStatus.OK) for code in codes
        ]
