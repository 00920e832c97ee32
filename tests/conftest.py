"""What holds for every test: warnings are errors (pyproject.toml) and nothing outlives its test."""

import asyncio
import inspect
import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import hypothesis
import pytest
import structlog

from tests.leftovers import children, left_of, open_files, threads
from tests.once import built_once

if TYPE_CHECKING:
    from tests.postgres import Postgres

Fresh = Callable[[], str]
"""Names an empty store."""

# A red gate must never be luck: the gate tries the same examples each time, however long a busy
# machine takes to draw them. To look for new ones:
# HYPOTHESIS_PROFILE=explore python -m pytest tests/properties
hypothesis.settings.register_profile(
    "gate",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=5000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))


@pytest.fixture(scope="session", autouse=True)
def built_only_once() -> Iterator[None]:
    """Do not build for each test what an agent builds once."""
    with built_once():
        yield


@pytest.fixture(autouse=True)
def nothing_outlives_its_test() -> Iterator[None]:
    """A test leaves no thread, no child process and no open file behind, and no log set up."""
    before = threads(), children(), open_files()
    yield
    structlog.reset_defaults()
    assert not left_of(threads, before[0]), "a thread is still running"
    assert not left_of(children, before[1]), "a child process was not waited for"
    assert not left_of(open_files, before[2]), "a file or socket is still open"


@pytest.fixture
async def _no_task_outlives_its_test() -> AsyncIterator[None]:
    """A test leaves the loop as it found it."""
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, f"still running: {sorted(task.get_name() for task in left)}"


@pytest.fixture(autouse=True)
def tasks_are_watched(request: pytest.FixtureRequest, nothing_outlives_its_test: None) -> None:
    """Watch the tasks of asynchronous tests; the others (all of the core's) start no loop."""
    del nothing_outlives_its_test  # asked for so that files are counted after the loop has closed
    if inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        request.getfixturevalue("_no_task_outlives_its_test")


@pytest.fixture(scope="session")
def postgres() -> "Iterator[Postgres]":
    """Run one server for as long as the tests run."""
    from tests.postgres import Postgres  # noqa: PLC0415 - half a second that most tests do without

    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def fresh(request: pytest.FixtureRequest) -> Iterator[Fresh]:
    """Run a test on each database; the rig's stores are in it too."""
    from tests import trace_rig  # noqa: PLC0415 - half a second that most tests do without
    from tests.postgres import memory  # noqa: PLC0415 - as above

    with TemporaryDirectory(dir=memory(64)) as directory:
        if request.param == "postgres":
            server: Postgres = request.getfixturevalue("postgres")
            name: Fresh = server.fresh
        else:
            numbers = itertools.count(1)

            def name() -> str:
                return f"{directory}/trace-{next(numbers)}.db"

        before, trace_rig.fresh = trace_rig.fresh, name
        yield name
        trace_rig.fresh = before
