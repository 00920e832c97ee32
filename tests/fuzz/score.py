"""Right and wrong verdicts over the vectors of tests/data, by kind of error.

A wrong acceptance is a code accepted that is to be refused, or with other values than wanted: the
kind that makes a wrong record. A wrong refusal stops a line and is told. The first must be none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.app.decode import Family, batch

DATA = Path(__file__).parents[1] / "data" / "barcodes"
FILES = {
    "gs1_vectors.jsonl": Family.GS1,
    "gs1_hostile.jsonl": Family.GS1,
    "iso15434_vectors.jsonl": Family.ISO15434,
    "iso15434_hostile.jsonl": Family.ISO15434,
}


@dataclass(slots=True)
class Score:
    """How the records of one file were judged."""

    right: int = 0
    wrong_acceptances: list[str] = field(default_factory=list)
    wrong_refusals: list[str] = field(default_factory=list)
    wrong_reasons: list[str] = field(default_factory=list)
    """Refused as wanted, for a reason that is not the one wanted."""

    def __str__(self) -> str:
        """Return one line of a report."""
        return (
            f"{self.right} right, {len(self.wrong_acceptances)} wrong acceptances, "
            f"{len(self.wrong_refusals)} wrong refusals, {len(self.wrong_reasons)} other reasons"
        )


def score(name: str) -> Score:
    """Return how the records of a file of vectors are judged."""
    lines = [line for line in (DATA / name).read_text(encoding="utf-8").splitlines() if line]
    found = Score()
    for line, verdict in zip(lines, batch(lines, FILES[name]), strict=True):
        _note(found, json.loads(line), verdict)
    return found


def _note(found: Score, wanted: Mapping[str, Any], verdict: Mapping[str, Any]) -> None:
    kind, reasons = wanted["verdict"], {wanted.get("error"), *wanted.get("also_ok", ())}
    if verdict["verdict"] == "error":
        if kind in ("ok", "plain"):
            found.wrong_refusals.append(wanted["id"])
        elif verdict["error"] not in reasons:
            found.wrong_reasons.append(wanted["id"])
        else:
            found.right += 1
    elif verdict["verdict"] == "plain":
        fits = kind == "plain" or "plain" in reasons
        if fits:
            found.right += 1
        else:
            found.wrong_acceptances.append(wanted["id"])
    elif kind == verdict["verdict"] and _same(wanted, verdict):
        found.right += 1
    else:
        found.wrong_acceptances.append(wanted["id"])


def _same(wanted: Mapping[str, Any], verdict: Mapping[str, Any]) -> bool:
    keys = ("ais", "envelopes", "dates", "decimals", "quantities", "ignored")
    return all(verdict.get(key) == wanted[key] for key in keys if key in wanted)
