"""Whether `track.previous` and `lookup` fit the rest, and what they mean in words (D-38, D-41)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from agent.config.interlocks import LookupSection
from agent.config.loaded import StationConfig
from agent.config.model import Journal, Track
from agent.config.parts import Parts
from agent.config.problems import Problem, did_you_mean, shown
from agent.config.quantities import duration_text
from agent.core.station import Outcome, Policy, Station


def check_lookup(parts: Parts, track: Track) -> None:
    """The look-up knows no less than the journal, and no station comes before itself."""
    journal: Journal | None = parts.sections.get("journal")
    lookup: LookupSection | None = parts.sections.get("lookup")
    if journal is not None and lookup is not None and lookup.keep < journal.keep:
        message = f"is shorter than journal.keep, {duration_text(journal.keep)}"
        parts.refuse(("lookup", "keep"), message, "keep the look-up longer than the events")
    own = parts.sections.get("station")
    for at, path in enumerate(track.previous):
        if path == own:
            parts.refuse(("track", "previous", at), "is this station itself", "remove it")
        elif path in track.previous[:at]:
            parts.refuse(("track", "previous", at), f"{shown(path)} stands twice", "remove one")


def strangers(
    stations: Iterable[StationConfig], named: AbstractSet[str], *, alone: bool = False
) -> dict[str, Problem]:
    """Return, by file, the first station of `track.previous` that no file of the folder is.

    What passed there cannot be known, now or later: that is refused, and not left to a policy.
    `alone`: one file was read, and not its folder.
    """
    where = "in this file, which is read alone" if alone else "in this folder"
    hint = (
        "give the folder that has both files"
        if alone
        else "run its file in the same folder, or name it in `neighbours`"
    )
    found: dict[str, Problem] = {}
    for config in stations:
        followed = config.neighbours.stations if config.neighbours is not None else ()
        here = named | frozenset(followed)
        unknown = [path for path in config.station.previous if path not in here]
        if unknown:
            others = (*(named - {config.station.path}), *followed)
            meant = "" if alone else did_you_mean(unknown[0], others)
            found[config.file] = Problem(
                file=config.file,
                line=config.previous_place.line,
                column=config.previous_place.column,
                path="track.previous",
                message=f"no station {shown(unknown[0])} {where}: what passed there "
                "cannot be known",
                hint=meant if meant.endswith("?") else hint,
            )
    return found


def both_ways(stations: Iterable[StationConfig], named: AbstractSet[str]) -> dict[str, Problem]:
    """Return, by file, the first of `neighbours` that is a station of the folder.

    It is asked in its own journal, up to its newest event: a broker between would say less.
    """
    found: dict[str, Problem] = {}
    for config in stations:
        followed = config.neighbours
        near = [path for path in followed.stations if path in named] if followed else []
        if followed is not None and near:
            found[config.file] = Problem(
                file=config.file,
                line=followed.place.line,
                column=followed.place.column,
                path="neighbours.stations",
                message=f"{shown(near[0])} is a station of this folder, and is asked here",
                hint="remove it",
            )
    return found


def told(station: Station) -> Iterator[str]:
    """Yield what becomes of a unit by what the stations before this one know, in words."""
    refused = f"refused, answer {station.outcome_code(Outcome.PREVIOUS_STATION)}"
    for path in station.previous:
        yield f"a unit that {path} has not completed as OK: {refused}"
    if station.previous:
        unknown = refused if station.unknown is Policy.REFUSE else "recorded, and says so"
        yield f"a unit of which that cannot be known in time: {unknown}"
