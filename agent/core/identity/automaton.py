"""Position automata: what a pattern of codes can match, decided before any code comes.

A pattern is a tree of nodes. Each place in it that takes a character becomes a position; `follow`
says which positions can come after one (Glushkov). Every way is counted, so that a pattern that
can match one code in two ways is found, and the code with it. Two automata run side by side to
find a code that both match.

Repeats with bounds are written out, so sizes are bounded by `MOST_POSITIONS`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

PRINTABLE = frozenset(chr(number) for number in range(0x20, 0x7F))
"""What a plain code may hold."""

MOST_POSITIONS = 400
"""Places in a pattern with its repeats written out; a longer one is no code pattern."""

_FIRST = 0x20
_TWICE = 2


class TooLongError(ValueError):
    """The pattern has too many places."""


@dataclass(frozen=True, slots=True)
class One:
    """One character out of a set."""

    allowed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Row:
    """Nodes one after another; none: the empty text."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several nodes."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A node `least` to `most` times; None: without end."""

    node: Node
    least: int
    most: int | None


Node = One | Row | Choice | Repeat


def literal(text: str) -> Row:
    """Return the node of a literal text."""
    return Row(tuple(One(frozenset(character)) for character in text))


class _Fragment(NamedTuple):
    """A part under construction; counts stop at two, for two is too many."""

    empty: int
    """In how many ways it matches the empty text."""
    first: tuple[int, ...]
    """Positions that can come first, each as often as there are ways."""
    last: tuple[int, ...]
    """Positions that can come last."""


@dataclass(frozen=True, slots=True)
class Automaton:
    """A pattern as positions."""

    masks: tuple[int, ...]
    """For each position the characters it takes, one bit each."""
    first: tuple[int, ...]
    follow: tuple[tuple[int, ...], ...]
    last: tuple[int, ...]
    """Positions at which a code may end, each as often as there are ways."""
    accepts_empty: bool

    def ambiguity(self) -> str | None:
        """Return a shortest code that is matched in two ways, None if there is none."""
        ends = {position: self.last.count(position) for position in self.last}
        seen: set[tuple[int, int, bool]] = set()
        queue: deque[tuple[int, int, bool, str]] = deque()

        def visit(left: int, right: int, text: str, *, parted: bool) -> None:
            common = self.masks[left] & self.masks[right]
            key = (min(left, right), max(left, right), parted)
            if common and key not in seen:
                seen.add(key)
                queue.append((*key, text + _character(common)))

        for left, right, same in _pairs(self.first, self.first):
            visit(left, right, "", parted=not same)
        while queue:
            left, right, parted, text = queue.popleft()
            if left in ends and right in ends and (parted or ends[left] >= _TWICE):
                return text
            for onto_left, onto_right, same in _pairs(self.follow[left], self.follow[right]):
                # On one way, one edge is the same way; two ways stay two, even where they meet.
                visit(onto_left, onto_right, text, parted=parted or left != right or not same)
        return None

    def common(self, other: Automaton, least: int = 1, most: int | None = None) -> str | None:
        """Return a shortest text that both match and that is `least` to `most` long, or None."""
        seen: set[tuple[int, int, int]] = set()
        queue: deque[tuple[int, int, str]] = deque()

        def visit(lefts: Iterable[int], rights: Sequence[int], text: str) -> None:
            for left in lefts:
                for right in rights:
                    shared = self.masks[left] & other.masks[right]
                    key = (left, right, min(len(text) + 1, least))
                    if shared and key not in seen:
                        seen.add(key)
                        queue.append((left, right, text + _character(shared)))

        visit(self.first, other.first, "")
        while queue:
            left, right, text = queue.popleft()
            if most is not None and len(text) > most:
                return None
            if len(text) >= least and left in self.last and right in other.last:
                return text
            visit(self.follow[left], other.follow[right], text)
        return None

    def head(self) -> str:
        """Return the literal text that every code of this pattern begins with."""
        text, nexts = "", self.first
        while len(nexts) == 1 and self.masks[nexts[0]].bit_count() == 1:
            text += _character(self.masks[nexts[0]])
            if nexts[0] in self.last:
                break
            nexts = self.follow[nexts[0]]
        return text


def automaton_of(node: Node) -> Automaton:
    """Return the automaton of a pattern.

    Raises:
        TooLongError: the pattern has more than `MOST_POSITIONS` places.
    """
    builder = _Builder()
    whole = builder.build(node)
    return Automaton(
        masks=tuple(builder.masks),
        first=whole.first,
        follow=tuple(tuple(positions) for positions in builder.follow),
        last=whole.last,
        accepts_empty=whole.empty > 0,
    )


class _Builder:
    """Gives positions to the places of a pattern."""

    def __init__(self) -> None:
        self.masks: list[int] = []
        self.follow: list[list[int]] = []

    def build(self, node: Node) -> _Fragment:
        """Return the fragment of a node, with fresh positions."""
        match node:
            case One():
                return self._one(node.allowed)
            case Row():
                return reduce(self._join, map(self.build, node.nodes), _Fragment(1, (), ()))
            case Choice():
                return self._choice([self.build(part) for part in node.nodes])
            case _:
                return self._repeat(node)

    def _one(self, allowed: frozenset[str]) -> _Fragment:
        if len(self.masks) == MOST_POSITIONS:
            raise TooLongError(f"more than {MOST_POSITIONS} places with repeats written out")
        self.masks.append(sum(1 << (ord(character) - _FIRST) for character in allowed))
        self.follow.append([])
        position = len(self.masks) - 1
        return _Fragment(0, (position,), (position,))

    def _choice(self, found: Sequence[_Fragment]) -> _Fragment:
        return _Fragment(
            min(sum(part.empty for part in found), _TWICE),
            tuple(position for part in found for position in part.first),
            tuple(position for part in found for position in part.last),
        )

    def _join(self, left: _Fragment, right: _Fragment) -> _Fragment:
        self._link(left.last, right.first)
        return _Fragment(
            min(left.empty * right.empty, _TWICE),
            left.first + right.first * left.empty,
            right.last + left.last * right.empty,
        )

    def _link(self, before: Iterable[int], after: Sequence[int]) -> None:
        for position in before:
            self.follow[position].extend(after)

    def _repeat(self, node: Repeat) -> _Fragment:
        if node.most is None:
            return self._endless(node)
        tail = _Fragment(1, (), ())
        for _ in range(node.most - node.least):
            once = self._join(self.build(node.node), tail)
            tail = once._replace(empty=min(once.empty + 1, _TWICE))
        for _ in range(node.least):
            tail = self._join(self.build(node.node), tail)
        return tail

    def _endless(self, node: Repeat) -> _Fragment:
        loop = self.build(node.node)
        self._link(loop.last, loop.first)
        # What matches the empty text can be repeated in endlessly many ways: that counts as two.
        ways = _TWICE if loop.empty else 1
        loop = _Fragment(
            _TWICE if loop.empty else int(node.least == 0), loop.first * ways, loop.last
        )
        for _ in range(node.least - 1):
            loop = self._join(self.build(node.node), loop)
        return loop


def _pairs(left: Sequence[int], right: Sequence[int]) -> Iterator[tuple[int, int, bool]]:
    """Yield each edge of one way beside each of another, and whether they are one edge."""
    for i, onto_left in enumerate(left):
        for j, onto_right in enumerate(right):
            yield onto_left, onto_right, i == j


def _character(mask: int) -> str:
    """Return the most readable character of a mask: a letter or digit where there is one."""
    characters = [chr(_FIRST + bit) for bit in range(mask.bit_length()) if mask >> bit & 1]
    return next((c for c in characters if c.isalnum()), characters[0])
