"""Where a station's messages go, by the ISA-95 equipment hierarchy (D-113).

A topic is made of configured names and an event's kind, never of what was scanned: a control
character in a topic makes a broker hang up, again and again (PITFALLS Q3).
"""

from __future__ import annotations

import re

SEGMENT = re.compile(r"[a-z0-9_-]+")


def path_segments(path: str) -> str:
    """Return a path whose every segment may stand in a topic.

    Raises:
        ValueError: a segment is empty or has other signs than a-z, 0-9, _ and -.
    """
    for segment in path.split("/"):
        if not SEGMENT.fullmatch(segment):
            raise ValueError(
                f"segment {segment!r} of {path!r} cannot stand in a topic; "
                "use a-z, 0-9, _ and - between the slashes"
            )
    return path


class Topics:
    """The topics of one station."""

    def __init__(self, root: str, station: str) -> None:
        self._base = f"{path_segments(root)}/v1/{path_segments(station)}"
        self.health = f"{self._base}/health"
        self.position = f"{self._base}/position"
        self.state = f"{self._base}/state"
        self.oee = f"{self._base}/oee"
        self.control = f"{self._base}/control"
        self._events: dict[str, str] = {}

    def event(self, kind: str) -> str:
        """Return the topic of events of a kind.

        Raises:
            ValueError: the kind, read from an old journal, cannot stand in a topic.
        """
        topic = self._events.get(kind)
        if topic is None:
            if not SEGMENT.fullmatch(kind):
                raise ValueError(f"kind {kind!r} cannot stand in a topic")
            topic = self._events[kind] = f"{self._base}/events/{kind}"
        return topic

    def reply(self, name: str) -> str:
        """Return where a request is answered: `reply`, or the branch of it that was asked for.

        Raises:
            ValueError: the name cannot stand in a topic.
        """
        return f"{self._base}/reply/{path_segments(name)}" if name else f"{self._base}/reply"
