"""What stations elsewhere say of units, each in a file of its own: where a collector puts it.

It is opened when it is first used, and again after it failed. A file that is not whole is set
aside: a new one begins, and what lacks in it is asked for, as after any gap.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from agent.trace import claims
from agent.trace.account import Extent
from agent.trace.asking import Contents, History, Place
from agent.trace.claims import Answered, Stand
from agent.trace.facts_file import BrokenError, UnusableError, set_aside
from agent.trace.neighbour_file import NeighbourFile
from agent.trace.surveyed import Surveyed
from agent.trace.took import Aside, Proof, Proven, Took

T = TypeVar("T")

DIRECTORY = "neighbours"
MOST_ASIDE = 1000
"""Messages that were set aside and are remembered, so that each is told once."""


class NeighbourKeep:
    """The files of the stations that one station follows.

    Args:
        directory: The station's state directory.
        stations: Which others.
        proof: Tells what messages are.
        asks: Whether what lacks may be asked for.
    """

    def __init__(
        self,
        directory: Path,
        stations: Collection[str],
        proof: Proof,
        *,
        asks: bool,
    ) -> None:
        self.versions: dict[str, int] = dict.fromkeys(stations, 0)
        """Of each station: rises with every event that says something of units or material."""
        self.blocked: dict[str, frozenset[str]] = {}
        """Of each station: what is blocked there."""
        self._directory = directory / DIRECTORY
        self._proof = proof
        self._asks = asks
        self.damaged: list[str] = []
        """Files that were not whole, to be told."""
        self._files: dict[str, NeighbourFile] = {}
        self._extents: dict[str, tuple[object, Extent]] = {}
        self._aside: OrderedDict[str, None] = OrderedDict()

    @property
    def others(self) -> list[str]:
        """The stations that were followed once and are not any more."""
        if not self._directory.is_dir():
            return []
        found = (path.stem.replace(".", "/") for path in self._directory.glob("*.db"))
        return sorted(set(found) - set(self.versions))

    # -------------------------------------------------------------- as a collector uses it

    def take(self, messages: Sequence[tuple[str, bytes]], now_ms: int) -> Took:
        """Take messages in; on disk when it returns.

        Raises:
            StoreError: it cannot be used now; take them again.
        """
        took = Took()
        proven, bad = self._proof.of(messages, took, now_ms)
        by_station: dict[str, list[Proven]] = defaultdict(list)
        for one in proven:
            by_station[one.link.station].append(one)
        for station, events in by_station.items():
            if station in self.versions:  # what a station that was left still sends is let go
                bad += self._put(station, events, took, now_ms)
        took.newest = {name: place for name, place in took.newest.items() if name in self.versions}
        took.aside = [one for one in bad if self._is_new(one)]
        return took

    def _put(self, station: str, events: Sequence[Proven], took: Took, now_ms: int) -> list[Aside]:
        """Take events of a station; return those that are not taken."""
        heard = self._with(station, lambda file: file.take(events, now_ms))
        took.new += heard.new
        took.known += heard.known
        took.unreadable += heard.unreadable
        self.versions[station] += heard.is_news
        return [one.aside(why, now_ms) for one, why in heard.refused]

    def _is_new(self, one: Aside) -> bool:
        is_new = one.digest not in self._aside
        self._aside[one.digest] = None
        if len(self._aside) > MOST_ASIDE:
            self._aside.popitem(last=False)
        return is_new

    def survey(self, stands: Mapping[str, Stand]) -> Mapping[str, Surveyed]:
        """Return what is held of each station that has a position, and what lacks.

        Raises:
            StoreError: it cannot be used now.
        """
        return {
            station: self._with(station, partial(_surveyed, stand))
            for station, stand in stands.items()
            if station in self.versions
        }

    def answered(self, answer: Answered) -> None:
        """Keep that a stream leaves out some kinds of events; else an answer proves nothing new.

        Raises:
            StoreError: it cannot be used now.
        """
        if answer.is_filtered and answer.station in self.versions:
            self._with(answer.station, NeighbourFile.leave_out)

    def may_ask(self, who: str, now_ms: int, for_ms: int) -> bool:
        """Return whether what lacks may be asked for."""
        del who, now_ms, for_ms
        return self._asks

    def close(self) -> None:
        """Let go of the files."""
        files, self._files = self._files, {}
        for file in files.values():
            file.close()

    # -------------------------------------------------------------- as it is asked

    def open(self) -> None:
        """Open every file, so that it is known what is blocked.

        Raises:
            StoreError: one cannot be used now.
        """
        for station in self.versions:
            self._with(station, _nothing)

    def extents(self, stands: Mapping[str, Stand]) -> dict[str, Extent]:
        """Return of each station that has a position how far what is known of it reaches.

        Raises:
            StoreError: it cannot be used now.
        """
        return {
            station: self._with(station, partial(self._extent, station, stand))
            for station, stand in stands.items()
            if station in self.versions
        }

    def _extent(self, station: str, stand: Stand, file: NeighbourFile) -> Extent:
        """Return how far a file reaches, made anew when anything of it has changed."""
        shape = (file, file.account.changes, file.account.is_filtered, stand)
        before = self._extents.get(station)
        if before is None or before[0] != shape:
            before = self._extents[station] = (shape, file.account.extent(stand))
        return before[1]

    def history(self, station: str, names: Collection[str], asked: str) -> History:
        """Return what a station says of the unit that bears these names.

        Raises:
            StoreError: it cannot be used now.
        """
        return self._with(station, lambda file: file.history(names, asked))

    def component(self, station: str, component: str) -> Place | None:
        """Return where a serial component is by a station's word.

        Raises:
            StoreError: it cannot be used now.
        """
        return self._with(station, lambda file: file.component(component))

    def contents(self, station: str, parent: Collection[str]) -> Contents:
        """Return what is in a unit or a parent by a station's word.

        Raises:
            StoreError: it cannot be used now.
        """
        return self._with(station, lambda file: file.contents(parent))

    def forget(
        self, *, facts_before_ms: int, runs_before_ms: int, stands: Mapping[str, Stand]
    ) -> None:
        """Let go of what is older than a moment.

        Args:
            facts_before_ms: Units that were there before are not known any more.
            runs_before_ms: Runs of an agent that ended before need no proof any more, if that
                station has deleted them too: else they would be asked for again.
            stands: Where the stations stand.

        Raises:
            StoreError: it cannot be used now.
        """
        for station in self.versions:
            stand = stands.get(station)
            kept = stand.first_kept if stand is not None else None
            self._with(station, partial(_forget, facts_before_ms, runs_before_ms, kept))

    # -------------------------------------------------------------- the files

    def path(self, station: str) -> Path:
        """Return where a station's file is."""
        return self._directory / f"{station.replace('/', '.')}.db"

    def _with(self, station: str, job: Callable[[NeighbourFile], T]) -> T:
        """Return what a job does with a station's file; with a new one, where it is not whole.

        Raises:
            UnusableError: it cannot be used now.
        """
        try:
            return self._done(station, job)
        except BrokenError as error:
            self._files.pop(station, None)
            set_aside(self.path(station))
            self.versions[station] += 1
            self.damaged.append(f"{error}; what lacks is asked for anew")
        return self._done(station, job)

    def _done(self, station: str, job: Callable[[NeighbourFile], T]) -> T:
        file = self._files.get(station)
        if file is None:
            try:
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                said = f"{self._directory}: cannot be made: {error.strerror or error}"
                raise UnusableError(said) from error
            file = self._files[station] = NeighbourFile(self.path(station), station)
        try:
            found = job(file)
        except UnusableError:
            self._files.pop(station, None)
            raise
        self.blocked[station] = file.blocked
        return found


def _surveyed(stand: Stand, file: NeighbourFile) -> Surveyed:
    return file.account.surveyed(stand)


def _forget(
    facts_before_ms: int, runs_before_ms: int, kept: claims.Place | None, file: NeighbourFile
) -> None:
    file.forget_facts(facts_before_ms)
    if kept is not None:
        file.forget_runs(runs_before_ms, kept)


def _nothing(_file: NeighbourFile) -> None:
    """Do nothing: a file that is used is open."""
