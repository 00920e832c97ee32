"""Threads: the one place where the agent makes them; what runs in one is a synchronous job."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class ThreadWorker:
    """One thread that does one thing at a time, in the order it was asked (the `Worker` port)."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def run(self, job: Callable[[], T]) -> Awaitable[T]:
        """Return what `job` returns, done off the event loop; the thread begins at once."""
        return asyncio.get_running_loop().run_in_executor(self._pool, job)

    def close(self) -> None:
        """Let the running job finish and end the thread."""
        self._pool.shutdown(wait=True)
