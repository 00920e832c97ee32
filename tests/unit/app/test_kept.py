"""Scans between two runs."""

from dataclasses import replace

from agent.app.kept import MOST, KeptScans
from drivers.base import CodeScanned
from tests.unit.app.test_conceal import scanned


def as_it_is(seen: CodeScanned) -> CodeScanned:
    """Conceal nothing."""
    return seen


def test_what_a_run_could_not_record_comes_before_what_came_since() -> None:
    """The order of the scans is kept over a failed commit: which came first decides a pairing."""
    kept = KeptScans()
    kept.keep(scanned(b"3"), as_it_is)
    kept.put_back([scanned(b"1"), scanned(b"2")])
    kept.keep(scanned(b"4"), as_it_is)
    assert [seen.raw for seen in kept.take()] == [b"1", b"2", b"3", b"4"]
    assert list(kept.take()) == []


def test_a_badge_is_never_kept_in_clear() -> None:
    """Before there is a key nothing can be kept, and that is counted; with one it is concealed."""
    kept = KeptScans()
    kept.keep(scanned(b"OP-4711"), None)
    kept.keep(scanned(b"OP-4711"), lambda seen: replace(seen, raw=b"", operator="p"))
    assert [(seen.raw, seen.operator) for seen in kept.take()] == [(b"", "p")]
    assert (kept.take_lost(), kept.take_lost()) == (1, 0)


def test_what_is_too_much_is_counted() -> None:
    """Memory stays bounded, and nothing is lost without a number."""
    kept = KeptScans()
    for number in range(MOST + 3):
        kept.keep(scanned(str(number).encode()), as_it_is)
    assert len(list(kept.take())) == MOST
    assert kept.take_lost() == 3
