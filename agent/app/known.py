"""What this process knows that it recorded: a journal that is gone under it is no fresh start.

The mark lies beside the journal. Where somebody removed the directory with both while the agent
ran, or put an older copy in its place, nothing on the disk says that there was more (FAULTS P20).
"""

from __future__ import annotations

from dataclasses import replace

from agent.journal.chain import ordinal
from agent.ports import Address, Recovery

REASON = "the journal was removed or replaced while the agent ran"


def with_known(recovery: Recovery, known: Address | None) -> Recovery:
    """Return what an opening found, and as lost what this process knows beyond it.

    Args:
        recovery: As the journal found it.
        known: The newest event that this process knows to have been durable; None: of none.
    """
    last = recovery.last.address if recovery.last is not None else None
    if known is None or recovery.lost or (last is not None and last >= known):
        return recovery
    first = last.seq + 1 if last is not None and last.epoch == known.epoch else 1
    return replace(
        recovery,
        highest_ordinal=max(recovery.highest_ordinal, ordinal(known.epoch)),
        lost=((known.epoch, first, known.seq, REASON),),
    )
