"""Where commands draw their tables."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from io import StringIO
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

_PICTURES = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) != "\n"},
    0x7F: "␡",
    **dict.fromkeys(range(0x80, 0xA0), "�"),
}
"""By a control character what is shown in its place."""
_NOTHING = dict.fromkeys(_PICTURES)


def pictured(text: str) -> str:
    """Return a text that steers no terminal: its control characters are pictures."""
    return text.translate(_PICTURES)


def tell(line: str) -> None:
    """Write a line on standard error, one whatever a name in it holds."""
    sys.stderr.write(pictured(line).replace("\n", "␊") + "\n")


class _Plain(Console):
    """A console on which a text moves nothing, whatever a name in it holds."""

    def render_str(self, text: str, **how: Any) -> Text:  # noqa: ANN401 - as rich has it
        """Return a text to lay out."""
        return super().render_str(pictured(text), **how)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield what is to be written; of what was laid out otherwise no control character."""
        for segment in super().render(renderable, options):
            if segment.control is None and not segment.text.isprintable():
                yield Segment(segment.text.translate(_NOTHING), segment.style)
            else:
                yield segment


def plain(elsewhere: int = 160, *, folds: bool = True) -> Console:
    """Return a console that prints every text as it is: a name may look like a style.

    It is as wide as the terminal, and `elsewhere` signs wide where there is none; what is longer is
    folded, or left to the terminal.
    """
    width = None if sys.stdout.isatty() else elsewhere
    return _Plain(width=width, highlight=False, markup=False, emoji=False, soft_wrap=not folds)


def drawing(width: int) -> Console:
    """Return a console that keeps what is printed, as it is, to be drawn."""
    return _Plain(
        width=width, highlight=False, markup=False, emoji=False, record=True, file=StringIO()
    )
