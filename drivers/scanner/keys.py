"""A scanner that acts as a keyboard, read key by key from the kernel and kept from typing (D-84).

The device is grabbed: while we have it, nothing that it sends reaches a console or a window, and
no other keyboard's keys come in here. What a key means depends on the layout that the scanner was
set to; it is declared, and a label that is known should be scanned when the station is set up.

A key that the layout has no ASCII character for, keys with Alt, and keys that the kernel says it
lost all become SUB, the character that stands for a damaged one: the code is then refused, for
what a wedge altered cannot be known. Control characters come as Ctrl with a key: Ctrl-] is GS.

Source: linux/input.h and linux/input-event-codes.h (numbers of keys, EVIOCGRAB, SYN_DROPPED).
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Callable, Mapping

from drivers.base import LinkDownError

EVENT = struct.Struct("llHHi")
"""One event as the kernel writes it: seconds, microseconds, type, code, value."""
_GRAB = 0x40044590  # EVIOCGRAB
_SYN, _KEY = 0, 1
_DROPPED = 3
_UP, _DOWN = 0, 1  # 2 is a key that is held: a scanner does not mean it
_READ_EVENTS = 256

_ENTERS = frozenset({28, 96})
_SHIFTS, _CTRLS, _CAPS = frozenset({42, 54}), frozenset({29, 97}), 58
_ALT, _ALT_GR = 56, 100
_MODIFIERS = _SHIFTS | _CTRLS | {_ALT, _ALT_GR}
_TAB, _SUB, _CR = "\t", "\x1a", "\r"
_ROWS = ((2, 12), (16, 12), (30, 11), (41, 1), (43, 1), (44, 10), (86, 1))
"""First key and number of keys of each stretch, in the order in which layouts are written."""
_PAD = dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True)) | {
    55: "*",
    74: "-",
    78: "+",
    83: ".",
    98: "/",
}
_PLAIN = {
    "us": ("1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "`", "\\", "zxcvbnm,./", " "),
    "de": ("1234567890  ", "qwertzuiop +", "asdfghjkl  ", " ", "#", "yxcvbnm,.-", "<"),
}
_SHIFTED = {
    "us": ("!@#$%^&*()_+", "QWERTYUIOP{}", 'ASDFGHJKL:"', "~", "|", "ZXCVBNM<>?", " "),
    "de": ('!" $%&/()=? ', "QWERTZUIOP *", "ASDFGHJKL  ", " ", "'", "YXCVBNM;:_", ">"),
}
_THIRD: Mapping[str, Mapping[int, str]] = {
    "us": {},
    "de": {8: "{", 9: "[", 10: "]", 11: "}", 12: "\\", 16: "@", 27: "~", 86: "|"},
}


def _keys(rows: tuple[str, ...]) -> dict[int, str]:
    """Return the character of each key; a space in a row stands for none."""
    found = {
        first + place: character
        for (first, count), row in zip(_ROWS, rows, strict=True)
        for place, character in enumerate(row[:count])
        if character != " "
    }
    return found | {57: " ", 15: _TAB} | dict.fromkeys(_ENTERS, _CR)


class Keyboard:
    """What keys mean, with the state of the modifiers."""

    def __init__(self, layout: str) -> None:
        self._plain = _keys(_PLAIN[layout]) | _PAD
        self._shifted = _keys(_SHIFTED[layout]) | _PAD
        self._third = _THIRD[layout]
        self._down: set[int] = set()
        self._has_caps = False

    def take(self, kind: int, code: int, value: int) -> str:
        """Return what an event types: a character, or nothing."""
        if kind == _SYN and code == _DROPPED:
            self._down.clear()
            return _SUB
        if kind != _KEY:
            return ""
        if code in _MODIFIERS:
            (self._down.discard if value == _UP else self._down.add)(code)
            return ""
        if value != _DOWN:
            return ""
        if code == _CAPS:
            self._has_caps = not self._has_caps
            return ""
        return self._typed(code)

    def _typed(self, code: int) -> str:
        if _ALT in self._down:
            return _SUB
        if _ALT_GR in self._down:
            return self._third.get(code, _SUB)
        is_shifted = bool(_SHIFTS & self._down)
        if self._has_caps and self._plain.get(code, "").isalpha():
            is_shifted = not is_shifted
        character = (self._shifted if is_shifted else self._plain).get(code, _SUB)
        if not _CTRLS & self._down:
            return character
        raised = character.upper()
        return chr(ord(raised) & 0x1F) if "@" <= raised <= "_" else _SUB


def _grab(descriptor: int) -> None:
    fcntl.ioctl(descriptor, _GRAB, 1)


class KeysLink:
    """A scanner that acts as a keyboard, for us alone."""

    def __init__(self, path: str, layout: str, grab: Callable[[int], None] = _grab) -> None:
        """Open and grab the device.

        Args:
            path: The event device.
            layout: What the scanner types in.
            grab: Keeps the device's keys from everybody else.

        Raises:
            LinkDownError: it is missing, forbidden, grabbed by another program, or no keyboard.
        """
        self._path = path
        self._keyboard = Keyboard(layout)
        self._rest = b""
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise LinkDownError(_why(path, error)) from error
        try:
            grab(self._fd)
        except OSError as error:
            os.close(self._fd)
            raise LinkDownError(_why(path, error)) from error
        self.descriptors: tuple[int, ...] = (self._fd,)
        self.identity: str | None = None

    def read(self) -> bytes:
        """Return what was typed, one byte a character, CR for Enter.

        Raises:
            LinkDownError: the scanner is unplugged.
        """
        try:
            data = os.read(self._fd, EVENT.size * _READ_EVENTS)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LinkDownError(f"{self._path}: {_GONE}") from error
        if not data:
            raise LinkDownError(f"{self._path}: {_GONE}")
        data = self._rest + data
        whole = len(data) - len(data) % EVENT.size
        self._rest = data[whole:]
        typed = (
            self._keyboard.take(kind, code, value)
            for _, _, kind, code, value in EVENT.iter_unpack(data[:whole])
        )
        return "".join(typed).encode("ascii")

    def others(self) -> None:
        """Return that nobody else reads: the device is grabbed."""

    def write(self, data: bytes) -> None:
        """Refuse: a keyboard takes no text.

        Raises:
            LinkDownError: always.
        """
        raise LinkDownError(f"{self._path}: a keyboard cannot be told {data!r}")

    def close(self) -> None:
        """Let go of the device; its keys type again."""
        os.close(self._fd)


_GONE = "gone: is the scanner unplugged?"


def _why(path: str, error: OSError) -> str:
    """Return one line: the path, why it cannot be had, what to do."""
    if error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return f"{path}: no such device: plug the scanner in, or look into /dev/input/by-id"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{path}: permission denied: add this user to the group 'input'"
    if error.errno == errno.EBUSY:
        return f"{path}: another program has grabbed it: stop that one"
    if error.errno in (errno.ENOTTY, errno.EINVAL):
        return f"{path}: no keyboard: take a name in /dev/input/by-id that ends in -event-kbd"
    return f"{path}: {os.strerror(error.errno or 0).lower()}"
