"""The signatures in a journal, taken with the walk from the newest row back.

A row that the walk gives is proven to be linked, so a signature that holds stands for every row
before it. Who checks it is handed in: whoever does not ask needs no cryptography.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from agent.ports import Address, Row

KIND = "checkpoint_signed"
Check = Callable[[Mapping[str, Any]], str | None]
"""Returns what is wrong with a checkpoint; None: it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What the signatures of a journal are worth."""

    checkpoints: int
    """How many hold."""
    newest: Address | None
    """The newest event that is signed: everything up to it is what the key's holder recorded."""
    at: str | None
    """When it was made, by the gateway's clock."""
    unsigned: int
    """Rows behind the signature."""
    bad: tuple[tuple[Address, str], ...]
    """Checkpoints that do not hold, oldest first, each with the reason."""

    @property
    def holds(self) -> bool:
        """Whether something is signed, and no signature is wrong."""
        return self.newest is not None and not self.bad

    def lines(self) -> list[str]:
        """Return what a report says of it."""
        lines = [f"  FALSE SIGNATURE {address}: {why}" for address, why in self.bad]
        if self.newest is None:
            return [
                *lines,
                f"  NOT SIGNED: none of {self.unsigned} events stands before a signature",
            ]
        signed = f"  signed {self.at} up to {self.newest} ({self.checkpoints} signatures)"
        return [*lines, f"{signed}; {self.unsigned} events after it are not signed yet"]


class Signatures:
    """What was found so far."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._held = 0
        self._newest: Address | None = None
        self._at: str | None = None
        self._unsigned = 0
        self._bad: list[tuple[Address, str]] = []

    def take(self, row: Row) -> None:
        """Look at the next older row that holds."""
        if row.kind == KIND:
            members = orjson.loads(row.body)
            why = self._check(members)
            if why is None:
                self._hold(Address(row.epoch, members["signed_seq"]), members["signed_at"])
                return
            self._bad.append((row.address, why))
        self._unsigned += self._newest is None

    def _hold(self, signed: Address, at: str) -> None:
        self._held += 1
        if self._newest is None:
            self._newest, self._at = signed, at

    def result(self) -> Signed:
        """Return what was found."""
        return Signed(
            checkpoints=self._held,
            newest=self._newest,
            at=self._at,
            unsigned=self._unsigned,
            bad=tuple(reversed(self._bad)),
        )
