"""Labels of several industries on the rules of config/labels.example.yaml (D-80)."""

from datetime import date
from pathlib import Path

import pytest

from agent.app.decode import unescaped
from agent.app.station_code import as_object, judged, station_of

STATION = station_of(Path(__file__).parents[3] / "config" / "labels.example.yaml")
TODAY = date(2026, 6, 1)
GTIN = "09521234543213"
UDI = f"]d201{GTIN}1728123110L42A"
TRANSPORT = "[)><RS>06<GS>1JUN123456789A2B4C6D8<GS>P44112233<GS>Q100<GS>V12345<GS>7Q12.5KG<RS><EOT>"


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        (UDI, {"code": f"https://id.gs1.org/01/{GTIN}/10/L42A", "expiry": "2028-12-31"}),
        (
            "+A99912345/$$52827410X3I",
            {"code": "hibc:item/A99912345/lot/10X3", "expiry": "2028-09-30"},
        ),
        (
            TRANSPORT,
            {"code": "di:1J/UN123456789A2B4C6D8", "product": "44112233", "quantity": "100"},
        ),
        (
            "[)><RS>06<GS>18VUN123456789<GS>1PAB-1<GS>S0042<GS>16D20260131<RS><EOT>",
            {"code": "di:18V/UN123456789/1P/AB-1/S/0042", "serial": "0042", "product": "AB-1"},
        ),
        (
            "[)><RS>06<GS>25SUN123456789SER0001<RS><EOT>",
            {"code": "di:25S/UN123456789SER0001", "means": "unit"},
        ),
        (
            "[)><RS>06<GS>1PCRCW0402<GS>Q10000<GS>9D2604<GS>1TL77<RS><EOT>",
            {"code": "di:1P/CRCW0402/1T/L77", "lot": "L77", "position": "reel"},
        ),
        (
            "[)><RS>12<GS>MFR 12345<GS>SER X-1<GS>PNR AB-9<RS><EOT>",
            {"code": "di:MFR/12345/SER/X-1", "means": "unit"},
        ),
    ],
    ids=["UDI", "HIBC", "transport", "JAIF", "25S", "reel", "aerospace"],
)
def test_sample_labels(label: str, wanted: dict[str, str]) -> None:
    """Each label is taken by its rule, and its parts are where the rule says."""
    found = as_object(judged(unescaped(label), STATION, TODAY))
    assert {name: found.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (UDI.replace("281231", "251231"), "expired"),
        (UDI.replace("281231", "281200"), "bad_date"),
        (TRANSPORT.replace("Q100<GS>", "Q1O0<GS>", 1), "bad_value"),
        (TRANSPORT.replace("<GS>P44112233", ""), "no_rule"),
        (TRANSPORT.replace("<RS><EOT>", "<GS>ZX<RS><EOT>"), "no_rule"),
        (TRANSPORT.replace("<GS>", ""), "no_separators"),
    ],
    ids=["expired", "no day", "quantity", "part missing", "field too many", "separators lost"],
)
def test_labels_that_are_not_right(label: str, reason: str) -> None:
    """What is missing, too much, broken or past its date is refused for that."""
    assert as_object(judged(unescaped(label), STATION, TODAY))["error"]["class"] == reason
