"""Frames: what the framer makes of bytes, silence and lost links (D-81, D-83)."""

import json
from pathlib import Path
from typing import Any

import pytest

from drivers.base import FrameStatus
from drivers.framing import Frame, Framer, FramingOptions, Mode, Terminator, garbage_ratio

VECTORS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data/barcodes/framing_vectors.jsonl")
    .read_text("utf-8")
    .splitlines()
]

Spoken = list[tuple[str, bytes]]


def options(config: dict[str, Any]) -> FramingOptions:
    """Return the options that a vector's `config` means."""
    given = dict(config)
    given["mode"] = Mode(given["mode"])
    if "terminator" in given:
        given["terminator"] = Terminator(given["terminator"])
    given["noread"] = tuple(given.get("noread", ()))
    return FramingOptions(**given)


def wanted(vector: dict[str, Any]) -> Spoken:
    """Return the frames that a vector wants."""
    return [(frame["status"], bytes.fromhex(frame["hex"])) for frame in vector["frames"]]


def spoken(frames: list[Frame]) -> Spoken:
    """Return frames without their times."""
    return [(str(frame.status), frame.raw) for frame in frames]


def framer(mode: Mode = Mode.TERMINATOR, end: str = "cr", most: int = 16) -> Framer:
    """Return a framer with short limits: 16 bytes, 50 ms idle, 1 s for the rest of a frame."""
    return Framer(
        FramingOptions(
            mode=mode, terminator=Terminator(end), max_len=most, length=4, noread=("NOREAD",)
        )
    )


def test_there_are_51_vectors() -> None:
    """The whole set is tried, not what a typing error left of it."""
    assert len(VECTORS) == 51


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
@pytest.mark.parametrize("cut", ["chunks", "bytes", "joined"])
def test_vector(vector: dict[str, Any], cut: str) -> None:
    """Each vector's stream gives exactly its frames, one call a chunk, a byte, or a moment."""
    under_test = Framer(options(vector["config"]))
    frames: list[Frame] = []
    now_ms, moment = 0, b""
    for chunk in vector["chunks"]:
        if chunk["gap_ms"] and moment:
            frames += under_test.feed(now_ms, moment)
            moment = b""
        now_ms += chunk["gap_ms"]
        data = bytes.fromhex(chunk.get("hex", ""))
        if "event" in chunk:
            frames += under_test.disconnect(now_ms)
        elif cut == "joined" and data:
            moment += data
        else:
            pieces = [data[at : at + 1] for at in range(len(data))] if cut == "bytes" else [data]
            for piece in pieces or [b""]:
                frames += under_test.feed(now_ms, piece)
    frames += under_test.feed(now_ms, moment)
    assert spoken(frames) == wanted(vector)


@pytest.mark.parametrize(
    ("end", "stream", "frames"),
    [
        ("lf", b"A" * 16 + b"\r\n", [("ok", b"A" * 16)]),
        ("lf", b"A" * 16 + b"\rB\nOK\n", [("overlong", b"A" * 16), ("ok", b"OK")]),
        ("lf", b"A" * 16 + b"\r\r\nOK\n", [("overlong", b"A" * 16), ("ok", b"OK")]),
        ("lf", b"A\r\r\n", [("invalid", b"A\r")]),
        ("lf", b"\r\n\n", []),
        ("crlf", b"A" * 16 + b"\r\n", [("ok", b"A" * 16)]),
        ("crlf", b"A" * 17 + b"\nB\r\nOK\r\n", [("overlong", b"A" * 16), ("ok", b"OK")]),
        ("crlf", b"A\nB\r\n", [("invalid", b"A\nB")]),
        ("crlf", b"A\r\r\n", [("invalid", b"A\r")]),
        ("crlf", b"\r\n\r\n", []),
        ("any", b"\r\n\n\rA\n\r", [("ok", b"A")]),
        ("cr", b"\n\n\x00\xff\nA\r", [("ok", b"A")]),
        ("cr", b"A\nB\r", [("invalid", b"A\nB")]),
        ("cr", b"A\x00\r", [("invalid", b"A\x00")]),
        ("cr", b"A\xff\r", [("ok", b"A\xff")]),
        ("cr", b"A\x7fB\r", [("invalid", b"A\x7fB")]),
        ("cr", b"[)>\x1e06\x1dP1\x1e\x04\r", [("ok", b"[)>\x1e06\x1dP1\x1e\x04")]),
        ("cr", b"NOREADNOREADNOREAD\rNOREAD\r", [("overlong", b"NOREADNOREADNORE"),
                                                 ("noread", b"NOREAD")]),
    ],
)  # fmt: skip
def test_terminators(end: str, stream: bytes, frames: Spoken) -> None:
    """A terminator is no data, what is its part counts towards no limit, and empty is nothing."""
    assert spoken(framer(end=end).feed(0, stream)) == frames


@pytest.mark.parametrize(
    ("stream", "frames"),
    [
        (b"\x02" + b"A" * 16 + b"\x03", [("ok", b"A" * 16)]),
        (b"\x02" + b"A" * 20 + b"\x03\x02B\x03", [("overlong", b"A" * 16), ("ok", b"B")]),
        (b"\x02" + b"A" * 20 + b"\x02B\x03", [("overlong", b"A" * 16), ("ok", b"B")]),
        (b"\x02\x00A\x03", [("invalid", b"\x00A")]),
        (b"\x02\x03\x02\x02A\x03", [("ok", b"A")]),
        (b"A\rB\r", []),
    ],
)
def test_stx_etx(stream: bytes, frames: Spoken) -> None:
    """A frame begins at STX and nowhere else, and a new STX ends what was begun."""
    assert spoken(framer(Mode.STX_ETX).feed(0, stream)) == frames


@pytest.mark.parametrize(
    ("stream", "frames"),
    [
        (b"A" * 16 + b"\r\n\r\n", [("ok", b"A" * 16)]),
        (b"A" * 16 + b"\r\nB", [("overlong", b"A" * 16)]),
        (b"\r\n", []),
        (b"A\rB", [("invalid", b"A\rB")]),
    ],
)
def test_idle(stream: bytes, frames: Spoken) -> None:
    """Silence ends a frame; line ends before it are trimmed and count towards no limit."""
    under_test = framer(Mode.IDLE)
    assert spoken(under_test.feed(0, stream) + under_test.tick(50)) == frames


def test_length() -> None:
    """A count of bytes ends a frame; line ends and noise between two frames are no data."""
    assert spoken(framer(Mode.LENGTH).feed(0, b"\x00ABCDEFGH\r\nIJ\rL")) == [
        ("ok", b"ABCD"),
        ("ok", b"EFGH"),
        ("invalid", b"IJ\rL"),
    ]


def test_length_is_in_step_again_after_silence() -> None:
    """A lost byte makes one frame partial; after the silence the next one is whole."""
    under_test = framer(Mode.LENGTH)
    frames = under_test.feed(0, b"ABC") + under_test.feed(1000, b"DEFG")
    assert spoken(frames) == [("partial", b"ABC"), ("ok", b"DEFG")]


def test_frame_carries_the_times_of_its_first_and_last_byte() -> None:
    """Noise before a frame does not age it, and the silence that ends it does not count."""
    by_end, by_idle = framer(), framer(Mode.IDLE)
    by_end.feed(5, b"\x00")
    by_end.feed(10, b"A")
    assert by_end.feed(30, b"B\r") == [
        Frame(raw=b"AB", status=FrameStatus.OK, first_ms=10, last_ms=30)
    ]
    by_idle.feed(10, b"A")
    by_idle.feed(30, b"B")
    assert by_idle.tick(90) == [Frame(raw=b"AB", status=FrameStatus.OK, first_ms=10, last_ms=30)]


def test_stx_begins_the_time_of_its_frame() -> None:
    """A frame is as old as its STX; one that is cut by a new STX ends with its own last byte."""
    under_test = framer(Mode.STX_ETX)
    frames = under_test.feed(10, b"\x02A") + under_test.feed(20, b"\x02")
    assert frames + under_test.feed(30, b"B\x03") == [
        Frame(raw=b"A", status=FrameStatus.PARTIAL, first_ms=10, last_ms=10),
        Frame(raw=b"B", status=FrameStatus.OK, first_ms=20, last_ms=30),
    ]


@pytest.mark.parametrize(
    ("mode", "start", "limit_ms"),
    [
        (Mode.TERMINATOR, b"A", 1000),
        (Mode.STX_ETX, b"\x02", 1000),
        (Mode.LENGTH, b"A", 1000),
        (Mode.IDLE, b"A", 50),
    ],
)
def test_deadline(mode: Mode, start: bytes, limit_ms: int) -> None:
    """An open frame has a moment at which silence ends it, not a millisecond sooner."""
    under_test = framer(mode)
    deadlines = [under_test.next_deadline_ms]
    for at_ms, data in ((7, start), (7 + limit_ms - 1, b""), (7 + limit_ms, b"")):
        under_test.feed(at_ms, data)
        deadlines.append(under_test.next_deadline_ms)
    assert deadlines == [None, 7 + limit_ms, 7 + limit_ms, None]


def test_rest_of_a_long_frame_ends_with_silence() -> None:
    """After a long frame and silence the next code is whole; the long one is reported once."""
    under_test = framer()
    frames = under_test.feed(0, b"A" * 40) + under_test.tick(1000) + under_test.feed(1001, b"OK\r")
    assert spoken(frames) == [("overlong", b"A" * 16), ("ok", b"OK")]


def test_disconnect_ends_the_rest_of_a_long_frame() -> None:
    """What was being dropped when the link was lost is not reported again, nor joined."""
    under_test = framer()
    under_test.feed(0, b"A" * 40)
    assert under_test.disconnect(1) == []
    assert spoken(under_test.feed(2, b"OK\r")) == [("ok", b"OK")]


def test_megabyte_without_an_end_holds_nothing() -> None:
    """A stream without an end is one overlong frame, and nothing of the rest is kept."""
    under_test, frames = framer(), []
    for at_ms in range(256):
        frames += under_test.feed(at_ms, b"A" * 4096)
        assert under_test.held_bytes <= 17
    assert spoken(frames) == [("overlong", b"A" * 16)]


@pytest.mark.parametrize("mode", [Mode.TERMINATOR, Mode.LENGTH])
def test_gap_that_may_have_been_makes_both_sides_partial(mode: Mode) -> None:
    """Bytes of unknown age after an open frame: neither the head nor the tail is a code (D-83)."""
    under_test = framer(mode)
    frames = under_test.feed(0, b"AB")
    frames += under_test.feed(1500, b"CDEF\rGHIJ\r", since_ms=10)
    assert spoken(frames)[:2] == [
        ("partial", b"AB"),
        ("partial", b"CDEF"),
    ]
    assert spoken(frames)[2:] == [("ok", b"GHIJ")]


def test_frame_with_a_start_of_its_own_is_never_in_doubt() -> None:
    """After a gap of unknown length a frame that begins with STX is still whole."""
    under_test = framer(Mode.STX_ETX)
    frames = under_test.feed(0, b"\x02AB")
    frames += under_test.feed(1500, b"CD\x03\x02EF\x03", since_ms=10)
    assert spoken(frames) == [("partial", b"AB"), ("ok", b"EF")]


def test_gap_that_surely_was_doubts_nothing() -> None:
    """If the line was seen empty for long enough, the bytes after it are a frame of their own."""
    under_test = framer()
    frames = under_test.feed(0, b"AB") + under_test.feed(1500, b"CD\r", since_ms=1000)
    assert frames[1] == Frame(raw=b"CD", status=FrameStatus.OK, first_ms=1000, last_ms=1500)
    assert spoken(frames) == [("partial", b"AB"), ("ok", b"CD")]


def test_terminator_alone_takes_the_doubt_with_it() -> None:
    """The end of a cut frame that comes late spoils that frame only."""
    under_test = framer()
    frames = under_test.feed(0, b"AB") + under_test.feed(1500, b"\rCD\r", since_ms=10)
    assert spoken(frames) == [("partial", b"AB"), ("ok", b"CD")]


def test_doubt_ends_with_nothing_kept() -> None:
    """Noise that is dropped after a doubtful gap does not spoil the next code."""
    under_test = framer()
    frames = under_test.feed(0, b"AB") + under_test.feed(1500, b"\x00", since_ms=10)
    assert spoken(frames + under_test.feed(2000, b"CD\r")) == [("partial", b"AB"), ("ok", b"CD")]


def test_idle_codes_that_waited_together_are_partial() -> None:
    """In idle mode bytes that waited longer than the gap may be two codes: none is accepted."""
    under_test = framer(Mode.IDLE)
    frames = under_test.feed(100, b"ABCDEF", since_ms=0) + under_test.tick(150)
    assert frames == [Frame(raw=b"ABCDEF", status=FrameStatus.PARTIAL, first_ms=0, last_ms=100)]


def test_idle_code_before_the_sleep_is_whole() -> None:
    """A code followed by a gap that was seen is whole, whatever came during the sleep."""
    under_test = framer(Mode.IDLE)
    under_test.feed(0, b"AB")
    frames = under_test.feed(200, b"CD", since_ms=60) + under_test.tick(250)
    assert spoken(frames) == [("ok", b"AB"), ("partial", b"CD")]


@pytest.mark.parametrize(
    "limits",
    [
        {"max_len": 0},
        {"idle_ms": 0},
        {"partial_timeout_ms": 0},
        {"mode": Mode.LENGTH, "length": 300},
    ],
)
def test_limits_that_let_nothing_pass_are_refused(limits: dict[str, Any]) -> None:
    """Options under which no frame could be OK cannot be made."""
    with pytest.raises(ValueError, match="limits must be at least 1"):
        FramingOptions(**limits)


@pytest.mark.parametrize(
    ("raw", "ratio"),
    [
        (b"", 0.0),
        (b"0109501101530003\x1d10AB", 0.0),
        (b"\x80\xfe\x00\x1a", 1.0),
        (b"AB\xf8\x0e", 0.5),
        ("Größe".encode(), 4 / 7),
    ],
)
def test_garbage_ratio(raw: bytes, ratio: float) -> None:
    """High-bit and control bytes are garbage, the separators of GS1 and 15434 are not."""
    assert garbage_ratio(raw) == ratio
