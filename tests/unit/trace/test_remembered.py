"""The look-up's file: what is taken, what counts, what is forgotten, and what becomes of damage."""

from pathlib import Path
from typing import Any

import apsw
import pytest

from agent.core.events import (
    ITSELF,
    ComponentInstalled,
    ComponentRemoved,
    EventCorrected,
    HistoryLost,
    LotBlocked,
    LotUnblocked,
    UnitCompleted,
    UnitReidentified,
    UnitUnbound,
)
from agent.ports import StoreError
from agent.trace.facts_file import ASIDE, FORGET_ROWS, BrokenError, UnusableError, set_aside
from agent.trace.lookup import FILE
from agent.trace.remembered import Store
from tests.doubles import MORNING_MS
from tests.histories import STATION, History, epoch


def opened(tmp_path: Path) -> Store:
    """Open the store of these tests."""
    return Store(tmp_path / FILE, STATION)


def correct(history: History, seq: int, **said: Any) -> None:  # noqa: ANN401 - of EventCorrected
    """Add the correction of an event of the first epoch; without more it is retracted."""
    given = {"who": "k:1", "reason": "wrong label", "retracted": not said} | said
    history.add(EventCorrected, supersedes=(f"{epoch(1)}-{seq}",), **given)


def begun() -> History:
    """Return a history that has begun."""
    history = History()
    history.start(1)
    return history


def seen(store: Store, unit: str) -> list[tuple[int, bool]]:
    """Return (seq, whether it is certain) of a unit's visits."""
    stays = store.history({unit}).stays
    return [(int(stay.address.rpartition("-")[2]), stay.certain) for stay in stays]


def test_what_was_taken_is_known_before_it_is_committed(tmp_path: Path) -> None:
    """A question sees everything; what a kill loses, uncommitted, is told again."""
    history = begun()
    history.unit("SN-1")
    store = opened(tmp_path)
    store.take(history.rows)
    assert seen(store, "SN-1") == [(2, True)]
    assert (store.committed, store.since) == (None, "")
    store.commit()
    history.unit("SN-1", visit=2)
    store.take(history.rows[2:])
    store.close()
    again = opened(tmp_path)
    assert (again.heard, again.committed) == (history.rows[1].address,) * 2
    again.take(history.rows[2:])
    assert seen(again, "SN-1") == [(2, True), (3, True)]
    again.close()


def test_what_is_taken_twice_stands_once(tmp_path: Path) -> None:
    """A fact is kept under its address."""
    history = begun()
    history.unit("SN-1")
    store = opened(tmp_path)
    for _ in range(2):
        store.take(history.rows)
        store.rewind(None)
    assert seen(store, "SN-1") == [(2, True)]
    store.close()


def test_corrections(tmp_path: Path) -> None:
    """What a person retracts does not count; what the agent doubts is not certain (D-143)."""
    history = begun()
    for serial in ("SN-1", "SN-2", "SN-3"):
        history.unit(serial)
    correct(history, 2)
    correct(history, 3, who=ITSELF)
    correct(history, 4)
    correct(history, 7)
    correct(history, 9)  # of itself: not heard of before it, so nothing
    store = opened(tmp_path)
    store.take(history.rows)
    assert seen(store, "SN-1") == []
    assert seen(store, "SN-2") == [(3, False)]
    assert seen(store, "SN-3") == [(4, True)]  # its correction was corrected
    store.close()


def test_what_is_right_instead(tmp_path: Path) -> None:
    """A corrected result, another unit, an unbound cycle that a person resolved (D-25, D-143)."""
    history = begun()
    for serial in ("SN-1", "SN-2", "SN-3"):
        history.unit(serial)
    unbound = {"cycle": "c-9", "handshake": "end", "generation": 1, "answer": 8}
    history.add(UnitUnbound, **unbound, earliest_ms=1, latest_ms=2)
    kind = UnitCompleted.kind
    correct(history, 2, corrects=kind, replacement=(("result", "nok"), ("values.force", "1")))
    correct(history, 3, corrects=kind, replacement=(("unit", "SN-9"),))
    correct(history, 4, corrects=kind, replacement=(("unit", "SN-8"),))
    correct(history, 8, corrects=kind, replacement=(("unit", "SN-7"),))
    history.add(
        EventCorrected,
        supersedes=(f"{epoch(1)}-8", f"{epoch(1)}-4"),
        who="k:1",
        reason="no, that one",
        corrects=kind,
        replacement=(("unit", "SN-6"),),
    )
    resolved = (("unit", "SN-5"), ("result", "ok"))
    correct(history, 5, corrects=UnitUnbound.kind, replacement=resolved)
    store = opened(tmp_path)
    store.take(history.rows)
    (first,) = store.history({"SN-1"}).stays
    assert (first.result, first.certain) == ("nok", True)
    assert (seen(store, "SN-2"), seen(store, "SN-9")) == ([], [(3, True)])
    assert [seen(store, name) for name in ("SN-3", "SN-8", "SN-6")] == [[], [], [(4, True)]]
    (found,) = store.history({"SN-5"}).stays
    assert (found.kind, found.result) == (kind, "ok")
    store.close()


def test_a_component_that_was_another(tmp_path: Path) -> None:
    """A person says which component went where; the rest stays as it was (D-143)."""
    history = begun()
    install(history, "ECU-1", "SN-1")
    kind = ComponentInstalled.kind
    correct(history, 2, corrects=kind, replacement=(("component", "ECU-2"), ("unit", "SN-2")))
    store = opened(tmp_path)
    store.take(history.rows)
    assert store.component("ECU-1") is None
    place = store.component("ECU-2")
    assert place is not None
    assert (place.unit, place.position) == ("SN-2", "ecu")
    store.close()


def test_other_names(tmp_path: Path) -> None:
    """Whatever name is asked for, all visits of the unit are found (D-37)."""
    history = begun()
    history.unit("PAPER-1")
    history.unit("SN-1")
    for old, new in (("PAPER-1", "SN-1"), ("SN-1", "VIN-1"), ("VIN-1", "SN-9")):
        history.add(UnitReidentified, unit=old, new=new, who="k:1", reason="mark")
    correct(history, 6)
    store = opened(tmp_path)
    store.take(history.rows)
    for name in ("PAPER-1", "SN-1", "VIN-1"):
        found = store.history({name})
        assert found.names == ("PAPER-1", "SN-1", "VIN-1")
        assert len(found.stays) == 2
    assert store.history({"SN-2"}).names == ("SN-2",)
    renamed = [store.history({name}, name).renamed_to for name in ("PAPER-1", "SN-1", "VIN-1")]
    assert renamed == ["SN-1", "VIN-1", None]
    store.close()


def install(history: History, component: str, unit: str) -> None:
    """Add an installation."""
    history.add(ComponentInstalled, position="ecu", component=component, unit=unit, cycle="c-1")


def test_where_a_component_is(tmp_path: Path) -> None:
    """The newest move that stands says it (D-42)."""
    history = begun()
    install(history, "ECU-1", "SN-1")
    history.add(ComponentRemoved, component="ECU-1")
    install(history, "ECU-1", "SN-2")
    store = opened(tmp_path)
    store.take(history.rows)
    place = store.component("ECU-1")
    assert place is not None
    assert (place.unit, place.position) == ("SN-2", "ecu")
    assert store.component("ECU-2") is None
    correct(history, 4)
    store.take(history.rows[-1:])
    place = store.component("ECU-1")
    assert place is not None
    assert place.unit is None
    store.close()


def test_blocked_lots(tmp_path: Path) -> None:
    """A lot is blocked until each who blocked it releases it; a retracted block is none (D-56)."""
    history = begun()
    for lot, source in (("L-1", "file"), ("L-1", "scan"), ("L-2", "scan"), ("L-3", "scan")):
        history.add(LotBlocked, lot=lot, source=source)
    history.add(LotUnblocked, lot="L-1", source="scan")
    history.add(LotUnblocked, lot="L-2", source="scan")
    store = opened(tmp_path)
    store.take(history.rows)
    assert store.blocked == {"L-1", "L-3"}
    correct(history, 5)
    store.take(history.rows[-1:])
    assert store.blocked == {"L-1"}
    store.commit()
    store.close()
    again = opened(tmp_path)
    assert again.blocked == {"L-1"}
    again.close()


def test_knowledge_begins_where_rows_are_missing(tmp_path: Path) -> None:
    """A journal that begins later, or a hole in it: from the first row after it all is known."""
    history = begun()
    history.unit("SN-1")
    history.start(2)
    history.unit("SN-2")
    store = opened(tmp_path)
    store.take(history.rows[1:])
    assert store.since == f"{epoch(1)}-2"
    store.take(history.rows[3:])
    assert store.since == f"{epoch(2)}-2"
    store.close()


def test_a_loss_that_was_heard_before_is_none_here(tmp_path: Path) -> None:
    """What was taken before the journal lost it stays known; what was not taken is missing."""
    history = begun()
    history.unit("SN-1")
    history.unit("SN-2")
    store = opened(tmp_path)
    store.take(history.rows)
    after = History()
    after.rows, after._last, after._hash = [], history.rows[0].address, history.rows[0].hash  # noqa: SLF001 - a journal that came back shorter
    after.start(2)
    after.add(HistoryLost, lost_epoch=epoch(1), first_seq=2, last_seq=3, reason="mark")
    store.rewind(history.rows[0].address)
    assert store.heard == history.rows[0].address
    store.take(after.rows)
    assert store.since == ""
    assert seen(store, "SN-2") == [(3, True)]
    after.add(HistoryLost, lost_epoch=epoch(1), first_seq=2, last_seq=4, reason="mark")
    store.take(after.rows[-1:])
    assert store.since == f"{epoch(2)}-3"
    store.close()


def test_rewinding_forward_is_nothing(tmp_path: Path) -> None:
    """Only a journal that ends earlier than what was heard takes the position back."""
    history = begun()
    store = opened(tmp_path)
    store.rewind(history.rows[0].address)
    store.take(history.rows)
    store.rewind(history.rows[0].address)
    assert store.heard == history.rows[0].address
    store.close()


def test_what_is_old_is_forgotten(tmp_path: Path) -> None:
    """Visits go by their age, a step at a time; what still matters stays however old it is."""
    history = begun()
    for number in range(FORGET_ROWS + 1):
        history.unit(f"SN-{number}")
    install(history, "ECU-1", "SN-1")
    install(history, "ECU-2", "SN-1")
    history.add(ComponentRemoved, component="ECU-2")
    history.add(LotBlocked, lot="L-1", source="scan")
    history.add(LotBlocked, lot="L-2", source="scan")
    history.add(LotUnblocked, lot="L-2", source="scan")
    history.add(UnitReidentified, unit="SN-1", new="VIN-1", who="k:1", reason="mark")
    store = opened(tmp_path)
    store.take(history.rows)
    late_ms = MORNING_MS + 10_000_000
    assert store.forget(late_ms)
    assert not store.forget(late_ms)
    assert store.history({"SN-1"}).stays == ()
    assert store.history({"SN-1"}).names == ("SN-1",)
    assert store.component("ECU-1") is not None
    assert store.component("ECU-2") is None
    store.commit()
    store.close()
    again = opened(tmp_path)
    assert again.blocked == {"L-1"}
    again.close()


def test_what_is_young_stays(tmp_path: Path) -> None:
    """Nothing younger than the moment goes."""
    history = begun()
    history.unit("SN-1")
    store = opened(tmp_path)
    store.take(history.rows)
    assert not store.forget(MORNING_MS)
    assert seen(store, "SN-1") == [(2, True)]
    store.close()


# ------------------------------------------------------------------ damage


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_what_is_no_look_up_is_broken(tmp_path: Path, content: bytes) -> None:
    """Garbage is told apart from trouble with the disk: a new file helps."""
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(BrokenError):
        opened(tmp_path)


def test_another_programs_database_is_broken(tmp_path: Path) -> None:
    """A database without our mark was never ours."""
    connection = apsw.Connection(str(tmp_path / FILE))
    connection.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT)")
    connection.close()
    with pytest.raises(BrokenError):
        opened(tmp_path)


def test_damage_inside_is_found_at_opening(tmp_path: Path) -> None:
    """A page that rotted is noticed before an answer is given from it."""
    history = begun()
    for number in range(200):
        history.unit(f"SN-{number}")
    store = opened(tmp_path)
    store.take(history.rows)
    store.commit()
    store.close()
    content = bytearray((tmp_path / FILE).read_bytes())
    content[3 * 4096 : 4 * 4096] = b"\xff" * 4096
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(BrokenError):
        opened(tmp_path)


def test_a_newer_version_or_another_stations_file_is_left_alone(tmp_path: Path) -> None:
    """What somebody else needs is not set aside: one line says what it is."""
    opened(tmp_path).close()
    with pytest.raises(UnusableError, match="belongs to station"):
        Store(tmp_path / FILE, "acme/other")
    connection = apsw.Connection(str(tmp_path / FILE))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(UnusableError, match="newer version"):
        opened(tmp_path)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A missing directory is no damage."""
    with pytest.raises(UnusableError):
        Store(tmp_path / "missing" / FILE, STATION)


def test_a_question_to_a_closed_store_is_refused(tmp_path: Path) -> None:
    """After an error nothing is answered until it is opened again."""
    store = opened(tmp_path)
    store.close()
    with pytest.raises(StoreError):
        store.history({"SN-1"})


def test_setting_aside(tmp_path: Path) -> None:
    """A broken file stays to be looked at, in the place of an earlier one."""
    set_aside(tmp_path / FILE)
    for content in (b"1", b"2"):
        (tmp_path / FILE).write_bytes(content)
        (tmp_path / (FILE + "-journal")).write_bytes(content)
        set_aside(tmp_path / FILE)
    assert [path.name for path in tmp_path.iterdir()] == [FILE + ASIDE]
    assert (tmp_path / (FILE + ASIDE)).read_bytes() == b"2"
    (tmp_path / FILE).write_bytes(b"3")
    (tmp_path / (FILE + ASIDE)).unlink()
    (tmp_path / (FILE + ASIDE)).mkdir()
    with pytest.raises(UnusableError, match="set aside"):
        set_aside(tmp_path / FILE)
