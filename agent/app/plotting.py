"""The worked example as a drawing, by matplotlib: the extra `plot`, which nothing else needs."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.app.worked_example import Example, Measured
from agent.core.scopes import scope

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HOW = "pip install matplotlib, which is the extra lineside[plot]"
_INK, _GREEN, _RED, _GREY = "#1d2a35", "#2f7d46", "#c8553d", "#8a97a3"


class PlotError(Exception):
    """The drawing cannot be made; the text says what to do."""


def see_that_it_can(path: Path) -> None:
    """Look whether a drawing can be made there, before anything is measured for it.

    Raises:
        PlotError: matplotlib is not installed, has no such form, or the file cannot be written.
    """
    try:
        from matplotlib.backend_bases import FigureCanvasBase  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise PlotError(f"no plot: matplotlib is not installed; {HOW}") from error
    forms = FigureCanvasBase.get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in forms:
        raise PlotError(f"{path}: a drawing ends in .svg, .png or .pdf")
    place = path if path.exists() else path.parent
    if path.is_dir() or not place.exists():
        raise PlotError(f"{path}: {'is a folder' if path.is_dir() else f'no folder {place}'}")
    if not os.access(place, os.W_OK):
        raise PlotError(f"{path}: {os.strerror(errno.EACCES)}")


def draw(found: Example, path: Path) -> None:
    """Draw how far the recall reaches by how the lot is cut, into a file (.svg, .png, .pdf).

    Raises:
        PlotError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra, asked for by one option only
        from matplotlib.figure import Figure  # noqa: PLC0415 - as above
    except ImportError as error:
        raise PlotError(f"no plot: matplotlib is not installed; {HOW}") from error
    with mpl.rc_context({"svg.hashsalt": "lineside", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8.6, 4.6), layout="constrained")
        _fill(figure.add_subplot(), found)
        try:
            figure.savefig(path, metadata=_undated(path))
        except OSError as error:
            raise PlotError(f"{path}: {error.strerror or error}") from error
        except ValueError as error:
            raise PlotError(f"{path}: {error}") from error


def _undated(path: Path) -> dict[str, None]:
    """Return what leaves the moment out, so that the same drawing is the same file."""
    names = {".svg": "Date", ".pdf": "CreationDate"}
    return {names[path.suffix]: None} if path.suffix in names else {}


def _fill(axes: Axes, found: Example) -> None:
    shift, rows = found.shift, found.rows
    every = [size for size in _sizes(shift.units) if size <= shift.units]
    means = [float(scope(shift.units, shift.faulty, size).mean) for size in every]
    axes.plot(every, means, color=_GREY, linewidth=1.2, label="computed: mean over every place")
    sizes, measured = [row.size for row in rows], [float(row.over_places.mean) for row in rows]
    reach = [
        [float(row.over_places.mean) - row.over_places.least for row in rows],
        [row.over_places.most - float(row.over_places.mean) for row in rows],
    ]
    axes.errorbar(
        sizes,
        measured,
        yerr=reach,
        fmt="o",
        color=_GREEN,
        capsize=4,
        label="measured from events: mean, least and most",
    )
    recalled = [row.recalled for row in rows]
    axes.plot(
        sizes, recalled, "D", color=_RED, markersize=5, label="this recall, asked of the store"
    )
    for row in rows:
        _name(axes, row)
    axes.set(xscale="log", yscale="log", ylim=(90, 9_000), xlim=(0.7, shift.units * 1.6))
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.set_yticks([100, 1_000, 5_000], ["100", "1,000", "5,000"])
    axes.minorticks_off()
    axes.set_xlabel("units that the records cannot tell apart (1: serial, 5,000: lot)", color=_INK)
    axes.set_ylabel("units recalled", color=_INK)
    title = f"{shift.faulty} of {shift.units:,} units got the faulty part: how many come back?"
    axes.set_title(title, color=_INK, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")


def _name(axes: Axes, row: Measured) -> None:
    axes.annotate(
        f"{float(row.over_places.mean):,.1f}".removesuffix(".0"),
        (row.size, float(row.over_places.mean)),
        textcoords="offset points",
        xytext=(4, 8) if row.size == 1 else (-9, 6),
        ha="left" if row.size == 1 else "right",
        color=_INK,
    )


def _sizes(most: int) -> Sequence[int]:
    """Return sizes for a line on a logarithmic axis, both ends included."""
    steps = (round(10 ** (step / 40)) for step in range(1_000))
    return sorted({*(size for size in steps if size < most), 1, most})
