"""What is wrong with a station file: each problem names the place, the key, the cause, the cure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Where a value stands in a station file: keys, and positions in lists from 0."""

_SOURCES = re.compile(r"\s*\((?:[DG]-?\d+|PITFALLS \w+)(?:(?:, | to )D-\d+)*\)")
_MOST_SHOWN = 60
_MOST_LISTED = 16


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Line and column in a file, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong (or, as a warning, doubtful) in one file."""

    file: str
    line: int = 1
    column: int = 1
    path: str = ""
    """The key, as in `devices.plc.driver` or `scans[2].match`; empty for the file itself."""
    message: str
    value: str | None = None
    """What stands there, where that helps and is no secret."""
    hint: str = ""
    """What to do about it."""

    def __str__(self) -> str:
        """Return `file:line:column: path: message (value); hint`."""
        path = f"{self.path}: " if self.path else ""
        value = f" ({self.value})" if self.value is not None else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {path}{self.message}{value}{hint}"


class ConfigError(Exception):
    """A station file is refused. An engineer edits it; `problems` names everything at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems in the order of the file, each once."""
    unique = dict.fromkeys(problems)
    return tuple(sorted(unique, key=lambda p: (p.file, p.line, p.column, p.path, p.message)))


def without_sources(text: str) -> str:
    """Return a sentence for users: the numbers of our rules are for who reads the code.

    >>> without_sources("must say where it wraps (D-30, D-31); add modulus")
    'must say where it wraps; add modulus'
    """
    return _SOURCES.sub("", text)


def dotted(path: Path) -> str:
    """Return a path as people write it: `scans[2].match.regex`."""
    text = ""
    for step in path:
        text += (
            f"[{step}]" if isinstance(step, int) else f".{clipped(step)}" if text else clipped(step)
        )
    return text


def clipped(text: str) -> str:
    """Return the text on one line, printable, and cut where it is long."""
    flat = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    return flat if len(flat) <= _MOST_SHOWN else f"{flat[: _MOST_SHOWN - 1]}…"


def shown(value: object) -> str:
    """Return a value as a message quotes it."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{clipped(value)}'" if isinstance(value, str) else clipped(str(value))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a suggestion for a misspelt word: the nearest known one, else all there are."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    words = list(known)
    folded = {known_word.casefold(): known_word for known_word in words}
    near = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{folded[near[0]]}'?"
    return f"known: {', '.join(sorted(words))}" if 0 < len(words) <= _MOST_LISTED else ""
