"""How the trace store grows: the measured points, kept beside their drawing, from run to run.

`python -m tests.bench.slope docs/scale.svg` draws them again and writes their table.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _GREY = "#1d2a35", "#8a97a3"
_COLORS = {"sqlite": "#2f7d46", "postgresql": "#c8553d"}
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One question, asked several times."""

    hits: int
    median_s: float
    worst_s: float
    cpu_s: float
    """Of client and server, the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One plant in one store."""

    store: str
    units: int
    stations: int
    events: int
    wall_s: float
    client_s: float
    server_s: float
    first_per_s: float
    last_per_s: float
    """Events a processor second of the first and the last tenth."""
    bytes: int
    questions: Mapping[str, Timed]
    load: float
    """Of the machine, the mean of before and after; 2 cores."""
    day: str

    @property
    def per_s(self) -> float:
        """Events a second on the clock."""
        return self.events / self.wall_s

    @property
    def per_cpu_s(self) -> float:
        """Events a second of processor, client's and server's."""
        return self.events / (self.client_s + self.server_s)


def keep(point: Point, plot: Path) -> None:
    """Add a point to those that are kept beside a drawing, and draw them all."""
    points = {(each.store, each.units): each for each in kept(plot)}
    points[point.store, point.units] = point
    in_order = [points[key] for key in sorted(points)]
    said = json.dumps([asdict(each) for each in in_order], indent=1)
    plot.with_suffix(".json").write_text(said + "\n", encoding="utf-8")
    draw(in_order, plot)


def kept(plot: Path) -> list[Point]:
    """Return the points that are kept beside a drawing."""
    path = plot.with_suffix(".json")
    if not path.exists():
        return []
    return [
        Point(**{**each, "questions": {n: Timed(**t) for n, t in each["questions"].items()}})
        for each in json.loads(path.read_text(encoding="utf-8"))
    ]


def table(points: Sequence[Point]) -> str:
    """Return the points as a table for a document."""
    titles = (
        "",
        "units",
        "stations",
        "events a processor second",
        "first / last tenth",
        "on the clock",
        "recall, s: processor / clock",
        "where-used, s",
        "history, s",
        "bytes a unit",
        "load",
    )
    lines = [f"| {' | '.join(titles)} |", f"|---|{'--:|' * (len(titles) - 1)}"]
    for point in points:
        asked = [
            f"{timed.cpu_s:.2g} / {timed.median_s:.2g}"
            for timed in (point.questions[name] for name in ("recall", "where_used", "trace"))
        ]
        rates = f"{point.first_per_s:,.0f} / {point.last_per_s:,.0f} | {point.per_s:,.0f}"
        lines.append(
            f"| {_NAMES[point.store]} | {point.units:,} | {point.stations} "
            f"| {point.per_cpu_s:,.0f} | {rates} | {' | '.join(asked)} "
            f"| {point.bytes / point.units:,.0f} | {point.load:.1f} |"
        )
    return "\n".join(lines)


def draw(points: Sequence[Point], plot: Path) -> None:
    """Draw events a second, the time of questions and the size of a unit by the size of a plant."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra, and half a second: for who draws
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    with mpl.rc_context({"svg.hashsalt": "lineside", "svg.fonttype": "none"}):
        figure = Figure(figsize=(11.5, 4.8), layout="constrained")
        speed, asked, size = figure.subplots(1, 3)
        _lines(speed, points, "a processor second", lambda p: p.per_cpu_s, "-o")
        _lines(speed, points, "on the clock", lambda p: p.per_s, ":^")
        _titled(speed, "projected events a second", 5_000)
        for question, name, style in (
            ("recall", "recall", "-o"),
            ("where_used", "where used", "--s"),
            ("trace", "history", ":^"),
        ):
            _lines(asked, points, name, _cpu_s_of(question), style)
        _titled(asked, "processor seconds an answer, 5,000 hits", 1)
        asked.set(yscale="log", ylim=(0.001, 3))
        _lines(size, points, "", lambda p: p.bytes / p.units, "-o")
        _titled(size, "bytes a unit of 20 components", None)
        figure.savefig(plot, metadata={"Date": None})


def _cpu_s_of(question: str) -> Callable[[Point], float]:
    return lambda point: point.questions[question].cpu_s


def _lines(
    axes: Axes, points: Sequence[Point], what: str, figure: Callable[[Point], float], style: str
) -> None:
    for store, color in _COLORS.items():
        some = [point for point in points if point.store == store]
        axes.plot(
            [point.units for point in some],
            [figure(point) for point in some],
            style,
            color=color,
            markersize=5,
            linewidth=1.4,
            label=f"{_NAMES[store]} {what}".strip(),
        )


def _titled(axes: Axes, title: str, goal: float | None) -> None:
    axes.set(xscale="log", xlim=(7_000, 1_500_000))
    axes.set_xticks([10_000, 100_000, 1_000_000], ["10,000", "100,000", "1,000,000"])
    axes.minorticks_off()
    axes.set_ylim(0, axes.get_ylim()[1] * 1.08)
    if goal is not None:
        axes.axhline(goal, color=_GREY, linewidth=1, label="goal")
    axes.set_xlabel("units in the store", color=_INK)
    axes.set_title(title, color=_INK, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


if __name__ == "__main__":
    shown = Path(sys.argv[1])
    draw(kept(shown), shown)
    sys.stdout.write(table(kept(shown)) + "\n")
