"""PackML has two numberings; the same number means another state in each (D-106, D-107)."""

import pytest

from agent.core.packml import CATEGORIES, STATES, PackState
from agent.core.station import Category, Numbering

TABLE = """
clearing 1 10 down
stopped 2 0 stopped
starting 3 3 idle
idle 4 2 idle
suspended 5 12 suspended
execute 6 4 running
stopping 7 9 stopped
aborting 8 7 down
aborted 9 8 down
holding 10 14 held
held 11 15 held
unholding 12 16 held
suspending 13 11 suspended
unsuspending 14 13 suspended
resetting 15 1 idle
completing 16 5 running
complete 17 6 idle
"""


@pytest.mark.parametrize("row", TABLE.split("\n")[1:-1])
def test_each_state_has_its_two_numbers_and_its_category(row: str) -> None:
    """The table of D-106, row by row."""
    name, packtags, opc30060, category = row.split()
    assert STATES[Numbering.PACKTAGS][int(packtags)] == name
    assert STATES[Numbering.OPC30060][int(opc30060)] == name
    assert CATEGORIES[name] is Category(category)


def test_the_table_is_whole() -> None:
    """0 is no state in PackTags; the super-states 18 and 19 are none in either."""
    assert len(TABLE.split("\n")[1:-1]) == len(PackState) == len(CATEGORIES)
    assert sorted(STATES[Numbering.PACKTAGS]) == list(range(1, 18))
    assert sorted(STATES[Numbering.OPC30060]) == list(range(17))
