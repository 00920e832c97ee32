"""The oracle of a simulation: what was issued, acknowledged and delivered, held against each other.

The numbers are those of the oracle of the fault catalogue; each finding begins with its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from agent.journal.chain import Proven, place, prove
from agent.ports import Address, Row
from tests.sim.faults import Happened
from tests.sim.gateway import Gateway, Said
from tests.sim.person import Reader
from tests.sim.plc import Stroke

UNIT_KINDS = frozenset({"unit_completed", "unit_refused", "unit_unbound"})
SCAN_KINDS = frozenset({"code_scanned", "code_refused", "code_repeated", "scan_truncated"})
UNSAFE_MS = 240_000
"""Longer than any fault of the disk, and the pause before it is tried again."""
ACK_SHARE = 0.2
"""At least so many of the cycles that an undisturbed run has must be acknowledged (7)."""
TOLD_WITHIN_MS = 15_000
LASTS_MS = 6_000
"""A fault that lasts less may be over before anybody can know."""
TOLD: Mapping[str, tuple[str, ...]] = {
    "PLC link lost": ("link_lost",),
    "reader unplugged": ("link_lost",),
    "broker away": ("sink_down",),
    "clock steps": ("clock_stepped",),
    "sync fails": ("journal_failed",),
    "write fails": ("journal_failed",),
    "disk full": ("journal_failed", "not_ready"),
}
"""What the agent's log must say of a fault that it could see (9)."""
MOMENTARY = frozenset({"clock steps"})
DISK = frozenset(
    {"sync fails", "sync fails once", "write fails", "slow disk", "disk full", "cut in a write",
     "many cuts", "kill", "power cut", "stop"}
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Everything that is compared."""

    strokes: Mapping[int, Stroke]
    reader: Reader
    rows: tuple[Row, ...]
    """The journal at the end."""
    taken: Mapping[str, list[bytes]]
    """What the broker's subscriber got, by sink."""
    quarantined: Mapping[str, list[bytes]]
    cycles: float
    """How many cycles an undisturbed run has."""
    healed_ms: int
    gateway: Gateway
    happened: tuple[Happened, ...]
    proof: str
    """What `verify` says of the journal; empty when it is whole."""


@dataclass(slots=True)
class Verdict:
    """What the oracle found."""

    problems: list[str] = field(default_factory=list)
    voids: list[str] = field(default_factory=list)
    """Why a run without problems proves nothing."""
    acked: int = 0
    delivered: int = 0
    duplicated: int = 0
    kinds: Counter[str] = field(default_factory=Counter)


def judge(books: Books) -> Verdict:
    """Return what does not hold."""
    verdict = Verdict()
    events = _delivered(books, verdict)
    verdict.problems += [f"crash: {one}" for one in books.gateway.crashes]
    verdict.problems += _whole(books, events)
    verdict.problems += _filtered(books, events)
    verdict.problems += _strokes(books, events, verdict)
    verdict.problems += _scans(books, events)
    verdict.problems += _fresh(books, events)
    verdict.problems += _told(books)
    if verdict.acked < books.cycles * ACK_SHARE:
        verdict.voids.append(f"7: only {verdict.acked} of {books.cycles:.0f} cycles acknowledged")
    if not any(books.gateway.world.faults.values()) and books.happened:
        verdict.voids.append("8: no fault was there")
    return verdict


# ------------------------------------------------------------------ what was delivered


def event_of(payload: bytes) -> bytes:
    """Return the event in a message, byte for byte."""
    return payload[payload.index(b',"data":') + 8 : -1]


def _delivered(books: Books, verdict: Verdict) -> dict[Address, Proven]:
    """Return the events of the unfiltered sink by address; each hash must fit (4)."""
    found: dict[Address, Proven] = {}
    bodies = [event_of(one) for one in books.taken.get("plant", [])]
    verdict.delivered = len(bodies)
    for body in (*bodies, *books.quarantined.get("plant", [])):
        proven = prove(body)
        if proven is None:
            verdict.problems.append(f"3: delivered and not whole: {body[:120]!r}")
            continue
        known = found.setdefault(proven.row.address, proven)
        if known is not proven:
            verdict.duplicated += 1
            if known.row.body != body:
                verdict.problems.append(f"4: two events under {proven.row.address}")
    verdict.kinds = Counter(proven.row.kind for proven in found.values())
    return found


def _whole(books: Books, events: Mapping[Address, Proven]) -> Iterator[str]:
    """Say what is missing, altered, invented or out of its chain (1, 2, 3, 5)."""
    if books.proof:
        yield f"5: the journal does not prove itself: {books.proof}"
    here = {row.address: row.body for row in books.rows}
    missing = sorted(here.keys() - events.keys())
    if missing:
        yield f"1: {len(missing)} events not delivered, the first {missing[0]}"
    first_kept = min(here)  # what was delivered may have been pruned: the chain speaks for it
    invented = sorted(one for one in events.keys() - here.keys() if one > first_kept)
    if invented:
        yield f"2: {len(invented)} events delivered that no journal has, the first {invented[0]}"
    for address in sorted(here.keys() & events.keys()):
        if here[address] != events[address].row.body:
            yield f"3: {address} was delivered otherwise than it is recorded"
    yield from chain_faults(sorted(events.values(), key=lambda one: one.place))
    lost = [address for address, one in events.items() if one.row.kind == "history_lost"]
    if lost:
        yield f"1: history was lost, says {min(lost)}"


def chain_faults(events: Iterable[Proven]) -> Iterator[str]:
    """Say which events do not follow the one before them (5)."""
    before: Proven | None = None
    for one in events:
        address = one.row.address
        is_next = before is not None and before.row.epoch == address.epoch
        if before is None:
            fits = address.seq == 1 and one.previous is None
        elif is_next:
            fits = address.seq == before.row.seq + 1 and one.prev == before.row.hash
        else:
            fits = address.seq == 1 and one.previous == before.row.address
            fits = fits and one.prev == before.row.hash
        if not fits:
            yield f"5: {address} does not follow {before.row.address if before else 'nothing'}"
        before = one


def _filtered(books: Books, events: Mapping[Address, Proven]) -> Iterator[str]:
    """Say what a filtered stream lacks, or cannot prove (5, D-138)."""
    wanted = {address for address, one in events.items() if one.row.kind in UNIT_KINDS}
    got: dict[Address, set[str | None]] = defaultdict(set)
    for payload in books.taken.get("units", []):
        proven = prove(event_of(payload))
        if proven is not None:
            got[proven.row.address].add(orjson.loads(payload).get("after"))
    aside = {one.row.address for body in books.quarantined.get("units", []) if (one := prove(body))}
    if missing := sorted(wanted - got.keys() - aside):
        yield f"1: {len(missing)} unit events not on the filtered stream, the first {missing[0]}"
    if extra := sorted(got.keys() - wanted):
        yield f"2: {extra[0]} does not belong on the filtered stream"
    before: Address | None = None
    for address in sorted(wanted, key=place):
        afters = got.get(address, set())
        if afters - {None if before is None else str(before)}:
            yield f"5: {address} says it comes after {afters}, it comes after {before}"
        before = address


# ------------------------------------------------------------------ what was issued


def _force(event: Mapping[str, Any]) -> float | None:
    return next((one["value"] for one in event.get("values", ()) if one["name"] == "force"), None)


def _strokes(books: Books, events: Mapping[Address, Proven], verdict: Verdict) -> Iterator[str]:
    """Say where strokes and unit events differ (1, 2, 3)."""
    by_force: dict[float, list[dict[str, Any]]] = defaultdict(list)
    for address, proven in sorted(events.items(), key=lambda one: place(one[0])):
        if proven.row.kind in UNIT_KINDS:
            event = orjson.loads(proven.row.body)
            force = _force(event)
            if force is None or int(force) not in books.strokes:
                yield f"2: {address} is about no stroke that was made: {event.get('values')}"
            else:
                by_force[force].append(event)
    missing = []
    for stroke in books.strokes.values():
        found = by_force.get(stroke.force_kn, [])
        verdict.acked += stroke.answer is not None
        if stroke.answer is not None and not found:
            missing.append(stroke.number)
        yield from _stroke(stroke, found)
    if missing:
        yield f"1: {len(missing)} strokes were answered and not delivered, the first {missing[0]}"


def _stroke(stroke: Stroke, found: list[dict[str, Any]]) -> Iterator[str]:
    what = f"stroke {stroke.number}"
    if len(found) > 1:
        places = ", ".join(f"{one['kind']} {one['epoch']}-{one['seq']}" for one in found)
        yield f"4: {what} has {len(found)} events: {places}"
    if stroke.answer is None or not found:
        return
    event = found[-1]
    where = f"{what}, {event['kind']} {event['epoch']}-{event['seq']}"
    if event["answer"] != stroke.answer:
        yield f"3: {where}: recorded answer {event['answer']}, the PLC read {stroke.answer}"
    unit = event.get("unit")
    if event["certainty"] == "certain" and unit not in {None, stroke.part[2:]}:
        yield f"3: {where}: names {unit} for certain, it was {stroke.part}"
    if event["kind"] == "unit_completed" and event["result"] != ("ok" if stroke.ok else "nok"):
        yield f"3: {where}: result {event['result']}, the machine said {stroke.ok}"
    for use in event.get("components", ()):
        if stroke.lot[1:] not in use.get("candidates", ()):
            yield f"3: {where}: from {use}, and it was made from {stroke.lot}"


def _scans(books: Books, events: Mapping[Address, Proven]) -> Iterator[str]:
    """Say which recorded codes no reader ever sent (2), and which scans have disappeared (1)."""
    recorded: set[bytes] = set()
    for address, proven in events.items():
        if proven.row.kind in SCAN_KINDS:
            raw = orjson.loads(proven.row.body).get("raw")
            if raw is not None:
                recorded.add(bytes.fromhex(raw))
                if bytes.fromhex(raw) not in books.reader.sent:
                    yield f"2: {address} has a code that nobody read: {raw}"
    for at_ms, code in books.reader.handed:
        if code not in recorded and _was_safe(books, at_ms, code):
            yield f"1: the scan {code!r} at {at_ms / 1000:.3f} has disappeared"


def _was_safe(books: Books, at_ms: int, code: bytes) -> bool:
    """Whether the agent that took a scan had to record it, whatever the disk did.

    One that was killed had to if it lived long enough for the disk to come back; one that was
    stopped in order, if it did not name the code among those that no disk took.
    """
    for life in books.gateway.lives:
        ended_ms = life.ended_ms or 0
        if life.began_ms <= at_ms <= ended_ms:
            if life.was_killed:
                return at_ms + UNSAFE_MS <= ended_ms
            return not any(
                said.event == "scans_lost"
                and life.began_ms <= said.at_ms <= ended_ms
                and code.decode() in cast("list[str]", said.fields.get("codes", ()))
                for said in books.gateway.said
            )
    return False


# ------------------------------------------------------------------ what must go on, and be told


def _fresh(books: Books, events: Mapping[Address, Proven]) -> Iterator[str]:
    """Say whether parts pass again once all is well (6)."""
    bodies = [orjson.loads(one.row.body) for one in events.values() if one.row.kind in UNIT_KINDS]
    forces = {_force(one) for one in bodies}
    fresh = [
        stroke
        for stroke in books.strokes.values()
        if (stroke.raised_ms or 0) >= books.healed_ms
        and stroke.answer in {1, 2}
        and stroke.force_kn in forces
    ]
    if not fresh:
        yield "6: no fresh part passed after the last fault"
    station = books.gateway.station
    if station is not None:
        yield "6: the agent did not stop"


def _told(books: Books) -> Iterator[str]:
    """Say which fault nobody was told of (9)."""
    for one in books.happened:
        names = TOLD.get(one.kind)
        is_long = one.to_ms - one.from_ms >= LASTS_MS or one.kind in MOMENTARY
        if names is None or not is_long or not _could_be_seen(books, one):
            continue
        heard = [said for said in books.gateway.said if _is_about(said, one)]
        if not any(said.event in names for said in heard):
            yield f"9: nobody was told of '{one.kind}' at {one.from_ms / 1000:.1f} s"


def _is_about(said: Said, one: Happened) -> bool:
    return one.from_ms <= said.at_ms <= max(one.to_ms, one.from_ms + TOLD_WITHIN_MS)


def _could_be_seen(books: Books, one: Happened) -> bool:
    """Whether one process saw the fault begin and last, and nothing else stood in its way."""
    end_ms = max(one.to_ms, one.from_ms + TOLD_WITHIN_MS)
    lives = books.gateway.lives
    is_watched = any(
        life.began_ms + 40_000 <= one.from_ms and end_ms <= (life.ended_ms or end_ms)
        for life in lives
    )
    others = [
        other
        for other in books.happened
        if other is not one
        and (other.kind in DISK or other.kind == one.kind or one.kind.split()[0] in other.kind)
        and other.from_ms <= end_ms
        and one.from_ms - 60_000 <= other.to_ms
    ]
    return is_watched and not others
