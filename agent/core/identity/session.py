"""One frame before the rules: read once for each way in which they want it read.

A rule for plain codes declares that data without a symbology identifier is plain, a rule for
identified fields that it is GS1. So a station without symbology identifiers needs no setting, and
a code that fits both ways fits two rules and is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from agent.core.identity import gs1
from agent.core.identity.automaton import PRINTABLE
from agent.core.identity.codes import parse
from agent.core.identity.dates import Day
from agent.core.identity.gs1_checks import check_digit
from agent.core.identity.gs1_table import table
from agent.core.identity.parts import Parts, field_parts, group_parts
from agent.core.identity.reading import (
    Assume,
    CodeError,
    Field,
    Form,
    Profile,
    Reading,
    Reason,
)
from agent.core.identity.scan_rule import (
    DataMatch,
    Gs1Match,
    RegexMatch,
    ScanRule,
    Way,
)
from agent.core.identity.symbology import Carries, known

_GS1_FORMS = frozenset({Form.ELEMENT_STRING, Form.DIGITAL_LINK, Form.ITEM_NUMBER})
_PLAIN_FORMS = frozenset({Form.PLAIN, Form.ITEM_NUMBER})
_GS1_FORMAT = "05"


class Session:
    """One frame; remembers each reading of it."""

    def __init__(self, raw: bytes, reference: date) -> None:
        self._raw = raw
        self._reference = reference
        self._is_marked = raw.lstrip(b"\r\n").startswith(b"]")
        self._readings: dict[Way, Reading | CodeError] = {}

    def reading(self, rule: ScanRule) -> Reading:
        """Return the frame as a rule wants it read.

        Raises:
            CodeError: read so, the code is wrong.
        """
        way = rule.ways[self._is_marked]
        found = self._readings.get(way)
        if found is None:
            try:
                found = parse(self._raw, _profile(way, self._reference))
            except CodeError as error:
                found = error
            self._readings[way] = found
        if isinstance(found, CodeError):
            raise found
        return found

    def is_misread(self, error: CodeError) -> bool:
        """Return whether an error is one of reading, and not of a rule's policy."""
        return any(error is found for found in self._readings.values())

    def parts(self, rule: ScanRule) -> Parts | None:
        """Return the parts of the code if a rule accepts it, None if it is about other codes.

        Raises:
            CodeError: the code cannot be read, or it is what the rule means and breaks its policy.
        """
        reading = self.reading(rule)
        if isinstance(rule.match, RegexMatch):
            parts = self._plain_parts(rule, reading)
        else:
            fields = fields_of(rule.match, reading)
            if fields is None:
                return None
            parts = field_parts(rule, fields, self._reference)
        if parts is not None:
            _check_bearer(rule, reading)
            if rule.charset or rule.check_digit:
                _check_identity(rule, parts)
            if rule.gtins or rule.product_pattern is not None:
                _check_product(rule, parts)
            if parts.expiry is not None:
                _check_expiry(rule, parts.expiry, self._reference)
        return parts

    def hiding(self, rule: ScanRule, missing: frozenset[str]) -> Field | None:
        """Return the field that may hide missing identifiers behind a lost separator, or None."""
        reading = self.reading(rule)
        if reading.form is not Form.ELEMENT_STRING:
            return None
        return next((field for field in reading.fields if self._hides(field, missing)), None)

    def _plain_parts(self, rule: ScanRule, reading: Reading) -> Parts | None:
        pattern = rule.pattern
        text = reading.text
        if pattern is None or reading.form not in _PLAIN_FORMS or not PRINTABLE.issuperset(text):
            return None
        inner = text.removeprefix(rule.prefix)
        inner = inner.removesuffix(rule.suffix)
        if len(inner) != len(text) - len(rule.prefix) - len(rule.suffix):
            return None
        if rule.caseless:
            inner = inner.upper()
        match = pattern.compiled.fullmatch(inner)
        return group_parts(rule, inner, match.groupdict(), self._reference) if match else None

    def _hides(self, field: Field, missing: frozenset[str]) -> bool:
        """Return whether a value would read as two elements or more with a separator put in."""
        ai = table()[field.identifier]
        if ai.predefined:
            return False
        places = (
            at
            for code in missing
            for at in range(1, len(field.value))
            if field.value.startswith(code, at)
        )
        return any(self._reads_apart(field, at) for at in places)

    def _reads_apart(self, field: Field, at: int) -> bool:
        try:
            gs1.element(field.identifier, field.value[:at], self._reference)
            gs1.split(field.value[at:], self._reference)
        except CodeError:
            return False
        return True


def fields_of(match: Gs1Match | DataMatch, reading: Reading) -> Mapping[str, Field] | None:
    """Return the fields by identifier if they are those of the match, None if they are others.

    Raises:
        CodeError: they are, and an identifier stands there twice with different values.
    """
    named = match.ais if isinstance(match, Gs1Match) else match.identifiers
    if isinstance(match, Gs1Match) and reading.form in _GS1_FORMS:
        fits = True
    else:
        wanted = _GS1_FORMAT if isinstance(match, Gs1Match) else match.format
        fits = bool(reading.envelopes) and all(e.format == wanted for e in reading.envelopes)
    present = {field.identifier for field in reading.fields}
    if not fits or not named <= present <= named | match.also:
        return None
    fields: dict[str, Field] = {}
    for field in reading.fields:
        if fields.setdefault(field.identifier, field).value != field.value:
            detail = f"{field.identifier} stands there twice, with different values"
            raise CodeError(Reason.REPEATED_IDENTIFIER, field.at, detail)
    return fields


@lru_cache(maxsize=512)
def _profile(way: Way, reference: date) -> Profile:
    if way.plain:
        read_as = dict.fromkeys(way.symbologies, Assume.PLAIN)
    else:
        read_as = dict.fromkeys(filter(_carries_plain, way.symbologies), Assume.GS1)
    return Profile(
        reference_date=reference,
        assume=Assume.PLAIN if way.plain else Assume.GS1,
        separator_text=way.separator_text,
        tolerates=way.tolerates,
        read_as=read_as,
        known_identifiers=way.known_identifiers,
        hibc=way.hibc,
    )


def _carries_plain(symbology: str) -> bool:
    found = known(symbology)
    return found is not None and found.carries is Carries.PLAIN


def _check_bearer(rule: ScanRule, reading: Reading) -> None:
    """Refuse a symbol or a length that the rule does not allow."""
    if rule.symbologies and reading.symbology not in rule.symbologies:
        wanted = " or ".join(sorted(rule.symbologies))
        detail = f"symbology {reading.symbology or 'unknown'}, wants {wanted}"
        raise CodeError(Reason.WRONG_SYMBOLOGY, 0, detail)
    length = len(reading.text)
    if length > rule.max_length:
        detail = f"{length} characters, wants at most {rule.max_length}"
        raise CodeError(Reason.TOO_LONG, rule.max_length, detail)
    if length < rule.min_length:
        detail = f"{length} characters, wants at least {rule.min_length}"
        raise CodeError(Reason.BAD_LENGTH, length, detail)


def _check_identity(rule: ScanRule, parts: Parts) -> None:
    """Refuse an identity with foreign characters or a wrong check digit."""
    plain = isinstance(rule.match, RegexMatch)
    if rule.charset:
        for text in (parts.serial, parts.lot, parts.code if plain else None):
            if text is not None and not set(rule.charset).issuperset(text):
                foreign = min(set(text) - set(rule.charset))
                detail = f"{foreign!r} is not of this rule's characters"
                raise CodeError(Reason.BAD_CHARSET, 0, detail)
    if rule.check_digit:
        digits = parts.code
        if not digits.isdecimal() or check_digit(digits[:-1]) != digits[-1]:
            raise CodeError(Reason.BAD_CHECK_DIGIT, 0, "the check digit is wrong")


def _check_product(rule: ScanRule, parts: Parts) -> None:
    """Refuse the label of another item."""
    pattern = rule.product_regex
    product = parts.product or ""
    allowed = (not rule.gtins or product in rule.gtins) and (
        pattern is None or pattern.compiled.fullmatch(product) is not None
    )
    if not allowed:
        detail = f"product {product or 'unknown'} does not belong here"
        raise CodeError(Reason.WRONG_PROFILE, 0, detail)


def _check_expiry(rule: ScanRule, expiry: Day, reference: date) -> None:
    """Refuse an expiry without a day, or one that has passed, where the rule says so."""
    if rule.reject_day00 and not expiry.exact:
        raise CodeError(Reason.BAD_DATE, 0, "the expiry gives no day")
    if rule.refuse_expired and expiry.day < reference:
        raise CodeError(Reason.EXPIRED, 0, f"expired on {expiry.day.isoformat()}")
