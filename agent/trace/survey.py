"""What a trace store lacks of each station.

surveyed = survey.look(stands)     # reads the store, and proves what has changed
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from agent.trace import filtered
from agent.trace.archive import Run
from agent.trace.claims import Place, Stand, ordinal
from agent.trace.completeness import Ledger
from agent.trace.holdings import ledgers_of
from agent.trace.stands import keep
from agent.trace.store import Store
from agent.trace.surveyed import Surveyed, surveyed_of


class Survey:
    """Looks at a store again and again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: dict[str, tuple[object, Surveyed]] = {}

    def look(self, stands: Mapping[str, Stand]) -> dict[str, Surveyed]:
        """Return what the store has of each station that it holds, or that has a position.

        Raises:
            TraceStoreError: the store cannot be used now.
        """
        return self._store.guarded(lambda: self._look(stands))

    def _look(self, stands: Mapping[str, Stand]) -> dict[str, Surveyed]:
        archive = self._store.archive
        by_station: dict[str, list[Run]] = defaultdict(list)
        with archive.connection.begin():
            said = filtered.said_of(archive.connection)
        for station, run in archive.runs():
            if run.held or run.id in said:
                by_station[station].append(run)
        shapes = {
            station: (
                [(r.name, r.held, r.previous, said.get(r.id)) for r in by_station[station]],
                stands.get(station),
            )
            for station in sorted({*by_station, *stands})
        }
        changed = {
            station: by_station[station]
            for station, shape in shapes.items()
            if station not in self._seen or self._seen[station][0] != shape
        }
        with archive.connection.begin():
            keep(archive.connection, [stands[name] for name in changed if name in stands])
            ledgers = ledgers_of(archive.connection, changed, said)
        for station, runs in changed.items():
            proven = _prove(station, runs, stands.get(station), ledgers[station])
            self._seen[station] = shapes[station], proven
        return {station: self._seen[station][1] for station in shapes}


def _prove(station: str, runs: list[Run], stand: Stand | None, ledger: Ledger) -> Surveyed:
    """Return what is proven of a station."""
    if stand is not None:
        ledger.stand(stand)
        since = _since(runs, stand)
        if since is not None:
            ledger.since(station, since)
    events = sum(high - low + 1 for run in runs for low, high in run.held)
    newest = max(
        ((run.name, run.held[-1][1]) for run in runs if run.held),
        key=lambda place: (ordinal(place[0]), place[1]),
        default=None,
    )
    return surveyed_of(ledger.report(station), events, newest)


def _since(runs: list[Run], stand: Stand) -> Place | None:
    """Return from where on everything can be had: what is held, or is kept; None: not known.

    What a station deleted before anybody collected it is not missing.
    """
    if stand.first_kept is None:
        return None
    held = [(run.name, run.held[0][0]) for run in runs if run.held]
    return min([*held, stand.first_kept], key=lambda place: (ordinal(place[0]), place[1]))
