"""`lineside plan`, composed: the example list, and whether the sizes it reckons with are true."""

from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from agent.app.planning import document, plan
from agent.core.events import Event
from agent.core.plan import Grain, Part, ProductFacts, Rank
from agent.core.plan_findings import Mistake
from agent.core.plan_volume import Load, daily
from agent.demo import worked_example as line
from agent.demo.worked_example import Shift
from agent.journal.chain import seal
from agent.journal.opening import open_journal
from agent.ports import Row
from agent.trace.api import Trace
from tests.doubles import InlineWorker, ManualClock
from tests.histories import rim

EXAMPLE = Path(__file__).parents[3] / "config" / "plan" / "products.yaml"
SHIFT = Shift(units=1_000, faulty=140, place=405)
FACTS = ProductFacts(
    name="valve",
    per_day=SHIFT.units,
    lot=SHIFT.units,
    value=Rank.LOW,
    consequence=Rank.LOW,
    parts=(Part(name="housing", by=Grain.LOT, package=333),),
    cycle_s=0.1,
)


def sealed(events: Sequence[Event]) -> list[Row]:
    """Return events as a station stores them."""
    rows: list[Row] = []
    for event in events:
        rows.append(seal(event, rows[-1].hash if rows else None))
    return rows


async def fill_journal(rows: Sequence[Row], directory: Path) -> None:
    """Put rows into a journal of their own."""
    small = rim(ManualClock(), worker=lambda _: InlineWorker(), ballast_bytes=0, reserve_bytes=0)
    journal, _ = await open_journal(directory, "acme", small)
    for begin in range(0, len(rows), 100):
        await journal.append(rows[begin : begin + 100])
    await journal.close()


def in_store(rows: Sequence[Row], path: Path) -> int:
    """Return how large a trace store of these is."""
    with Trace.open(str(path)) as trace:
        trace.take_events(orjson.loads(row.body) for row in rows)
    return path.stat().st_size


@pytest.mark.parametrize("size", [1, 10])
async def test_the_figures_are_those_of_the_product(size: int, tmp_path: Path) -> None:
    """What a day is reckoned to take is what events, journal and store do take (D-13)."""
    events = line.bound(SHIFT) if size == 1 else line.counted(SHIFT, size)
    rows = sealed(events)
    await fill_journal([], tmp_path / "empty")
    await fill_journal(rows, tmp_path / "full")
    journal, none = (tmp_path / name / "journal.db" for name in ("full", "empty"))
    store = in_store(rows, tmp_path / "full.db") - in_store([], tmp_path / "empty.db")
    load: Load = daily(FACTS, size)
    assert load.events == pytest.approx(len(rows), rel=0.1)
    assert load.bytes == pytest.approx(sum(len(row.body) for row in rows), rel=0.15)
    assert load.journal_bytes == pytest.approx(
        journal.stat().st_size - none.stat().st_size, rel=0.2
    )
    assert load.store_bytes == pytest.approx(store, rel=0.2)


def test_the_example_has_each_mistake_once_and_a_proposal_for_all() -> None:
    """config/plan/products.yaml shows lot, serial and both, and the four classic mistakes."""
    found = plan(EXAMPLE)
    told = {each.facts.name: (each.advice.by, each.advice.sublot) for each in found.products}
    assert told == {
        "screw": ("lot", None),
        "valve": ("lot", 500),
        "airbag-sensor": ("serial", None),
        "battery": ("serial", None),
        "gear": ("both", None),
    }
    mistakes = [each.mistake for product in found.products for each in product.findings]
    assert set(mistakes) == set(Mistake)
    assert found.buffer_bytes < found.kept_bytes


def test_the_document_says_what_the_table_says() -> None:
    """Each option, each finding and each gap is in the JSON, by public names."""
    told = document(plan(EXAMPLE))
    screw, valve, *_ = told["products"]
    assert valve["cheapest"] == "sub-lots of 10"
    assert screw["cheapest"] is None
    assert [each["title"] for each in valve["findings"]] == ["lots where the risk is high"]
    (proposed,) = (option for option in valve["options"] if option["proposed"])
    assert (proposed["name"], proposed["expected_scope"], proposed["worst_scope"]) == (
        "sub-lots of 500",
        628.7,
        1_000,
    )
