"""The trace store: a source is taken whole and once, and answers as the facts themselves do."""

import json
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from agent.trace.genealogy import Kind, recall, where_from, where_used
from agent.trace.importing import read_source
from agent.trace.interchange import Facts, Slot
from agent.trace.store import Store, TraceStoreError

SMALL = Path("tests/data/trace/genealogy_small.json")


def test_the_store_answers_as_the_facts_do(tmp_path: Path) -> None:
    """Each query of the small plant has the same answer from tables as from memory."""
    facts, body = read_source(SMALL)
    queries = json.loads(body)["queries"]
    with Store.open(str(tmp_path / "trace.db")) as store:
        store.take("small", facts, body)
        for query in queries:
            ask = {"where_used": where_used, "where_from": where_from, "recall": recall}[query["q"]]
            assert ask(store, query["of"]) == ask(facts, query["of"]), query


def test_taking_a_source_again_replaces_it(tmp_path: Path) -> None:
    """The same file twice is the same file once; what it no longer says is gone (D-137)."""
    before, after = Facts(all_units={"U"}), Facts(all_units={"U"})
    before.add(Slot("U", Kind.FEED, ("OLD",)))
    after.add(Slot("U", Kind.FEED, ("NEW", "NEWER")))
    with Store.open(str(tmp_path / "trace.db")) as store:
        for facts in (before, before, after):
            store.take("mes", facts, b"{}")
        assert where_from(store, "U").possible == ["NEW", "NEWER"]
        assert where_used(store, "OLD").certain == []
        assert (store.size().sources, store.size().uses) == (1, 2)


def test_two_sources_speak_of_the_same_things(tmp_path: Path) -> None:
    """What one file puts into a unit and another puts the unit into is one history."""
    inner, outer = Facts(all_units={"U"}), Facts(all_units={"U", "BOX"})
    inner.add(Slot("U", Kind.FEED, ("LOT",)))
    outer.add(Slot("BOX", Kind.PART, ("U",)))
    with Store.open(str(tmp_path / "trace.db")) as store:
        store.take("a", inner, b"a")
        store.take("b", outer, b"b")
    with Store.open(str(tmp_path / "trace.db")) as again:
        assert recall(again, "LOT").certain == ["BOX"]
        assert recall(again, "unheard of").certain == []


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    """A store that a newer version made is refused, not written to."""
    path = tmp_path / "trace.db"
    Store.open(str(path)).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE meta SET value = '999' WHERE name = 'schema'"))
    engine.dispose()
    with pytest.raises(TraceStoreError, match="newer version; install that version again"):
        Store.open(str(path))


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
