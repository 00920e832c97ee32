"""Is what a consumer received what the station recorded? Proven with the public key alone.

    keys = public_keys(Path("press-07.pub.pem").read_bytes())
    proof = prove_stream(open("audit.jsonl", "rb"), keys)
    proof.is_whole            # nothing was altered, removed, inserted or moved
    proof.first_bad           # else: where it begins, and why
    proof.signed_to           # up to here the station's key vouches for it; behind it nobody does

The stream is one station's, unfiltered, in the order of the journal, from wherever it begins. A
line is an event as stored or the envelope of a sink. What comes twice, word for word, counts once:
a sink delivers at least once.

Theory: within a stream each event's content gives its hash, and names the hash of the one before.
So far anybody could have computed it. A checkpoint signs the hash before it: then the chain up to
there is the one that the key's holder recorded. What a `history_lost` names was lost by the station
itself and is no finding. Whatever is behind the newest checkpoint is consistent, but unsigned:
someone with the journal in hands could have cut it off and written another. `unsigned` says how
much that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.formats.checkpoint import KIND, Keys, fault
from agent.trace.claims import Range
from agent.trace.completeness import ordinal
from agent.trace.heard import HeardError, compare, event_of, place_of, prove


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was recorded."""

    address: str
    """Of the first event that shows it."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a stream is worth."""

    station: str | None
    events: int
    """Each counted once."""
    begins: str | None
    ends: str | None
    checkpoints: int
    """Signatures that hold."""
    signed_to: str | None
    """The newest event that one stands for; None: nothing is signed."""
    signed_at: str | None
    unsigned: int
    """Events behind the newest signature that holds, the signature's own not counted."""
    findings: tuple[Finding, ...]
    lost: tuple[str, ...] = ()
    """Ranges that the station itself told that it had lost."""

    @property
    def first_bad(self) -> Finding | None:
        """Where the stream first is not what was recorded."""
        return self.findings[0] if self.findings else None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong, and something is signed."""
        return not self.findings and self.signed_to is not None


@dataclass(slots=True)
class _Stream:
    """What was read so far."""

    keys: Keys
    station: str | None = None
    events: int = 0
    begins: str | None = None
    ends: str | None = None
    last: tuple[str, int, str] | None = None
    """Epoch, seq and hash of the newest event."""
    seen: dict[str, str] = field(default_factory=dict)
    checkpoints: int = 0
    signed_to: str | None = None
    signed_at: str | None = None
    unsigned: int = 0
    wrongs: list[tuple[Finding, Range | None]] = field(default_factory=list)
    """Each with the range that lacks, which a `history_lost` may explain."""
    lost: list[Range] = field(default_factory=list)

    def take(self, event: Mapping[str, Any]) -> None:
        address = f"{event['epoch']}-{event['seq']}"
        if self.seen.get(address) == event["hash"]:
            return
        if address in self.seen:
            self.wrong(address, "two events have this address")
            return
        if event["station"] != (self.station or event["station"]):
            self.wrong(address, f"it is of another station, {event['station']}")
            return
        self.station = event["station"]
        self._follow(event, address)
        self.seen[address] = event["hash"]
        self.events += 1
        self.begins, self.ends = self.begins or address, address
        self.last = (event["epoch"], event["seq"], event["hash"])
        if event["kind"] == "history_lost":
            self.lost.append(Range(event["lost_epoch"], event["first_seq"], event["last_seq"]))
        self._judge(event, address)

    def wrong(self, address: str, why: str, lacks: Range | None = None) -> None:
        self.wrongs.append((Finding(address, why), lacks))

    def findings(self) -> tuple[Finding, ...]:
        """Return what is wrong, without what the station itself told that it had lost."""
        return tuple(finding for finding, lacks in self.wrongs if not self._is_told(lacks))

    def _is_told(self, lacks: Range | None) -> bool:
        return lacks is not None and any(
            told.epoch == lacks.epoch and told.first <= lacks.first and lacks.last <= told.last
            for told in self.lost
        )

    def _follow(self, event: Mapping[str, Any], address: str) -> None:
        """See that an event is the one after the newest."""
        if self.last is None:
            return
        epoch, seq, digest = self.last
        if event["epoch"] == epoch:
            if event["seq"] <= seq:
                self.wrong(address, f"it stands behind {epoch}-{seq}")
            elif event["seq"] > seq + 1:
                lacks = Range(epoch, seq + 1, event["seq"] - 1)
                self.wrong(address, f"{lacks} is missing before it", lacks)
            elif event.get("prev") != digest:
                self.wrong(address, "it does not follow the event before it")
        elif ordinal(event["epoch"]) <= ordinal(epoch):
            self.wrong(address, f"it stands behind the later epoch {epoch}")
        elif event["seq"] != 1:
            lacks = Range(event["epoch"], 1, event["seq"] - 1)
            self.wrong(address, f"{lacks} is missing before it", lacks)
        elif event.get("prev") != digest:
            self._break(event, address)

    def _break(self, event: Mapping[str, Any], address: str) -> None:
        """Take an epoch that goes on from another event than the newest one here."""
        epoch, seq, _ = self.last or ("", 0, "")
        before, end = event.get("previous_epoch"), event.get("previous_seq", 0)
        held = self.seen.get(f"{before}-{end}")
        if event["kind"] != "agent_started" or event.get("previous_hash") != event.get("prev"):
            self.wrong(address, "it does not follow the event before it")
        elif held is not None and held == event.get("prev"):
            lacks = Range(epoch, end + 1 if before == epoch else 1, seq)
            self.wrong(address, f"it knows nothing of {lacks}", lacks)
        elif held is not None:
            self.wrong(address, "it follows another content of the event before it")
        else:
            lacks = Range(str(before), seq + 1 if before == epoch else 1, end)
            self.wrong(address, f"{lacks} is missing before it", lacks)

    def _judge(self, event: Mapping[str, Any], address: str) -> None:
        """Count an event, and take what a signature says."""
        if event["kind"] != KIND:
            self.unsigned += 1
            return
        why = fault(event, self.keys)
        if why is not None:
            self.unsigned += 1
            self.wrong(address, why)
        else:
            self.checkpoints += 1
            self.unsigned = 0
            self.signed_to = f"{event['epoch']}-{event['signed_seq']}"
            self.signed_at = event["signed_at"]


def prove_stream(lines: Iterable[bytes], keys: Keys) -> Proof:
    """Return what the lines of a station's stream prove.

    Args:
        lines: Events as stored, or a sink's envelopes of them; empty lines are left out.
        keys: The station's public keys, by `agent.formats.checkpoint.public_keys`.
    """
    stream = _Stream(keys)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            members = event_of(line)
            event = members.get("data", members)
            place_of(f"{event['epoch']}-{event['seq']}")
        except (HeardError, KeyError, TypeError, ValueError):
            stream.wrong(f"line {number}", "no event of a station")
            continue
        try:
            prove(event)
            stream.take(event)
            compare(members)
        except HeardError as error:
            address = f"{event['epoch']}-{event['seq']}"
            stream.wrong(address, str(error).removeprefix(f"{address}: "))
        except (AttributeError, KeyError, TypeError, ValueError):
            stream.wrong(f"{event['epoch']}-{event['seq']}", "it is not whole")
    return Proof(
        station=stream.station,
        events=stream.events,
        begins=stream.begins,
        ends=stream.ends,
        checkpoints=stream.checkpoints,
        signed_to=stream.signed_to,
        signed_at=stream.signed_at,
        unsigned=stream.unsigned,
        findings=stream.findings(),
        lost=tuple(map(str, stream.lost)),
    )
