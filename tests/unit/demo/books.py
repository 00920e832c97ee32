"""Books in which everything agrees, to be spoilt by tests: one part, one lot count, two epochs."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import rfc8785

from agent.demo import codes
from agent.demo.delivered import Delivered
from agent.demo.reconcile import Books, Committed, unit_of
from agent.demo.tally import Verdict
from agent.demo.truth import FillerTruth, PressTruth

PRESS, FILLER = "demo/press", "demo/filler"
ONE, TWO = "000001-aaaaaaaa", "000002-bbbbbbbb"
PART = codes.unit("SN000001")


def sealed(event: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    """Return an event linked to the one before, with its hash."""
    event = {**event, "prev": before["hash"] if before else None}
    if event["kind"] == "agent_started" and before is not None:
        event |= {
            "previous_epoch": before["epoch"],
            "previous_seq": before["seq"],
            "previous_hash": before["hash"],
        }
    return {**event, "hash": hashlib.sha256(rfc8785.dumps(event)).hexdigest()}


def history(station: str, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """Return events in a row, each with its address, link and hash."""
    chain: list[dict[str, Any]] = []
    epoch, seq = ONE, 0
    for event in events:
        if event["kind"] == "agent_started" and chain:
            epoch, seq = TWO, 0
        seq += 1
        whole = {**event, "station": station, "epoch": epoch, "seq": seq}
        chain.append(sealed(whole, chain[-1] if chain else None))
    return chain


def press_history(unit: str | None = None, kind: str = "unit_completed") -> list[dict[str, Any]]:
    """Return what the press's journal holds: one part, and a restart after it."""
    part = {
        "kind": kind,
        "handshake": "end",
        "generation": 1,
        "request": 1,
        "unit": unit or unit_of(PART),
    }
    return history(PRESS, {"kind": "agent_started"}, part, {"kind": "agent_started"})


def filler_history(n: int = 5) -> list[dict[str, Any]]:
    """Return what the filler's journal holds: some pieces."""
    return history(FILLER, {"kind": "agent_started"}, {"kind": "lot_counted", "n": n})


def message(event: dict[str, Any]) -> bytes:
    """Return an event as it is delivered."""
    return json.dumps({"specversion": "1.0", "data": event}).encode()


def committed(events: Iterable[dict[str, Any]]) -> Committed:
    """Return the book of a journal with these events."""
    rows = list(events)
    return Committed(
        kinds=Counter(row["kind"] for row in rows),
        last={row["epoch"]: row["seq"] for row in rows},
        pieces=sum(row.get("n", 0) for row in rows),
        verdict=Verdict(
            rows=len(rows),
            epochs=len({row["epoch"] for row in rows}),
            whole=True,
            text="whole",
        ),
    )


def books(
    *,
    press: list[dict[str, Any]] | None = None,
    filler: list[dict[str, Any]] | None = None,
    delivered: list[dict[str, Any]] | None = None,
) -> Books:
    """Return the books of one shift; what was delivered is what was committed, if not given."""
    press = press_history() if press is None else press
    filler = filler_history() if filler is None else filler
    got = Delivered()
    for event in [*press, *filler] if delivered is None else delivered:
        got.take(message(event))
    truth = PressTruth(generation=1, parts={(1, 1): PART}, answers={(1, 1): 1}, answers_read=1)
    return Books(
        press=truth,
        filler=FillerTruth(first=100, count=105),
        press_station=PRESS,
        filler_station=FILLER,
        committed={PRESS: committed(press), FILLER: committed(filler)},
        delivered=got,
    )
