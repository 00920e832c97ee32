"""Scan rules applied: the bytes of one frame, judged by the rules of a station.

Laws:
    1. A code means something only under exactly one rule (D-85). None or several: refused.
    2. A code that reads as less than another rule wants, and could hide the rest behind a lost
       separator, is refused as well: both readings are legal, so neither is taken.
    3. A no-read string is a result, not a code; it is compared exactly, before any rule (D-81).
    4. Badges are told apart at the rim (`badge_of`), before anything here sees them (D-64).

`scan_rule` declares the rules, `session` reads for them, `overlap` proves at load that they do
not get in each other's way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from agent.core.identity.codes import PARSER
from agent.core.identity.overlap import Fault, faults, overlaps
from agent.core.identity.parts import Parts
from agent.core.identity.reading import CodeError, Form, Reason
from agent.core.identity.scan_rule import (
    DataMatch,
    Gs1Match,
    Means,
    RegexMatch,
    ScanRule,
)
from agent.core.identity.session import Session

__all__ = [
    "Badge",
    "DataMatch",
    "Fault",
    "Gs1Match",
    "Identified",
    "Judgement",
    "Means",
    "NoRead",
    "Reason",
    "Refused",
    "RegexMatch",
    "ScanRule",
    "badge_of",
    "faults",
    "judge",
    "looks_like_badge",
    "overlaps",
]

_LINE_ENDS = b"\r\n"
_SHORTEST_HEAD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """A code that exactly one rule accepts."""

    means: Means
    code: str
    """The identity in canonical text."""
    rule: int
    """Index of the rule."""
    position: str | None
    product: str | None
    serial: str | None
    lot: str | None
    expiry: date | None
    expiry_exact: bool
    """False where the code gives the month alone: `expiry` is its last day (D-76)."""
    quantity: str | None
    quantity_unit: str | None
    fields: tuple[tuple[str, str], ...]
    """(identifier or named group, value), in order."""
    symbology: str | None
    form: Form
    doubtful: tuple[str, ...]
    """Defects that the rule declares as known of its labels."""
    parser: str = PARSER


@dataclass(frozen=True, slots=True)
class NoRead:
    """The reader saw nothing and said so."""

    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """No rule accepts the code, or more than one does."""

    reason: Reason
    at: int
    """Offset into the bytes as received."""
    detail: str


@dataclass(frozen=True, slots=True)
class Badge:
    """What a badge says, before its pseudonym takes its place."""

    code: str
    role: str | None
    """The role that its rule gives."""


Judgement = Identified | NoRead | Refused


def judge(
    raw: bytes,
    rules: Sequence[ScanRule],
    no_reads: frozenset[bytes] = frozenset(),
    *,
    reference_date: date,
) -> Judgement:
    """Return what one frame means to a station.

    Args:
        raw: The bytes as framed.
        rules: The station's rules.
        no_reads: The frames of this reader that mean "nothing read".
        reference_date: The day of the scan by the station's calendar.
    """
    bare = raw.strip(_LINE_ENDS)
    if bare in no_reads:
        return NoRead(bare.decode("latin-1"))
    session = Session(raw, reference_date)
    found: list[tuple[int, Parts]] = []
    errors: list[CodeError] = []
    for index, rule in enumerate(rules):
        try:
            parts = session.parts(rule)
        except CodeError as error:
            errors.append(error)
            continue
        if parts is not None:
            found.append((index, parts))
    if len(found) > 1:
        numbers = " and ".join(str(index + 1) for index, _ in found)
        return Refused(Reason.AMBIGUOUS_RULES, 0, f"the code fits the scan rules {numbers}")
    if not found:
        return _refused(session, rules, errors)
    index, parts = found[0]
    hidden = _hidden(session, rules[index], rules)
    return hidden or _identified(session, index, rules[index], parts)


def badge_of(raw: bytes, rules: Iterable[ScanRule], *, reference_date: date) -> Badge | None:
    """Return the badge that a frame carries, None if it is none.

    The rim asks this first of every frame, puts the pseudonym in the place of the bytes and
    forgets them (D-64). A code that an operator's rule accepts is a badge whatever else fits it.
    """
    session = Session(raw, reference_date)
    for rule in rules:
        if rule.means is Means.OPERATOR:
            try:
                parts = session.parts(rule)
            except CodeError:
                continue
            if parts is not None:
                return Badge(parts.code, rule.role)
    return None


def looks_like_badge(raw: bytes, rules: Iterable[ScanRule]) -> bool:
    """Return whether a frame begins as every badge of a rule does: maybe one that was cut.

    Of such a frame nothing but its length may be kept (D-64).
    """
    text = raw.strip(_LINE_ENDS).decode("latin-1")
    heads = [
        pattern.automaton.head()
        for rule in rules
        if rule.means is Means.OPERATOR and (pattern := rule.pattern) is not None
    ]
    return any(len(head) >= _SHORTEST_HEAD and text.startswith(head) for head in heads)


def _identified(session: Session, index: int, rule: ScanRule, parts: Parts) -> Identified:
    reading = session.reading(rule)
    return Identified(
        means=rule.means,
        code=parts.code,
        rule=index,
        position=rule.position,
        product=parts.product,
        serial=parts.serial,
        lot=parts.lot,
        expiry=parts.expiry.day if parts.expiry else None,
        expiry_exact=parts.expiry is None or parts.expiry.exact,
        quantity=parts.quantity,
        quantity_unit=parts.unit,
        fields=parts.fields,
        symbology=reading.symbology,
        form=reading.form,
        doubtful=tuple(doubt.reason.value for doubt in reading.doubts),
    )


def _hidden(session: Session, accepted: ScanRule, rules: Iterable[ScanRule]) -> Refused | None:
    """Return why an accepted code may be another rule's with a separator lost, or None."""
    if not isinstance(accepted.match, Gs1Match):
        return None
    present = {field.identifier for field in session.reading(accepted).fields}
    for rule in rules:
        if isinstance(rule.match, Gs1Match) and rule.match.ais > present:
            missing = rule.match.ais - present
            field = session.hiding(accepted, missing)
            if field is not None:
                detail = f"({field.identifier}) may hide {_listed(missing)} of another rule"
                return Refused(Reason.SUSPECT_SEPARATOR, field.at, detail)
    return None


def _refused(session: Session, rules: Iterable[ScanRule], errors: Sequence[CodeError]) -> Refused:
    """Return the reason that tells most: a rule's policy, a fault of the code, a part missing."""
    broken = [error for error in errors if not session.is_misread(error)]
    wrong = [error for error in errors if error.reason is not Reason.UNKNOWN_AI or error.at > 0]
    for error in (*broken, *wrong):
        return Refused(error.reason, error.at, error.detail)
    return _incomplete(session, rules) or Refused(
        Reason.NO_RULE, 0, "no scan rule accepts such a code"
    )


def _incomplete(session: Session, rules: Iterable[ScanRule]) -> Refused | None:
    """Return by which identifiers a code differs from the rule that is nearest, or None."""
    for rule in rules:
        if not isinstance(rule.match, Gs1Match):
            continue
        try:
            fields = session.reading(rule).fields
        except CodeError:
            continue
        present = {field.identifier for field in fields}
        missing = rule.match.ais - present
        foreign = present - rule.match.ais - rule.match.also
        if not missing and foreign:
            detail = f"{_listed(foreign)} may not stand beside {_listed(rule.match.ais)} here"
            return Refused(Reason.NO_RULE, 0, detail)
        if missing and not foreign and present & rule.match.ais:
            field = session.hiding(rule, missing)
            if field is not None:
                detail = f"({field.identifier}) may hide {_listed(missing)}"
                return Refused(Reason.SUSPECT_SEPARATOR, field.at, detail)
            detail = f"{_listed(missing)} must be on this label"
            return Refused(Reason.MISSING_EXPECTED_AI, fields[-1].at, detail)
    return None


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(f"({code})" for code in sorted(codes))
