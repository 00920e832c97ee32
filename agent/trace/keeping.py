"""Where a collector puts what comes: a plant's trace store, or what a station knows of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from agent.trace.claims import Answered, Stand
from agent.trace.surveyed import Surveyed
from agent.trace.took import Took


class Keep(Protocol):
    """A store as a collector uses it: synchronous, in a thread of its own, one call at a time."""

    def take(self, messages: Sequence[tuple[str, bytes]], now_ms: int) -> Took:
        """Take messages, as (topic, payload), in; durable when it returns.

        Raises:
            StoreError: it cannot be used now; take them again.
        """
        ...

    def survey(self, stands: Mapping[str, Stand]) -> Mapping[str, Surveyed]:
        """Return what is held of each station, and what lacks.

        Raises:
            StoreError: it cannot be used now.
        """
        ...

    def answered(self, answer: Answered) -> None:
        """Keep what the end of an answer says.

        Raises:
            StoreError: it cannot be used now.
        """
        ...

    def may_ask(self, who: str, now_ms: int, for_ms: int) -> bool:
        """Return whether this collector, of those that share the store, asks for what lacks.

        Raises:
            StoreError: it cannot be used now.
        """
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
