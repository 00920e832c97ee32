"""The primary host, as its STATE messages have it (D-130).

Source: Sparkplug 3.0, chapter 5: JSON with `online` and `timestamp` on `spBv1.0/STATE/{host}`,
retained and also the host's will. What is older than the newest word is a late echo of an earlier
session of the host and is passed over; the first word of a connection is taken as it is.
"""

from __future__ import annotations

import orjson


class PrimaryHost:
    """What one server said of the host on one connection."""

    def __init__(self) -> None:
        self.is_online: bool | None = None
        """None: nothing was said yet."""
        self._newest_ms: int | None = None

    def take(self, payload: bytes) -> bool:
        """Take a STATE message; return whether it was one, though it may have been an old one."""
        try:
            said = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return False
        if not isinstance(said, dict):
            return False
        online, stamp_ms = said.get("online"), said.get("timestamp")
        if not isinstance(online, bool) or type(stamp_ms) is not int:
            return False
        if self._newest_ms is None or stamp_ms >= self._newest_ms:
            self.is_online, self._newest_ms = online, stamp_ms
        return True
