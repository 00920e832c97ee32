"""What arrived, proven by the public key alone: a hand on the stream is always found (X06)."""

import json
from hashlib import sha256
from typing import Any

import pytest

from agent.core.events import CheckpointSigned, HistoryLost
from agent.formats.canonical import canonical
from agent.formats.checkpoint import Signer
from agent.formats.cloudevents import envelope
from agent.trace.claims import Range
from agent.trace.signed import Finding, Proof, prove_stream
from tests.doubles import ManualClock
from tests.histories import STATION, History, epoch
from tests.unit.formats.test_checkpoint import KEY, KEYS

Event = dict[str, Any]


def sign(history: History) -> None:
    """Add a checkpoint, as the daemon does."""
    last = history.rows[-1]
    seen = Signer(STATION, KEY).sign(last.epoch, last.seq, last.hash, ManualClock().now())
    history.add(
        CheckpointSigned,
        signed_seq=seen.seq,
        signed_hash=seen.hash,
        signed_at=seen.at,
        key=seen.key,
        signature=seen.signature,
    )


@pytest.fixture
def history() -> History:
    """Two epochs: 1 to 4 and a signature, 1 to 3, a signature, and one event behind it."""
    made = History()
    made.start(1)
    for number in range(3):
        made.unit(f"SN-{number}")
    sign(made)
    made.start(2)
    made.unit("SN-8")
    made.unit("SN-9")
    sign(made)
    made.unit("SN-10")
    return made


def lines(history: History) -> list[bytes]:
    """Return what the file sink wrote."""
    return [envelope(row.body) for row in history.rows]


def prove(events: list[Event]) -> Proof:
    """Return what events prove that a hand has been on."""
    return prove_stream([json.dumps(event).encode() for event in events], KEYS)


def rehashed(events: list[Event]) -> list[Event]:
    """Return the events linked and hashed anew, as a forger without the key does it."""
    prev: str | None = None
    made = []
    for event in events:
        new = {name: value for name, value in event.items() if name not in {"hash", "prev"}}
        if prev is not None:
            new["prev"] = prev
        if new["kind"] == "agent_started" and prev is not None:
            new["previous_hash"] = prev
        if new["kind"] == "checkpoint_signed":
            new["signed_hash"] = prev
        new["hash"] = prev = sha256(canonical(new)).hexdigest()
        made.append(new)
    return made


def renumbered(events: list[Event]) -> list[Event]:
    """Return the events with numbers that fit again."""
    made, seqs = [], dict[str, int]()
    for event in events:
        seq = seqs[event["epoch"]] = seqs.get(event["epoch"], 0) + 1
        new = event | {"seq": seq}
        if event["kind"] == "checkpoint_signed":
            new["signed_seq"] = seq - 1
        made.append(new)
    return made


def test_what_the_sink_wrote_is_proven(history: History) -> None:
    """With nothing but the lines and the public key; what is not signed yet is said."""
    assert prove_stream(lines(history), KEYS) == Proof(
        station=STATION,
        events=10,
        begins=f"{epoch(1)}-1",
        ends=f"{epoch(2)}-5",
        checkpoints=2,
        signed_to=f"{epoch(2)}-3",
        signed_at="2026-11-30T09:00:00.000Z",
        unsigned=1,
        findings=(),
    )
    assert prove_stream(lines(history), KEYS).is_whole


def test_events_as_stored_are_proven_as_well(history: History) -> None:
    """`lineside events --json` and the sink's envelopes give the same; empty lines are nothing."""
    stored = [row.body for row in history.rows]
    assert prove_stream([*stored, b"\n"], KEYS) == prove_stream(lines(history), KEYS)


def test_repeats_and_a_later_beginning_are_no_finding(history: History) -> None:
    """A sink delivers at least once, and a consumer may have begun in the middle."""
    twice = [line for line in lines(history)[2:] for _ in range(2)]
    proof = prove_stream([*twice, lines(history)[3]], KEYS)
    assert (proof.events, proof.begins, proof.is_whole) == (8, f"{epoch(1)}-3", True)


@pytest.mark.parametrize("name", ["id", "source", "type", "time", "subject"])
def test_a_hand_on_the_envelope_is_found(history: History, name: str) -> None:
    """What the message repeats beside the event is not hashed, and has to be what the event says.

    An archive that keeps the events alone is whole.
    """
    told = [json.loads(line) for line in lines(history)]
    told[1][name] = "SN-77"
    assert [finding.why for finding in prove(told).findings] == [
        f"its `{name}` is not that of its data"
    ]
    bare = [{"data": one["data"]} for one in told]
    assert prove(bare).is_whole


@pytest.mark.parametrize("where", range(8))
@pytest.mark.parametrize("hand", ["change", "remove", "insert", "swap", "change key"])
@pytest.mark.parametrize("forger", ["plain", "thorough"])
def test_one_hand_on_it_is_found(history: History, where: int, hand: str, forger: str) -> None:
    """X06: wherever it is before the newest signature, also where every hash is computed anew."""
    events = [json.loads(row.body) for row in history.rows]
    if hand == "change":
        events[where]["machine"] = "press-08"
    elif hand == "remove":
        del events[where]
    elif hand == "insert":
        events.insert(where + 1, events[2] | {"unit": "SN-77", "epoch": events[where]["epoch"]})
    elif hand == "swap":
        events[where : where + 2] = reversed(events[where : where + 2])
    else:
        events[where]["key" if "key" in events[where] else "station"] = "another"
    if forger == "thorough":
        events = rehashed(renumbered(events))
    proof = prove(events)
    if (hand, where, forger) == ("remove", 0, "plain"):
        assert proof.begins == f"{epoch(1)}-2"  # who begins there is told where it begins
    else:
        assert not proof.is_whole
        assert proof.first_bad is not None


def test_a_signature_that_is_cut_off_with_its_tail_leaves_the_rest_unsigned(
    history: History,
) -> None:
    """What is behind the newest signature is vouched for by nobody, and so it is said (X06)."""
    events = [json.loads(row.body) for row in history.rows]
    del events[8]
    events[7]["unit"] = "SN-77"
    proof = prove(rehashed(renumbered(events)))
    assert (proof.findings, proof.signed_to, proof.unsigned) == ((), f"{epoch(1)}-4", 4)


@pytest.mark.parametrize(
    ("hand", "found"),
    [
        (lambda e: e[2].update(unit="SN-77"), (f"{epoch(1)}-3", "its content is not its hash's")),
        (lambda e: e.pop(2), (f"{epoch(1)}-4", f"{epoch(1)}-3 is missing before it")),
        (
            lambda e: e.insert(4, e.pop(2)),
            (f"{epoch(1)}-4", f"{epoch(1)}-3 is missing before it"),
        ),
        (
            lambda e: e.insert(3, rehashed([e[2] | {"unit": "SN-77"}])[0]),
            (f"{epoch(1)}-3", "two events have this address"),
        ),
        (
            lambda e: e.pop(5),
            (f"{epoch(2)}-2", f"{epoch(2)}-1 is missing before it"),
        ),
        (
            lambda e: e.pop(4),
            (f"{epoch(2)}-1", f"{epoch(1)}-5 is missing before it"),
        ),
        (
            lambda e: e.append(rehashed([e[0] | {"epoch": "000001-00000000"}])[0]),
            ("000001-00000000-1", f"it stands behind the later epoch {epoch(2)}"),
        ),
        (
            lambda e: e.append(rehashed([e[0] | {"station": "acme/other", "seq": 6}])[0]),
            (f"{epoch(1)}-6", "it is of another station, acme/other"),
        ),
        (
            lambda e: e.__setitem__(1, rehashed([e[1]])[0]),
            (f"{epoch(1)}-2", "it does not follow the event before it"),
        ),
        (
            lambda e: e.append(rehashed([{"kind": "x", "epoch": epoch(2), "seq": 6}])[0]),
            (f"{epoch(2)}-6", "it is not whole"),
        ),
        (lambda e: e.insert(1, {"hash": "x"}), ("line 2", "no event of a station")),
        (lambda e: e.insert(1, {}), ("line 2", "no event of a station")),
    ],
)
def test_the_first_bad_event_is_named(
    history: History,
    hand: Any,  # noqa: ANN401 - what it does to the list
    found: tuple[str, str],
) -> None:
    """By its address, with what is wrong."""
    events = [json.loads(row.body) for row in history.rows]
    hand(events)
    proof = prove(events)
    assert proof.first_bad == Finding(*found)
    assert not proof.is_whole


@pytest.mark.parametrize(
    ("first", "last", "is_told"), [(4, 5, True), (3, 6, True), (5, 5, False), (4, 4, False)]
)
def test_a_tail_that_the_station_lost_itself_is_no_finding(
    first: int, last: int, *, is_told: bool
) -> None:
    """A consumer holds what a damaged disk forgot: no finding where the whole of it is told."""
    made = History()
    made.start(1)
    made.unit("SN-1")
    sign(made)
    torn = History()
    torn.rows, torn._last, torn._hash = list(made.rows), made._last, made._hash  # noqa: SLF001 - a copy
    made.unit("SN-2")
    made.unit("SN-3")
    torn.start(2)
    torn.add(HistoryLost, lost_epoch=epoch(1), first_seq=first, last_seq=last, reason="missing")
    sign(torn)
    proof = prove_stream([row.body for row in (*made.rows, *torn.rows[3:])], KEYS)
    why = f"it knows nothing of {epoch(1)}-4…5"
    assert proof.findings == (() if is_told else (Finding(f"{epoch(2)}-1", why),))
    assert proof.lost == (str(Range(epoch(1), first, last)),)


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("gone", [(1, 1), (2, 3), (4, 5), (0, 5)])
def test_what_rotted_in_a_journal_is_no_finding_where_it_is_told(
    gone: tuple[int, int], *, is_told: bool
) -> None:
    """Read from the journal itself: rows in the middle, at the end, a whole epoch of them."""
    made = History()
    made.start(1)
    made.unit("SN-0")
    made.start(2)
    for number in range(1, 6):
        made.unit(f"SN-{number}")
    made.start(3)
    first, last = gone
    if is_told:
        made.add(
            HistoryLost, lost_epoch=epoch(2), first_seq=first + 1, last_seq=last + 1, reason="rot"
        )
    sign(made)
    gap = Range(epoch(2), first + 1, last + 1)
    rows = [row for row in made.rows if row.epoch != epoch(2) or not first <= row.seq - 1 <= last]
    proof = prove_stream([row.body for row in rows], KEYS)
    assert proof.is_whole is is_told
    told = [one.why for one in proof.findings]
    assert told == ([] if is_told else [f"{gap} is missing before it"])


def test_an_epoch_that_follows_another_content_is_a_finding(history: History) -> None:
    """A forked or forged beginning: nothing that the station tells explains it."""
    events = [json.loads(row.body) for row in history.rows]
    events[5] = rehashed([events[5] | {"previous_hash": "ab" * 32}])[0]
    assert prove(events).first_bad == Finding(
        f"{epoch(2)}-1", "it does not follow the event before it"
    )
    other = events[5] | {"prev": "ab" * 32}
    other["hash"] = sha256(
        canonical({name: value for name, value in other.items() if name != "hash"})
    ).hexdigest()
    events[5] = other
    assert prove(events).first_bad == Finding(
        f"{epoch(2)}-1", "it follows another content of the event before it"
    )


def test_without_a_signature_nothing_is_proven(history: History) -> None:
    """A stream that fits in itself is not whole: anybody could have written it."""
    proof = prove_stream(lines(history)[:4], KEYS)
    assert (proof.findings, proof.signed_to, proof.unsigned, proof.is_whole) == ((), None, 4, False)
    assert prove_stream([], KEYS).station is None
