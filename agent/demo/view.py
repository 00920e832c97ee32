"""What a person sees of the demo: numbers at a glance, the story as it happens, the summary.

On a terminal the numbers stand below the story and change in place; elsewhere (a pipe, a log) a
line is printed every two seconds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agent.demo.reconcile import Check, report

_PLAIN_EVERY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Everything at a glance, from the machine's side to the consumer's."""

    scanned: int
    """Codes that the reader has sent."""
    cycles: int
    """Requests that the PLC has raised."""
    bound: int
    """Units bound to a cycle."""
    answered: int
    """Requests that the PLC has an answer to."""
    committed: int
    """Events on disk."""
    published: int
    """Events that the consumer has."""
    pieces: int
    """Pieces that the filler has made."""
    lot: str
    broker: str
    """`up`, `away` or `none`."""
    agent: str
    """`up` or `down`."""
    ready: bool
    """The lamp at the press."""

    @property
    def backlog(self) -> int:
        """Events on disk that the consumer does not have yet."""
        return max(0, self.committed - self.published)


class View(Protocol):
    """Where the demo shows itself."""

    def numbers(self, numbers: Numbers) -> None:
        """Show how things stand."""
        ...

    def story(self, text: str) -> None:
        """Say what has just happened."""
        ...

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the screen as it is."""
        ...


def view_for(console: Console) -> View:
    """Return the view that fits where the output goes."""
    return Glance(console) if console.is_terminal else Lines(console)


class Lines:
    """For a pipe or a log: one line at a time."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun_s = time.monotonic()
        self._next_s = self._begun_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """There is nothing to end."""

    def numbers(self, numbers: Numbers) -> None:
        """Print a line, every two seconds at most."""
        if time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + _PLAIN_EVERY_S
        n = numbers
        self._print(
            f"scanned {n.scanned}  cycles {n.cycles}  bound {n.bound}  committed {n.committed}  "
            f"answered {n.answered}  published {n.published}  backlog {n.backlog}  "
            f"pieces {n.pieces}  broker {n.broker}  agent {n.agent}"
        )

    def story(self, text: str) -> None:
        """Print what has happened."""
        self._print(f"- {text}")

    def _print(self, text: str) -> None:
        passed_s = time.monotonic() - self._begun_s
        self._console.print(
            f"{passed_s:5.1f} s  {text}", highlight=False, markup=False, soft_wrap=True
        )


class Glance:
    """For a terminal: a table that changes in place at the bottom, and the story above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun_s = time.monotonic()
        self._numbers: Numbers | None = None
        self._live = Live(console=console, auto_refresh=False, get_renderable=self._drawn)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def numbers(self, numbers: Numbers) -> None:
        """Put these in the table."""
        self._numbers = numbers
        self._live.refresh()

    def story(self, text: str) -> None:
        """Add a line above the table."""
        passed_s = time.monotonic() - self._begun_s
        self._console.print(Text.assemble((f"{passed_s:5.1f} s  ", "dim"), text))

    def _drawn(self) -> RenderableType:
        if self._numbers is None:
            return Text()
        return Group(Text(), _flow(self._numbers), _state(self._numbers))


def _flow(numbers: Numbers) -> Table:
    table = Table(pad_edge=False)
    stages = ("scanned", "cycles", "bound", "committed", "answered", "published")
    for stage in stages:
        table.add_column(stage, justify="right", min_width=9)
    late = numbers.backlog > 0 and numbers.broker != "up"
    cells = [Text(str(getattr(numbers, stage))) for stage in stages]
    if late:
        cells[-1].append(f"  +{numbers.backlog} waiting", style="yellow")
    table.add_row(*cells)
    return table


def _state(numbers: Numbers) -> Text:
    def lamp(name: str, value: str, *, good: bool) -> tuple[str, str]:
        return (f"{name} {value}   ", "green" if good else "bold red")

    return Text.assemble(
        lamp("agent", numbers.agent, good=numbers.agent == "up"),
        lamp("broker", numbers.broker, good=numbers.broker == "up"),
        lamp("press", "ready" if numbers.ready else "not ready", good=numbers.ready),
        (f"filler {numbers.pieces} pieces, lot {numbers.lot or '-'}", ""),
    )


def show_summary(console: Console, checks: Sequence[Check]) -> None:
    """Print the reconciliation: what was compared, the numbers, and the verdict of each."""
    if not console.is_terminal:
        console.print(report(checks), highlight=False, markup=False, soft_wrap=True)
        return
    table = Table(show_header=False, pad_edge=False, box=None, padding=(0, 2, 0, 0))
    for check in checks:
        verdict = Text("OK", "bold green") if check.ok else Text("FAIL", "bold red")
        table.add_row(verdict, Text(check.name), Text(check.numbers))
    console.print(table)
