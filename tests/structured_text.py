"""Runs IEC 61131-3 Structured Text, as much of it as docs/plc uses: its source text is the program.

The grammar is blark's; its parse tree becomes closures. What is not needed there is refused with
its line, never passed over. A value that does not fit its variable's type is an error, and so is a
VAR_TEMP that is read before it is written: a controller would go on with something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from lark import Lark, Token

from tests.st_code import (
    Node,
    Scope,
    Statement,
    StructuredTextError,
    block,
    expression,
    trees,
    words,
)

RANGES: Mapping[str, tuple[int, int]] = {
    "INT": (-(2**15), 2**15 - 1),
    "UINT": (0, 2**16 - 1),
    "UDINT": (0, 2**32 - 1),
    "TIME": (-(2**31), 2**31 - 1),
}
"""What fits; a TIME is whole milliseconds, the narrowest that is in use."""
INITIAL: Mapping[str, bool | int | float | str] = {"BOOL": False, "REAL": 0.0, "STRING": ""}
SECTIONS = {
    "input_declarations": "input",
    "output_declarations": "output",
    "input_output_declarations": "in_out",
    "var_declarations": "own",
    "temp_var_decls": "temp",
}


@dataclass(slots=True)
class Clock:
    """The controller's clock, turned by hand."""

    now_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One declared variable."""

    name: str
    kind: str
    section: str
    initial: Any


@dataclass(slots=True, kw_only=True)
class Unit:
    """A function block or a program, as declared."""

    variables: dict[str, Variable]
    body: Statement


class Ton:
    """The standard's on-delay timer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ms: int | None = None
        self.members: Scope = {"ET": 0, "Q": False}

    def call(self, given: Mapping[str, Any]) -> None:
        """Look at the input and at the clock."""
        if not given["IN"]:
            self._since_ms = None
        elif self._since_ms is None:
            self._since_ms = self._clock.now_ms
        ran = 0 if self._since_ms is None else self._clock.now_ms - self._since_ms
        self.members = {"ET": min(ran, given["PT"]), "Q": bool(given["IN"]) and ran >= given["PT"]}

    def in_outs(self) -> frozenset[str]:
        """Return nothing: a timer has inputs and outputs."""
        return frozenset()


class Instance:
    """One instance of a function block or program."""

    def __init__(self, unit: Unit, library: Library, clock: Clock) -> None:
        self._unit = unit
        self._library = library
        self.members: Scope = {
            name: library.fresh(variable.kind, clock)
            if variable.initial is None
            else variable.initial
            for name, variable in unit.variables.items()
        }

    def call(self, given: Mapping[str, Any]) -> None:
        """Take the inputs and run the body once."""
        for name, value in given.items():
            variable = self._unit.variables[name]
            if variable.section not in {"input", "in_out"}:
                raise StructuredTextError(f"{name} is no input")
            self.members[name] = self._library.fitting(variable.kind, value, name)
        for name, variable in self._unit.variables.items():
            if variable.section == "temp":
                self.members[name] = None
            elif variable.section == "in_out" and name not in given:
                raise StructuredTextError(f"{name} is not connected")
        self._unit.body(self.members)
        for name, variable in self._unit.variables.items():
            if variable.section != "temp":
                self._library.fitting(variable.kind, self.members[name], name)

    def in_outs(self) -> frozenset[str]:
        """Return the variables that the caller shares with the block."""
        variables = self._unit.variables.values()
        return frozenset(each.name for each in variables if each.section == "in_out")


def fitting(kind: str, value: Any, name: str) -> Any:  # noqa: ANN401 - of any type of the language
    """Return the value, which fits the elementary type."""
    if kind == "BOOL" and not isinstance(value, bool):
        raise StructuredTextError(f"{name}: {value!r} is no BOOL")
    if kind in RANGES:
        low, high = RANGES[kind]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise StructuredTextError(f"{name}: {value!r} is no {kind}")
    return value


@dataclass(slots=True)
class Library:
    """Everything that the texts declare: structures, function blocks, programs."""

    structures: dict[str, dict[str, str]] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)

    def read(self, text: str) -> Library:
        """Add what a text declares, and return the library."""
        for node in trees(parse(text)):
            _DECLARATIONS[node.data](self, node)
        return self

    def fresh(self, kind: str, clock: Clock) -> Any:  # noqa: ANN401 - of any type of the language
        """Return what a variable of that type holds before anything was written."""
        if kind == "TON":
            return Ton(clock)
        if kind in self.units:
            return Instance(self.units[kind], self, clock)
        if kind in self.structures:
            members = self.structures[kind].items()
            return {name: self.fresh(each, clock) for name, each in members}
        if kind not in RANGES and kind not in INITIAL:
            raise StructuredTextError(f"no type {kind}")
        return INITIAL.get(kind, 0)

    def fitting(self, kind: str, value: Any, name: str) -> Any:  # noqa: ANN401 - as `fresh`
        """Return the value, which fits the type, and so does each of its members."""
        for member, inner in self.structures.get(kind, {}).items():
            self.fitting(inner, value[member], f"{name}.{member}")
        return fitting(kind, value, name)

    def _add_structure(self, node: Node) -> None:
        (structure,) = trees(node)
        self.structures[words(structure)[0]] = {
            name: kind for name, kind, _ in _declared(structure)
        }

    def _add_unit(self, node: Node) -> None:
        name = next(str(each) for each in node.children if _is_name(each))
        variables = {
            name: Variable(name=name, kind=kind, section=SECTIONS[part.data], initial=initial)
            for part in _found(node, *SECTIONS)
            for name, kind, initial in _declared(part)
        }
        (body,) = (each for each in trees(node) if each.data == "statement_list")
        self.units[name] = Unit(variables=variables, body=block(body))


_DECLARATIONS: Mapping[str, Callable[[Library, Node], None]] = {
    "data_type_declaration": Library._add_structure,  # noqa: SLF001 - its own table
    "function_block_type_declaration": Library._add_unit,  # noqa: SLF001 - its own table
    "program_declaration": Library._add_unit,  # noqa: SLF001 - its own table
}


@cache
def parse(text: str) -> Node:
    """Return blark's parse tree of a text."""
    grammar = Lark.open_from_package(
        "blark",
        "iec.lark",
        parser="earley",
        maybe_placeholders=False,
        propagate_positions=True,
        start="iec_source",
    )
    return grammar.parse(text)


def _is_name(each: Token | Node | None) -> bool:
    return isinstance(each, Token) and each.type not in {"FUNCTION_BLOCK", "END_FUNCTION_BLOCK"}


def _found(node: Node, *rules: str) -> Iterator[Node]:
    """Yield the subtrees of these rules in the order of the text."""
    for each in trees(node):
        if each.data in rules:
            yield each
        else:
            yield from _found(each, *rules)


def _declared(part: Node) -> Iterator[tuple[str, str, Any]]:
    """Yield name, type and initial value of each variable; None where none is written."""
    for declaration in _found(part, "var1_init_decl", "structure_element_declaration"):
        names, spec = trees(declaration)
        kind = words(spec)[0]
        values = [each for each in trees(spec) if each.data == "expression"]
        initial = fitting(kind, expression(values[0])({}), kind) if values else None
        for name in words(names):
            yield name, kind, initial
