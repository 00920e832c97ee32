"""How full a run's journal is: told once a step, and what optional sinks lose for it (D-142)."""

from __future__ import annotations

from collections.abc import Callable
from math import floor

from agent.config.loaded import JournalConfig, StationConfig
from agent.journal.chain import place
from agent.journal.pruning import Skip
from agent.journal.retention import Filling, Keep
from agent.ports import Address, Instant
from agent.seat import Tell
from drivers.base import RangeSkipped


def keep_of(config: StationConfig, taken: Callable[[], Address | None] | None = None) -> Keep:
    """Return how long a station's events are kept, by its file.

    `taken` says up to where its look-up has them, None where it has none.
    """
    journal: JournalConfig = config.journal
    return Keep(
        keep_s=journal.keep_s,
        quota_bytes=journal.quota_bytes,
        sinks={sink.name: sink.required for sink in config.sinks.values()},
        taken=taken,
    )


class FillingWatch:
    """What was told of one run's journal."""

    def __init__(self, tell: Tell, at: str) -> None:
        self._tell = tell
        self._at = at
        self._level = 0.0
        self._told: dict[str, Address] = {}

    def look(self, filling: Filling, now: Instant) -> list[RangeSkipped]:
        """Say what has changed; return what the station has to record."""
        if filling.level != self._level:
            is_more, self._level = filling.level > self._level, filling.level
            self._tell(
                "journal_filled" if is_more else "journal_emptied",
                at=self._at,
                percent=floor(filling.share * 100),
                waits_for=", ".join(filling.held_by) or None,
                error="deliver to these sinks, or raise journal.quota" if is_more else None,
            )
        return [self._skipped(skip, now) for skip in filling.skips if self._is_new(skip)]

    def _is_new(self, skip: Skip) -> bool:
        """Whether this is not a range whose event is still on its way to disk."""
        told = self._told.get(skip.sink)
        return told is None or place(told) < place(skip.first)

    def _skipped(self, skip: Skip, now: Instant) -> RangeSkipped:
        self._told[skip.sink] = skip.last
        self._tell(
            "sink_skipped", sink=skip.sink, first=str(skip.first), last=str(skip.last), n=skip.n
        )
        return RangeSkipped(
            id=f"skip-{skip.sink}-{skip.last}",
            device="",
            earliest_ms=now.boot_ms,
            latest_ms=now.boot_ms,
            received=now,
            sink=skip.sink,
            first=str(skip.first),
            last=str(skip.last),
            n=skip.n,
        )
