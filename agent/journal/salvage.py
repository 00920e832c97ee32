"""What can still be had from damaged files: every row proves itself, wherever its bytes lie.

SQLite stops reading its log at the first frame that rotted, and cannot pass a rotten page of its
tree. The bytes behind are often whole. So the files are searched for bodies (`chain.prove` says
which are), past any structure. Only what certainly happened is taken:
    - of the mark's epoch, what is not beyond the mark;
    - of others, what the hashes lead to from the mark back.
A body that spills over its page (beyond about 4,000 bytes) is not found this way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import apsw

from agent.journal.chain import SEAL_LENGTH, Proven, prove
from agent.journal.mark import Mark
from agent.journal.store import DAMAGE, Stored, stored_down, stored_up
from agent.ports import Files

_WINDOW = 1 << 20
_LONGEST = 1 << 16
_SEAL = re.compile(rb',"hash":"[0-9a-f]{64}"\}')


def rows_in(files: Files, path: Path) -> Iterator[Proven]:
    """Yield every row whose bytes lie whole somewhere in a file, some of them more than once."""
    offset = 0
    while window := files.read(path, offset, _WINDOW):
        behind = 0
        for seal in _SEAL.finditer(window):
            found = _ending_at(window, behind, seal.end())
            behind = seal.end()
            if found is not None:
                yield found
        if len(window) < _WINDOW:
            return
        offset += _WINDOW - _LONGEST


def _ending_at(window: bytes, lowest: int, end: int) -> Proven | None:
    start = window.rfind(b'{"', lowest, end - SEAL_LENGTH)
    while start >= 0:
        if found := prove(window[start:end]):
            return found
        start = window.rfind(b'{"', lowest, start)
    return None


def tail(files: Files, sources: Iterable[Path], mark: Mark, after: int) -> list[Proven]:
    """Return rows behind a place, up to the mark, that the sources still hold, oldest first."""
    by_hash = {
        found.row.hash: found
        for source in sources
        for found in rows_in(files, source)
        if found.place > after
    }
    certain = {
        found.place: found
        for found in by_hash.values()
        if found.row.epoch == mark.address.epoch and found.row.seq < mark.address.seq
    }
    link: str | None = mark.hash
    while link is not None and (found := by_hash.get(link)):
        certain[found.place] = found
        link = found.prev
    return [certain[where] for where in sorted(certain)]


def reachable(connection: apsw.Connection) -> Iterator[Stored]:
    """Yield the rows that the tree still leads to, from both ends up to where it is broken."""
    after = -1
    for where, body in _until_broken(stored_up(connection)):
        after = where
        yield where, body
    for where, body in _until_broken(stored_down(connection)):
        if where <= after:
            return
        yield where, body


def _until_broken(rows: Iterator[Stored]) -> Iterator[Stored]:
    try:
        yield from rows
    except DAMAGE:
        return  # this is what is being repaired
