"""The handshake with a PLC: its phases, and the total table of what follows (D-18 to D-22).

Theory: `signals` says where a handshake stands (phase) and what an observation means for it
(signal). Each pair of them has a row in ROWS, also the impossible ones. A rise of the trigger leads
to one coherent snapshot; the snapshot names the request (`requests`); a request that no event
answers yet is judged (`seeking`, `answering`). What the device must hold is in `outputs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from agent.core import (
    answering,
    beginning,
    choosing,
    granularity,
    pairing,
    requests,
    seeking,
    strategies,
)
from agent.core import events as ev
from agent.core.anew import replace
from agent.core.counting import whole
from agent.core.draft import Draft
from agent.core.parts import LONG_AGO
from agent.core.signals import Kind, Signal, phase
from agent.core.state import (
    EARLIER,
    Left,
    Live,
    Phase,
    Rise,
    Shown,
    SnapshotAsk,
    Standing,
    Working,
)
from agent.core.station import Handshake
from drivers.base import Quality, Scalar, SnapshotRead

RETRY_MS = 100
"""How long to wait before a snapshot that told nothing is asked for again."""
ASK_WITHIN_MS = 10_000
"""A snapshot that has not come after so long is asked for again."""


Row = Callable[[Draft, Handshake, Signal], None]


# ------------------------------------------------------------------ rows: links and sight


def _nothing(_draft: Draft, _handshake: Handshake, _signal: Signal) -> None:
    """Nothing follows: the signal carries nothing new in this phase."""


def _link_up(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    """Start blind and ask for this link's first coherent snapshot."""
    draft.set_live(handshake.name, _blind(draft, handshake))
    _ask(draft, handshake)


def _link_down(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    """Forget what this link showed; nothing is due until a new first snapshot."""
    draft.set_live(handshake.name, _blind(draft, handshake))


def _lost_sight(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    """Blind on the same link: the answer that stands at the device is still known."""
    standing = draft.live(handshake.name).standing
    draft.set_live(handshake.name, replace(_blind(draft, handshake), standing=standing))


def _gap(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    """A fall or a rise may have been lost: read the handshake again by snapshot (DESIGN 5)."""
    _lost_sight(draft, handshake, signal)
    _ask(draft, handshake)


def _blind(draft: Draft, handshake: Handshake) -> Live:
    """Return what is still known when sight is lost: since when it is low, or what is open."""
    live = draft.live(handshake.name)
    return Live(
        low_ms=None if live.rise is not None else live.low_ms,
        left=_left(draft, handshake, live),
        seven=_seven(live),
    )


def _seven(live: Live) -> bool:
    """Whether the newest answer to this handshake was a 7, whatever was recorded since."""
    stands = live.standing
    return live.seven if stands is None or stands.key == EARLIER else stands.key is None


def _left(draft: Draft, handshake: Handshake, live: Live) -> Left | None:
    """Return the request that has no event yet, None if there is none."""
    at = phase(draft.state, draft.working, handshake)
    if live.left is not None or live.rise is None or at is Phase.ANSWERED or live.removed:
        return live.left
    return Left(
        generation=draft.state.cycle.generations.get(handshake.name, 1),
        request=live.shown.request if live.shown else _request_read(draft, handshake),
        rise=live.snapshot.rise if live.snapshot else live.rise,
        given=live.torn
        or live.held
        or (live.standing is not None and live.standing.key != EARLIER),
    )


def _ask(draft: Draft, handshake: Handshake) -> None:
    counter = requests.counter_tag(draft.state, handshake)
    watch = draft.station.watch(handshake.device)
    tags = (*handshake.snapshot_tags, *((counter,) if counter else ()))
    tags += watch.life_tags if watch else ()
    tags += (draft.station.mode.tag,) if draft.station.mode else ()
    tags += draft.station.told_with(handshake.device)
    ask = SnapshotAsk(
        id=draft.ask_id(),
        device=handshake.device,
        handshake=handshake.name,
        guard=handshake.snapshot_guard,
        tags=tags,
    )
    draft.asks.append(ask)
    live = draft.live(handshake.name)
    again_ms = draft.now_ms + ASK_WITHIN_MS
    draft.set_live(handshake.name, replace(live, ask=ask.id, retry_ms=again_ms))


def _look_again(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    """Back in sight without a snapshot of it: ask, unless one is on its way."""
    if draft.live(handshake.name).retry_ms is None:
        _ask(draft, handshake)


def _retry(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    """Ask again a little later: the snapshot told nothing."""
    live = draft.live(handshake.name)
    retry_ms = draft.now_ms + RETRY_MS
    draft.set_live(handshake.name, replace(live, ask=None, retry_ms=retry_ms))


def _retry_due(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    live = draft.live(handshake.name)
    if live.retry_ms is not None and live.retry_ms <= draft.now_ms:
        _ask(draft, handshake)


# ------------------------------------------------------------------ rows: trigger


def _rose(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    live = draft.live(handshake.name)
    rise = Rise(earliest_ms=signal.earliest_ms, latest_ms=signal.latest_ms, seen_low=True)
    draft.set_live(
        handshake.name,
        Live(
            synced=True,
            low_ms=live.low_ms,
            rise=rise,
            standing=live.standing,
            left=live.left,
            seven=live.seven,
        ),
    )
    strategies.entry(draft.station).risen(draft, handshake, rise)
    _ask(draft, handshake)


def _fell(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    """The trigger fell: the ack falls with it, from readings alone.

    Without an event nothing is bound to it (D-22); after a 7 the same request comes again (D-40).
    """
    live = draft.live(handshake.name)
    left = _left(draft, handshake, live)
    fallen = Live(
        synced=True,
        low_ms=signal.latest_ms,
        standing=_earlier(live.standing),
        left=left,
        seven=_seven(live),
    )
    draft.set_live(handshake.name, fallen)
    if left is not None and (not left.given or left.request is None):
        _abort(draft, handshake, left)
    requests.restarted(draft, handshake, _request_read(draft, handshake))


def _earlier(standing: Standing | None) -> Standing | None:
    """Return an answer that may still stand at the device as one of an earlier rise."""
    return replace(standing, key=EARLIER) if standing else None


def _abort(draft: Draft, handshake: Handshake, left: Left) -> None:
    """Say that a request will not be answered any more; whose scans waited for it is in doubt."""
    draft.add(
        ev.CycleAborted(
            **draft.head(),
            handshake=handshake.name,
            generation=left.generation,
            request=left.request,
            reason=requests.TRIGGER_FELL,
        )
    )
    draft.set_live(handshake.name, replace(draft.live(handshake.name), left=None))


def _removed(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    _give_up(draft, handshake)


def _taken_out(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    """The part was taken out at rest, or after its answer: `begin` has let it in for nothing."""
    beginning.taken_out(draft, handshake)


def _give_up(draft: Draft, handshake: Handshake) -> None:
    """The part was taken out: nothing is bound to this request, and its scan is spent with it."""
    live = draft.live(handshake.name)
    if live.rise is None:
        raise AssertionError("a part is taken out from under its trigger")
    draft.add(
        ev.CycleAborted(
            **draft.head(),
            handshake=handshake.name,
            generation=draft.state.cycle.generations.get(handshake.name, 1),
            request=live.shown.request if live.shown else _request_read(draft, handshake),
            reason=requests.PART_REMOVED,
        )
    )
    given_up = Live(
        synced=True,
        low_ms=live.low_ms,
        rise=live.rise,
        shown=live.shown,
        removed=True,
        overdue=live.overdue,
        standing=live.standing,
    )
    draft.set_live(handshake.name, given_up)
    pairing.cycle_declined(draft, handshake, live.rise)


def _hold(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    """Nothing can be recorded: 7 at once, and the same request comes again (D-40, D-142)."""
    live = draft.live(handshake.name)
    held = replace(
        live, held=True, settle_ms=None, candidate=None, seats=(), lookup=None, lookup_until_ms=None
    )
    draft.set_live(handshake.name, held)


def _next_request(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    _fell(draft, handshake, signal)
    _rose(draft, handshake, signal)


def _at_rest(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    """At rest, a request number that went back says that the PLC lost its memory (D-33)."""
    requests.restarted(draft, handshake, _request_read(draft, handshake))


def _request_read(draft: Draft, handshake: Handshake) -> int | None:
    reading = draft.working.readings.get(handshake.request or "")
    return whole(reading.good) if reading else None


# ------------------------------------------------------------------ rows: snapshots


def _first_snapshot(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    """This link's first coherent snapshot: from here on outputs are due."""
    read, live = _read(signal), draft.live(handshake.name)
    if not draft.working.trusts(handshake.device):
        draft.set_live(handshake.name, replace(live, ask=None, retry_ms=None))  # the beat asks
        return
    if not _is_readable(draft, handshake, read):
        _retry(draft, handshake, signal)
        return
    if not _value(read, handshake.trigger):
        _first_low(draft, handshake, read)
        return
    earliest_ms = LONG_AGO if live.low_ms is None else live.low_ms
    rise = Rise(earliest_ms=earliest_ms, latest_ms=read.latest_ms, seen_low=False)
    draft.set_live(handshake.name, replace(live, synced=True, rise=rise))
    strategies.entry(draft.station).risen(draft, handshake, rise)
    _judge(draft, handshake, read, rise)


def _first_low(draft: Draft, handshake: Handshake, read: SnapshotRead) -> None:
    """The trigger is low; if a request was open, its fall was not seen."""
    live = draft.live(handshake.name)
    low_ms = read.latest_ms if live.low_ms is None else live.low_ms
    standing, left = _earlier(live.standing), live.left
    seven = _seven(live)
    draft.set_live(
        handshake.name,
        Live(synced=True, low_ms=low_ms, standing=standing, left=left, seven=seven),
    )
    if left is not None and (not left.given or left.request is None):
        _abort(draft, handshake, left)
    values = {v.tag: v for v in read.values}
    request = requests.number(values, handshake.request)
    count = requests.number(values, requests.counter_tag(draft.state, handshake))
    requests.restarted(draft, handshake, request, count)


def _snapshot(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    """The snapshot of this rise; one that shows the trigger low has seen its fall (D-21)."""
    read, live = _read(signal), draft.live(handshake.name)
    if live.rise is None or not _is_readable(draft, handshake, read):
        _retry(draft, handshake, signal)
    elif _value(read, handshake.trigger):
        _judge(draft, handshake, read, live.rise)
    else:
        _fell(draft, handshake, signal)


def _torn(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    """The guard never held still: no unit record, answer 7, and a missed cycle (D-21)."""
    read, live = _read(signal), draft.live(handshake.name)
    request = whole(_value(read, handshake.request or ""))
    draft.add(
        ev.CycleMissed(
            **draft.head(because=(read.id,)),
            n=1,
            reason="torn",
            to_count=request,
            first_ms=read.earliest_ms,
            last_ms=read.latest_ms,
        )
    )
    shown = Shown(request=request, at_ms=read.latest_ms)
    draft.set_live(handshake.name, replace(live, ask=None, retry_ms=None, torn=True, shown=shown))


def _read(signal: Signal) -> SnapshotRead:
    if signal.snapshot is None:
        raise AssertionError("a snapshot signal carries its snapshot")
    return signal.snapshot


def _value(read: SnapshotRead, tag: str) -> Scalar | None:
    return next((v.value for v in read.values if v.tag == tag), None)


def _is_readable(draft: Draft, handshake: Handshake, read: SnapshotRead) -> bool:
    """Hold where trigger, request or identity do not read GOOD; other values are stored (D-96)."""
    good = {v.tag for v in read.values if v.quality is Quality.GOOD}
    watch = draft.station.watch(handshake.device)
    needed = {handshake.trigger, handshake.request, *(watch.life_tags if watch else ())} - {None}
    if _value(read, handshake.trigger):
        needed |= set(handshake.code_tags)
    return needed <= good


def _judge(draft: Draft, handshake: Handshake, read: SnapshotRead, rise: Rise) -> None:
    """Say which request the snapshot shows, and seek its unit if no event answers it yet."""
    name, left = handshake.name, draft.live(handshake.name).left
    snapshot = requests.shown(draft, handshake, read, rise)
    again = left is None or requests.is_same(left, snapshot.generation, snapshot.request)
    if left is not None and not left.given and not again:
        _abort(draft, handshake, left)
    requests.restarted(draft, handshake, snapshot.request, snapshot.count)
    shown = Shown(request=snapshot.request, at_ms=read.latest_ms)
    live = replace(
        draft.live(name), ask=None, retry_ms=None, snapshot=snapshot, shown=shown, left=None
    )
    draft.set_live(name, live)
    if requests.answers(draft.state, handshake, snapshot):
        return
    if draft.working.held:
        draft.set_live(name, replace(live, held=True))
        return
    low_ms = live.low_ms if rise.seen_low else None
    until_ms = rise.latest_ms if low_ms is None else low_ms
    requests.note_missed(draft, handshake, snapshot, until_ms)
    granularity.judged(draft, handshake, snapshot)
    doubts = requests.doubts(draft.state, handshake, snapshot, seven=live.seven)
    given = live.standing is not None and live.standing.key is not None
    standing = _earlier(live.standing) if given else live.standing  # a 7 stands until the fall
    draft.set_live(name, replace(live, doubts=doubts, standing=standing))
    if handshake.abort and _value(read, handshake.abort):
        _give_up(draft, handshake)
    elif not answering.set_aside(draft, handshake):
        seeking.seek(draft, handshake)


# ------------------------------------------------------------------ rows: judging


def _seek(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    seeking.seek(draft, handshake)


def _settle_due(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    seeking.settle_due(draft, handshake)


def _seek_again(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    seeking.seek_again(draft, handshake)


def _looked_up(draft: Draft, handshake: Handshake, signal: Signal) -> None:
    choosing.looked_up(draft, handshake, signal.answer)


def _lookup_due(draft: Draft, handshake: Handshake, _signal: Signal) -> None:
    choosing.lookup_due(draft, handshake)


# ------------------------------------------------------------------ the table

_HIGH: dict[Kind, Row] = {
    Kind.LINK_UP: _link_up,
    Kind.LINK_DOWN: _link_down,
    Kind.ROSE: _nothing,
    Kind.FELL: _fell,
    Kind.NEW_REQUEST: _next_request,
    Kind.LOST_SIGHT: _lost_sight,
    Kind.IN_SIGHT: _nothing,
    Kind.GAP: _gap,
    Kind.SNAPSHOT: _nothing,
    Kind.TORN: _nothing,
    Kind.SCANNED: _nothing,
    Kind.LOOKUP: _nothing,
    Kind.TIMER: _nothing,
    Kind.REMOVED: _nothing,
    Kind.HELD: _nothing,
}
_BY_PHASE: dict[Phase, dict[Kind, Row]] = {
    Phase.BLIND: {
        **_HIGH,
        Kind.FELL: _nothing,
        Kind.NEW_REQUEST: _nothing,
        Kind.LOST_SIGHT: _nothing,
        Kind.IN_SIGHT: _look_again,
        Kind.GAP: _look_again,
        Kind.SNAPSHOT: _first_snapshot,
        Kind.TORN: _retry,
        Kind.TIMER: _retry_due,
    },
    Phase.IDLE: {
        **_HIGH,
        Kind.ROSE: _rose,
        Kind.FELL: _nothing,
        Kind.NEW_REQUEST: _nothing,
        Kind.IN_SIGHT: _at_rest,
        Kind.REMOVED: _taken_out,
    },
    Phase.ASKING: {
        **_HIGH,
        Kind.SNAPSHOT: _snapshot,
        Kind.TORN: _torn,
        Kind.TIMER: _retry_due,
        Kind.REMOVED: _removed,
    },
    Phase.SETTLING: {
        **_HIGH,
        Kind.SCANNED: _seek,
        Kind.TIMER: _settle_due,
        Kind.REMOVED: _removed,
        Kind.HELD: _hold,
    },
    Phase.LOOKING: {
        **_HIGH,
        Kind.SCANNED: _seek_again,
        Kind.LOOKUP: _looked_up,
        Kind.TIMER: _lookup_due,
        Kind.REMOVED: _removed,
        Kind.HELD: _hold,
    },
    Phase.ANSWERED: {**_HIGH, Kind.REMOVED: _taken_out},
    Phase.TORN: _HIGH,
}

ROWS: Mapping[tuple[Phase, Kind], Row] = {
    (phase_, kind): row for phase_, rows in _BY_PHASE.items() for kind, row in rows.items()
}
"""What follows from each signal in each phase; total, which a test proves."""


def signal(draft: Draft, handshake: Handshake, given: Signal) -> None:
    """Let one handshake take one signal."""
    ROWS[phase(draft.state, draft.working, handshake), given.kind](draft, handshake, given)


# ------------------------------------------------------------------ time


def timer(draft: Draft, handshake: Handshake) -> None:
    """Note that the answer is overdue: 7 is due at the device from now on (D-40)."""
    live = draft.live(handshake.name)
    limit_ms = _answer_by_ms(handshake, live)
    if limit_ms is not None and limit_ms <= draft.now_ms:
        draft.set_live(handshake.name, replace(live, overdue=True))


def _answer_by_ms(handshake: Handshake, live: Live) -> int | None:
    if live.rise is None or live.overdue:
        return None
    if live.standing is not None and live.standing.key != EARLIER:
        return None
    return live.rise.latest_ms + handshake.answer_within_ms


def deadlines(working: Working, station_handshakes: tuple[Handshake, ...]) -> Iterator[int]:
    """Yield when a handshake wants to be looked at again, the answer's own limit included."""
    for handshake in station_handshakes:
        live = working.live.get(handshake.name)
        if live is not None:
            times = (live.retry_ms, live.settle_ms, live.lookup_until_ms)
            yield from (at_ms for at_ms in times if at_ms is not None)
            limit_ms = _answer_by_ms(handshake, live)
            if limit_ms is not None:
                yield limit_ms
