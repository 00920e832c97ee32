"""What a collector has to show: how far it is, how fast, and what it lacks."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from agent.app.catching import Course, Stage
from agent.trace.claims import Place, Range, Stand, ordinal
from agent.trace.requests import Heard
from agent.trace.surveyed import Surveyed
from agent.trace.took import Took

RATE_OVER_S = 10.0
_MOST_TOLD = 5
FAR = 500
"""Events behind from which on it is catching up, and not simply at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How it stands now."""

    TELL_EVERY_S: ClassVar[float] = 10.0

    is_connected: bool
    store_error: str | None
    stations: int
    online: int
    events: int
    """In the store."""
    new: int
    """Since the start."""
    rate: float
    """New ones a second."""
    behind: int
    """Events that stations have and the store has not; 0 when it is only at work."""
    lacking: int
    """Holes that are, or will be, asked for."""
    lacks: Mapping[str, str]
    """By station, what is waited for, and why it may not come now."""
    asked: int
    """Events that are asked for."""
    gone: int
    """Events that nobody can send any more."""
    aside: int
    """Messages set aside since the start."""
    is_complete: bool
    """Whether everything was proven at the last look."""
    stage: Stage
    is_news: bool
    """Whether it has just come into this stage."""

    def told(self) -> dict[str, object]:
        """Return it as the fields of a log line."""
        fields: dict[str, object] = {
            "stations": self.stations,
            "events": self.events,
            "rate": round(self.rate, 1),
            "behind": self.behind,
            "lacking": self.lacking,
        }
        if self.stage is Stage.RESEND_AWAITED:
            lacks = [f"{station} {why}" for station, why in sorted(self.lacks.items())]
            more = len(lacks) - _MOST_TOLD
            told = "; ".join(lacks[:_MOST_TOLD]) + (f"; and {more} more" if more > 0 else "")
            fields |= {"asked": self.asked, "of": told}
        if self.gone:
            fields["gone"] = self.gone
        return fields

    def __str__(self) -> str:
        """Return it in a line."""
        if self.store_error is not None:
            return f"the store is away: {self.store_error}"
        parts = [
            "connected" if self.is_connected else "no broker",
            f"{self.online} of {self.stations} stations online",
            f"{self.events:,} events",
            f"{self.rate:,.0f}/s",
        ]
        if self.behind:
            parts.append(f"{self.behind:,} behind")
        if self.lacking:
            of = f" of {len(self.lacks)} stations, awaited" if self.lacks else ""
            parts.append(f"{self.lacking:,} lacking{of}")
        if self.gone:
            parts.append(f"{self.gone:,} gone for good")
        if self.aside:
            parts.append(f"{self.aside:,} set aside")
        if self.is_complete:
            parts.append("complete")
        return ", ".join(parts)


class Tally:
    """Counts what comes."""

    def __init__(self) -> None:
        self.is_connected = False
        self.store_error: str | None = None
        self.course = Course()
        self.is_complete = False
        self._events = self._new = self._aside = self._lacking = self._gone = self._online = 0
        self._ends: dict[str, Place] = {}
        self._stands: Mapping[str, Stand] = {}
        self._doubts: set[tuple[str, str]] = set()
        self._counts: deque[tuple[float, int]] = deque()
        self._told = Stage.LOOKING
        self._asked = 0
        self._heard: Mapping[str, Heard] = {}

    def took(self, took: Took) -> None:
        """Count a batch."""
        self._events += took.new
        self._new += took.new
        self._aside += len(took.aside)
        for station, place in took.newest.items():
            self._reach(station, place)

    def heard(self, heard: Mapping[str, Heard], stands: Mapping[str, Stand]) -> None:
        """Take what stations say of themselves."""
        self._online = sum(one.online is True for one in heard.values())
        self._heard = heard
        self._stands = stands

    def surveyed(
        self, found: Mapping[str, Surveyed], to_ask: Mapping[str, tuple[Range, ...]]
    ) -> None:
        """Take what a look at the store found, and what of it is asked for."""
        self._asked = sum(len(each) for ranges in to_ask.values() for each in ranges)
        self.is_complete = bool(found) and all(one.is_complete for one in found.values())
        self._events = sum(one.events for one in found.values())
        self._lacking = sum(len(each) for one in found.values() for each in one.lacking)
        self._gone = sum(one.gone for one in found.values())
        for station, one in found.items():
            if one.newest is not None:
                self._reach(station, one.newest)

    def is_new_doubt(self, station: str, doubt: str) -> bool:
        """Return whether this was not told yet."""
        is_new = (station, doubt) not in self._doubts
        self._doubts.add((station, doubt))
        return is_new

    def _reach(self, station: str, place: Place) -> None:
        before = self._ends.get(station)
        if before is None or _order(place) > _order(before):
            self._ends[station] = place

    def status(self, now_s: float) -> Status:
        """Return how it stands."""
        self._counts.append((now_s, self._new))
        while now_s - self._counts[0][0] > RATE_OVER_S:
            self._counts.popleft()
        since_s, before = self._counts[0]
        behind = sum(map(self._behind, self._stands))
        is_far = behind >= FAR
        self.course.go_on(is_far=is_far)
        stage = self.course.stage
        is_news = stage not in {self._told, Stage.LOOKING}
        self._told = stage if is_news else self._told
        is_settled = stage in {Stage.RESEND_AWAITED, Stage.CAUGHT_UP}
        return Status(
            is_connected=self.is_connected,
            store_error=self.store_error,
            stations=len({*self._ends, *self._stands}),
            online=self._online,
            events=self._events,
            new=self._new,
            rate=(self._new - before) / max(1.0, now_s - since_s),
            behind=behind if is_far else 0,
            lacking=self.course.lacking if is_settled else self._lacking,
            lacks={station: self._why(station) for station in self.course.awaited},
            asked=self._asked,
            gone=self._gone,
            aside=self._aside,
            is_complete=self.is_complete and not is_far,
            stage=stage,
            is_news=is_news,
        )

    def _why(self, station: str) -> str:
        """Return how many events of a station are waited for, and why they may not come now."""
        n, heard = sum(map(len, self.course.awaited[station])), self._heard.get(station)
        if heard is None or heard.online is not True:
            return f"{n} (offline)"
        if heard.is_silent:
            return f"{n} (does not answer)"
        refused = next(iter(heard.refused.values()), None)
        return f"{n}" if refused is None else f"{n} (refused: {refused})"

    def _behind(self, station: str) -> int:
        stand, end = self._stands[station], self._ends.get(station)
        if end is None or ordinal(end[0]) < ordinal(stand.epoch):
            return stand.last_seq
        return max(0, stand.last_seq - end[1]) if end[0] == stand.epoch else 0


def _order(place: Place) -> tuple[int, int]:
    return ordinal(place[0]), place[1]
