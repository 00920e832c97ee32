"""Checkpoints of a run: what was recorded is signed at an interval and at the run's end (X06).

Law: signing never stops recording. A key that cannot be read is told once and tried again; what was
not signed meanwhile is signed with the next one, for each signature stands for all before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.config.loaded import CheckpointConfig, StationConfig
from agent.engine import Engine, Sign
from agent.ports import Address, Clock, Instant
from agent.seat import Tell
from drivers.base import HeadSigned

if TYPE_CHECKING:
    from agent.formats.checkpoint import Signer

FIRST_S = 1.0
"""How soon after its start a run signs, and so what the run before left unsigned."""
RETRY_S = 10.0
"""How soon it is tried again where the key could not be read, or the station was busy."""


class Checkpoints:
    """The signatures of one station."""

    def __init__(
        self,
        config: StationConfig,
        asked: CheckpointConfig,
        secret: Callable[[str], str],
        clock: Clock,
        tell: Tell,
    ) -> None:
        self._config = asked
        self._station = config.station.path
        self._at = f"{config.file}:{asked.place.line}:{asked.place.column}"
        self._secret = secret
        self._clock = clock
        self._tell = tell
        self._signed: Address | None = None
        self._told: str | None = None

    async def keep_signing(self, engine: Engine) -> None:
        """Sign at each interval, if something was recorded; return only by cancellation."""
        await self._clock.sleep(FIRST_S)
        while True:
            await self._clock.sleep(self._config.every_s if self._sign(engine) else RETRY_S)

    def _sign(self, engine: Engine) -> bool:
        """Return whether what is recorded is signed now."""
        if engine.head == self._signed:
            return True
        sign = self.signature()
        if sign is None or not engine.sign(sign):
            return False
        self._signed = engine.head
        return True

    def signature(self) -> Sign | None:
        """Return what signs with the key as it is now; None: it cannot be read, as was told."""
        try:
            signer = self._signer()
        except (OSError, ValueError) as error:
            self._say(_why(error))
            return None
        self._say(None)

        def sign(head: Address, digest: str, now: Instant) -> HeadSigned:
            return signer.sign(head.epoch, head.seq, digest, now)

        return sign

    def _signer(self) -> Signer:
        from agent.formats.checkpoint import (  # noqa: PLC0415 - only who signs pays for it
            Signer,
            private_key,
        )

        return Signer(self._station, private_key(self._secret(self._config.key)))

    def _say(self, why: str | None) -> None:
        """Tell once that nothing is signed, and once that it is again."""
        if why != self._told:
            error = f"checkpoints.key {self._config.key}: {why}; nothing is signed" if why else None
            self._tell(
                "checkpoint_failed" if why else "checkpoint_restored", at=self._at, error=error
            )
        self._told = why


def _why(error: OSError | ValueError) -> str:
    """Return why a key is none, without anything of it."""
    if isinstance(error, OSError):
        return (
            f"cannot be read ({error.strerror or error}); make one with `lineside checkpoint key`"
        )
    if isinstance(error, UnicodeDecodeError):
        return "is no text; make one with `lineside checkpoint key`"
    return f"is {error}; make one with `lineside checkpoint key`"
