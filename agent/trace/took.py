"""Messages of a broker, proven: what a batch of them came down to, whatever it is put into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from agent.trace.claims import Link, Place, ordinal
from agent.trace.heard import HeardError, event_of, link_of

OTHER_CONTENT = "is held with another content: was this station cloned?"
"""Why a message is set aside that is not the first one under its address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """One message that was set aside."""

    topic: str
    payload: bytes
    why: str
    digest: str
    """Of its event, or of the whole message: the same one again is not kept twice."""
    at_ms: int
    """When it came first."""


@dataclass(slots=True)
class Took:
    """What a batch came down to."""

    new: int = 0
    known: int = 0
    """How many were held already."""
    aside: list[Aside] = field(default_factory=list)
    """What was set aside, and was not before."""
    unreadable: list[Link] = field(default_factory=list)
    """Events that are what was recorded, and cannot be taken all the same: no resend helps."""
    newest: dict[str, Place] = field(default_factory=dict)
    """Per station: the newest address that came."""
    spoke: list[tuple[str, bytes]] = field(default_factory=list)
    """(station, message): what came as an answer to us, in its order."""

    def came(self, link: Link) -> None:
        """Note that an event came."""
        place, before = (link.epoch, link.seq), self.newest.get(link.station)
        if before is None or (ordinal(place[0]), place[1]) > (ordinal(before[0]), before[1]):
            self.newest[link.station] = place


@dataclass(frozen=True, slots=True)
class Proven:
    """A message whose event is what was hashed."""

    topic: str
    payload: bytes
    members: Mapping[str, Any]
    link: Link

    @property
    def event(self) -> Mapping[str, Any]:
        """The event as it was stored."""
        data: Mapping[str, Any] = self.members.get("data", self.members)
        return data

    def aside(self, why: str, now_ms: int) -> Aside:
        """Return it as it is set aside."""
        said = f"{self.link.epoch}-{self.link.seq}: {why}"
        return Aside(
            topic=self.topic, payload=self.payload, why=said, digest=self.link.hash, at_ms=now_ms
        )


class Proof:
    """Tells what messages are.

    Args:
        root: First part of every topic.
        name: The branch of `reply` on which we are answered.
    """

    def __init__(self, root: str, name: str) -> None:
        self._prefix = f"{root}/v1/"
        self._reply = f"/reply/{name}"

    def of(
        self, messages: Sequence[tuple[str, bytes]], took: Took, now_ms: int
    ) -> tuple[list[Proven], list[Aside]]:
        """Return the events of messages, as (topic, payload), and those that are none of ours."""
        proven, bad = [], []
        for topic, payload in messages:
            try:
                one = self._proven(topic, payload, took)
            except HeardError as error:
                digest = sha256(payload).hexdigest()
                bad.append(
                    Aside(topic=topic, payload=payload, why=str(error), digest=digest, at_ms=now_ms)
                )
                continue
            if one is not None:
                proven.append(one)
        return proven, bad

    def _proven(self, topic: str, payload: bytes, took: Took) -> Proven | None:
        """Return the event of a message; None: it is the end of an answer, or nothing for us.

        Raises:
            HeardError: it is none, or was altered.
        """
        path = topic.removeprefix(self._prefix)
        if path.endswith(self._reply):
            station = path.removesuffix(self._reply)
            took.spoke.append((station, payload))
            members = event_of(payload) if b'"data"' in payload else None
        else:
            station = path.rpartition("/events/")[0]
            members = event_of(payload)
        if members is None:
            return None
        link = link_of(members)
        if link.station != station:
            raise HeardError(f"{link.epoch}-{link.seq}: is of station {link.station}")
        took.came(link)
        return Proven(topic, payload, members, link)
