"""Where commands draw their tables."""

from __future__ import annotations

import sys

from rich.console import Console


def plain(elsewhere: int = 160) -> Console:
    """Return a console that prints every text as it is: a name may look like a style.

    It is as wide as the terminal, and `elsewhere` signs wide where there is none.
    """
    width = None if sys.stdout.isatty() else elsewhere
    return Console(width=width, highlight=False, markup=False, emoji=False)
