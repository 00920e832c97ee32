"""Strategy `scan-only`: a manual bench, where the scan is the cycle (D-23, D-82).

Theory: scans of units that begin within the window of each other are one cycle, which is over when
nothing more has begun for a window, and a settle after that. One code is the unit; two different
ones are never a choice. No PLC takes part: what became of the scan is the reader's reply. What was
built in belongs to the next unit that is scanned: material first, then the unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum, unique

from agent.core import choosing
from agent.core import events as ev
from agent.core.draft import Draft
from agent.core.parts import Pending
from agent.core.state import Candidate, Live, Reply, Rise, Snapshot, State, Working
from agent.core.station import Handshake
from drivers.base import AskAnswered, Quality, TagValue

BENCH = Handshake(
    name="end",
    device="",
    trigger="",
    request=None,
    modulus=None,
    guard=(),
    values=(),
    unit=None,
    verdict="ok",
    result="",
    ack="",
    answer_within_ms=0,
)
"""What stands for the handshake that a bench has not got: its cycle is stored, as with `end`.

Its verdict is a person's: OK, unless a code that means `nok` was scanned before the unit."""


@unique
class Phase(StrEnum):
    """Where the bench stands: a function of (state, working)."""

    EMPTY = "empty"
    """Nothing was scanned that is not answered."""
    OPEN = "open"
    """A unit was scanned; another code may still come."""
    LOOKING = "looking"
    """Waiting for a look-up."""


@unique
class Kind(StrEnum):
    """What an observation can mean for the bench."""

    SCANNED = "scanned"
    LOOKUP = "lookup"
    TIMER = "timer"


Row = Callable[[Draft, AskAnswered | None], None]


def phase(state: State, working: Working) -> Phase:
    """Return where the bench stands."""
    live = working.live.get(BENCH.name)
    if live is not None and live.lookup is not None:
        return Phase.LOOKING
    return Phase.OPEN if state.pairing.pending else Phase.EMPTY


def group(state: State) -> tuple[Pending, ...]:
    """Return the scans of the oldest cycle that is not answered."""
    found: tuple[Pending, ...] = ()
    for pending in state.pairing.pending:
        window_ms = state.station.pairing.window_ms
        if found and pending.earliest_ms > found[-1].latest_ms + window_ms:
            break
        found = (*found, pending)
    return found


def _over_ms(state: State) -> int:
    """Return when nothing more can come that began within the window of the group's last scan."""
    pairing = state.station.pairing
    return group(state)[-1].latest_ms + pairing.window_ms + pairing.settle_ms + 1


# ------------------------------------------------------------------ rows


def _nothing(_draft: Draft, _answer: AskAnswered | None) -> None:
    """Nothing follows: what was scanned is in the state, and the window tells when it is over."""


def _close_due(draft: Draft, _answer: AskAnswered | None) -> None:
    """The window is over: whatever was scanned within it is this cycle's."""
    if draft.working.held or _over_ms(draft.state) > draft.now_ms:
        return
    scans = group(draft.state)
    rise = Rise(earliest_ms=scans[0].earliest_ms, latest_ms=scans[-1].latest_ms, seen_low=True)
    snapshot = Snapshot(
        id=scans[-1].address,
        rise=rise,
        generation=1,
        request=None,
        content=(),
        count=None,
        values={"ok": _verdict(scans)},
    )
    draft.set_live(BENCH.name, Live(snapshot=snapshot))
    codes = dict.fromkeys(scan.code for scan in scans)
    found = tuple(_candidate(draft.state, code, scans) for code in codes)
    choosing.take(draft, BENCH, found)
    _reply(draft, scans)


def _verdict(scans: tuple[Pending, ...]) -> TagValue:
    is_ok = not any(scan.nok for scan in scans)
    return TagValue(tag="ok", value=is_ok, quality=Quality.GOOD)


def _because(scans: Iterable[Pending]) -> tuple[str, ...]:
    """Return what led to a unit: its scans, and the labels that say that it is NOK."""
    return tuple(address for scan in scans for address in (scan.nok, scan.address) if address)


def _candidate(state: State, code: str, scans: tuple[Pending, ...]) -> Candidate:
    own = [scan for scan in scans if scan.code == code]
    before = (ev.Why.SCAN_BEFORE_RESTART,) if own[0].epoch != state.epoch else ()
    return Candidate(
        unit=code,
        product=own[0].product,
        because=_because(own),
        doubts=before,
    )


def _reply(draft: Draft, scans: tuple[Pending, ...]) -> None:
    """Tell the readers what became of their scans, once that is decided."""
    decided = [event for event in draft.events if isinstance(event, ev.UnitEvent)]
    if decided:
        draft.set_live(BENCH.name, Live())
        good = isinstance(decided[-1], ev.UnitCompleted)
        readers = dict.fromkeys(scan.device for scan in scans)
        draft.replies += [Reply(device=reader, good=good) for reader in readers]


def _look_again(draft: Draft, _answer: AskAnswered | None) -> None:
    """A scan that began within the window came late, or the scans were taken back."""
    candidate = draft.live(BENCH.name).candidate
    known = candidate.because if candidate else ()
    if _because(group(draft.state)) != known:
        draft.set_live(BENCH.name, Live())


def _looked_up(draft: Draft, answer: AskAnswered | None) -> None:
    scans = group(draft.state)
    choosing.looked_up(draft, BENCH, answer)
    _reply(draft, scans)


def _lookup_due(draft: Draft, _answer: AskAnswered | None) -> None:
    scans = group(draft.state)
    choosing.lookup_due(draft, BENCH)
    _reply(draft, scans)


ROWS: Mapping[tuple[Phase, Kind], Row] = {
    (Phase.EMPTY, Kind.SCANNED): _nothing,
    (Phase.EMPTY, Kind.LOOKUP): _nothing,
    (Phase.EMPTY, Kind.TIMER): _nothing,
    (Phase.OPEN, Kind.SCANNED): _nothing,
    (Phase.OPEN, Kind.LOOKUP): _nothing,
    (Phase.OPEN, Kind.TIMER): _close_due,
    (Phase.LOOKING, Kind.SCANNED): _look_again,
    (Phase.LOOKING, Kind.LOOKUP): _looked_up,
    (Phase.LOOKING, Kind.TIMER): _lookup_due,
}
"""What follows from each observation in each phase; total, which a test proves."""


def signal(draft: Draft, kind: Kind, answer: AskAnswered | None = None) -> None:
    """Let the bench take one signal."""
    ROWS[phase(draft.state, draft.working), kind](draft, answer)


# ------------------------------------------------------------------ what the binder calls


def scanned(draft: Draft) -> None:
    """Something was scanned, or taken back."""
    signal(draft, Kind.SCANNED)


def answered(draft: Draft, seen: AskAnswered) -> None:
    """An ask was answered; one that nobody waits for any more says nothing."""
    if draft.live(BENCH.name).lookup == seen.ask:
        signal(draft, Kind.LOOKUP, seen)


def held(draft: Draft) -> None:
    """Nothing can be recorded: what was scanned waits until it can, and is looked up again."""
    draft.set_live(BENCH.name, Live())


def timer(draft: Draft) -> None:
    """Time has passed."""
    signal(draft, Kind.TIMER)


def deadlines(state: State, working: Working) -> Iterator[int]:
    """Yield when the bench wants to be looked at again."""
    live = working.live.get(BENCH.name) or Live()
    if live.lookup_until_ms is not None:
        yield live.lookup_until_ms
    elif state.pairing.pending and not working.held:
        yield _over_ms(state)
