"""The real worker: off the loop, in order, one thing at a time."""

import asyncio
import threading

import pytest

from agent.threads import ThreadWorker


async def test_jobs_run_in_order_in_one_other_thread() -> None:
    """What is asked first is done first, in a thread of that name."""
    worker, done = ThreadWorker("journal-writer"), list[tuple[int, str]]()

    def job(number: int) -> int:
        done.append((number, threading.current_thread().name))
        return number

    results = await asyncio.gather(*(worker.run(lambda n=n: job(n)) for n in range(3)))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    worker.close()
    assert results == [0, 1, 2]
    assert done == [(number, "journal-writer_0") for number in range(3)]


async def test_what_a_job_raises_reaches_whoever_asked() -> None:
    """An error is the caller's, and the thread lives on."""

    def job() -> None:
        raise ValueError("no")

    worker = ThreadWorker("w")
    with pytest.raises(ValueError, match="no"):
        await worker.run(job)
    assert await worker.run(lambda: 5) == 5
    worker.close()
