"""Which scan rules get in each other's way, proven before any code comes.

Two rules overlap where one code would fit both; a station file with such rules is refused at
load, and so is a pattern that matches a no-read string (D-81) or a badge. What cannot be proven
here still cannot do harm: a code that fits two rules is refused when it is scanned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from itertools import combinations, permutations
from typing import NamedTuple

from agent.core.identity.automaton import Node, One, Repeat, Row, automaton_of, literal
from agent.core.identity.gs1_table import ALPHABETS, ApplicationIdentifier, table
from agent.core.identity.reading import CodeError
from agent.core.identity.scan_rule import (
    DataMatch,
    Gs1Match,
    RegexMatch,
    ScanRule,
)
from agent.core.identity.session import Session

_ANY_DAY = date(2026, 1, 1)
_MOST_ORDERED = 4
"""Predefined identifiers whose every order is tried; more of them are tried in one."""
_ITEM_LENGTHS = (8, 13, 14)


class Fault(NamedTuple):
    """Rules that cannot stand together, by index, and why."""

    rules: tuple[int, ...]
    message: str


def faults(rules: Sequence[ScanRule], no_reads: Collection[bytes] = ()) -> tuple[Fault, ...]:
    """Return everything that is wrong with the rules of one reader."""
    return (*overlaps(rules), *_no_read_faults(rules, no_reads))


def overlaps(rules: Sequence[ScanRule]) -> tuple[Fault, ...]:
    """Return each pair of rules that provably fit one code."""
    found = []
    for (i, left), (j, right) in combinations(enumerate(rules), 2):
        shared = _shared(left, right)
        if shared is not None:
            found.append(Fault((i, j), f"both accept {shared}"))
    return tuple(found)


def _no_read_faults(rules: Sequence[ScanRule], no_reads: Iterable[bytes]) -> Iterator[Fault]:
    for raw in sorted(no_reads):
        for index, rule in enumerate(rules):
            if _accepts(rule, raw):
                shown = raw.decode("latin-1")
                yield Fault((index,), f"accepts {shown!r}, a no-read or heartbeat (D-81)")


def _accepts(rule: ScanRule, raw: bytes) -> bool:
    try:
        return Session(raw, _ANY_DAY).parts(rule) is not None
    except CodeError:
        return False


def _shared(left: ScanRule, right: ScanRule) -> str | None:
    """Return in words what both rules accept, None if nothing is proven."""
    if left.symbologies and right.symbologies and not left.symbologies & right.symbologies:
        return None
    if isinstance(left.match, RegexMatch) and isinstance(right.match, RegexMatch):
        return _shared_text(left, right)
    if isinstance(left.match, RegexMatch):
        return _text_as_fields(left, right)
    if isinstance(right.match, RegexMatch):
        return _text_as_fields(right, left)
    return _shared_fields(left, right, left.match, right.match)


def _shared_text(left: ScanRule, right: ScanRule) -> str | None:
    one, other = left.pattern, right.pattern
    least = max(left.min_length, right.min_length)
    most = min(left.max_length, right.max_length)
    text = one.automaton.common(other.automaton, least, most) if one and other else None
    if text is None:
        return None
    prefix = min(left.symbologies | right.symbologies, default="")
    raw = f"{prefix}{text}".encode("latin-1")
    return repr(text) if _accepts(left, raw) and _accepts(right, raw) else None


def _shared_fields(
    left: ScanRule, right: ScanRule, one: Gs1Match | DataMatch, other: Gs1Match | DataMatch
) -> str | None:
    if _format(one) != _format(other):
        return None
    named = _named(one) | _named(other)
    if not named <= (_named(one) | one.also) & (_named(other) | other.also):
        return None
    if not _products_meet(left, right):
        return None
    return f"codes with {', '.join(sorted(named))}"


def _format(match: Gs1Match | DataMatch) -> str:
    return "05" if isinstance(match, Gs1Match) else match.format


def _named(match: Gs1Match | DataMatch) -> frozenset[str]:
    return match.ais if isinstance(match, Gs1Match) else match.identifiers


def _products_meet(left: ScanRule, right: ScanRule) -> bool:
    """Return whether a product exists that both rules allow."""
    one, other = left.product_regex, right.product_regex
    if left.gtins or right.gtins:
        gtins = left.gtins & right.gtins if left.gtins and right.gtins else left.gtins | right.gtins
        patterns = [pattern for pattern in (one, other) if pattern is not None]
        return any(all(p.compiled.fullmatch(gtin) for p in patterns) for gtin in gtins)
    if one is not None and other is not None:
        return one.automaton.common(other.automaton) is not None
    return True


def _text_as_fields(plain: ScanRule, fields: ScanRule) -> str | None:
    """Return a GS1 code that a pattern matches as plain text, None if none is found."""
    pattern = plain.pattern
    if pattern is None or not isinstance(fields.match, Gs1Match):
        return None
    if bool(plain.symbologies) != bool(fields.symbologies):
        return None  # one reads symbols that the other takes for something else
    for node in _as_text(fields.match):
        text = pattern.automaton.common(
            automaton_of(node), plain.min_length, min(plain.max_length, fields.max_length)
        )
        if text is not None:
            listed = "".join(f"({code})" for code in sorted(fields.match.ais))
            return f"codes of {listed} such as {text!r}, once as text and once as GS1"
    return None


def _as_text(match: Gs1Match) -> Iterator[Node]:
    """Yield how codes with these identifiers look where no separator is in them."""
    ais = [table()[code] for code in sorted(match.ais)]
    fixed = [ai for ai in ais if ai.predefined]
    loose = [ai for ai in ais if not ai.predefined]
    if len(loose) <= 1:
        orders = permutations(fixed) if len(fixed) <= _MOST_ORDERED else iter([tuple(fixed)])
        for order in orders:
            yield Row(tuple(_element(ai) for ai in (*order, *loose)))
    if match.ais == {"01"}:
        digit = One(frozenset(ALPHABETS["N"]))
        for length in _ITEM_LENGTHS:
            yield Repeat(digit, length, length)


def _element(ai: ApplicationIdentifier) -> Node:
    parts = (
        Repeat(One(frozenset(ALPHABETS[part.alphabet])), part.shortest, part.longest)
        for part in ai.components
        if not part.optional
    )
    return Row((literal(ai.code), *parts))
