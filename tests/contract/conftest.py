"""The databases that a trace store may be in."""

import itertools
from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory

import pytest

from tests import trace_rig
from tests.postgres import Postgres, memory

Fresh = Callable[[], str]
"""Names an empty store."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run one server for as long as the tests run."""
    with Postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def fresh(request: pytest.FixtureRequest) -> Iterator[Fresh]:
    """Run a test on each database; the rig's stores are in it too."""
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
