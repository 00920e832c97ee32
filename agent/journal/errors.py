"""What the journal may raise; each message is one line with path, cause and what to do."""

from __future__ import annotations

from agent.ports import StoreError


class JournalError(StoreError):
    """The journal cannot record. Nothing is acknowledged until it is open (again)."""


class JournalLockedError(JournalError):
    """Another process has this journal open."""


class DoubtfulCommitError(JournalError):
    """A commit failed and may or may not have landed: the epoch ends (PITFALLS S5)."""


class DiskFullError(DoubtfulCommitError):
    """The disk is full; the ballast is freed and the station holds (PITFALLS S4)."""


class BrokenError(DoubtfulCommitError):
    """The database's structure is broken; the next opening builds a new one from its rows."""
