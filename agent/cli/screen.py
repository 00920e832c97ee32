"""Where commands draw their tables."""

from __future__ import annotations

import sys
from io import StringIO

from rich.console import Console


def plain(elsewhere: int = 160, *, folds: bool = True) -> Console:
    """Return a console that prints every text as it is: a name may look like a style.

    It is as wide as the terminal, and `elsewhere` signs wide where there is none; what is longer is
    folded, or left to the terminal.
    """
    width = None if sys.stdout.isatty() else elsewhere
    return Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=not folds)


def drawing(width: int) -> Console:
    """Return a console that keeps what is printed, as it is, to be drawn."""
    return Console(
        width=width, highlight=False, markup=False, emoji=False, record=True, file=StringIO()
    )
