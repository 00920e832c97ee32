"""What outlives a test is found; what ends by itself a moment later is waited for."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.leftovers import children, left_of, open_files, threads

SOON_S = 0.05
"""What stays is given up after it: these tests look at real leaks."""


def test_a_thread_that_stays_is_found() -> None:
    """And one that ends while it is waited for is not."""
    before, end = threads(), threading.Event()
    stays = threading.Thread(target=end.wait)
    stays.start()
    assert left_of(threads, before, SOON_S) == {stays}
    end.set()
    assert left_of(threads, before) == set()


def test_a_child_that_nobody_waits_for_is_found() -> None:
    """Running or ended: it is gone when it was waited for, whichever thread has begun it."""
    before = children()
    begun: list[subprocess.Popen[bytes]] = []

    def begin() -> None:
        begun.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()
    (child,) = begun
    assert left_of(children, before, SOON_S) == {str(child.pid)}
    with child:
        assert child.stdin is not None
        child.stdin.write(b"\n")
    assert left_of(children, before) == set()


def test_a_file_that_stays_open_is_found(tmp_path: Path) -> None:
    """Until it is closed, by whom ever."""
    before, path = open_files(), tmp_path / "open"
    descriptor = os.open(path, os.O_CREAT)
    assert left_of(open_files, before, SOON_S) == {(str(descriptor), str(path))}
    closing = threading.Timer(SOON_S, os.close, (descriptor,))
    closing.start()
    assert left_of(open_files, before) == set()
    closing.join()


def test_a_thread_that_ends_while_they_are_listed_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was listed, and has nothing any more; the others' children and files are found."""
    before, listdir = (children(), open_files()), os.listdir

    def with_one_that_ended(path: Any) -> list[str]:  # noqa: ANN401 - as it is declared
        return ["999999999", *listdir(path)]

    monkeypatch.setattr(os, "listdir", with_one_that_ended)
    assert (children(), open_files()) == before
