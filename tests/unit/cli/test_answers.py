"""How answers are shown: whole, however narrow the terminal is."""

from io import StringIO

import pytest
from rich.console import Console

from agent.cli import answers

COLUMNS = ("unit", "certainty", "first_seen", "in", "last_station")
ROW = (
    "01/09521234000020/21/SN000002",
    "certain",
    "2026-11-26T08:01:40Z",
    None,
    "demo/line-1/press",
)


def shown(width: int) -> list[str]:
    """Return the lines of a table on a terminal that is so wide."""
    out = StringIO()
    answers.show(Console(width=width, file=out), COLUMNS, [ROW])
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_no_value_is_cut_by_a_narrow_terminal(width: int) -> None:
    """Each stands whole on one line, and none is left out; an empty one takes no room."""
    lines = shown(width)
    assert all(any(cell in line for line in lines) for cell in ROW if cell is not None)
    assert all(len(line) <= width for line in lines)


def test_a_table_is_one_where_it_fits() -> None:
    """Two lines: the heads and the row."""
    assert len(shown(160)) == 2
    assert len(shown(110)) == 2
    assert shown(60)[0].strip() == ROW[0]
