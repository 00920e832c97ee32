"""A module's mutants, as mutmut makes them: each a changed copy of one function.

Mutmut's own file holds all copies side by side. Here each is taken out of it as source text, so
that the tree stays as it is and a process that has imported it can put one copy in place.

Mutmut changes the bodies of functions and their plain defaults: no tables at module level, no
defaults of dataclasses, no enums, nothing that is decorated (properties). What is never reached by
construction (`raise AssertionError`) is left alone: see `[tool.mutmut]` in pyproject.toml.
"""

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mutmut.mutation.file_mutation import mutate_file_contents

from tests.mutation import plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One small change of one function."""

    name: str
    """Of the changed copy, `x_pair__mutmut_3`."""
    owner: str
    """The class of the method; empty for a function."""
    function: str
    original: str
    """The function's text in the tree's file."""
    source: str
    """The changed copy's text, indented as in its class, under the copy's name."""
    changed: tuple[str, ...]
    """The lines that differ, with - and +."""
    lines: frozenset[int]
    """Where a test must come by to notice: the lines of the changed statement, in the tree's
    file."""

    @property
    def place(self) -> str:
        """The function as it is called in its module, `Batch.add`."""
        return f"{self.owner}.{self.function}" if self.owner else self.function

    @property
    def title(self) -> str:
        """The change as text: the function, and the lines."""
        return "\n".join((self.place, *(f"{line[0]} {line[1:].strip()}" for line in self.changed)))

    def whole(self, code: str) -> str:
        """Return the text of its module's file with the change in it.

        Raises:
            ValueError: the function is not there.
        """
        if code.count(self.original) != 1:
            raise ValueError(f"{self.name} is not of this text")
        return code.replace(self.original, self.source.replace(self.name, self.function))


def made(root: Path, module: str) -> list[Mutant]:
    """Return every mutant of a module."""
    file = plan.file_of(module)
    code = (root / file).read_text(encoding="utf-8")
    mutated = mutate_file_contents(str(file), code)
    texts = mutated.code.splitlines(keepends=True)
    sources = {
        name: "".join(texts[span.start - 1 : span.end])
        for name, span in mutated.line_span_by_function_name.items()
    }
    functions = dict(_functions(ast.parse(code)))
    return [_mutant(name, sources, functions) for name in mutated.mutant_names]


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """Yield the functions and methods that can be changed, by their names."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    yield f"{node.name}.{method.name}", method


def _mutant(name: str, sources: dict[str, str], functions: dict[str, ast.stmt]) -> Mutant:
    mangled = name.rpartition("__mutmut_")[0]
    _, *owned = mangled.split("ǁ")
    owner, function = owned or ("", mangled.removeprefix("x_"))
    copied = sources[f"{mangled}__mutmut_orig"]
    original, source = copied.splitlines(), sources[name]
    changed = source.replace(name, f"{mangled}__mutmut_orig").splitlines()
    diff = [
        line
        for line in difflib.unified_diff(original, changed, lineterm="", n=0)
        if line[:3] not in {"---", "+++", "@@ "}
    ]
    node = functions[f"{owner}.{function}" if owner else function]
    first = next(
        place
        for place, line in enumerate(original)
        if place >= len(changed) or changed[place] != line
    )
    heading = next(place for place, line in enumerate(original) if f"def {mangled}" in line)
    return Mutant(
        name=name,
        owner=owner,
        function=function,
        original=copied.replace(f"{mangled}__mutmut_orig", function),
        source=source,
        changed=tuple(diff),
        lines=frozenset(_reached_by(node, node.lineno + first - heading)),
    )


def _reached_by(function: ast.stmt, line: int) -> range:
    """Return the lines of the statement that holds a line: all of it, or the head of a block."""
    inside = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    found = max(inside, key=lambda node: node.lineno)
    last = found.end_lineno or found.lineno
    if found is function:
        return range(found.lineno, last + 1)
    block: list[ast.stmt] | None = getattr(found, "body", None)
    if isinstance(found, ast.Match) or (block and line >= block[0].lineno):
        return range(line, line + 1)  # a case, or an `else`
    return range(found.lineno, block[0].lineno if block else last + 1)
