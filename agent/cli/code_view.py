"""How a code is shown to people: its bytes, its parts, the verdict."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from agent.app.decode import Explanation
from agent.cli import screen

_CONTROL_PICTURES = 0x2400
_FIRST_PRINTABLE = 0x20
_LAST_PRINTABLE = 0x7E


def show(explanation: Explanation) -> None:
    """Print what is known of a code: the bytes, the parts, the verdict."""
    console = screen.plain(folds=False)
    error = explanation.error
    console.print(Text("".join(picture(byte) for byte in explanation.raw), style="bold"))
    if error is not None:
        console.print(Text(" " * error.at + "^", style="bold red"))
    if explanation.symbology:
        console.print(Text(f"{explanation.symbology} {explanation.symbol}"))
    if explanation.parts:
        console.print(_table(explanation))
    for doubt in explanation.doubts:
        console.print(Text(f"doubtful: {doubt}", style="yellow"))
    for ignored in explanation.ignored:
        console.print(Text(f"ignored: {ignored}", style="dim"))
    if error is None:
        console.print(Text(f"accepted: {explanation.form}", style="green"))
    else:
        text = f"refused: {error.reason} at byte {error.at}: {error.detail}"
        console.print(Text(text, style="red"))


def _table(explanation: Explanation) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("", "what", "value", "means"):
        table.add_column(heading, overflow="fold")
    for part in explanation.parts:
        name = f"({part.identifier})" if part.format in ("", "05") else part.identifier
        cells = (name, part.title, part.value, part.meaning)
        table.add_row(*(Text(cell) for cell in cells))
    return table


def picture(byte: int) -> str:
    """Return one column for one byte, so that a caret can stand under it."""
    if byte < _FIRST_PRINTABLE:
        return chr(_CONTROL_PICTURES + byte)
    return chr(byte) if byte <= _LAST_PRINTABLE else "�"
