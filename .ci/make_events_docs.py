"""Write the list of kinds in docs/events.md from the docstrings of agent/core/events.py.

The rest of the page is written by hand. A test compares; run it after adding a kind.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from agent.core.events import KINDS  # noqa: E402 - found by the line above

PAGE = ROOT / "docs" / "events.md"
HEAD = "| kind | |\n|---|---|\n"
_RULE = r"[A-Z]+[ -]?\d+"
_RULES = re.compile(rf" \({_RULE}(?:, {_RULE})*\)|(?<=\(){_RULE}, ")
"""Numbers of rules, which the readers of the page do not have: ` (D-30)`, `(D-25, answer 8)`."""


def table() -> str:
    """Return one row for each kind."""
    return HEAD + "".join(f"| `{kind}` | {_said(cls)} |\n" for kind, cls in KINDS.items())


def _said(cls: type) -> str:
    first = (cls.__doc__ or "").split("\n\n")[0]
    return _RULES.sub("", " ".join(first.split())).replace("|", r"\|")


def page() -> str:
    """Return the page with the list as it should be."""
    by_hand = PAGE.read_text(encoding="utf-8").split(HEAD)[0]
    return f"{by_hand.rstrip()}\n\n{table()}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
