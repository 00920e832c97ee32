"""The trace store: a source is taken whole and once, and answers as the facts themselves do."""

import json
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from agent.trace.api import Trace
from agent.trace.drawing import Sight
from agent.trace.engines import engine_of
from agent.trace.genealogy import Kind, recall, where_from, where_used
from agent.trace.holdings import completeness
from agent.trace.importing import read_source
from agent.trace.interchange import Facts, Slot, Streamed, facts_of
from agent.trace.report import recall_report
from agent.trace.rows import ROWS_AT_ONCE
from agent.trace.selecting import Selection
from agent.trace.store import SCHEMA_VERSION, Store, TraceStoreError
from tests.trace_rig import Plant, derived

Fresh = Callable[[], str]
SIX_MS = 1_795_586_400_000
"""2026-11-25T06:00:00Z."""
SMALL = Path("tests/data/trace/genealogy_small.json")


def test_the_store_answers_as_the_facts_do(fresh: Fresh) -> None:
    """Each query of the small plant has the same answer from tables as from memory."""
    streamed, body = read_source(SMALL)
    document = json.loads(zlib.decompress(body))
    facts, queries = facts_of(document["events"]), document["queries"]
    with Store.open(fresh()) as store:
        assert store.take("small", streamed, body) == len(facts.slots)
        for query in queries:
            ask = {"where_used": where_used, "where_from": where_from, "recall": recall}[query["q"]]
            assert ask(store, query["of"]) == ask(facts, query["of"]), query


def test_taking_a_source_again_replaces_it(fresh: Fresh) -> None:
    """The same file twice is the same file once; what it no longer says is gone (D-137)."""
    before, after = Facts(all_units={"U"}), Facts(all_units={"U"})
    before.add(Slot("U", Kind.FEED, ("OLD",)))
    after.add(Slot("U", Kind.FEED, ("NEW", "NEWER")))
    with Store.open(fresh()) as store:
        for facts in (before, before, after):
            store.take("mes", facts, b"{}")
        assert where_from(store, "U").possible == ["NEW", "NEWER"]
        assert where_used(store, "OLD").certain == []
        assert (store.size().sources, store.size().uses) == (1, 2)


def test_half_an_import_is_never_left(fresh: Fresh) -> None:
    """What ends it in the middle of a large file takes back all of it; what was there is there."""
    before = Facts(all_units={"U"})
    before.add(Slot("U", Kind.FEED, ("OLD",)))
    torn = _Torn([{"type": "scrap", "unit": name} for name in ("U", "NEW")], None, lambda: str)
    with Store.open(fresh()) as store:
        store.take("mes", before, b"{}")
        size = store.size()
        with pytest.raises(RuntimeError, match="torn"):
            store.take("mes", torn, b"{}")
        assert store.size() == size
        assert where_from(store, "U").certain == ["OLD"]
        assert (store.scrapped({"U"}), store.knows("NEW")) == (set(), False)


class _Torn(Streamed):
    """A file of which the last cannot be had, when much of it is in the store already."""

    @property
    def slots(self) -> Iterator[Slot]:
        """Yield more than go in at once, and fail."""
        for number in range(2 * ROWS_AT_ONCE):
            yield Slot("U", Kind.FEED, (f"L-{number % 7}",))
        raise RuntimeError("torn")


def test_a_file_that_says_no_longer_that_a_unit_is_scrap_is_believed(fresh: Fresh) -> None:
    """What was scrap by a slip comes back into the list, unless another file says so too (D-4)."""
    before, after = Facts(all_units={"U"}, all_scrapped={"U"}), Facts(all_units={"U"})
    for facts in (before, after):
        facts.add(Slot("U", Kind.FEED, ("LOT",)))
    with Store.open(fresh()) as store:
        store.take("mes", before, b"{}")
        store.take("erp", before, b"{}")
        store.take("mes", after, b"{}")
        assert recall(store, "LOT").scrapped == ["U"]
        store.take("erp", after, b"{}")
        assert recall(store, "LOT").certain == ["U"]


def test_two_sources_speak_of_the_same_things(fresh: Fresh) -> None:
    """What one file puts into a unit and another puts the unit into is one history."""
    inner, outer = Facts(all_units={"U"}), Facts(all_units={"U", "BOX"})
    inner.add(Slot("U", Kind.FEED, ("LOT",)))
    outer.add(Slot("BOX", Kind.PART, ("U",)))
    where = fresh()
    with Store.open(where) as store:
        store.take("a", inner, b"a")
        store.take("b", outer, b"b")
    with Store.open(where) as again:
        assert recall(again, "LOT").certain == ["BOX"]
        assert recall(again, "unheard of").certain == []


def test_a_newer_store_is_left_alone(fresh: Fresh) -> None:
    """A store that a newer version made is refused, not written to."""
    where = fresh()
    Store.open(where).close()
    engine = engine_of(where)
    with engine.begin() as connection:
        connection.execute(text("UPDATE meta SET value = '999' WHERE name = 'schema'"))
    engine.dispose()
    with pytest.raises(TraceStoreError, match="newer version; install that version again"):
        Store.open(where)


@pytest.mark.parametrize("where", ["/proc/no/such/trace.db", "nosuchdb://host/name"])
def test_a_store_that_cannot_be_opened_says_so(where: str) -> None:
    """The text names the place; there is no traceback."""
    with pytest.raises(TraceStoreError, match=where):
        Store.open(where)


def test_a_file_that_is_no_store_says_so(tmp_path: Path) -> None:
    """Another program's file is not written over."""
    path = tmp_path / "trace.db"
    path.write_bytes(b"something else entirely, and long enough to be looked at" * 20)
    with pytest.raises(TraceStoreError, match="not a database"):
        Store.open(str(path))
    assert path.read_bytes().startswith(b"something else")


_AS_LABELS = """INSERT INTO labels SELECT s.what, s.name, l.event
    FROM labelled AS l JOIN set_labels AS s ON s.labels = l.labels"""


def test_a_store_of_an_older_version_is_brought_up_to_this_one(fresh: Fresh) -> None:
    """What it held is there, what came since can be kept, and it says so once (no second time)."""
    where = fresh()
    facts = Facts(all_units={"U", "W"}, all_scrapped={"W"})
    facts.add(Slot("U", Kind.FEED, ("LOT",)))
    facts.add(Slot("W", Kind.FEED, ("LOT",)))
    plant = Plant()
    ground = plant.add("carrier_loaded", carrier="C-1", unit="U1", latest_ms=0)
    plant.unit("U1", "L-2", because=[ground])
    plant.correct(ground, unit="U2")
    plant.add("cycle_missed", n=2, reason="counter", first_ms=2_000, last_ms=3_000)
    with Store.open(where) as store:
        store.take("mes", facts, b"{}")
        store.take_events(plant.events)
        wanted = recall_report(store, Selection(since_ms=SIX_MS, until_ms=SIX_MS + 2_500))
        by_machine = recall_report(store, Selection(machine="press"))
    engine = engine_of(where)
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX uses_by_slot"))
        connection.execute(text("DROP INDEX events_unseen"))
        connection.execute(text("ALTER TABLE uses DROP COLUMN why"))
        connection.execute(text("ALTER TABLE events DROP COLUMN began_ms"))
        connection.execute(text("UPDATE events SET boot = NULL WHERE kind = 'cycle_missed'"))
        connection.execute(text("DELETE FROM refs WHERE kind = 'grounds'"))
        connection.execute(text("CREATE TABLE labels (what TEXT, name TEXT, event BIGINT)"))
        connection.execute(text(_AS_LABELS))
        for table in ("labelled", "set_labels", "label_sets"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("ALTER TABLE things ADD COLUMN is_scrapped BOOLEAN"))
        connection.execute(text("UPDATE things SET is_scrapped = (name = 'W')"))
        connection.execute(text("DROP TABLE scrapped"))
        connection.execute(text("UPDATE meta SET value = '1' WHERE name = 'schema'"))
    engine.dispose()
    for _ in range(2):
        with Store.open(where) as store:
            found = recall(store, "LOT")
            assert (found.certain, found.scrapped) == (["U"], ["W"])
            asked = Selection(since_ms=SIX_MS, until_ms=SIX_MS + 2_500)
            assert recall_report(store, asked)["unidentified"] == wanted["unidentified"]
            found_now = recall_report(store, Selection(machine="press"))
            assert found_now["possible"] == by_machine["possible"] != []
            store.rebuild()
            store.take("mes", facts, b"{}")
            assert recall_report(store, asked) == wanted
            assert "U1" in recall(store, "L-2").possible
            assert [each["up_to"] for each in wanted["unidentified"]] == [2 + 1]  # and in doubt
            assert store.noted("schema") == {"": str(SCHEMA_VERSION)}


def test_what_an_older_version_derived_is_said_with_each_answer(fresh: Fresh) -> None:
    """Until it is derived anew: an answer may be too narrow, and nobody gets it untold (D-4).

    A CSV has nothing more to tell; what has its stations already is as it should be.
    """
    where = fresh()
    plant = Plant()
    plant.unit("U1", "L-1")
    fed, seen = Facts(all_units={"U"}), Facts(all_units={"U"})
    for facts in (fed, seen):
        facts.add(Slot("U", Kind.FEED, ("LOT",)))
    seen.sights = [Sight("U", 1.0, 2.0, "S")]
    sources = {"/a/mes.json": fed, "/a/units.csv": fed, "/a/now.json": seen}
    with Store.open(where) as store:
        assert store.outdated() == []
        for name, facts in sources.items():
            store.take(name, facts, b"{}")
        store.take_events(plant.events)
    for _ in range(2):
        engine = engine_of(where)
        with engine.begin() as connection:  # a store may be noted by several versions
            connection.execute(text("UPDATE meta SET value = '9' WHERE name = 'schema'"))
        engine.dispose()
        with Store.open(where) as store:
            by_events, by_import = told = store.outdated()
            assert "`lineside trace rebuild`" in by_events
            assert "`lineside trace import /a/mes.json`" in by_import
            assert recall_report(store, "L-1")["outdated"] == told
    with Store.open(where) as store:
        store.rebuild()
        assert store.outdated() == [by_import]
        store.take("/a/mes.json", fed, b"{}")
        assert store.outdated() == []
        assert recall_report(store, "L-1")["outdated"] == []


_INDEXES = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": """SELECT replace(indexdef, schemaname || '.', '') FROM pg_indexes
        WHERE schemaname = current_schema()""",
}


def _indexes(where: str) -> set[str]:
    engine = engine_of(where)
    with engine.begin() as connection:
        found = connection.execute(text(_INDEXES[connection.dialect.name])).fetchall()
    engine.dispose()
    return {" ".join(said.split()) for (said,) in found}


def test_a_store_of_the_version_before_gets_the_indexes_of_a_new_one(fresh: Fresh) -> None:
    """Each, with the same columns and terms: else it answers, and more slowly by the day."""
    where = fresh()
    Store.open(where).close()
    wanted = _indexes(where)
    engine = engine_of(where)
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX events_unseen"))
        connection.execute(text("UPDATE meta SET value = '7' WHERE name = 'schema'"))
    engine.dispose()
    assert len(_indexes(where)) == len(wanted) - 1
    Store.open(where).close()
    assert _indexes(where) == wanted


def test_two_writers_of_one_store_lose_and_double_nothing(fresh: Fresh) -> None:
    """Each takes half of the events, some of them both, at once: every event is there once."""
    where, plant = fresh(), Plant()
    for number in range(120):
        plant.unit(f"U{number}", f"LOT-{number % 3}", station=f"acme/press-{number % 4}")
    Store.open(where).close()

    def take(first: int) -> tuple[int, int]:
        """Take in what is this writer's, and every tenth whoever's it is."""
        mine = [e for n, e in enumerate(plant.events) if n % 2 == first or n % 10 == 0]
        new = known = 0
        with Store.open(where) as store:
            for at in range(0, len(mine), 7):
                taken = store.take_events(mine[at : at + 7])
                new, known = new + taken.new, known + taken.known
        return new, known

    with ThreadPoolExecutor(2) as threads:
        (new, known), (more_new, more_known) = threads.map(take, (0, 1))
    assert (new + more_new, known + more_known) == (120, 12)
    with Store.open(where) as store, Store.open(fresh()) as alone:
        alone.take_events(plant.events)
        assert derived(store) == derived(alone)
        assert [of.events for of in completeness(store.archive)] == [30] * 4


@pytest.mark.parametrize("where", ["postgresql://u:geheim@127.0.0.1:1/x", "nosuchdb://u:geheim@h"])
def test_no_password_is_in_what_is_said(where: str) -> None:
    """A database that cannot be reached is named without it."""
    with pytest.raises(TraceStoreError, match="u:") as told:
        Store.open(where)
    assert "geheim" not in str(told.value)


def test_an_answer_is_of_one_state_whatever_is_written_meanwhile(fresh: Fresh) -> None:
    """A correction that comes between two queries of a question changes the next answer only."""
    where, plant = fresh(), Plant()
    cycle = plant.unit("U1", "LOT")
    before = list(plant.events)
    plant.correct(cycle, unit="U2")
    plant.unit("U3", "LOT")
    with Trace.open(where) as trace, ThreadPoolExecutor(1) as beside:
        trace.take_events(before)
        with trace.store.snapshot():
            first = trace.recall("LOT")
            writing = beside.submit(_taken, where, plant.events[1:])
            if where.startswith("postgresql"):  # a file's reader makes its writer wait
                writing.result()
            assert trace.recall("LOT") == first
        writing.result()
        assert [one["unit"] for one in first["certain"]] == ["U1"]
        assert [one["unit"] for one in trace.recall("LOT")["certain"]] == ["U2", "U3"]


def _taken(where: str, events: list[dict[str, Any]]) -> None:
    with Store.open(where) as store:
        store.take_events(events)
