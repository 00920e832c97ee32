"""What a person sees: every number by its name, the story in order, a verdict for each check."""

from dataclasses import replace
from io import StringIO

from rich.console import Console

from agent.demo.reconcile import Check
from agent.demo.view import Glance, Lines, Numbers, show_summary, view_for

NOW = Numbers(
    scanned=12,
    cycles=11,
    bound=9,
    answered=10,
    committed=40,
    published=33,
    pieces=70,
    lot="F-1",
    broker="away",
    agent="up",
    ready=True,
)
CHECKS = (
    Check(name="requests", numbers="10 = 10", ok=True),
    Check(name="pieces", numbers="70 = 69", ok=False),
)


def console(*, terminal: bool) -> Console:
    """Return a console that keeps what it is given."""
    return Console(file=StringIO(), force_terminal=terminal, width=100, legacy_windows=False)


def shown(to: Console) -> str:
    """Return what was written to a console."""
    assert isinstance(to.file, StringIO)
    return to.file.getvalue()


def test_pipe_gets_lines_and_terminal_a_table() -> None:
    """What moves on a screen would be rubbish in a log."""
    assert isinstance(view_for(console(terminal=False)), Lines)
    assert isinstance(view_for(console(terminal=True)), Glance)


def test_lines_hold_every_number_and_the_story() -> None:
    """A status line is printed at once and then not at every look."""
    out = console(terminal=False)
    with Lines(out) as view:
        view.numbers(NOW)
        view.numbers(replace(NOW, scanned=13))
        view.story("the broker is gone")
    first, second = shown(out).splitlines()
    assert first.endswith(
        "scanned 12  cycles 11  bound 9  committed 40  answered 10  published 33  backlog 7  "
        "pieces 70  broker away  agent up"
    )
    assert second.endswith("- the broker is gone")


def test_glance_shows_the_flow_the_lamps_and_the_story() -> None:
    """The numbers stand below, whatever was told before; markup in the story is only text."""
    out = console(terminal=True)
    with Glance(out) as view:
        view.numbers(NOW)
        view.story("a line in [brackets]")
    text = shown(out)
    for word in ("scanned", "cycles", "bound", "committed", "answered", "published"):
        assert text.rindex(word) > text.index("a line in [brackets]")
    assert "+7 waiting" in text
    assert "filler 70 pieces, lot F-1" in text


def test_nothing_waits_while_the_broker_is_there() -> None:
    """Events on their way are no backlog to show."""
    out = console(terminal=True)
    with Glance(out) as view:
        view.numbers(replace(NOW, broker="up", ready=False, lot=""))
    assert "waiting" not in shown(out)
    assert "not ready" in shown(out)


def test_summary_gives_each_check_its_verdict() -> None:
    """A person and a script see the same: numbers, and whether they agree."""
    plain, table = console(terminal=False), console(terminal=True)
    show_summary(plain, CHECKS)
    assert shown(plain) == "OK   requests  10 = 10\nFAIL pieces    70 = 69\n"
    show_summary(table, CHECKS)
    for word in ("OK", "FAIL", "requests", "70 = 69"):
        assert word in shown(table)
