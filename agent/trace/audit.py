"""An audit of what a broker passes on: what is heard, what is asked for, what is proven of it.

Pure: whoever brings the connection hands in what arrives, sends what is to be asked, and says the
time. One `Audit` is for one root; a station is known by its path in the topic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum, unique

from agent.trace.claims import Link, Place, Range, StationReport, ordinal
from agent.trace.completeness import Ledger
from agent.trace.heard import HeardError, event_of, link_of, stand_of
from agent.trace.requests import Heard, Requests

Keep = Callable[[bytes], None]
"""Takes each event that is new, as it arrived."""


@unique
class Since(StrEnum):
    """From where on completeness is asked for."""

    NOW = "now"
    """From what the station has when it is heard first."""
    OLDEST = "oldest"
    """From the oldest event that the station still keeps."""
    ALL = "all"
    """From its very first event."""


class Audit:
    """What is known of every station below one root."""

    def __init__(
        self, root: str, name: str, since: Since, keep: Keep = lambda _message: None
    ) -> None:
        self.requests = Requests(root, name)
        self._prefix = f"{root}/v1/"
        self._name = name
        self._since = since
        self._keep = keep
        self._ledger = Ledger()
        self._begun: dict[str, Place] = {}

    # -------------------------------------------------------------- taking in

    def have(self, message: bytes) -> None:
        """Take an event that is held already; completeness is asked for from the oldest of them.

        Raises:
            HeardError: it is no event, or was altered.
        """
        link = link_of(event_of(message))
        self._ledger.take(link)
        self.requests.of(link.station)
        place = (link.epoch, link.seq)
        begun = self._begun.get(link.station)
        if begun is None or (ordinal(place[0]), place[1]) < (ordinal(begun[0]), begun[1]):
            self._begin(link.station, place)

    def hear(self, topic: str, payload: bytes, now_s: float) -> None:
        """Take a message; what is none of ours is nothing."""
        if not topic.startswith(self._prefix):
            return
        path = topic.removeprefix(self._prefix)
        for ending, take in (("/position", self._position), ("/health", self.requests.health)):
            if path.endswith(ending):
                take(path.removesuffix(ending), payload)
                return
        station, is_event, _ = path.rpartition("/events/")
        if is_event:
            self._event(station, payload)
            return
        station, _, name = path.rpartition("/reply/")
        if name == self._name:
            self._reply(station, payload, now_s)

    def _begin(self, station: str, place: Place) -> None:
        self._begun[station] = place
        if self._since is not Since.ALL:
            self._ledger.since(station, place)

    def _position(self, station: str, payload: bytes) -> None:
        heard = self.requests.of(station)
        try:
            stand = stand_of(station, payload)
        except HeardError as error:
            heard.altered.append(f"position: {error}")
            return
        if station not in self._begun:
            is_now = self._since is Since.NOW or stand.first_kept is None
            at = (stand.epoch, stand.last_seq + 1) if is_now else stand.first_kept
            self._begin(station, at or (stand.epoch, stand.last_seq + 1))
        self._ledger.stand(stand)

    def _event(self, station: str, payload: bytes) -> None:
        heard = self.requests.of(station)
        try:
            link = link_of(event_of(payload))
        except HeardError as error:
            heard.altered.append(str(error))
            return
        if link.station != station:
            why = f"{link.epoch}-{link.seq}: is of station {link.station}"
            why = self._other_root(station, link.station) or why
            if why not in heard.altered:
                heard.altered.append(why)
            return
        self._take(link, payload)

    def _other_root(self, station: str, named: str) -> str | None:
        """Return that this is no station but a sink of another root, whose topics lie below ours.

        It stays unproven all the same: a stranger can publish another station's event as well.
        """
        head = station.removesuffix(f"v1/{named}")
        if head == station or (head and not head.endswith("/")):
            return None
        root = f"{self._prefix}{head}".rstrip("/")
        return (
            f"these are events of {named}: a sink with `root: {root}` publishes below ours; give "
            f"it a root that is not below {self._prefix[:-1]}, and audit it with --root"
        )

    def _take(self, link: Link, payload: bytes) -> None:
        if self._ledger.take(link):
            self._keep(payload)

    def _reply(self, station: str, payload: bytes, now_s: float) -> None:
        heard = self.requests.of(station)
        try:
            members = self.requests.replied(station, payload, now_s)
            if members is not None:
                self._event(station, payload)
                return
            answer = self.requests.settle(station, payload)
        except HeardError as error:
            heard.altered.append(f"reply: {error}")
            return
        if answer is not None:
            self._ledger.answered(answer)

    # -------------------------------------------------------------- asking

    def to_ask(self, now_s: float) -> Iterator[tuple[str, bytes]]:
        """Yield (topic, payload) of the requests that are due; each counts as asked."""
        yield from self.requests.to_ask(now_s, self._lacking)

    def _lacking(self, station: str) -> Iterable[Range]:
        if station not in self._ledger.stations:
            return ()
        return self._ledger.report(station).to_ask

    @property
    def waits(self) -> bool:
        """Whether an answer is still to come."""
        return self.requests.waits

    # -------------------------------------------------------------- judging

    def reports(self) -> Iterator[tuple[StationReport, Heard]]:
        """Yield what is proven of each station whose events or position were heard."""
        for station in self._ledger.stations:
            yield self._ledger.report(station), self.requests.of(station)
