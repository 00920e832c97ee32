"""A trace store as a collector uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.trace.claims import Answered, Stand
from agent.trace.intake import Intake
from agent.trace.store import Store
from agent.trace.survey import Survey
from agent.trace.surveyed import Surveyed
from agent.trace.took import Took

_LEASE = "collector:asks"


class StoreKeep:
    """One open store.

    Args:
        store: Where everything goes.
        root: First part of every topic.
        name: Of the collector: the branch of `reply` on which it is answered.
    """

    def __init__(self, store: Store, root: str, name: str) -> None:
        self._store = store
        self._intake = Intake(store, root, name)
        self._survey = Survey(store)

    def take(self, messages: Sequence[tuple[str, bytes]], now_ms: int) -> Took:
        """Take messages in."""
        return self._intake.take(messages, now_ms)

    def survey(self, stands: Mapping[str, Stand]) -> Mapping[str, Surveyed]:
        """Return what is held of each station, and what lacks."""
        return self._survey.look(stands)

    def answered(self, answer: Answered) -> None:
        """Keep what the end of an answer says."""
        self._store.guarded(lambda: self._store.archive.answered(answer))

    def may_ask(self, who: str, now_ms: int, for_ms: int) -> bool:
        """Return whether this collector asks; one of those that share the store does."""
        return self._store.lease(_LEASE, who, now_ms, for_ms)

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()
