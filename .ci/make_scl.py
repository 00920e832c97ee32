"""Write docs/plc/*.scl, the SCL variant for TIA Portal, from the Structured Text beside it.

A test compares. Run it after changing a .st file. What differs in SCL: a leading # before the
block's own names, quotes around names of types and blocks, BEGIN before the statements, TON_TIME
for the timer, and no PROGRAM: it becomes a function block, to be called in an organization block.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

PLC = Path(__file__).resolve().parent.parent / "docs" / "plc"

NOTE = "// Made from {name} by .ci/make_scl.py: change that one.\n"
COMMENT = re.compile(r"(\(\*.*?\*\))", re.DOTALL)
OWN_TYPE = re.compile(r"\b(?:ST|FB)_\w+")
UNIT = re.compile(
    r"^(FUNCTION_BLOCK|PROGRAM) (\w+)\n((?:VAR.*?^END_VAR\n)+)(.*?)^END_\1$",
    re.DOTALL | re.MULTILINE,
)
STRUCTURE = re.compile(r"^TYPE (\w+) : STRUCT(.*?)^END_STRUCT\nEND_TYPE$", re.DOTALL | re.MULTILINE)
DECLARED = re.compile(r"^    (\w+) :(?!=)", re.MULTILINE)
NAME = re.compile(r"(?<![\w.#])([A-Za-z_]\w*)(?!\w*#)")
INPUT = re.compile(r"(?<=[(,])(\s*)#(\w+) :=")


def texts() -> dict[str, str]:
    """Return every SCL text by its name."""
    return {
        path.with_suffix(".scl").name: NOTE.format(name=path.name)
        + scl(path.read_text(encoding="utf-8"))
        for path in sorted(PLC.glob("*.st"))
    }


def scl(text: str) -> str:
    """Return a Structured Text as SCL."""
    text = STRUCTURE.sub(_structure, text)
    return UNIT.sub(_unit, text)


def _structure(found: re.Match[str]) -> str:
    head = f'TYPE "{found[1]}"\nVERSION : 0.1\nSTRUCT'
    return f"{head}{_declarations(found[2])}END_STRUCT;\nEND_TYPE"


def _unit(found: re.Match[str]) -> str:
    _, name, declarations, body = found.groups()
    head = f"FUNCTION_BLOCK \"{name}\"\n{{ S7_Optimized_Access := 'TRUE' }}\nVERSION : 0.1\n"
    own = set(DECLARED.findall(declarations))
    statements = _each_code(body, lambda code: _statements(code, own))
    return f"{head}{_declarations(declarations)}BEGIN{statements}END_FUNCTION_BLOCK"


def _declarations(text: str) -> str:
    def scl_types(code: str) -> str:
        code = OWN_TYPE.sub(lambda found: f'"{found[0]}"', code)
        return re.sub(r"\bTON\b", "TON_TIME", code)

    return _each_code(text, scl_types)


def _statements(code: str, own: set[str]) -> str:
    def named(found: re.Match[str]) -> str:
        return f"#{found[1]}" if found[1] in own else found[1]

    code = INPUT.sub(r"\1\2 :=", NAME.sub(named, code))  # what a call names is not ours
    return re.sub(r"\bEND_(IF|CASE)\b(?!;)", r"END_\1;", code)


def _each_code(text: str, change: Callable[[str], str]) -> str:
    """Return the text with everything but its comments changed."""
    parts = COMMENT.split(text)
    return "".join(part if _is_comment(part) else change(part) for part in parts)


def _is_comment(part: str) -> bool:
    return part.startswith("(*")


def main() -> None:
    """Write them all."""
    for name, text in texts().items():
        (PLC / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
