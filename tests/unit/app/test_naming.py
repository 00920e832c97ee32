"""What people call a unit, and what the journal calls it."""

import re
from datetime import date

import pytest

from agent.app.naming import as_read, canonical_name
from tests.unit.config.stations import CELL, PRESS, loaded

DAY = date(2026, 6, 1)
PRESSED = loaded(PRESS).station
UNIT = "https://id.gs1.org/01/09521234543213/21/S1"
LOT = "https://id.gs1.org/01/09521234543213/10/L1"


@pytest.mark.parametrize(
    "text",
    [
        UNIT,
        "01/09521234543213/21/S1",
        "(01)09521234543213(21)S1",
        "]C1010952123454321321S1",
        "]d2010952123454321321S1",
        "(21)S1(01)09521234543213",
    ],
)
def test_every_name_of_a_unit_leads_to_it(text: str) -> None:
    """Canonical, as a table shows it, as printed, as scanned; with a station's rules or not."""
    assert canonical_name(text, (), DAY) == UNIT
    assert canonical_name(text, (PRESSED,), DAY) == UNIT


def test_what_stands_beside_the_identity_does_not_matter() -> None:
    """A label also has a date and a lot: by the standard a serial names it before a lot does."""
    assert canonical_name("(01)09521234543213(17)261231(21)S1", (), DAY) == UNIT
    assert canonical_name("(01)09521234543213(10)L1(17)261231", (), DAY) == LOT
    assert canonical_name("]C1010952123454321310L1<GS>17261231", (), DAY) == LOT


def test_a_station_knows_its_own_codes() -> None:
    """A badge of letters, an order: what its rules make of the text is what events have."""
    assert canonical_name("WO-104711", (PRESSED,), DAY) == "104711"
    assert canonical_name("CELL00000001", (PRESSED, loaded(CELL).station), DAY) == "CELL00000001"


@pytest.mark.parametrize("text", ["SN-0001", "di:25S/1234", "Größe-€", "12/", "(x)y", ""])
def test_what_nobody_knows_is_looked_for_as_it_is(text: str) -> None:
    """A plain code keeps its text."""
    assert canonical_name(text, (), DAY) == text


def test_what_is_keyed_in_is_what_a_scanner_would_send() -> None:
    """A printed label is in a symbol of GS1's that a rule takes; a text is its bytes."""
    printed = "(01)09521234543213(21)S1"
    assert as_read(printed, PRESSED, DAY) == b"]C10109521234543213\x1d21S1"
    only = loaded(PRESS.replace('["01", "21"]}, ', '["01", "21"]}, symbologies: ["]d2"], '))
    assert as_read(printed, only.station, DAY) == b"]d20109521234543213\x1d21S1"
    assert as_read("(01)09521234543214(21)S1", only.station, DAY).startswith(b"]C1")
    assert as_read("(10)L1(21)S1", PRESSED, DAY) == b"]C110L1\x1d21S1"
    assert as_read("SN<GS>1é€", PRESSED, DAY) == b"SN\x1d1\xe9?"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("(01)09521234543214(21)S1", "bad_check_digit at byte 18: "),
        ("(91)ABC", "names no unit or lot; it has (91)"),
        ("]C1zz", "no right code: "),
    ],
)
def test_a_wrong_label_is_not_looked_for(text: str, error: str) -> None:
    """A slip of the pen would find nothing, and nothing would say why."""
    with pytest.raises(ValueError, match=re.escape(error)):
        canonical_name(text, (), DAY)
