"""Scanners that act as keyboards: what keys mean, what is refused, and the device as such."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import CodeScanned, Entry, LinkDownError
from drivers.framing import Framer, FramingOptions, has_control
from drivers.scanner.keys import EVENT, Keyboard, KeysLink
from drivers.scanner.link import connect
from drivers.scanner.options import ScannerOptions
from drivers.scanner.session import Session
from tests.contract.rig import Recorder
from tests.doubles import ManualClock

SHIFT, CTRL, ALT, ALT_GR, CAPS, ENTER = 42, 29, 56, 100, 58, 28
US = "1234567890-= qwertyuiop[] asdfghjkl;' zxcvbnm,./ !@#$%^&*()_+ QWERTYUIOP{} ASDFGHJKL:\" ~|`\\"
DE = "1234567890 qwertzuiop+ asdfghjkl yxcvbnm,.- #<> !\"$%&/()=?QWERTZUIOP*ASDFGHJKL'YXCVBNM;:_"


def strokes(*codes: int) -> list[tuple[int, int, int]]:
    """Return the events of keys that are pressed in order and let go in the opposite one."""
    down = [(1, code, 1) for code in codes]
    up = [(1, code, 0) for code in reversed(codes)]
    return [event for stroke in (*down, *up) for event in ((4, 4, stroke[1]), stroke, (0, 0, 0))]


def typed(layout: str, *chords: tuple[int, ...]) -> str:
    """Return what chords of keys type."""
    keyboard = Keyboard(layout)
    return "".join(keyboard.take(*event) for chord in chords for event in strokes(*chord))


def chord_of(layout: str, character: str) -> tuple[int, ...]:
    """Return the keys that type a character."""
    chords = [(*held, code) for held in ((), (SHIFT,), (ALT_GR,)) for code in range(1, 100)]
    return next(chord for chord in chords if typed(layout, chord) == character)


def raw(events: list[tuple[int, int, int]]) -> bytes:
    """Return events as the kernel writes them."""
    return b"".join(EVENT.pack(1, 2, *event) for event in events)


@pytest.mark.parametrize(("layout", "characters"), [("us", US), ("de", DE + "{[]}\\@~|")])
def test_layouts(layout: str, characters: str) -> None:
    """Every printable character that a layout has is typed by its keys."""
    assert typed(layout, *(chord_of(layout, character) for character in characters)) == characters


def test_layouts_differ_where_keyboards_do() -> None:
    """The same keys are other characters: y and z, and the signs around them."""
    keys = ((21,), (44,), (12,), (53,), (86,), (SHIFT, 8), (39,))
    assert typed("us", *keys) == "yz-/\x1a&;"
    assert typed("de", *keys) == "zy\x1a-</\x1a"


@pytest.mark.parametrize(
    ("chords", "text"),
    [
        ([(30,), (ENTER,), (96,), (15,)], "a\r\r\t"),
        ([(CTRL, 27)], "\x1d"),
        ([(97, 46)], "\x03"),
        ([(CTRL, 2)], "\x1a"),
        ([(ALT, 30)], "\x1a"),
        ([(ALT_GR, 30)], "\x1a"),
        ([(59,)], "\x1a"),
        ([(CAPS,), (30,), (2,), (SHIFT, 30), (CAPS,), (30,)], "A1aa"),
        ([(82,), (79,), (73,), (78,), (98,)], "019+/"),
    ],
    ids=["ends", "GS", "ETX", "no control", "alt", "alt gr", "function", "caps", "pad"],
)
def test_keys_beside_characters(chords: list[tuple[int, ...]], text: str) -> None:
    """Enter, control characters, caps lock, the number pad; what cannot be known is damaged."""
    assert typed("us", *chords) == text


def test_held_keys_and_other_events_type_nothing() -> None:
    """Repeats of a held key, lights, scan codes and reports are no characters."""
    keyboard = Keyboard("us")
    events = [(1, 30, 1), (1, 30, 2), (1, 30, 2), (1, 30, 0), (17, 1, 1), (4, 4, 30), (0, 0, 0)]
    assert "".join(keyboard.take(*event) for event in events) == "a"


def test_lost_events_spoil_the_code() -> None:
    """Where the kernel lost events the code is damaged, and no modifier is left hanging."""
    keyboard = Keyboard("us")
    text = "".join(keyboard.take(*event) for event in [(1, 42, 1), (0, 3, 0), (1, 30, 1)])
    assert text == "\x1aa"
    assert has_control(text.encode())


@contextmanager
def device(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield a path that gives events, and the end to write them to."""
    path = folder / "event-kbd"
    os.mkfifo(path)
    far = os.open(path, os.O_RDWR)
    try:
        yield str(path), far
    finally:
        os.close(far)


def test_link_reads_what_is_there(tmp_path: Path) -> None:
    """Events in any cut become bytes; the device is grabbed when it is opened."""
    grabbed: list[int] = []
    with device(tmp_path) as (path, far):
        link = KeysLink(path, "us", grabbed.append)
        assert grabbed == list(link.descriptors)
        assert link.read() == b""
        sent = raw(strokes(30) + strokes(SHIFT, 48) + strokes(ENTER))
        os.write(far, sent[:100])
        first = link.read()
        os.write(far, sent[100:])
        assert first + link.read() == b"aB\r"
        assert link.identity is None
        with pytest.raises(LinkDownError, match="cannot be told"):
            link.write(b"x")
        link.close()


def test_unplugged_keyboard_is_said(tmp_path: Path) -> None:
    """When the device is gone the link is down."""
    with device(tmp_path) as (path, far):
        link = KeysLink(path, "us", lambda _: None)
        os.write(far, b"")
    with pytest.raises(LinkDownError, match="gone: is the scanner unplugged"):
        link.read()
    link.close()


async def test_what_is_no_keyboard_is_refused(tmp_path: Path) -> None:
    """What is missing, or cannot be grabbed, is never listened to."""
    for name, told in (("missing", "no such device"), ("file", "no keyboard: take a name")):
        (tmp_path / "file").touch()
        options = ScannerOptions(keyboard=str(tmp_path / name), layout="us")
        with pytest.raises(LinkDownError, match=told):
            await connect(options)


@pytest.mark.parametrize(
    ("number", "told"), [(13, "the group 'input'"), (16, "has grabbed it"), (5, "input/output")]
)
def test_grab_that_fails_says_why(tmp_path: Path, number: int, told: str) -> None:
    """Forbidden, taken, broken: each in words, and the device is let go."""

    def refuse(_: int) -> None:
        raise OSError(number, "no")

    with device(tmp_path) as (path, _), pytest.raises(LinkDownError, match=told):
        KeysLink(path, "us", refuse)


async def test_session_reads_a_keyboard(tmp_path: Path) -> None:
    """Codes of a keyboard are framed as those of a serial line; damaged ones are invalid."""
    seen = Recorder()
    with device(tmp_path) as (path, far):
        link = KeysLink(path, "us", lambda _: None)
        options = ScannerOptions(keyboard=path, layout="us")
        session = Session("scanner", link, options, ManualClock(), count(1))
        os.write(far, raw(strokes(30) + strokes(2) + strokes(ENTER) + strokes(ALT, 30)))
        os.write(far, raw(strokes(ENTER)))
        looking = asyncio.create_task(session.keep_looking())
        handing = asyncio.create_task(session.hand_over(seen))
        await seen.until(lambda all_of: len(spoken(all_of.seen)) == 2)
    looking.cancel()
    handing.cancel()
    await asyncio.wait([looking, handing])
    session.close()
    assert spoken(seen.seen) == [(b"a1", "ok"), (b"\x1a", "invalid")]
    assert {one.entry for one in seen.seen if isinstance(one, CodeScanned)} == {Entry.WEDGE}


def spoken(seen: Sequence[object]) -> list[tuple[bytes, str]]:
    """Return the codes among what was seen, each with its status."""
    return [(one.raw, str(one.status)) for one in seen if isinstance(one, CodeScanned)]


@given(st.text(US.replace(" ", ""), min_size=1, max_size=20))
def test_whatever_is_typed_is_read(text: str) -> None:
    """A code typed key by key comes out as one whole frame."""
    events = [event for character in text for event in strokes(*chord_of("us", character))]
    keyboard = Keyboard("us")
    stream = "".join(keyboard.take(*event) for event in events + strokes(ENTER)).encode()
    frames = Framer(FramingOptions()).feed(0, stream)
    assert [frame.raw.decode() for frame in frames] == [text]
