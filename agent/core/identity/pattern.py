r"""Regular expressions for plain codes: a subset that can be proven harmless when it is loaded.

Laws:
    1. A pattern matches the whole code, which is printable ASCII (D-80).
    2. A pattern is unambiguous: no code matches it in two ways. So a named group never depends on
       which way the engine tried first, and matching cannot run away: a backtracking engine has
       at most one way to each place of the pattern.
    3. Two patterns can be compared: whether any code matches both, and which (`automaton`).

The subset: literals, classes, `.`, `\d \w \s` and their opposites, groups (named, plain and
`(?:…)`), `|`, `? * + {m} {m,n} {m,}`. No look-around, no back-references, no lazy or possessive
repeats, no flags: what cannot be analysed is refused.
"""

from __future__ import annotations

import re
import string
from typing import NamedTuple, NoReturn

from agent.core.identity.automaton import (
    PRINTABLE,
    Automaton,
    Choice,
    Node,
    One,
    Repeat,
    Row,
    TooLongError,
    automaton_of,
    literal,
)

_CLASSES = {
    "d": frozenset(string.digits),
    "w": frozenset(string.ascii_letters + string.digits + "_"),
    "s": frozenset(" "),
}
_ESCAPES = _CLASSES | {letter.upper(): PRINTABLE - chars for letter, chars in _CLASSES.items()}
_COUNT = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{0,4}))?\}")
_NAME = re.compile(r"\?P<([a-z_][a-z0-9_]*)>")
_REPEATS = {"?": (0, 1), "*": (0, None), "+": (1, None)}


class PatternError(ValueError):
    """The pattern is refused; the message says where and why."""


class Pattern(NamedTuple):
    """A pattern that is known to be harmless."""

    compiled: re.Pattern[str]
    """For the code without prefix and suffix, in upper case if codes are folded."""
    automaton: Automaton
    """For the whole code as read, prefix and suffix included."""
    names: frozenset[str]
    """The named groups."""


def compile_pattern(
    source: str, *, prefix: str = "", suffix: str = "", caseless: bool = False
) -> Pattern:
    """Return the pattern, ready to match and to be compared.

    Args:
        source: The regular expression.
        prefix: What stands before it in every code, taken literally.
        suffix: What stands after it.
        caseless: Whether codes are folded to upper case before they are matched.

    Raises:
        PatternError: it is outside the subset, matches the empty code, or can match one code in
            two ways.
    """
    for text in (source, prefix, suffix):
        if not PRINTABLE.issuperset(text):
            raise PatternError(f"{text!r} is not printable ASCII")
    reader = _Reader(source)
    body = reader.all()
    node: Node = Row((literal(prefix), body, literal(suffix)))
    try:
        automaton = automaton_of(_folded(node) if caseless else node)
    except TooLongError as error:
        raise PatternError(f"{source!r}: {error}") from None
    if automaton.accepts_empty:
        raise PatternError(f"{source!r} matches the empty code")
    twice = automaton.ambiguity()
    if twice is not None:
        raise PatternError(f"{source!r} can match {twice!r} in two ways; make its parts distinct")
    return Pattern(re.compile(source, re.ASCII), automaton, frozenset(reader.names))


def _folded(node: Node) -> Node:
    """Return the node that matches what becomes a match when folded to upper case."""
    match node:
        case One():
            return One(frozenset(c for c in PRINTABLE if c.upper() in node.allowed))
        case Repeat():
            return Repeat(_folded(node.node), node.least, node.most)
        case Row():
            return Row(tuple(_folded(part) for part in node.nodes))
        case _:
            return Choice(tuple(_folded(part) for part in node.nodes))


class _Reader:
    """Reads a pattern from left to right into nodes."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self.names: set[str] = set()

    def all(self) -> Node:
        """Return the whole pattern; anchors at its ends are redundant and skipped."""
        self._take("^")
        found = self._alternatives()
        if self._rest() == "$":
            self._at += 1
        if self._rest():
            self._refuse("unbalanced or misplaced character")
        return found

    def _refuse(self, why: str) -> NoReturn:
        raise PatternError(f"{self._source!r}, character {self._at + 1}: {why}")

    def _rest(self) -> str:
        return self._source[self._at :]

    def _take(self, wanted: str) -> bool:
        """Go past a character if it comes next."""
        if not self._rest().startswith(wanted):
            return False
        self._at += len(wanted)
        return True

    def _next(self) -> str:
        if not self._rest():
            self._refuse("the pattern ends too early: close each ( and [, and end with no \\")
        self._at += 1
        return self._source[self._at - 1]

    def _alternatives(self) -> Node:
        found = [self._row()]
        while self._take("|"):
            found.append(self._row())
        return found[0] if len(found) == 1 else Choice(tuple(found))

    def _row(self) -> Node:
        nodes: list[Node] = []
        while self._rest() not in ("", "$") and not self._rest().startswith(("|", ")")):
            nodes.append(self._repeated())
        return Row(tuple(nodes))

    def _repeated(self) -> Node:
        names = len(self.names)
        node = self._atom()
        times = self._times()
        if times is None:
            return node
        if len(self.names) > names and times != (0, 1):
            self._refuse("a named group in a repeat would keep its last turn only")
        if self._rest().startswith(("?", "*", "+", "{")):
            self._refuse("a repeat of a repeat, or a lazy or possessive one")
        return Repeat(node, *times)

    def _times(self) -> tuple[int, int | None] | None:
        rest = self._rest()
        if rest.startswith(("?", "*", "+")):
            return _REPEATS[self._next()]
        if not rest.startswith("{"):
            return None
        found = _COUNT.match(rest)
        if found is None:
            self._refuse("wants {m}, {m,n} or {m,}")
        least = int(found[1])
        most = least if not found[2] else int(found[3]) if found[3] else None
        if most is not None and (most < least or most == 0):
            self._refuse("the repeat can never be fulfilled, or does nothing")
        self._at += found.end()
        return least, most

    def _atom(self) -> Node:
        character = self._next()
        if character == "(":
            return self._group()
        if character == "[":
            return One(self._class())
        if character == "\\":
            return One(self._escape())
        if character == ".":
            return One(PRINTABLE)
        if character in "*+?{}^$]":
            self._at -= 1
            self._refuse(f"{character!r} here must be written \\{character}")
        return One(frozenset(character))

    def _group(self) -> Node:
        found = _NAME.match(self._rest())
        if found is not None:
            if found[1] in self.names:
                self._refuse(f"a second group {found[1]!r}")
            self.names.add(found[1])
            self._at += found.end()
        elif self._rest().startswith("?") and not self._take("?:"):
            self._refuse("only (…), (?:…) and (?P<name>…) are allowed")
        node = self._alternatives()
        if not self._take(")"):
            self._refuse("a group is not closed")
        return node

    def _escape(self) -> frozenset[str]:
        character = self._next()
        if character in _ESCAPES:
            return _ESCAPES[character]
        if character.isalnum():
            self._refuse(f"\\{character} is not allowed")
        return frozenset(character)

    def _class(self) -> frozenset[str]:
        negated = self._take("^")
        found: set[str] = set()
        if self._rest().startswith("]"):
            self._refuse("']' in a class must be written \\]")
        while not self._take("]"):
            if self._rest().startswith(("--", "&&", "||", "~~")):
                self._refuse("a doubled character in a class is reserved")
            found |= self._class_part()
        chosen = PRINTABLE - found if negated else frozenset(found)
        if not chosen:
            self._refuse("no character fits this class")
        return chosen

    def _class_part(self) -> frozenset[str]:
        character = self._next()
        if character == "[":
            self._refuse("'[' in a class must be written \\[")
        low = self._escape() if character == "\\" else frozenset(character)
        if not self._rest().startswith("-") or self._rest().startswith("-]"):
            return low
        self._at += 1
        character = self._next()
        high = self._escape() if character == "\\" else frozenset(character)
        if len(low) != 1 or len(high) != 1 or min(low) > min(high):
            self._refuse("not a range of characters")
        return frozenset(map(chr, range(ord(min(low)), ord(min(high)) + 1)))
