"""Tells a line with wrong settings: what comes is not text, again and again."""

from __future__ import annotations

from drivers.framing import garbage_ratio

_ENDS = bytes.maketrans(b"", b""), b"\r\n\x02\x03"
_LEAST_BYTES = 24
_KEPT_BYTES = 512
_MOST_RATIO = 0.3
_SHORTEST_PROOF = 4
"""A frame of fewer bytes proves nothing: noise can look like text for so long."""


class Garble:
    """Watches the bytes of one link; a single damaged code is no verdict, and a good one ends it.

    A wrong baud rate, byte size or parity gives high-bit bytes, control characters and damaged
    bytes for every code sent, often without an end of a code among them; so all bytes count, not
    frames. Bytes are forgotten by halves, so that an old scratch does not count for ever.
    """

    def __init__(self) -> None:
        self._strange = 0.0
        self._all = 0

    @property
    def is_garbled(self) -> bool:
        """Whether what came since the last good code is mostly no text."""
        return self._all >= _LEAST_BYTES and self._strange >= _MOST_RATIO * self._all

    def came(self, data: bytes) -> None:
        """Count bytes as read; the ends of codes are no garbage."""
        inner = data.translate(*_ENDS)
        self._strange += garbage_ratio(inner) * len(inner)
        self._all += len(inner)
        while self._all > _KEPT_BYTES:
            self._strange, self._all = self._strange / 2, self._all // 2

    def was_good(self, raw: bytes) -> None:
        """Take a sound code as proof of right settings: text, of whatever language."""
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            return
        if len(text) >= _SHORTEST_PROOF:
            self._strange, self._all = 0.0, 0
