"""Each check of the dictionary, with a value that passes and the ones that do not."""

from datetime import date

import pytest

from agent.core.identity.gs1_checks import CHECKS, PADDING, check_digit, check_pair
from agent.core.identity.reading import Reason

TODAY = date(2026, 6, 1)
DIGIT, DATE, VALUE = Reason.BAD_CHECK_DIGIT, Reason.BAD_DATE, Reason.BAD_VALUE

CASES: list[tuple[str, str, Reason | None]] = [
    ("csum", "09506000134352", None),
    ("csum", "09506000134353", DIGIT),
    ("csumalpha", "1987654Ad4X4bL5ttr2310c2K", None),
    ("csumalpha", "12345_ABCDEFGHIJKLMCP", None),
    ("csumalpha", "22", None),
    ("csumalpha", "1987654Ad4X4bL5ttr2310cXK", DIGIT),
    ("csumalpha", "2", Reason.BAD_LENGTH),
    ("gcppos1", "9521ABC", None),
    ("gcppos1", "952", Reason.BAD_LENGTH),
    ("gcppos1", "95A1", Reason.BAD_CHARSET),
    ("gcppos2", "X9521", None),
    ("gcppos2", "X952", Reason.BAD_LENGTH),
    ("yymmd0", "260200", None),
    ("yymmd0", "261301", DATE),
    ("yymmdd", "260228", None),
    ("yymmdd", "260200", DATE),
    ("yyyymmdd", "19991231", None),
    ("yyyymmdd", "19991232", DATE),
    ("hh", "23", None),
    ("hh", "24", DATE),
    ("mi", "59", None),
    ("mi", "60", DATE),
    ("ss", "59", None),
    ("ss", "60", DATE),
    ("hhmi", "2359", None),
    ("hhmi", "2360", DATE),
    ("hhmi", "2400", DATE),
    ("iso3166", "040", None),
    ("iso3166", "999", VALUE),
    ("iso3166999", "999", None),
    ("iso3166999", "000", VALUE),
    ("iso3166alpha2", "AT", None),
    ("iso3166alpha2", "XX", VALUE),
    ("iso4217", "978", None),
    ("iso4217", "000", VALUE),
    ("iso5218", "9", None),
    ("iso5218", "3", VALUE),
    ("packagetype", "PAL", VALUE),
    ("packagetype", "PX", None),
    ("mediatype", "10", None),
    ("mediatype", "80", None),
    ("mediatype", "11", VALUE),
    ("winding", "9", None),
    ("winding", "2", VALUE),
    ("yesno", "1", None),
    ("yesno", "2", VALUE),
    ("zero", "0", None),
    ("zero", "1", VALUE),
    ("nonzero", "010", None),
    ("nonzero", "000", VALUE),
    ("nozeroprefix", "0", None),
    ("nozeroprefix", "10", None),
    ("nozeroprefix", "01", VALUE),
    ("hyphen", "-", None),
    ("hyphen", "+", VALUE),
    ("importeridx", "_", None),
    ("importeridx", "=", VALUE),
    ("hasnondigit", "12A", None),
    ("hasnondigit", "123", VALUE),
    ("latitude", "1800000000", None),
    ("latitude", "1800000001", VALUE),
    ("longitude", "3600000000", None),
    ("longitude", "3600000001", VALUE),
    ("iban", "DE91100000000123456789", None),
    ("iban", "DE91100000000123456780", DIGIT),
    ("iban", "XX361234567890", VALUE),
    ("iban", "DE91-10000000012345", VALUE),
    ("pcenc", "a%20b%FF", None),
    ("pcenc", "a%2", VALUE),
    ("pcenc", "a%GF", VALUE),
    ("pieceoftotal", "0102", None),
    ("pieceoftotal", "0302", VALUE),
    ("pieceoftotal", "0002", VALUE),
    ("posinseqslash", "2/3", None),
    ("posinseqslash", "3/2", VALUE),
    ("posinseqslash", "0/1", VALUE),
    ("posinseqslash", "1//", VALUE),
    ("couponcode", "012345612345611110123", None),
    ("couponcode", "01234561234561111012A", VALUE),
    ("couponposoffer", "001234561234560123456", None),
    ("couponposoffer", "A", VALUE),
]


@pytest.mark.parametrize(("name", "value", "reason"), CASES)
def test_check(name: str, value: str, reason: Reason | None) -> None:
    """A check says what is wrong with a component, or nothing."""
    assert CHECKS[name](value, TODAY) is reason


def test_every_check_has_a_case() -> None:
    """No check is without a value that passes and one that does not."""
    passing = {name for name, _, reason in CASES if reason is None}
    failing = {name for name, _, reason in CASES if reason is not None}
    assert passing == set(CHECKS)
    assert failing == set(CHECKS)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("123", None),
        ("1", None),
        ("12=", None),
        ("1==", None),
        ("123=", VALUE),
        ("===", VALUE),
        ("1=2", VALUE),
    ],
)
def test_padding(value: str, reason: Reason | None) -> None:
    """Padding stands at the end, fills up to a third, and may be absent."""
    assert PADDING(value, TODAY) is reason


def test_check_digit_of_the_standard() -> None:
    """The worked example of the rules: 0950600013435 gives 2 (D-73)."""
    assert check_digit("0950600013435") == "2"
    assert check_digit("9638507") == "4"


def test_check_pair_of_nothing() -> None:
    """The pair of the empty text is 22."""
    assert check_pair("") == "22"
