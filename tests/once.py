"""What a process of the agent builds once, and its tests in one process a thousand times."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


class Compiled(dict[tuple[Any, ...], Any]):
    """SQL that was compiled, for whatever engine of the same dialect."""

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:  # noqa: ANN401 - SQLAlchemy's
        """Return what a statement was compiled to."""
        return super().get(_of_any_engine(key), default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:  # noqa: ANN401 - as above
        super().__setitem__(_of_any_engine(key), compiled)


def _of_any_engine(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a key of SQLAlchemy's cache with the dialect's type where its dialect was."""
    dialect, *rest = key
    return (type(dialect), *rest)


@contextmanager
def built_once() -> Iterator[None]:
    """Keep what judges the sections of a station file, and the SQL of a store, for all tests."""
    validation = sys.modules.get("agent.config.validation")
    engines = sys.modules.get("agent.trace.engines")
    with pytest.MonkeyPatch.context() as patch:
        if validation is not None:
            patch.setattr(validation, "TypeAdapter", functools.cache(validation.TypeAdapter))
        if engines is not None:
            options = {"compiled_cache": Compiled()}
            made = functools.partial(engines.create_engine, execution_options=options)
            patch.setattr(engines, "create_engine", made)
        yield
