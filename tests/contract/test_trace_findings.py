"""What the doctor finds, and what a recall takes of sub-lots: the same in every database."""

import pytest

from agent.demo import worked_example as line
from agent.demo.worked_example import Shift
from agent.trace.api import Trace
from agent.trace.doctor import Finding, Mistake, Period, examine
from agent.trace.report import content_hash
from tests.trace_rig import Plant, documents, stored

pytestmark = pytest.mark.usefixtures("fresh")
SHIFT = Shift(units=200, faulty=14, place=101)


def plant() -> Plant:
    """Serials that join nothing, two of them spelt twice, and a reader that fails."""
    found = Plant()
    found.add("agent_started")
    for n in range(30):
        found.unit(f"sn-{n}")
        found.add("no_read", device="äb" if n % 2 else "Zc")
    found.unit("SN-7")
    found.unit("Sn 1")
    return found


def found() -> list[Finding]:
    """Return what is found in a store of its own."""
    uncut = documents(line.counted(SHIFT))
    with stored(plant().events, uncut) as store:
        return examine(store, Period(since_ms=0))


def test_every_database_has_the_same_findings() -> None:
    """Counts, examples and their order do not depend on how a database sorts (D-14)."""
    findings = {each.mistake: each for each in found()}
    assert findings.keys() == {
        Mistake.UNLINKED_SERIALS,
        Mistake.TWO_SPELLINGS,
        Mistake.SCANS_FAIL,
        Mistake.LOTS_TOO_WIDE,
    }
    assert findings[Mistake.UNLINKED_SERIALS].examples == ("SN-7", "Sn 1", "sn-0")
    assert findings[Mistake.TWO_SPELLINGS].examples == ("SN-7 and sn-7", "Sn 1 and sn-1")
    assert findings[Mistake.SCANS_FAIL].examples == ("15 x no_read at Zc", "15 x no_read at äb")
    assert findings[Mistake.LOTS_TOO_WIDE].counts["recalled"] == 200


def test_every_database_recalls_the_same_sublots() -> None:
    """The sub-lots touched, their pieces, and what whole lots would take (D-10)."""
    with stored(documents(line.counted(SHIFT, 10))) as store:
        report = Trace(store).recall("CL-BAD")
    assert [each["lot"] for each in report["lots"]] == ["PL-5000/0011", "PL-5000/0012"]
    assert report["scopes"] == {
        "by_links": 0,
        "pieces_by_lots": 20,
        "pieces_by_whole_lots": 200,
    }
    assert report["content_hash"] == content_hash(report)
