"""The table at the end of a run."""

from __future__ import annotations

from collections.abc import Mapping

from agent.core.station import Strategy
from tests.soak.oracle import Score

HEAD = (
    "strategy", "cycles", "scans", "certain", "possible", "unbound", "refused", "unseen",
    "wrong", "material possible", "recalls", "missed",
)  # fmt: skip
_TITLES = {
    False: "Well instrumented: no fault, the declared uncertainty of times only",
    True: "With faults of people, readers, PLC, links, disk and agent",
}


def share(part: int, whole: int) -> str:
    """Return a share in per cent, with its count."""
    return f"{part:,} ({100 * part / whole:.1f} %)" if whole else "0"


def row(name: str, score: Score) -> tuple[str, ...]:
    """Return a strategy's row."""
    judged = score.certain + score.possible + score.unbound + score.refused
    return (
        name,
        f"{score.cycles:,}",
        f"{score.scans:,}",
        share(score.certain, judged),
        share(score.possible, judged),
        share(score.unbound, judged),
        share(score.refused, judged),
        f"{score.unseen:,}",
        f"{score.wrong:,}",
        share(score.uses_possible, score.uses),
        f"{score.queries:,}",
        f"{score.missed:,}",
    )


def table(scores: Mapping[tuple[bool, Strategy], Score]) -> str:
    """Return both tables as Markdown."""
    lines: list[str] = []
    for faulty, title in _TITLES.items():
        own = [(s, scores[faulty, s]) for s in Strategy if (faulty, s) in scores]
        total = Score()
        for _, score in own:
            total.add(score)
        rows = [HEAD, ("---",) + ("---:",) * (len(HEAD) - 1)]
        rows += [row(strategy.value, score) for strategy, score in own]
        rows.append(row("all", total))
        lines += ["", f"{title} ({total.steps:,} steps):", ""]
        lines += [f"| {' | '.join(each)} |" for each in rows]
    return "\n".join(lines) + "\n"
