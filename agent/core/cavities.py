"""Strategy `multi-cavity`: k units a cycle, each by its cavity's scan or tag (D-23).

Theory: a cavity's code comes from its tag in the snapshot, from its reader, or from a code that
names its cavity. Each cavity is judged alone, and gets a unit event of its own; all of one cycle
share request, cycle id and the one answer, which is that of the worst. They are one commit.

Laws:
    1. A cavity without a code, or with two, is unbound; its neighbours are not.
    2. A code whose cavity is not known may be any cavity's: those without a code are unbound with
       it as a candidate, and the others are possible. A code in two cavities is in neither.
    3. No event is made before every cavity is decided: the answer stands for all of them.
"""

from __future__ import annotations

from collections import Counter

from agent.core import answering, interlock, pairing, scanning
from agent.core import events as ev
from agent.core.anew import replace
from agent.core.draft import Draft
from agent.core.identity.rules import Identified, Means
from agent.core.parts import BadScan
from agent.core.state import Candidate, Seat, Sharing, Snapshot, State
from agent.core.station import Cavity, Handshake, Outcome
from drivers.base import AskAnswered

_WORST_FIRST = (
    Outcome.BAD_CODE,
    Outcome.DUPLICATE,
    Outcome.PREVIOUS_STATION,
    Outcome.NOT_RELEASED,
    Outcome.UNBOUND,
    Outcome.STORED_NOK,
    Outcome.STORED_OK,
)
"""Which of the cavities' outcomes the machine is told."""


def enough(state: State, found: tuple[Candidate, ...]) -> bool:
    """Return whether every cavity that is scanned has a code: nothing more is waited for."""
    handshakes = state.station.handshakes
    wanted = {cavity.name for h in handshakes for cavity in h.cavities if not cavity.tag}
    return wanted <= {candidate.cavity for candidate in found}


def seek(draft: Draft, handshake: Handshake, _snapshot: Snapshot) -> None:
    """Judge the cavities of a cycle in which no code comes by scan."""
    take(draft, handshake, ())


def take(draft: Draft, handshake: Handshake, found: tuple[Candidate, ...]) -> None:
    """Judge each cavity by its own code, and look up the units that need it."""
    live, snapshot = draft.live(handshake.name), answering.judged(draft, handshake)
    known = {cavity.name for cavity in handshake.cavities if not cavity.tag}
    stray = tuple(candidate for candidate in found if candidate.cavity not in known)
    bad = pairing.refused(draft.state, handshake, snapshot.rise)
    seats = tuple(
        _by_tag(draft, handshake, snapshot, place) if cavity.tag else _by_scan(cavity, found, bad)
        for place, cavity in enumerate(handshake.cavities)
    )
    seats = _told_apart(tuple(_with_strays(seat, stray) for seat in seats))
    seats = tuple(_doubted(draft, handshake, seat, live.doubts) for seat in seats)
    draft.set_live(handshake.name, replace(live, seats=seats))
    _go_on(draft, handshake)


# ------------------------------------------------------------------ one cavity


def _by_tag(draft: Draft, handshake: Handshake, snapshot: Snapshot, place: int) -> Seat:
    cavity = handshake.cavities[place]
    seen = snapshot.values[cavity.tag or ""]
    text = "" if seen.value is None else str(seen.value).strip()
    if not text:
        return Seat(cavity=cavity.name, found=(), why=ev.Why.NO_SCAN, outcome=Outcome.UNBOUND)
    raw = text.encode("utf-8", "backslashreplace")
    code = scanning.judge_bytes(draft, raw, None)
    if not isinstance(code, Identified) or code.means is not Means.UNIT:
        return Seat(
            cavity=cavity.name,
            found=(),
            why=ev.Why.BAD_CODE,
            outcome=Outcome.BAD_CODE,
            raw=raw.hex(),
        )
    found = (Candidate(unit=code.code, product=code.product, because=()),)
    if _is_stale(draft, handshake, snapshot, place):
        why = ev.Why.STALE_CODE
        return Seat(cavity=cavity.name, found=found, why=why, outcome=Outcome.UNBOUND)
    return Seat(cavity=cavity.name, found=found)


def _is_stale(draft: Draft, handshake: Handshake, snapshot: Snapshot, place: int) -> bool:
    """Whether the tag held the same code in the cycle before, while guard or counter moved on."""
    before = draft.state.cycle.answered.get(handshake.name)
    if before is None or before.generation != snapshot.generation:
        return False
    guards = len(handshake.guard)
    tags = [cavity.name for cavity in handshake.cavities if cavity.tag]
    at = guards + tags.index(handshake.cavities[place].name)
    same = before.content[at : at + 1] == snapshot.content[at : at + 1]
    moved = before.content[:guards] != snapshot.content[:guards]
    return same and (moved or before.count != snapshot.count)


def _by_scan(cavity: Cavity, found: tuple[Candidate, ...], bad: tuple[BadScan, ...]) -> Seat:
    own = tuple(candidate for candidate in found if candidate.cavity == cavity.name)
    if len(own) == 1:
        return Seat(cavity=cavity.name, found=own)
    refused = tuple(scan.address for scan in bad if scan.device == cavity.reader)
    if refused and not own:
        return Seat(
            cavity=cavity.name,
            found=(),
            why=ev.Why.BAD_CODE,
            outcome=Outcome.BAD_CODE,
            because=refused,
        )
    why = ev.Why.TWO_CANDIDATES if own else ev.Why.NO_SCAN
    return Seat(cavity=cavity.name, found=own, why=why, outcome=Outcome.UNBOUND)


def _with_strays(seat: Seat, stray: tuple[Candidate, ...]) -> Seat:
    """Count in the codes whose cavity is not known."""
    if not stray or seat.outcome is Outcome.BAD_CODE:
        return seat
    if seat.why is ev.Why.NO_SCAN:
        return replace(seat, found=stray, why=ev.Why.CAVITY_UNKNOWN)
    doubts = (ev.Why.CAVITY_UNKNOWN,)
    found = tuple(replace(each, doubts=(*each.doubts, *doubts)) for each in seat.found)
    return replace(seat, found=found)


def _told_apart(seats: tuple[Seat, ...]) -> tuple[Seat, ...]:
    """Leave unbound whose code another cavity has as well: one unit is not in two."""
    times = Counter(each.unit for seat in seats if seat.outcome is None for each in seat.found)
    return tuple(
        replace(seat, why=ev.Why.CAVITY_UNKNOWN, outcome=Outcome.UNBOUND)
        if seat.outcome is None and times[seat.found[0].unit] > 1
        else seat
        for seat in seats
    )


def _doubted(draft: Draft, handshake: Handshake, seat: Seat, doubts: tuple[ev.Why, ...]) -> Seat:
    """Add what the request itself raises, and refuse what may not pass, whoever it is."""
    if seat.outcome is not None:
        return seat
    candidate = replace(seat.found[0], doubts=(*seat.found[0].doubts, *doubts))
    why = answering.refusal(draft, handshake, candidate)
    outcome = None if why is None else Outcome.NOT_RELEASED
    return replace(seat, found=(candidate,), why=why, outcome=outcome)


# ------------------------------------------------------------------ all of them


def _go_on(draft: Draft, handshake: Handshake) -> None:
    """Look up the next unit, all within one limit; with the last, answer."""
    live = draft.live(handshake.name)
    for seat in live.seats:
        if seat.outcome is None and not seat.is_asked:
            ask = interlock.ask(draft, handshake, seat.found[0].unit)
            draft.asks.append(ask)
            until_ms = live.lookup_until_ms
            if until_ms is None:
                until_ms = draft.now_ms + draft.station.lookup_within_ms
            draft.set_live(handshake.name, replace(live, lookup=ask.id, lookup_until_ms=until_ms))
            return
    _answer(draft, handshake)


def looked_up(draft: Draft, handshake: Handshake, answer: AskAnswered | None) -> None:
    """Note what is known of a unit; None: the time for all of them is over (D-41)."""
    live = draft.live(handshake.name)
    seats = list(live.seats)
    open_ = [at for at, seat in enumerate(seats) if seat.outcome is None and not seat.is_asked]
    for at in open_[:1] if answer is not None else open_:
        seats[at] = replace(seats[at], is_asked=True, answer=answer)
    draft.set_live(handshake.name, replace(live, seats=tuple(seats), lookup=None))
    _go_on(draft, handshake)


def _answer(draft: Draft, handshake: Handshake) -> None:
    """Make an event for each cavity: one cycle, one answer, one commit."""
    live = draft.live(handshake.name)
    outcomes = [_outcome(draft, handshake, seat) for seat in live.seats]
    shared = Sharing(
        cavity="",
        cycle=f"c-{draft.state.epoch}-{draft.state.seq + 1}",
        outcome=next(outcome for outcome in _WORST_FIRST if outcome in outcomes),
        components=answering.shared(draft, handshake),
    )
    for seat in live.seats:
        sharing = replace(shared, cavity=seat.cavity)
        draft.set_live(handshake.name, replace(live, sharing=sharing))
        _record(draft, _of_cavity(handshake, seat.cavity), seat)
    draft.set_live(handshake.name, replace(live, seats=(), lookup=None, lookup_until_ms=None))
    if {Outcome.STORED_OK, Outcome.STORED_NOK}.isdisjoint(outcomes):
        pairing.cycle_declined(draft, handshake, answering.judged(draft, handshake).rise)


def _of_cavity(handshake: Handshake, name: str) -> Handshake:
    """Return the handshake with the verdict of one cavity, where that has its own."""
    (cavity,) = (cavity for cavity in handshake.cavities if cavity.name == name)
    return replace(handshake, verdict=cavity.verdict or handshake.verdict)


def _outcome(draft: Draft, handshake: Handshake, seat: Seat) -> Outcome:
    if seat.outcome is not None:
        return seat.outcome
    cavity = _of_cavity(handshake, seat.cavity)
    return answering.outcome(draft, cavity, seat.found[0], seat.answer)


def _record(draft: Draft, handshake: Handshake, seat: Seat) -> None:
    if seat.outcome is None:
        answering.complete(draft, handshake, seat.found[0], seat.answer)
    elif seat.why is None:
        raise AssertionError("a cavity that is decided says why")
    elif seat.outcome is Outcome.UNBOUND:
        answering.unbind(draft, handshake, seat.found, seat.why)
    else:
        candidate = seat.found[0] if seat.found else None
        answering.refuse(
            draft,
            handshake,
            candidate,
            seat.why,
            seat.outcome,
            raw=seat.raw,
            because=seat.because,
        )
