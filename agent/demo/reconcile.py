"""Three books compared: what truly happened, what was committed, what was delivered.

Each check shows its numbers and says whether they are as they must be. Pure, but for `verify`,
which is called by whoever builds the books.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.demo.delivered import UNIT_KINDS, Delivered, Event
from agent.demo.tally import Verdict
from agent.demo.truth import FillerTruth, PressTruth, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One comparison: its numbers in words, and whether they agree."""

    name: str
    numbers: str
    ok: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What one station's journal holds."""

    kinds: Counter[str]
    last: Mapping[str, int]
    """The last seq of each epoch."""
    pieces: int
    """Sum of `lot_counted.n`."""
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Everything that is compared."""

    press: PressTruth
    filler: FillerTruth
    press_station: str
    filler_station: str
    committed: Mapping[str, Committed]
    delivered: Delivered


def reconcile(books: Books) -> list[Check]:
    """Return every comparison, in the order in which a person would ask."""
    checks = [_requests(books), _units(books)]
    checks += [_addresses(books, station) for station in books.committed]
    checks += [_proofs(books), _pieces(books)]
    checks += [_verified(station, book) for station, book in books.committed.items()]
    return checks


def unit_events(delivered: Delivered) -> Iterator[tuple[Request, Event]]:
    """Yield each event that answers a request at `end`, with its request."""
    for event in delivered.of(*UNIT_KINDS):
        if event["handshake"] == "end":
            yield (event["generation"], event["request"]), event


def unit_of(part: str) -> str:
    """Return the identity that a part's label stands for: a GS1 Digital Link with GTIN and serial.

    Read off the label by its fixed layout, not by the agent's parser.
    """
    gtin, serial = part[5:19], part[21:]
    return f"https://id.gs1.org/01/{gtin}/21/{serial}"


def wrong_units(books: Books) -> list[str]:
    """Return the addresses of events that name a unit that was not there, or a request not made."""
    return [
        f"{event['epoch']}-{event['seq']}"
        for request, event in unit_events(books.delivered)
        if request not in books.press.parts
        or event.get("unit") not in {None, unit_of(books.press.parts[request])}
    ]


def _requests(books: Books) -> Check:
    kinds = books.committed[books.press_station].kinds
    recorded = sum(kinds[kind] for kind in UNIT_KINDS)
    delivered = list(unit_events(books.delivered))
    requests = {request for request, _ in delivered}
    truth = books.press
    known = requests - truth.forgotten
    forgotten = len(requests & truth.forgotten)
    answered = len(truth.answers)
    each = " + ".join(f"{kinds[kind]} {kind.removeprefix('unit_')}" for kind in UNIT_KINDS)
    numbers = (
        f"{answered} answered = {each} = {truth.answers_read} answers read by the PLC "
        f"= {len(delivered)} delivered addresses"
    )
    if forgotten:
        numbers += f" - {forgotten} that the PLC lost its memory of"
    ok = known == set(truth.answers) and (
        answered
        == recorded - forgotten
        == truth.answers_read
        == len(delivered) - forgotten
        == len(requests) - forgotten
    )
    return Check(name="requests", numbers=numbers, ok=ok)


def _units(books: Books) -> Check:
    bound = sum(event.get("unit") is not None for _, event in unit_events(books.delivered))
    wrong = wrong_units(books)
    numbers = f"{bound} named a unit, {len(wrong)} of them another than lay in the machine"
    return Check(name="right unit", numbers=numbers, ok=not wrong)


def _addresses(books: Books, station: str) -> Check:
    got = books.delivered.epochs(station)
    last = books.committed[station].last
    ends = books.delivered.ends(station)
    whole = {epoch: set(range(1, seq + 1)) for epoch, seq in last.items()}
    said = all(last.get(epoch) == seq for epoch, seq in ends.items())
    spans = ", ".join(f"1..{seq}" for _, seq in sorted(last.items()))
    count = sum(len(seqs) for seqs in got.values())
    epochs = "epoch" if len(last) == 1 else "epochs"
    numbers = f"{count} delivered = {spans} of {len(last)} {epochs}"
    if books.delivered.repeats:
        numbers += f" ({books.delivered.repeats} came twice and count once)"
    return Check(name=f"addresses {_short(station)}", numbers=numbers, ok=got == whole and said)


def _proofs(books: Books) -> Check:
    hashes, links = books.delivered.wrong_hashes(), books.delivered.wrong_links()
    conflicts = books.delivered.conflicts
    count = len(books.delivered.events)
    numbers = (
        f"{count} hashes computed anew, {len(hashes)} differ; {len(links)} links do not fit; "
        f"{len(conflicts)} addresses with two contents"
    )
    return Check(name="chain", numbers=numbers, ok=not hashes and not links and not conflicts)


def _pieces(books: Books) -> Check:
    delivered = sum(event["n"] for event in books.delivered.of("lot_counted"))
    committed = books.committed[books.filler_station].pieces
    made = books.filler.made
    numbers = (
        f"{made} counted by the machine = {committed} in lot_counted.n = {delivered} delivered"
    )
    return Check(name="pieces", numbers=numbers, ok=made == committed == delivered)


def _verified(station: str, book: Committed) -> Check:
    verdict = book.verdict
    numbers = f"lineside verify: {verdict.rows} events in {verdict.epochs} epochs"
    ok = verdict.whole and verdict.rows == book.kinds.total()
    return Check(name=f"journal {_short(station)}", numbers=numbers, ok=ok)


def _short(station: str) -> str:
    return station.rpartition("/")[2]


def report(checks: Sequence[Check]) -> str:
    """Return the checks as text, one a line; for logs and failed tests."""
    width = max(len(check.name) for check in checks)
    lines = [
        f"{'OK  ' if check.ok else 'FAIL'} {check.name:<{width}}  {check.numbers}"
        for check in checks
    ]
    return "\n".join(lines)
