"""From the bytes of a code reader to frames: what stands between two ends, and how it ended.

Laws:
    1. How the bytes were cut into reads never changes the frames; only their times do.
    2. What was cut (silence, disconnect, a new start) is PARTIAL and never joined to what follows
       (D-83). Where it cannot be known whether something was cut, it counts as cut.
    3. No stream makes it hold more than `max_len` bytes and one: what is longer is reported once,
       and the rest up to its end is dropped.

It has no clock: each call says when the bytes were read, in milliseconds of any one clock. A reader
that slept (a stopped process, a stalled loop) finds bytes whose age it cannot know; it passes the
moment at which it last found the line empty as `since_ms`, and a gap that may or may not have been
there is then taken as doubtful: the bytes on both of its sides are PARTIAL.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

from drivers.base import FrameStatus

_NUL, _STX, _ETX, _EOT, _LF, _CR, _DEL, _BREAK = 0x00, 0x02, 0x03, 0x04, 0x0A, 0x0D, 0x7F, 0xFF
_SEPARATORS = frozenset((_EOT, 0x1C, 0x1D, 0x1E, 0x1F))  # EOT FS GS RS US: data of GS1 and 15434
_CONTROLS = bytes(byte for byte in (*range(0x20), _DEL) if byte not in _SEPARATORS)
_NOISE = frozenset((_NUL, _BREAK))  # what a line makes when it is plugged in or breaks


@unique
class Mode(StrEnum):
    """What tells one frame from the next."""

    TERMINATOR = "terminator"
    STX_ETX = "stx_etx"
    IDLE = "idle"
    """Silence; only for a reader that cannot send a terminator."""
    LENGTH = "length"
    """A count of bytes. A lost byte shifts what follows until the next silence."""


@unique
class Terminator(StrEnum):
    """Which bytes end a frame in `Mode.TERMINATOR`."""

    CR = "cr"
    LF = "lf"
    CRLF = "crlf"
    ANY = "any"
    """CR or LF; CR LF is then one end, because an empty frame is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FramingOptions:
    """How one reader frames its codes; what its mode does not use is ignored."""

    mode: Mode = Mode.TERMINATOR
    terminator: Terminator = Terminator.CR
    idle_ms: int = 50
    length: int = 1
    max_len: int = 256
    partial_timeout_ms: int = 1000
    noread: tuple[str, ...] = ()
    """Whole frames that mean "nothing read" (D-81)."""

    def __post_init__(self) -> None:
        """Refuse limits that could never let a frame pass.

        Raises:
            ValueError: a limit is below 1, or the length above the maximum.
        """
        least = min(self.idle_ms, self.length, self.max_len, self.partial_timeout_ms)
        if least < 1 or (self.mode is Mode.LENGTH and self.length > self.max_len):
            raise ValueError(f"limits must be at least 1 and length at most max_len: {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What came between two ends: never empty, at most `max_len` bytes, without its ends."""

    raw: bytes
    status: FrameStatus
    first_ms: int
    """Earliest moment at which its first byte (or STX) can have come."""
    last_ms: int
    """When its last byte (or its end) had come; silence that ended it does not count."""


class Framer:
    """One reader's stream: feed it what was read, and tell it when time passes in silence."""

    def __init__(self, options: FramingOptions) -> None:
        self._options = options
        self._mode = options.mode
        self._silence_ms = (
            options.idle_ms if options.mode is Mode.IDLE else options.partial_timeout_ms
        )
        self._dropped_before = _NOISE
        if options.mode is Mode.LENGTH:
            self._dropped_before = _NOISE | {_CR, _LF}
        elif options.mode is Mode.TERMINATOR and options.terminator is Terminator.CR:
            self._dropped_before = _NOISE | {_LF}
        self._noread = frozenset(text.encode() for text in options.noread)
        self._held = bytearray()
        self._previous: int | None = None  # the byte before, within this frame
        self._is_open = False  # a frame has begun; also while the rest of a long one is dropped
        self._is_skipping = False
        self._is_doubtful = False  # the open frame may be the tail of one that was cut
        self._first_ms = 0
        self._last_ms = 0

    @property
    def next_deadline_ms(self) -> int | None:
        """When silence ends what is open (call `tick` then); None while nothing is."""
        return self._last_ms + self._silence_ms if self._is_open else None

    @property
    def held_bytes(self) -> int:
        """How many bytes of an unfinished frame are kept."""
        return len(self._held)

    def feed(self, at_ms: int, data: bytes, *, since_ms: int | None = None) -> list[Frame]:
        """Return the frames that these bytes end; without bytes, the clock moves.

        Args:
            at_ms: when the bytes were read.
            data: what was read, in any cut.
            since_ms: when the line was last known to be empty, if the bytes may be that old.
        """
        if not data:
            return self.tick(at_ms)
        since_ms = at_ms if since_ms is None else since_ms
        frames = self._pass_silence(since_ms, at_ms)
        for byte in data:
            frame = self._take(byte, since_ms, at_ms)
            if frame is not None:
                frames.append(frame)
        return frames

    def tick(self, at_ms: int) -> list[Frame]:
        """Return the frame that silence has ended by now, if any; the line is empty now."""
        return self._pass_silence(at_ms, at_ms)

    def disconnect(self, at_ms: int) -> list[Frame]:
        """Return what the lost link leaves behind; what comes later is not joined to it."""
        frames = self.tick(at_ms)
        return frames + self._listed(self._end(FrameStatus.PARTIAL))

    def _pass_silence(self, since_ms: int, at_ms: int) -> list[Frame]:
        """Judge the gap before bytes that came in [since_ms, at_ms]."""
        if not self._is_open:
            self._is_doubtful = False  # nothing of the doubt was kept
        frames: list[Frame] = []
        is_idle = self._mode is Mode.IDLE
        if self._is_open and at_ms - self._last_ms >= self._silence_ms:
            is_certain = since_ms - self._last_ms >= self._silence_ms
            frames = self._listed(
                self._end(None if is_idle and is_certain else FrameStatus.PARTIAL)
            )
            self._is_doubtful = not is_certain and self._mode is not Mode.STX_ETX
        if is_idle and at_ms - since_ms >= self._silence_ms:
            self._is_doubtful = True  # where one code ends and the next begins is not to be seen
        return frames

    def _take(self, byte: int, since_ms: int, at_ms: int) -> Frame | None:
        """Return the frame that this byte ends, if it ends one."""
        if self._mode is Mode.STX_ETX and byte == _STX:
            cut = self._end(FrameStatus.PARTIAL)
            self._is_open, self._first_ms, self._last_ms = True, since_ms, at_ms
            return cut
        if not self._is_open:
            if self._mode is Mode.STX_ETX or byte in self._dropped_before:
                return None
            self._is_open, self._first_ms = True, since_ms
        self._last_ms = at_ms
        if self._is_end(byte):
            return self._end()
        self._previous = byte
        if self._is_skipping:
            return None
        self._held.append(byte)
        if self._mode is Mode.LENGTH and len(self._held) == self._options.length:
            return self._end()
        return self._overlong(byte)

    def _is_end(self, byte: int) -> bool:
        """Say whether the byte ends the open frame; cut off a CR that belongs to the end."""
        if self._mode is Mode.STX_ETX:
            return byte == _ETX
        if self._mode is not Mode.TERMINATOR:
            return False
        match self._options.terminator:
            case Terminator.CR:
                return byte == _CR
            case Terminator.ANY:
                return byte in (_CR, _LF)
        has_cr = self._previous == _CR
        if byte != _LF or not (has_cr or self._options.terminator is Terminator.LF):
            return False
        if has_cr:
            del self._held[-1:]
        return True

    def _overlong(self, byte: int) -> Frame | None:
        """Return the frame as overlong if no end can follow now that would make it fit."""
        most = self._options.max_len
        if len(self._held) <= most:
            return None
        if self._mode is Mode.IDLE and byte in (_CR, _LF):
            del self._held[-1:]  # trimmed if silence follows; if not, the next byte is too many
            return None
        ends_with_lf = self._mode is Mode.TERMINATOR and self._options.terminator in (
            Terminator.LF,
            Terminator.CRLF,
        )
        if ends_with_lf and byte == _CR and len(self._held) == most + 1:
            return None
        frame = self._frame(FrameStatus.OVERLONG)
        self._held.clear()
        self._is_skipping = True
        return frame

    def _end(self, status: FrameStatus | None = None) -> Frame | None:
        """Close what is open and return it, judged by its bytes if no status is given."""
        if self._mode is Mode.IDLE:
            while self._held.endswith((b"\r", b"\n")):
                del self._held[-1:]
        if self._is_doubtful:
            status = FrameStatus.PARTIAL
        frame = self._frame(status) if self._held else None
        self._held.clear()
        self._previous = None
        self._is_open = self._is_skipping = self._is_doubtful = False
        return frame

    def _frame(self, status: FrameStatus | None) -> Frame:
        raw = bytes(self._held[: self._options.max_len])
        return Frame(
            raw=raw,
            status=self._judged(raw) if status is None else status,
            first_ms=self._first_ms,
            last_ms=self._last_ms,
        )

    def _judged(self, raw: bytes) -> FrameStatus:
        if raw in self._noread:
            return FrameStatus.NO_READ
        return FrameStatus.INVALID if has_control(raw) else FrameStatus.OK

    @staticmethod
    def _listed(frame: Frame | None) -> list[Frame]:
        return [] if frame is None else [frame]


def has_control(raw: bytes) -> bool:
    """Say whether a control character is inside that no code carries."""
    return len(raw.translate(None, _CONTROLS)) != len(raw)


def garbage_ratio(raw: bytes) -> float:
    """Return which share of the bytes no ordinary code has: high-bit and control characters.

    A line with the wrong baud rate, parity or byte size gives well above 0.3 over a few frames;
    a sound one gives 0, or a little where codes carry UTF-8 text. 0 for no bytes.
    """
    if not raw:
        return 0.0
    strange = sum(byte > _DEL for byte in raw) + len(raw) - len(raw.translate(None, _CONTROLS))
    return strange / len(raw)
