"""GS1 element strings: split by the dictionary, checked by us, seconded by biip.

Policy:
    1. Lengths are known before anything is split. biip alone cuts an over-long value and reads
       the rest as further elements (PITFALLS B1); here it is `too_long`.
    2. Every value passes two independent formats: the dictionary's, and the pattern of biip.
    3. What biip only flags or lets through is refused: check digits, repeated identifiers with
       differing values, missing and excluded companions, two separators in a row (B2 to B4, B7).
    4. Centuries count from the day of the scan, never from the machine's clock (D-75): biip's own
       message parser asks the clock, and reads 11,000 to 30,000 codes/s on one core. So it is
       used by table here, and in whole as the second opinion of the property tests.

This is the one module that imports biip, and only when the first format is asked for: its list of
company prefixes costs 22 MB and 0.1 s, which a station without GS1 codes does not pay. A scan rule
for GS1 codes asks when it is built, so that no scan waits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from agent.core.identity.dates import Day, yymmdd, yyyymmdd
from agent.core.identity.gs1_checks import CHECKS, PADDING, Check, check_digit
from agent.core.identity.gs1_table import (
    ALPHABETS,
    ApplicationIdentifier,
    code_lengths,
    matches,
    table,
)
from agent.core.identity.reading import GS, CodeError, Field, Reason

if TYPE_CHECKING:
    from biip.gs1_application_identifiers import GS1ApplicationIdentifier

_ONE_READER = frozenset({"8030"})
"""Identifiers whose pattern in biip refuses what the standard allows: the padding of base64url."""

_GTIN_LENGTH = 14
_KEY_FIRST = re.compile(r"00[0-9]{18}|0[123][0-9]{14}")
_DATE_CHECKS = {"yymmd0": True, "yymmdd": False}
_MEASURES = tuple(f"{number}" for number in range(310, 370))
_AMOUNTS = ("390", "391", "392", "393", "394", "395")


@dataclass(frozen=True, slots=True)
class Format:
    """What one identifier's value is held against, compiled."""

    ai: ApplicationIdentifier
    pattern: re.Pattern[str]
    second: re.Pattern[str] | None
    checks: tuple[tuple[int, Check], ...]
    """Group of the pattern, and the check for it."""
    longest: int


@cache
def format_of(code: str) -> Format | None:
    """Return what values of an identifier are held against, None if it is not allocated."""
    ai = table().get(code)
    if ai is None:
        return None
    second = None
    if code not in _ONE_READER:
        second = re.compile(_second_reader().extract(code).pattern)
    checks = [
        (group, CHECKS[name])
        for group, part in enumerate(ai.components, 1)
        for name in part.checks
        if part.alphabet != "N" or not name.startswith("gcppos")  # digits hold a prefix anyway
    ]
    checks += [
        (group, PADDING) for group, part in enumerate(ai.components, 1) if part.alphabet == "Z"
    ]
    return Format(ai, ai.pattern, second, tuple(checks), ai.longest)


def element_strings(text: str, reference: date, base: int = 0) -> tuple[Field, ...]:
    """Return the elements of a message, in order; equal repeats are kept once.

    Args:
        text: The data, with GS as separator.
        reference: The day of the scan.
        base: Offset of `text` in the bytes as received.

    Raises:
        CodeError: an element is wrong, or the elements do not go together.
    """
    return together(split(text, reference, base))


def split(text: str, reference: date, base: int = 0) -> list[Field]:
    """Return the elements of a message one by one, whatever stands beside them.

    Raises:
        CodeError: an element is wrong.
    """
    return list(_walk(text, reference, base))


def right_until(text: str, reference: date, base: int = 0) -> list[Field]:
    """Return the elements that are right before the first that is wrong: to explain, not to use."""
    fields: list[Field] = []
    with suppress(CodeError):
        fields.extend(_walk(text, reference, base))
    return fields


def _walk(text: str, reference: date, base: int) -> Iterator[Field]:
    if not text:
        raise CodeError(Reason.EMPTY_DATA, base, "no data follows")
    at, end, lengths = 0, len(text), code_lengths()
    while at < end:
        start = at + lengths.get(text[at : at + 2], 2)
        rule = format_of(text[at:start])
        if rule is None:
            raise _no_identifier(text, at, base)
        if rule.ai.predefined:
            stop = min(start + rule.longest, end)
        else:
            stop = text.find(GS, start)
            stop = end if stop < 0 else stop
        value = text[start:stop]
        check(rule, value, reference, start + base)
        yield Field(rule.ai.code, value, at + base)
        at = stop
        if at < end and text[at] == GS:
            at += 1
            if at < end and text[at] == GS:
                raise CodeError(Reason.EMPTY_ELEMENT, at + base, "two separators in a row")


def element(code: str, value: str, reference: date) -> None:
    """Refuse a value that cannot stand under an identifier, companions aside.

    Raises:
        CodeError: the identifier is not allocated, or the value does not fit it; the offset
            counts in the value.
    """
    rule = format_of(code)
    if rule is None:
        raise CodeError(Reason.UNKNOWN_AI, 0, f"({code}) is not an application identifier")
    check(rule, value, reference, 0)


def together(fields: Iterable[Field]) -> tuple[Field, ...]:
    """Return the fields of one item, equal repeats once, if they go together.

    Source: the dictionary's `req` and `ex`, judged over the message as a whole (D-74).

    Raises:
        CodeError: a repeat differs, a companion is missing, or two exclude each other.
    """
    seen: dict[str, Field] = {}
    for field in fields:
        first = seen.setdefault(field.identifier, field)
        if first.value != field.value:
            raise CodeError(
                Reason.REPEATED_AI, field.at, f"({field.identifier}) again, with another value"
            )
    verdict = _company(tuple(seen))
    if verdict is not None:
        reason, code, detail = verdict
        raise CodeError(reason, seen[code].at, detail)
    return tuple(seen.values())


def item_number(text: str, base: int = 0, lengths: Sequence[int] = (8, 12, 13, 14)) -> Field:
    """Return a bare GTIN as AI 01, padded to 14 digits.

    Raises:
        CodeError: it is not all digits, not of such a length, or its check digit is wrong.
    """
    for at, character in enumerate(text):
        if character not in ALPHABETS["N"]:
            raise CodeError(Reason.BAD_CHARSET, base + at, "an item number holds digits only")
    if len(text) not in lengths:
        wanted = " or ".join(map(str, lengths))
        raise CodeError(Reason.BAD_LENGTH, base, f"{len(text)} digits, wants {wanted}")
    if check_digit(text[:-1]) != text[-1]:
        detail = f"the digits before it give {check_digit(text[:-1])}"
        raise CodeError(Reason.BAD_CHECK_DIGIT, base + len(text) - 1, detail)
    return Field("01", text.zfill(_GTIN_LENGTH), base)


def could_be(text: str, reference: date) -> bool:
    """Return whether data of unknown kind reads as an element string, or begins like one."""
    if _KEY_FIRST.match(text):
        return True
    try:
        element_strings(text, reference)
    except CodeError:
        return False
    return True


def day_of(field: Field, reference: date) -> Day | None:
    """Return the day that a field gives first, None if it is not a date."""
    ai = table().get(field.identifier)
    first = ai.components[0] if ai else None
    for name in first.checks if first else ():
        if name in _DATE_CHECKS:
            return yymmdd(field.value[:6], reference, zero_day=_DATE_CHECKS[name])
        if name == "yyyymmdd":
            return yyyymmdd(field.value[:8])
    return None


def decimal_of(field: Field) -> str | None:
    """Return a measure, amount or percentage with its decimal point, None if it has none.

    Never through a float: 3103 with 001250 is 1.250.
    """
    family = field.identifier[:3]
    if len(field.identifier) != 4 or family not in (*_MEASURES, *_AMOUNTS):  # noqa: PLR2004 - four digits
        return None
    digits = field.value[3:] if family in ("391", "393") else field.value
    places = int(field.identifier[3])
    padded = digits.zfill(places + 1)
    whole, part = padded[: len(padded) - places], padded[len(padded) - places :]
    return (whole.lstrip("0") or "0") + (f".{part}" if part else "")


def describe(code: str) -> str | None:
    """Return in words what an application identifier is, None if it is not allocated."""
    return _second_reader().extract(code).description if code in table() else None


def _second_reader() -> type[GS1ApplicationIdentifier]:
    from biip.gs1_application_identifiers import (  # noqa: PLC0415 - paid for on use
        GS1ApplicationIdentifier,
    )

    return GS1ApplicationIdentifier


def check(rule: Format, value: str, reference: date, at: int) -> None:
    """Refuse a value that does not fit its identifier.

    Raises:
        CodeError: the dictionary, one of its checks, or the second reader says no.
    """
    found = rule.pattern.fullmatch(value)
    if found is None:
        raise _diagnosis(rule.ai, value, at)
    for group, test in rule.checks:
        part = found[group]
        if part is not None:
            reason = test(part, reference)
            if reason is not None:
                raise _bad_part(rule.ai, reason, part, at + found.start(group))
    if rule.second is not None and rule.second.fullmatch(rule.ai.code + value) is None:
        detail = f"two readers differ about {_name(rule.ai)}"
        raise CodeError(Reason.BAD_VALUE, at, detail)


def _diagnosis(ai: ApplicationIdentifier, value: str, at: int) -> CodeError:
    """Return why a value does not fit the format of its identifier."""
    name, shortest, longest = _name(ai), ai.shortest, ai.longest
    if not value:
        return CodeError(Reason.EMPTY_VALUE, at, f"{name} has no value")
    separator = value.find(GS)
    if separator >= 0:
        return CodeError(Reason.BAD_LENGTH, at + separator, f"a separator inside {name}")
    if len(value) > longest:
        reason = Reason.BAD_LENGTH if shortest == longest else Reason.TOO_LONG
        return CodeError(reason, at + longest, f"{name} holds at most {longest} characters")
    place = 0
    for part in ai.components:
        for character in value[place : place + part.longest]:
            if character not in ALPHABETS[part.alphabet]:
                shown = f"0x{ord(character):02X}" if not character.isprintable() else character
                return CodeError(Reason.BAD_CHARSET, at + place, f"{name} cannot hold {shown!r}")
            place += 1
    wanted = f"{longest}" if shortest == longest else f"{shortest} to {longest}"
    return CodeError(
        Reason.BAD_LENGTH, at + len(value), f"{name} has {len(value)} characters, wants {wanted}"
    )


def _bad_part(ai: ApplicationIdentifier, reason: Reason, part: str, at: int) -> CodeError:
    name = _name(ai)
    if reason is Reason.BAD_CHECK_DIGIT and part.isdecimal():
        wanted = check_digit(part[:-1])
        return CodeError(
            reason, at + len(part) - 1, f"check digit of {name} is {part[-1]}, wants {wanted}"
        )
    return CodeError(reason, at, f"{part!r} cannot be in {name}")


def _no_identifier(text: str, at: int, base: int) -> CodeError:
    if text[at] == GS:
        return CodeError(Reason.EMPTY_ELEMENT, at + base, "a separator with nothing before it")
    shown = text[at : at + 4]
    return CodeError(Reason.UNKNOWN_AI, at + base, f"no application identifier begins {shown!r}")


def _name(ai: ApplicationIdentifier) -> str:
    return f"({ai.code}) {ai.title}".rstrip()


@lru_cache(maxsize=1024)
def _company(codes: tuple[str, ...]) -> tuple[Reason, str, str] | None:
    """Return what is wrong with these identifiers beside each other: reason, culprit, words."""
    for code in codes:
        for pattern in table()[code].excludes:
            for other in codes:
                if other != code and matches(pattern, other):
                    return Reason.INVALID_AI_PAIR, code, f"({code}) cannot stand beside ({other})"
    for code in codes:
        for options in table()[code].requires:
            if not any(_has_all(option, codes) for option in options):
                wanted = " or ".join("+".join(f"({p})" for p in option) for option in options)
                return Reason.MISSING_REQUIRED_AI, code, f"({code}) wants {wanted} beside it"
    return None


def _has_all(patterns: tuple[str, ...], codes: tuple[str, ...]) -> bool:
    return all(any(matches(pattern, code) for code in codes) for pattern in patterns)
