"""The reader on its pseudo-terminal: a stable name, whole codes, and a real hang-up."""

import os
from pathlib import Path

from agent.demo.scanner import Scanner


async def test_codes_come_with_their_end_under_the_same_name(tmp_path: Path) -> None:
    """Replugged it is another line under the same name; what it sends ends with CR."""
    scanner = Scanner(tmp_path / "scanner")
    for expected in (b"OP-4711\r", b"]d2\x1d\r"):
        scanner.plug()
        near = os.open(scanner.link, os.O_RDONLY | os.O_NOCTTY)
        try:
            await scanner.scan(expected[:-1].decode("latin-1"))
            assert os.read(near, 100) == expected
        finally:
            os.close(near)
    scanner.unplug()
    assert scanner.scans == 2


async def test_unplugged_it_hangs_up_and_its_name_is_gone(tmp_path: Path) -> None:
    """Whoever reads is told; to unplug twice is the same as once."""
    scanner = Scanner(tmp_path / "scanner")
    scanner.plug()
    near = os.open(scanner.link, os.O_RDONLY | os.O_NOCTTY)
    try:
        scanner.unplug()
        scanner.unplug()
        assert os.read(near, 100) == b""
    finally:
        os.close(near)
    assert not scanner.link.is_symlink()


async def test_reader_does_not_wait_for_a_listener(tmp_path: Path) -> None:
    """A line that nobody reads overflows; the person is never held up by it."""
    scanner = Scanner(tmp_path / "scanner")
    scanner.plug()
    for _ in range(3000):
        await scanner.scan("x" * 100)
    scanner.unplug()
    assert scanner.scans == 3000
