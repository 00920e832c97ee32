"""`lineside example`: what is measured, as a table and as JSON."""

from pathlib import Path

import pytest

from agent.app.worked_example import example
from agent.cli import exits, main
from agent.cli.example import document, show
from agent.demo.worked_example import Shift


def test_the_table_says_the_difference(capsys: pytest.CaptureFixture[str]) -> None:
    """Each way to record has its line with a bar; the difference and the trade are said (D-11)."""
    found = example(Shift(units=100, faulty=5, place=52), (10,))
    show(found)
    shown = capsys.readouterr().out
    assert "recall by lot 100, by serial 5: a difference of 95 units" in shown
    assert "it is 100 again" in shown
    assert "agrees with the arithmetic" in shown
    (row,) = (line for line in shown.splitlines() if line.startswith("sub-lots of 10"))
    assert row.split()[3:] == ["10", "13.8", "13.8", "14", "10", "20", "10", "█" * 5]
    told = document(found)
    assert told["agrees"]
    assert told["serials_without_links"] == 100
    assert [row["recalled"] for row in told["rows"]] == [100, 10, 5]


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("no/such/plot.svg", "no folder "),
        ("plot.txt", "a drawing ends in .svg, .png or .pdf"),
        ("plot", "a drawing ends in .svg, .png or .pdf"),
        ("folder.svg", "is a folder"),
    ],
)
def test_a_drawing_that_cannot_be_made_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, says: str
) -> None:
    """Nothing is measured for it: nothing stands on standard output, and no file is left."""
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(SystemExit) as ended:
        main(("example", "--plot", str(tmp_path / place)))
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (exits.REFUSED, "")
    assert told.err.startswith(f"lineside example: {tmp_path / place}: {says}")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.svg"]
