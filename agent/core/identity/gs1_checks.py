"""What the components of GS1 values must hold beyond length and alphabet.

One function for each linter that the dictionary names; a test proves that none is missing.
A check gets a component whose length and characters are right, and returns what is wrong with it.

Sources: GS1 Barcode Syntax Tests (the descriptions); GS1 General Specifications, 7.9 (check
digits and check character pairs); D-73, D-75, D-76.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date

from agent.core.identity import code_lists
from agent.core.identity.coupons import coupon, positive_offer
from agent.core.identity.dates import yymmdd, yyyymmdd
from agent.core.identity.gs1_table import CSET64, CSET82
from agent.core.identity.reading import Reason

Check = Callable[[str, date], Reason | None]
"""Takes the component and the reference day of the century rule."""

_CSET32 = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)
_PAIR_MODULUS = 1021
_PAIR = 2
_SHORTEST_PREFIX = 4
_IBAN = re.compile(r"[A-Z]{2}[0-9A-Z]{9,32}")
_IBAN_MODULUS = 97
_POSITION = re.compile(r"([1-9][0-9]*)/([1-9][0-9]*)")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_TENTH_OF_MICRODEGREE = 10_000_000
_MEDIA = frozenset(f"{number:02}" for number in (*range(1, 11), *range(80, 100)))


def check_digit(digits: str) -> str:
    """Return the check digit for the digits before it.

    Source: GS1 General Specifications, 7.9.1: weights 3, 1, 3, … from the right (D-73).
    """
    weighted = 3 * sum(map(int, digits[::-2])) + sum(map(int, digits[-2::-2]))
    return str(-weighted % 10)


def check_pair(text: str) -> str:
    """Return the check character pair of an alphanumeric key for the characters before it.

    Source: GS1 General Specifications, 7.9.5.
    """
    weights = _PRIMES[len(text) - 1 :: -1] if text else ()
    total = sum(CSET82.index(c) * w for c, w in zip(text, weights, strict=True)) % _PAIR_MODULUS
    return _CSET32[total >> 5] + _CSET32[total & 31]


def _csum(value: str, _: date) -> Reason | None:
    return None if check_digit(value[:-1]) == value[-1] else Reason.BAD_CHECK_DIGIT


def _csumalpha(value: str, _: date) -> Reason | None:
    if len(value) < _PAIR:
        return Reason.BAD_LENGTH
    return None if check_pair(value[:-_PAIR]) == value[-_PAIR:] else Reason.BAD_CHECK_DIGIT


def _prefix_at(start: int) -> Check:
    def check(value: str, _: date) -> Reason | None:
        prefix = value[start : start + _SHORTEST_PREFIX]
        if len(prefix) < _SHORTEST_PREFIX:
            return Reason.BAD_LENGTH
        return None if prefix.isdecimal() else Reason.BAD_CHARSET

    return check


def _six_digit_day(*, zero_day: bool) -> Check:
    def check(value: str, reference: date) -> Reason | None:
        return None if yymmdd(value, reference, zero_day=zero_day) else Reason.BAD_DATE

    return check


def _yyyymmdd(value: str, _: date) -> Reason | None:
    return None if yyyymmdd(value) else Reason.BAD_DATE


def _time(*limits: int) -> Check:
    """Check pairs of digits, each below its limit."""

    def check(value: str, _: date) -> Reason | None:
        pairs = (int(value[at : at + 2]) for at in range(0, len(value), 2))
        fits = all(pair < limit for pair, limit in zip(pairs, limits, strict=True))
        return None if fits else Reason.BAD_DATE

    return check


def _one_of(allowed: frozenset[str]) -> Check:
    def check(value: str, _: date) -> Reason | None:
        return None if value in allowed else Reason.BAD_VALUE

    return check


def _holds(test: Callable[[str], bool]) -> Check:
    def check(value: str, _: date) -> Reason | None:
        return None if test(value) else Reason.BAD_VALUE

    return check


def _iban(value: str, _: date) -> Reason | None:
    if not _IBAN.fullmatch(value) or value[:2] not in code_lists.COUNTRY_LETTERS:
        return Reason.BAD_VALUE
    number = int("".join(str(int(c, 36)) for c in value[4:] + value[:4]))
    return None if number % _IBAN_MODULUS == 1 else Reason.BAD_CHECK_DIGIT


def _piece_of_total(value: str) -> bool:
    half = len(value) // 2
    return 0 < int(value[:half]) <= int(value[half:])


def _position_in_sequence(value: str) -> bool:
    found = _POSITION.fullmatch(value)
    return found is not None and int(found[1]) <= int(found[2])


def _padded_as_base64(value: str) -> bool:
    bare = value.rstrip("=")
    padding = len(value) - len(bare)
    return "=" not in bare and padding <= _PAIR and (padding == 0 or len(value) % 3 == 0)


CHECKS: Mapping[str, Check] = {
    "csum": _csum,
    "csumalpha": _csumalpha,
    "gcppos1": _prefix_at(0),
    "gcppos2": _prefix_at(1),
    "yymmd0": _six_digit_day(zero_day=True),
    "yymmdd": _six_digit_day(zero_day=False),
    "yyyymmdd": _yyyymmdd,
    "hh": _time(24),
    "mi": _time(60),
    "ss": _time(60),
    "hhmi": _time(24, 60),
    "iso3166": _one_of(code_lists.COUNTRIES),
    "iso3166999": _one_of(code_lists.COUNTRIES | {"999"}),
    "iso3166alpha2": _one_of(code_lists.COUNTRY_LETTERS),
    "iso4217": _one_of(code_lists.CURRENCIES),
    "iso5218": _one_of(frozenset("0129")),
    "packagetype": _one_of(code_lists.PACKAGE_TYPES),
    "mediatype": _one_of(_MEDIA),
    "winding": _one_of(frozenset("019")),
    "yesno": _one_of(frozenset("01")),
    "zero": _holds(lambda value: not value.strip("0")),
    "nonzero": _holds(lambda value: bool(value.strip("0"))),
    "nozeroprefix": _holds(lambda value: value == "0" or value[0] != "0"),
    "hyphen": _holds(lambda value: not value.strip("-")),
    "importeridx": _holds(lambda value: value in CSET64 and value != "="),
    "hasnondigit": _holds(lambda value: not value.isdecimal()),
    "latitude": _holds(lambda value: int(value) <= 180 * _TENTH_OF_MICRODEGREE),
    "longitude": _holds(lambda value: int(value) <= 360 * _TENTH_OF_MICRODEGREE),
    "iban": _iban,
    "pcenc": _holds(lambda value: _BAD_PERCENT.search(value) is None),
    "pieceoftotal": _holds(_piece_of_total),
    "posinseqslash": _holds(_position_in_sequence),
    "couponcode": coupon,
    "couponposoffer": positive_offer,
}
"""Check by the name of the linter."""

PADDING: Check = _holds(_padded_as_base64)
"""The padding rule of alphabet Z, which the dictionary implies by the alphabet itself."""
