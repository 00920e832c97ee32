"""Structured Text as closures: expressions and statements of blark's parse tree.

What docs/plc does not use is refused with its line, never passed over.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from lark import Token, Tree

Node = Tree[Token]
Scope = dict[str, Any]
"""Variables by name; a structure is a scope of its own, a function block has `members`."""
Expression = Callable[[Scope], Any]
Statement = Callable[[Scope], None]

OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "AND": operator.and_,
    "OR": operator.or_,
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "+": operator.add,
    "MOD": operator.mod,
}
UNITS = {"hours": 3_600_000, "minutes": 60_000, "seconds": 1000, "milliseconds": 1}


class StructuredTextError(Exception):
    """The text is not of the subset, or does what a controller would not."""


class Block(Protocol):
    """An instance of a function block, ours or the standard's."""

    members: Scope

    def call(self, given: Mapping[str, Any]) -> None:
        """Take the inputs and run once."""

    def in_outs(self) -> frozenset[str]:
        """Return the variables that the caller shares with the block."""


def trees(node: Node) -> list[Node]:
    """Return the subtrees right below, without the tokens between them."""
    return [each for each in node.children if isinstance(each, Tree)]


def words(node: Node) -> tuple[str, ...]:
    """Return the tokens of a subtree in the order of the text."""
    return tuple(str(each) for each in node.scan_values(lambda _: True))


def _refuse(node: Node) -> StructuredTextError:
    return StructuredTextError(f"line {node.meta.line}: {node.data} is not supported")


# ------------------------------------------------------------------ expressions


def expression(node: Node) -> Expression:
    """Return what evaluates an expression."""
    match str(node.data), node.children:
        case "unary_expression", [Token(value="NOT"), Tree() as only]:
            return _negated(expression(only))
        case "constant", [Tree() as literal]:
            value = _literal(literal)
            return lambda _: value
        case (("variable_name" | "multi_element_variable" | "enumerated_value"), _):
            return _reading(words(node))
        case "function_call", _:
            raise _refuse(node)
        case _, [Tree() as only]:
            return expression(only)
        case _, [Tree() as first, *rest]:
            return _chain(expression(first), rest)
    raise _refuse(node)


def _negated(inner: Expression) -> Expression:
    return lambda scope: not inner(scope)


def _chain(left: Expression, rest: list[Any]) -> Expression:
    for sign, operand in zip(rest[::2], rest[1::2], strict=True):
        left = _joined(left, OPERATORS[str(sign)], expression(operand))
    return left


def _joined(left: Expression, join: Callable[[Any, Any], Any], right: Expression) -> Expression:
    return lambda scope: join(left(scope), right(scope))


def _literal(node: Node) -> bool | int:
    match str(node.data), node.children:
        case "true", _:
            return True
        case "false", _:
            return False
        case "integer_literal", [Tree(data="integer", children=[Token() as digits])]:
            return int(digits)
        case "duration", [Tree(data=unit, children=[Token() as digits])]:
            return int(digits) * UNITS[unit]
    raise _refuse(node)


def _reading(path: tuple[str, ...]) -> Expression:
    def read(scope: Scope) -> Any:  # noqa: ANN401 - of any type of the language
        value = _container(scope, path)[path[-1]]
        if value is None:
            raise StructuredTextError(f"{path[-1]} is read before it is written")
        return value

    return read


def _container(scope: Scope, path: tuple[str, ...]) -> Scope:
    for name in path[:-1]:
        inner = scope[name]
        scope = inner if isinstance(inner, dict) else inner.members
    return scope


# ------------------------------------------------------------------ statements


def block(*nodes: Node | None) -> Statement:
    """Return what runs every statement in the lists, one after the other."""
    statements = [_STATEMENTS[each.data](each) for node in nodes if node for each in trees(node)]

    def run(scope: Scope) -> None:
        for statement in statements:
            statement(scope)

    return run


def _assignment(node: Node) -> Statement:
    target, value = trees(node)
    path, evaluated = words(target), expression(value)

    def run(scope: Scope) -> None:
        container = _container(scope, path)
        if path[-1] not in container:
            raise StructuredTextError(f"no variable {path[-1]}")
        container[path[-1]] = evaluated(scope)

    return run


def _call(node: Node) -> Statement:
    (call,) = trees(node)
    target, *arguments = trees(call)
    path = words(target)
    given = {words(each)[0]: trees(each)[-1] for each in arguments}
    values = {name: expression(each) for name, each in given.items()}

    def run(scope: Scope) -> None:
        block: Block = _container(scope, path)[path[-1]]
        block.call({name: value(scope) for name, value in values.items()})
        for name in block.in_outs():
            actual = words(given[name])
            _container(scope, actual)[actual[-1]] = block.members[name]

    return run


def _if(node: Node) -> Statement:
    condition, *rest = node.children
    then = rest[0] if isinstance(rest[0], Tree) and rest[0].data == "statement_list" else None
    branches = [(_of(condition), block(then))]
    otherwise = block()
    for each in trees(node):
        if each.data == "else_if_clause":
            branches.append((_of(each.children[0]), block(*trees(each)[1:])))
        elif each.data == "else_clause":
            otherwise = block(*trees(each))

    def run(scope: Scope) -> None:
        for holds, branch in branches:
            if holds(scope):
                branch(scope)
                return
        otherwise(scope)

    return run


def _of(child: Any) -> Expression:  # noqa: ANN401 - a child that must be an expression
    if not isinstance(child, Tree):
        raise StructuredTextError(f"{child!r} is no expression")
    return expression(child)


def _case(node: Node) -> Statement:
    selector = _of(node.children[0])
    elements: list[tuple[list[Expression], Statement]] = []
    otherwise = block()
    for each in trees(node)[1:]:
        if each.data == "else_clause":
            otherwise = block(*trees(each))
            continue
        for element in trees(each):
            labels, *body = trees(element)
            elements.append(([_label(label) for label in trees(labels)], block(*body)))

    def run(scope: Scope) -> None:
        chosen = selector(scope)
        for labels, body in elements:
            if any(label(scope) == chosen for label in labels):
                body(scope)
                return
        otherwise(scope)

    return run


def _label(node: Node) -> Expression:
    if node.data == "integer_literal":
        value = _literal(node)
        return lambda _: value
    return expression(node)


_STATEMENTS: Mapping[str, Callable[[Node], Statement]] = {
    "assignment_statement": _assignment,
    "function_call_statement": _call,
    "if_statement": _if,
    "case_statement": _case,
}
