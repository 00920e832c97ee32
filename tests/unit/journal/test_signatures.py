"""Signatures of a journal, checked with the walk (X06)."""

import json
from pathlib import Path

import pytest

from agent.formats.checkpoint import fault
from agent.journal.files import DiskFiles
from agent.journal.mark import MarkFile
from agent.journal.signatures import Signed
from agent.journal.verify import Report, verify
from agent.ports import Address, Row
from tests.histories import History, epoch
from tests.unit.formats.test_checkpoint import KEYS
from tests.unit.journal.test_verify import written
from tests.unit.trace.test_signed import rehashed, sign


def checked(directory: Path) -> Report:
    """Return the report with signatures."""
    return verify(directory, check=lambda checkpoint: fault(checkpoint, KEYS))


@pytest.fixture
def history() -> History:
    """An epoch of two units and a signature, one of two units, a signature and a unit."""
    made = History()
    made.start(1)
    made.unit("SN-1")
    sign(made)
    made.start(2)
    made.unit("SN-2")
    sign(made)
    made.unit("SN-3")
    return made


def test_signatures_that_hold(tmp_path: Path, history: History) -> None:
    """What is signed is named, as a consumer's proof does, and how much is behind the signature.

    Who does not ask is told nothing.
    """
    written(tmp_path, history).close()
    report = checked(tmp_path)
    at = "2026-11-30T09:00:00.000Z"
    assert report.signed == Signed(
        checkpoints=2, newest=Address(epoch(2), 2), at=at, unsigned=1, bad=()
    )
    assert report.is_whole
    assert report.text().splitlines()[1:] == [
        f"  signed {at} up to {epoch(2)}-2 (2 signatures); 1 events after it are not signed yet",
        "  whole",
    ]
    assert verify(tmp_path).signed is None


def test_a_journal_without_signatures_is_not_proven_by_a_key(tmp_path: Path) -> None:
    """Asked for signatures, a journal that has none is not whole, and the report says why."""
    made = History()
    made.start(1)
    written(tmp_path, made).close()
    report = checked(tmp_path)
    assert (report.is_whole, report.first_bad) == (False, None)
    assert report.text().splitlines()[1:] == [
        "  NOT SIGNED: none of 1 events stands before a signature",
        "  NOT WHOLE",
    ]


def test_a_journal_edited_by_hand_is_found_although_every_hash_fits(
    tmp_path: Path, history: History
) -> None:
    """X06: rows, links and mark are computed anew; the signature is what cannot be."""
    events = [json.loads(row.body) for row in history.rows]
    events[1]["unit"] = "SN-77"
    forged = History()
    forged.rows = [
        Row(
            epoch=event["epoch"],
            seq=event["seq"],
            kind=event["kind"],
            unit=event.get("unit"),
            wall_ms=row.wall_ms,
            body=json.dumps(
                {key: value for key, value in sorted(event.items()) if key != "hash"},
                separators=(",", ":"),
            ).encode()[:-1]
            + f',"hash":"{event["hash"]}"}}'.encode(),
            hash=event["hash"],
        )
        for event, row in zip(rehashed(events), history.rows, strict=True)
    ]
    written(tmp_path, forged).close()
    assert verify(tmp_path).is_whole
    report = checked(tmp_path)
    assert report.signed is not None
    assert (report.is_whole, report.first_bad) == (False, f"{epoch(1)}-3")
    why = "its signature does not hold"
    assert report.signed.bad == ((Address(epoch(1), 3), why), (Address(epoch(2), 3), why))
    assert report.signed.unsigned == 7
    assert report.text().splitlines()[1:] == [
        f"  FALSE SIGNATURE {epoch(1)}-3: {why}",
        f"  FALSE SIGNATURE {epoch(2)}-3: {why}",
        "  NOT SIGNED: none of 7 events stands before a signature",
        f"  NOT WHOLE, first at {epoch(1)}-3",
    ]


def test_a_loss_before_a_false_signature_is_named_first(tmp_path: Path, history: History) -> None:
    """The oldest of what does not hold is the first bad one."""
    written(tmp_path, history).close()
    last = history.rows[-1]
    MarkFile(DiskFiles(), tmp_path / "mark").write(Address(last.epoch, last.seq + 2), "ab" * 32)
    report = checked(tmp_path)
    assert (report.first_bad, report.is_whole) == (f"{epoch(2)}-5", False)
