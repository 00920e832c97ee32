"""What a station makes of a code, in words and as an object."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from agent.app.station_code import as_object, judged, said, station_of
from agent.core.identity.rules import Gs1Match, Means, Reason, ScanRule
from tests.unit.config.stations import PRESS, write

DAY = date(2026, 6, 1)
GTIN = "09521234543213"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            f"]d201{GTIN}21S1",
            [
                "accepted by scan rule 4: unit",
                f"  identity  https://id.gs1.org/01/{GTIN}/21/S1",
                f"  product   {GTIN}",
                "  serial    S1",
            ],
        ),
        ("NR\r", ["no-read: the reader says by 'NR' that it saw nothing"]),
        ("hello", ["refused: no_rule at byte 0: no scan rule accepts such a code"]),
    ],
)
def test_words(tmp_path: Path, code: str, words: list[str]) -> None:
    """A station accepts, hears of a no-read, or refuses with a reason."""
    write(tmp_path, press=PRESS)
    station = station_of(tmp_path / "press.yaml")
    assert list(said(judged(code.encode(), station, DAY))) == words


def test_everything_that_is_known(tmp_path: Path) -> None:
    """Position, lot, quantity, expiry and doubts are told where there are any."""
    write(tmp_path, press=PRESS)
    match = Gs1Match(ais=frozenset({"01", "10", "17", "30"}))
    rule = ScanRule(
        match=match,
        means=Means.COMPONENT,
        position="housing",
        tolerates=frozenset({Reason.EMPTY_ELEMENT}),
    )
    station = replace(station_of(tmp_path / "press.yaml"), scans=(rule,))
    raw = f"]d2\x1d01{GTIN}172612313012\x1d10L1".encode()
    found = judged(raw, station, DAY)
    assert list(said(found)) == [
        "accepted by scan rule 1: component for housing",
        f"  identity  https://id.gs1.org/01/{GTIN}/10/L1",
        f"  product   {GTIN}",
        "  lot       L1",
        "  quantity  12",
        "  expiry    2026-12-31",
        "  doubtful: empty_element",
    ]
    answer = as_object(found)
    assert (answer["accepted"], answer["rule"], answer["expiry"]) == (True, 1, "2026-12-31")


def test_objects(tmp_path: Path) -> None:
    """A no-read and a refusal are not accepted, and say what they are."""
    write(tmp_path, press=PRESS)
    station = station_of(tmp_path / "press.yaml")
    assert as_object(judged(b"NOREAD", station, DAY)) == {"accepted": False, "no_read": "NOREAD"}
    assert as_object(judged(b"hello", station, DAY)) == {
        "accepted": False,
        "error": {"class": "no_rule", "at": 0, "detail": "no scan rule accepts such a code"},
    }
    assert as_object(judged(f"]d201{GTIN}21S1".encode(), station, DAY))["expiry"] is None
