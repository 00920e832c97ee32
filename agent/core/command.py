"""What a command by a person is made of: its arguments, what is asked about them, how it ends.

A command is a row in the table of `commands`. What it needs to know of its arguments (was this unit
here, does this event exist?) is asked before it runs; then its function gets the answers, adds the
events that follow and returns the one that says what was done, or why nothing was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique

from agent.core import events as ev
from agent.core.draft import Draft
from drivers.base import AskAnswered, CodeScanned, CommandGiven


@unique
class Names(StrEnum):
    """What the value of an argument names."""

    TEXT = "text"
    NUMBER = "number"
    """A decimal number."""
    LOT = "lot"
    """A lot, or a serial component."""
    UNIT = "unit"
    COMPONENT = "component"
    """A serial component."""
    LOT_AMOUNT = "lot_amount"
    """A lot and how much of it: LOT or LOT=QUANTITY; NAME= where a name has the sign in it."""
    ADDRESS = "address"
    """Of a recorded event: `000042-9f3a1c7e-17`."""
    PACKAGE = "package"
    """Something that is in something, or that something is in."""
    PERSON = "person"
    """Somebody: a badge or a name, which the rim conceals as that of who gives the command."""
    KEYED = "keyed"
    """A code that is keyed in; the rim makes it the command's `scan`."""


ASKED = frozenset({Names.UNIT, Names.COMPONENT, Names.ADDRESS, Names.PACKAGE})
"""What is looked up before a command runs."""
CODES = frozenset({Names.LOT, Names.UNIT, Names.COMPONENT, Names.PACKAGE})
"""What may be given as a label shows it; the rim makes it canonical text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of a command."""

    name: str
    about: str
    """One line, for the help."""
    names: Names = Names.TEXT
    is_optional: bool = False
    is_many: bool = False
    """Whether it may be given several times."""
    is_asked: bool = True
    """Whether what it names is looked up, where it names something that can be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a command is not carried out."""

    cause: ev.Declined
    detail: str
    """What is wrong, and what to do."""


Facts = Mapping[tuple[str, str], AskAnswered]
"""What is known of the arguments: (name, value) -> answer."""
Also = Callable[[Draft, CommandGiven, Facts], Mapping[tuple[str, str], Names]]
"""What is to be known besides the arguments: (name, value) -> what the value names. It is called
anew with each set of answers, until all that it names is known."""
Run = Callable[[Draft, CommandGiven, Facts], ev.Event | Refusal | CodeScanned]
"""Carries a command out: returns the event that it added, why it did nothing, or a code that is now
to be judged as one that was read."""


def _nothing(_draft: Draft, _given: CommandGiven, _facts: Facts) -> Mapping[tuple[str, str], Names]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command."""

    about: str
    """One line, for the help."""
    arguments: tuple[Argument, ...]
    run: Run
    also: Also = _nothing
    then: str = ""
    """What a person has to know once it is recorded, with arguments by their names in braces."""


def lot_amount(value: str) -> tuple[str, str]:
    """Return a lot, and how much of it; empty where that is not said.

    >>> lot_amount("L-1=300"), lot_amount("L-1"), lot_amount("A=B=")
    (('L-1', '300'), ('L-1', ''), ('A=B', ''))
    """
    lot, sign, quantity = value.rpartition("=")
    return (lot, quantity) if sign else (value, "")


def texts(given: CommandGiven, name: str) -> tuple[str, ...]:
    """Return every value of an argument, in order."""
    return tuple(value for key, value in given.arguments if key == name)


def text(given: CommandGiven, name: str) -> str:
    """Return the value of an argument; empty where it is optional and was not given."""
    return next(iter(texts(given, name)), "")
