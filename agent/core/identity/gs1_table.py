"""The table of GS1 application identifiers, parsed from the published dictionary.

Each entry says how long a value is, of which characters, which checks its components pass, which
other identifiers it needs beside it and which it excludes, and its place in a Digital Link.

Source: GS1 Barcode Syntax Dictionary (its head explains the syntax); D-69, D-70.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from agent.core.identity.gs1_dictionary import ENTRIES

CSET82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
"""Source: GS1 General Specifications, figure 7.11-1."""
CSET39 = "#-/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Source: GS1 General Specifications, figure 7.11-2."""
CSET64 = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz="
"""base64url (RFC 4648, section 5) with its padding."""
DIGITS = "0123456789"

ALPHABETS = {"N": DIGITS, "X": CSET82, "Y": CSET39, "Z": CSET64}

_COMPONENT = re.compile(r"(\[?)([NXYZ])(\.\.)?(\d+)\]?((?:,[a-z0-9]+)*)")


@dataclass(frozen=True, slots=True)
class Component:
    """A stretch of a value with one alphabet."""

    alphabet: str
    """Key into `ALPHABETS`."""
    shortest: int
    longest: int
    optional: bool
    checks: tuple[str, ...]
    """Names of the dictionary's linters, alphabet left out."""

    @property
    def pattern(self) -> str:
        """A regular expression for this component."""
        one = f"[{re.escape(ALPHABETS[self.alphabet])}]"
        return f"({one}{{{self.shortest},{self.longest}}})" + ("?" if self.optional else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationIdentifier:
    """One application identifier (AI) with its rules."""

    code: str
    title: str
    predefined: bool
    """Whether the length is known from the first two digits, so that no separator follows."""
    attribute: bool
    """Whether it may be a query attribute of a Digital Link."""
    components: tuple[Component, ...]
    requires: tuple[tuple[tuple[str, ...], ...], ...]
    """All of these groups; of each group one alternative; of an alternative every pattern."""
    excludes: tuple[str, ...]
    """Patterns; `n` stands for any digit."""
    key: bool
    """Whether it is a primary key of a Digital Link."""
    qualifiers: tuple[tuple[str, ...], ...]
    """Alternative sequences of qualifiers after the key, each in order."""

    @property
    def shortest(self) -> int:
        """The least length of a value."""
        return sum(part.shortest for part in self.components if not part.optional)

    @property
    def longest(self) -> int:
        """The greatest length of a value."""
        return sum(part.longest for part in self.components)

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches exactly the values whose lengths and characters are right, one group each."""
        # Optional components nest, so that a later one never stands without the one before.
        head = "".join(part.pattern for part in self.components if not part.optional)
        tail = ""
        for part in reversed([part for part in self.components if part.optional]):
            tail = f"(?:{part.pattern.removesuffix('?')}{tail})?"
        return re.compile(head + tail)


def table() -> dict[str, ApplicationIdentifier]:
    """Return every application identifier by its code; ranges are spelled out."""
    return _table()


@cache
def _table() -> dict[str, ApplicationIdentifier]:
    return {ai.code: ai for line in ENTRIES.splitlines() for ai in _entry(line)}


@cache
def code_lengths() -> dict[str, int]:
    """Return the length of the identifier for each first two digits (D-69)."""
    return {code[:2]: len(code) for code in table()}


def matches(pattern: str, code: str) -> bool:
    """Return whether a code fits a pattern of the dictionary such as `31nn`."""
    return len(pattern) == len(code) and all(
        wanted in ("n", got) for wanted, got in zip(pattern, code, strict=True)
    )


def _entry(line: str) -> Iterator[ApplicationIdentifier]:
    body, _, title = line.partition(" # ")
    codes, *words = body.split()
    flags = "".join(word for word in words if not word[0].isalnum() and word[0] != "[")
    parts = [found for word in words if (found := _COMPONENT.fullmatch(word))]
    keys = [word.partition("=") for word in words if word.startswith(("req", "ex", "dlpkey"))]
    qualifiers = [value for name, _, value in keys if name == "dlpkey"]
    for code in _codes(codes):
        yield ApplicationIdentifier(
            code=code,
            title=title,
            predefined="*" in flags,
            attribute="?" in flags,
            components=tuple(_component(part) for part in parts),
            requires=tuple(
                tuple(tuple(option.split("+")) for option in value.split(","))
                for name, _, value in keys
                if name == "req"
            ),
            excludes=tuple(
                pattern for name, _, value in keys if name == "ex" for pattern in value.split(",")
            ),
            key=bool(qualifiers),
            qualifiers=tuple(
                tuple(sequence.split(","))
                for value in qualifiers
                for sequence in value.split("|")
                if sequence
            ),
        )


def _codes(codes: str) -> Iterator[str]:
    first, _, last = codes.partition("-")
    for number in range(int(first), int(last or first) + 1):
        yield f"{number:0{len(first)}}"


def _component(found: re.Match[str]) -> Component:
    bracket, alphabet, variable, length, checks = found.groups()
    return Component(
        alphabet=alphabet,
        shortest=1 if variable else int(length),
        longest=int(length),
        optional=bool(bracket),
        checks=tuple(checks.split(",")[1:]),
    )
