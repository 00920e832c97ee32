"""Opening a station's journal: take hold of its directory, recover, start its threads."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path

import apsw

from agent.journal.ballast import Ballast
from agent.journal.place import Lock, Paths
from agent.journal.recovery import Opened, recover
from agent.journal.remedies import unopened
from agent.journal.retention import Keep
from agent.journal.sqlite import Rim, SqliteJournal
from agent.ports import Recovery


async def open_journal(
    directory: Path,
    station: str,
    rim: Rim,
    *,
    keep: Keep | None = None,
    is_thorough: bool = False,
) -> tuple[SqliteJournal, Recovery]:
    """Open a station's journal in a directory of this machine and hold it until it is closed.

    Args:
        directory: Where it is kept; made if need be, for its owner alone.
        station: Whose journal it is.
        rim: What the outside offers.
        keep: How long events are kept; None: for ever.
        is_thorough: Prove every row instead of only those that the state is folded from.

    Raises:
        JournalLockedError: another process has it open.
        JournalError: it cannot be opened; the text is one line for the operator.
    """
    lock = Lock(directory)
    with ExitStack() as undo:
        undo.callback(lock.release)
        opened = await open_held(
            directory, station, rim, lock.release, keep=keep, is_thorough=is_thorough
        )
        undo.pop_all()
    return opened


def _begin() -> None:
    """Do nothing: a thread begins with its first job, and later none may be had any more (E03)."""


async def open_held(
    directory: Path,
    station: str,
    rim: Rim,
    release: Callable[[], None],
    *,
    keep: Keep | None = None,
    is_thorough: bool = False,
) -> tuple[SqliteJournal, Recovery]:
    """Open a journal in a directory that the caller holds; `release` is called at its close.

    Raises:
        JournalError: it cannot be opened.
    """
    paths = Paths(directory)
    workers = (
        rim.worker("journal-writer"),
        rim.worker("journal-reader"),
        rim.worker("journal-checkpoint"),
    )

    def job() -> tuple[Opened, Ballast]:
        ballast = Ballast(
            rim.files, paths.ballast, size=rim.ballast_bytes, reserve=rim.reserve_bytes
        )
        ballast.look()
        opened = recover(
            paths,
            rim.files,
            station,
            vfs=rim.vfs,
            machine=rim.machine,
            is_thorough=is_thorough,
        )
        if not ballast.is_short:
            with suppress(OSError):  # without it commits are slower, that is all
                rim.files.lay_out(paths.log, rim.log_bytes)
        return opened, ballast

    async with AsyncExitStack() as undo:
        for worker in workers:
            undo.callback(worker.close)
        try:
            for worker in workers:
                await worker.run(_begin)
            opened, ballast = await workers[0].run(job)
            undo.callback(opened.connection.close)
            journal = SqliteJournal(
                paths=paths,
                rim=rim,
                opened=opened,
                ballast=ballast,
                workers=workers,
                release=release,
                keep=keep,
            )
        except (OSError, apsw.Error) as error:
            raise unopened(directory, error) from error
        undo.pop_all()
    return journal, opened.recovery
