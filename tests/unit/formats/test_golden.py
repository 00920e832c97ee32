"""Golden vectors: the bytes and hashes that every version has to make of these events.

tests/data/golden/journal.jsonl holds one row a line, envelopes.jsonl the messages made of them. A
change here breaks consumers: it needs a new schema version, not a new file.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import rfc8785

from agent.core.events import (
    Certainty,
    ClockStepped,
    ComponentUse,
    LinkLost,
    OperatorRef,
    Result,
    StateCarried,
    UnitCompleted,
    Value,
    Why,
)
from agent.formats.cloudevents import envelope
from drivers.base import Quality
from tests.histories import History

GOLDEN = Path(__file__).parents[2] / "data/golden"


def history() -> History:
    """Return two epochs with everything that is easily written differently."""
    made = History()
    made.start(1)
    made.add(LinkLost, device="plc", reason='timeout after 2.0 s: "ü€\U0001f600", \x01 \x7f \\')
    made.add(
        UnitCompleted,
        order="WO-104711",
        operators=(OperatorRef(ref="k1:bedb4575d0b25d22"),),
        unit="https://id.gs1.org/01/09506000134352/21/LOT7-0042",
        cycle="c-88123",
        handshake="end",
        generation=1,
        visit=1,
        request=2**53,
        content=(2**64 - 1, -0.0, 5.0, None, True, "text", float("inf")),
        answer=1,
        earliest_ms=81_244_100,
        latest_ms=81_244_161,
        result=Result.OK,
        certainty=Certainty.POSSIBLE,
        why=(Why.BOUNDARY_UNCERTAIN,),
        because=("000001-01010101-1", "000001-01010101-2"),
        values=(
            Value(name="force", value=12.25, quality=Quality.GOOD, measure="kN"),
            Value(name="tiny", value=1.5e-7, quality=Quality.GOOD, source_ms=1_795_338_904_120),
            Value(name="huge", value=1e16, quality=Quality.UNCERTAIN, code="0x40900000"),
            Value(name="broken", value=float("nan"), quality=Quality.GOOD),
        ),
        components=(
            ComponentUse(
                position="F3",
                candidates=("LOT-A", "LOT-B"),
                certainty=Certainty.POSSIBLE,
                why=Why.BOUNDARY_UNCERTAIN,
                loads=("000001-01010101-1",),
            ),
        ),
    )
    made.start(2, carried=1)
    made.add(
        StateCarried,
        part="free",
        part_schema=1,
        body={"\ufb33": 1e21, "\U0001f600": [0.1, {"empty": {}}], "a": None},
        last=True,
    )
    made.add(ClockStepped, step_ms=-30_000)
    return made


def parsed(line: bytes) -> dict[str, Any]:
    """Return what a consumer reads: every number is a double, whole ones below 2**53 integers."""
    members = json.loads(line, parse_int=lambda text: int(text) if len(text) < 16 else float(text))
    assert isinstance(members, dict)
    return members


def lines(name: str) -> list[bytes]:
    """Return the lines of a golden file."""
    return (GOLDEN / name).read_bytes().splitlines()


def test_rows_are_written_as_ever() -> None:
    """The same events make the same bytes and hashes in every version."""
    assert [row.body for row in history().rows] == lines("journal.jsonl")


def test_messages_are_written_as_ever() -> None:
    """The same rows make the same messages in every version."""
    rows = history().rows
    assert [envelope(row.body, after="000001-01010101-1") for row in rows] == lines(
        "envelopes.jsonl"
    )


def test_golden_rows_prove_themselves_to_anybody() -> None:
    """With JSON, `rfc8785` and SHA-256 alone: each hash fits, and names the one before."""
    prev = None
    for line in lines("journal.jsonl"):
        members = parsed(line)
        digest = members.pop("hash")
        assert sha256(rfc8785.dumps(members)).hexdigest() == digest
        assert members.get("prev") == prev
        prev = digest
