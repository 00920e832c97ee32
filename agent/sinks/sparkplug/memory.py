"""What an edge node has to remember over restarts: bdSeq, aliases, and the types of its metrics.

Laws:
    1. A bdSeq is on disk before the CONNECT that carries it, so that no restart repeats it and an
       old death never matches a new birth (D-123).
    2. An alias is never given to another metric in the life of the file (D-127).

The file is small and replaced in one step. One that cannot be read is set aside: bdSeq and aliases
begin anew, which hosts survive, for each birth tells both.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from agent.formats.sparkplug import WRAP, DataType
from agent.ports import Files

SCHEMA = 1
MOST_BYTES = 16 << 20
MOST_ALIAS = 1 << 40
"""No alias is larger: each new one is the next."""


class Memory:
    """The file of one sink, and what it says."""

    def __init__(self, path: Path, files: Files) -> None:
        self.path = path
        self.bd_seq: int | None = None
        """Of the newest CONNECT; None: there was none yet."""
        self._files = files
        self._aliases: dict[str, int] = {}
        self._types: dict[str, DataType] = {}
        self._is_read = False
        self.is_new = False
        """Whether there is something to `keep`."""

    def read(self) -> str:
        """Read the file once; return what is wrong with it, empty when nothing is.

        Raises:
            OSError: the disk does not give it.
        """
        if self._is_read:
            return ""
        self._files.remove(self._beside)  # one that was not finished
        raw = self._files.read(self.path, limit=MOST_BYTES)
        wrong = "" if raw is None else self._take(raw)
        if wrong:
            self._files.replace(self.path, self.path.with_suffix(".damaged"))
        self._is_read = True
        return wrong

    def _take(self, raw: bytes) -> str:
        try:
            said = orjson.loads(raw)
            bd_seq, aliases, types = said["bd_seq"], said["aliases"], said["types"]
            if said["schema"] != SCHEMA or type(bd_seq) is not int or bd_seq not in range(WRAP):
                return "it is of another version"
            known = {str(key): alias for key, alias in aliases.items()}
            if any(
                type(alias) is not int or not 0 < alias <= MOST_ALIAS for alias in known.values()
            ):
                return "an alias is no number of ours"
            if len(set(known.values())) < len(known):
                return "an alias stands for two metrics"
            self._types = {str(key): DataType(number) for key, number in types.items()}
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            return f"it is damaged: {type(error).__name__}"
        self.bd_seq, self._aliases = bd_seq, known
        return ""

    def begin(self, metrics: Iterable[str]) -> int:
        """Return the next bdSeq, on disk, with an alias on disk for each of the metrics.

        Raises:
            OSError: it cannot be written.
        """
        for key in metrics:
            if key not in self._aliases:
                self._aliases[key] = max(self._aliases.values(), default=0) + 1
        bd_seq = 0 if self.bd_seq is None else (self.bd_seq + 1) % WRAP
        self._write(bd_seq)
        self.bd_seq = bd_seq
        return bd_seq

    def keep(self) -> None:
        """Put on disk what was noted since.

        Raises:
            OSError: it cannot be written; the next `begin` tries again.
        """
        self.is_new = False
        if self.bd_seq is not None:
            self._write(self.bd_seq)

    def _write(self, bd_seq: int) -> None:
        said: dict[str, Any] = {
            "schema": SCHEMA,
            "bd_seq": bd_seq,
            "aliases": self._aliases,
            "types": {key: int(kind) for key, kind in self._types.items()},
        }
        self._files.remove(self._beside)
        self._files.create(self._beside, orjson.dumps(said))
        self._files.replace(self._beside, self.path)

    @property
    def _beside(self) -> Path:
        return self.path.with_suffix(".new")

    def alias(self, key: str) -> int:
        """Return a metric's alias, which `begin` gave it."""
        return self._aliases[key]

    def kind(self, key: str) -> DataType | None:
        """Return a metric's type as last seen, None where it never was."""
        return self._types.get(key)

    def note_kind(self, key: str, kind: DataType) -> None:
        """Remember a type; on disk with the next `keep` or `begin`."""
        self.is_new = self.is_new or self._types.get(key) is not kind
        self._types[key] = kind
