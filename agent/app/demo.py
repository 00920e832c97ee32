"""`lineside demo`: the simulated line, with the journal's own readers handed to it."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from agent.demo.process import StartError
from agent.demo.scenario import Wish, play
from agent.demo.tally import Reading, Verdict
from agent.journal.errors import JournalError
from agent.journal.reader import JournalReader, Query
from agent.journal.verify import verify
from agent.ports import Row

OK, FAILED, STOPPED = 0, 1, 130


def demo(*, forever: bool, outage: bool, keep: Path | None) -> int:
    """Run the demo and return the exit code: 0 only if all books agree.

    Args:
        forever: Run until interrupted, and then compare the books.
        outage: Show more trouble than a broker that is away.
        keep: Where to leave everything that was written; None: nowhere.
    """
    with ExitStack() as stack:
        if keep is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lineside-")))
        else:
            directory = keep.absolute()
            directory.mkdir(parents=True, exist_ok=True)
            if any(directory.iterdir()):
                sys.stderr.write(f"lineside demo: {directory} is not empty; name another one\n")
                return FAILED
        return _run(Wish(forever=forever, outage=outage), directory)


def _run(wish: Wish, directory: Path) -> int:
    code = FAILED
    try:
        code = asyncio.run(_demo(wish, directory))
    except* (StartError, TimeoutError) as group:
        for error in _leaves(group):
            sys.stderr.write(f"lineside demo: {error}\n")
    return code


async def _demo(wish: Wish, directory: Path) -> int:
    stop = asyncio.Event()
    playing = asyncio.ensure_future(play(directory, READING, wish, stop=stop))

    def interrupted() -> None:
        """End in order what runs for ever, and everything else or the second time at once."""
        if wish.forever and not stop.is_set():
            stop.set()
        elif not playing.cancelling():
            playing.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, interrupted)
    try:
        return OK if await playing else FAILED
    except asyncio.CancelledError:
        return STOPPED


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _newest(journal: Path, limit: int | None) -> Sequence[Row]:
    """Return rows of a journal, newest first; none where there is no journal yet."""
    if not (journal / "journal.db").exists():
        return ()
    try:
        with JournalReader(journal) as reader:
            return list(reader.query(Query(limit=limit)))
    except JournalError:
        return ()  # it is being made just now


def _verdict(journal: Path) -> Verdict:
    report = verify(journal)
    return Verdict(
        rows=report.rows, epochs=report.epochs, whole=report.is_whole, text=report.text()
    )


READING = Reading(newest=_newest, verify=_verdict)
"""How the demo reads journals: as `lineside events` and `lineside verify` do."""
