"""Automata: what a pattern can match, and in how many ways."""

import pytest

from agent.core.identity.automaton import (
    MOST_POSITIONS,
    Choice,
    Node,
    One,
    Repeat,
    Row,
    TooLongError,
    automaton_of,
    literal,
)

A, B, X = (One(frozenset(letter)) for letter in "abx")
DIGIT = One(frozenset("0123456789"))
MANY = Repeat(A, 0, None)


@pytest.mark.parametrize(
    ("node", "twice"),
    [
        (literal("abc"), None),
        (Choice((A, B)), None),
        (Choice((A, A)), "a"),
        (Row((Choice((A, A)), B)), "ab"),
        (Row((Repeat(A, 1, None), Repeat(A, 1, None))), "aaa"),
        (Row((Repeat(A, 1, None), X, Repeat(A, 1, None))), None),
        (Row((Repeat(MANY, 0, None), B)), "b"),
        (Row((Choice((Repeat(A, 0, 1), Repeat(B, 0, 1))), X)), "x"),
        (Row((Repeat(A, 1, 3), Repeat(B, 2, 2))), None),
        (Row((Repeat(A, 0, 2), Repeat(A, 0, 2), B)), "ab"),
        (Repeat(Row((A, B)), 2, None), None),
        (Row((X, MANY, MANY)), "xa"),
        (Row((X, Repeat(Choice((Row(()), A)), 0, None))), "x"),
        (Row((Choice((A, Row((A, B)))), Choice((X, Row((B, X)))))), "abx"),
    ],
)
def test_ambiguity(node: Node, twice: str | None) -> None:
    """A code that is matched in two ways is found, a shortest one, and only if there is one."""
    assert automaton_of(node).ambiguity() == twice


@pytest.mark.parametrize(
    ("left", "right", "least", "most", "shared"),
    [
        (literal("ab"), literal("ab"), 1, None, "ab"),
        (literal("ab"), literal("ax"), 1, None, None),
        (Repeat(DIGIT, 1, None), Repeat(DIGIT, 3, 3), 1, None, "000"),
        (Repeat(DIGIT, 1, None), Repeat(DIGIT, 1, None), 4, 9, "0000"),
        (Repeat(DIGIT, 3, 3), Repeat(DIGIT, 1, None), 4, None, None),
        (Repeat(DIGIT, 3, 3), Repeat(DIGIT, 1, None), 1, 2, None),
        (Repeat(One(frozenset("-/")), 1, 1), literal("/"), 1, None, "/"),
    ],
)
def test_common_text(
    left: Node, right: Node, least: int, most: int | None, shared: str | None
) -> None:
    """A text that both match, of a length that both allow, is found if there is one."""
    assert automaton_of(left).common(automaton_of(right), least, most) == shared


@pytest.mark.parametrize(
    ("node", "head"),
    [
        (Row((literal("OP-"), Repeat(DIGIT, 4, 4))), "OP-"),
        (literal("ab"), "ab"),
        (Row((A, Repeat(B, 0, 1))), "a"),
        (DIGIT, ""),
        (Choice((A, B)), ""),
    ],
)
def test_head(node: Node, head: str) -> None:
    """The head is the literal text that every code begins with."""
    assert automaton_of(node).head() == head


def test_empty_text() -> None:
    """An automaton says whether it accepts the empty text."""
    assert automaton_of(MANY).accepts_empty
    assert automaton_of(Row(())).accepts_empty
    assert not automaton_of(A).accepts_empty


def test_size_is_bounded() -> None:
    """A pattern with too many places is refused before anything is computed."""
    automaton_of(Repeat(A, MOST_POSITIONS, MOST_POSITIONS))
    with pytest.raises(TooLongError, match="more than 400 places"):
        automaton_of(Repeat(A, MOST_POSITIONS + 1, MOST_POSITIONS + 1))
