"""Flat tables for analysts: each event's rows, and columns that say what they hold."""

import json
from typing import Any

from agent.formats.tables import TABLES, Sort
from tests.trace_rig import Plant


def rows(plant: Plant, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """Return some columns of a table's rows."""
    table = TABLES[name]
    places = [[column.name for column in table.columns].index(column) for column in columns]
    found = [
        row
        for event in plant.events
        if not table.kinds or event["kind"] in table.kinds
        for row in table.rows(event)
    ]
    assert all(len(row) == len(table.columns) for row in found)
    return [tuple(row[place] for place in places) for row in found]


def test_a_row_for_each_cycle() -> None:
    """With what is known of the unit, and nothing of who worked (D-66)."""
    plant = Plant()
    who = [{"ref": "k:1"}]
    plant.add("unit_completed", unit="SN-1", result="ok", visit=1, order="WO-1", operators=who)
    plant.add("unit_unbound", certainty="refused", why=["no_scan", "queue_lost"])
    plant.add("link_lost")
    assert rows(plant, "units", "kind", "unit", "order", "result", "certainty", "why") == [
        ("unit_completed", "SN-1", "WO-1", "ok", "certain", None),
        ("unit_unbound", None, None, None, "refused", "no_scan queue_lost"),
    ]
    assert rows(plant, "units", "time", "station", "epoch", "seq")[0] == (
        "2026-11-25T06:00:00.000Z",
        "acme/press",
        "000001-aa",
        1,
    )
    assert "k:1" not in json.dumps(rows(plant, "units", *[c.name for c in TABLES["units"].columns]))


def test_a_row_for_each_part() -> None:
    """Certain ones have one option; each candidate is a row, and so is what nobody knows."""
    plant = Plant()
    plant.add(
        "unit_completed",
        unit="SN-1",
        components=[
            {"position": "a", "candidates": ["L1"], "certainty": "certain"},
            {"position": "b", "candidates": ["L1", "L2"], "certainty": "possible", "why": "x"},
            {"position": "c", "candidates": [], "certainty": "possible", "why": "y"},
        ],
    )
    use = {"position": "a", "candidates": ["L1"], "certainty": "certain"}
    plant.add("lot_counted", lot="LOT", n=12, components=[use])
    plant.add("component_installed", unit="SN-1", component="E", position="d")
    plant.add("component_removed", unit="SN-1", component="E")
    plant.add("unit_packed", parent="BOX", child="SN-1")
    plant.add("unit_unpacked", parent="BOX", child="SN-1")
    plant.add("unit_reidentified", unit="SN-1", new="VIN")
    plant.add("lot_relabelled", lot="A", new_lot="B")
    plant.add("lot_merged", lot="M", parents=[{"lot": "A"}, {"lot": "B"}])
    plant.add("lot_merged", lot="N", parents=[{"lot": "A"}, {"lot": "B"}], blended=True)
    plant.add("lot_split", lot="N", children=[{"lot": "C"}])
    assert rows(plant, "links", "action", "holder", "position", "part", "options", "n", "why") == [
        ("add", "SN-1", "a", "L1", 1, 1, None),
        ("add", "SN-1", "b", "L1", 2, 1, "x"),
        ("add", "SN-1", "b", "L2", 2, 1, "x"),
        ("add", "SN-1", "c", None, 1, 1, "y"),
        ("add", "LOT", "a", "L1", 1, 12, None),
        ("add", "SN-1", "d", "E", 1, 1, None),
        ("remove", "SN-1", None, "E", 1, 1, None),
        ("add", "BOX", None, "SN-1", 1, 1, None),
        ("remove", "BOX", None, "SN-1", 1, 1, None),
        ("add", "VIN", None, "SN-1", 1, 1, None),
        ("add", "B", None, "A", 1, 1, None),
        ("add", "M", None, "A", 2, None, None),
        ("add", "M", None, "B", 2, None, None),
        ("add", "N", None, "A", 1, None, None),
        ("add", "N", None, "B", 1, None, None),
        ("add", "C", None, "N", 1, None, None),
    ]


def test_a_row_for_each_value() -> None:
    """Numbers and texts in columns of their own, with unit of measure, quality and limits."""
    plant = Plant()
    limits = {"low": 10, "high": 12.5}
    plant.add(
        "unit_completed",
        unit="SN-1",
        values=[
            {
                "name": "force",
                "value": 11,
                "quality": "good",
                "measure": "kN",
                "limits": limits,
                "verdict": "ok",
            },
            {"name": "recipe", "value": "A", "quality": "uncertain"},
            {"name": "ok", "value": True, "quality": "good"},
            {"name": "lost", "quality": "bad"},
        ],
    )
    columns = ("name", "number", "text", "measure", "quality", "low", "high", "verdict")
    assert rows(plant, "values", *columns) == [
        ("force", 11.0, None, "kN", "good", 10.0, 12.5, "ok"),
        ("recipe", None, "A", None, "uncertain", None, None, None),
        ("ok", None, "true", None, "good", None, None, None),
        ("lost", None, None, None, "bad", None, None, None),
    ]


def test_a_row_for_each_event() -> None:
    """With the whole event as it is."""
    plant = Plant()
    plant.add("lot_blocked", lot="L1", order="WO-1")
    ((kind, about, order, body),) = rows(plant, "events", "kind", "subject", "order", "body")
    assert (kind, about, order) == ("lot_blocked", "L1", "WO-1")
    assert json.loads(body) == plant.events[0]


def test_every_column_says_what_it_holds() -> None:
    """Names are unique in a table; a number that is not a mere count has its unit."""
    for table in TABLES.values():
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names)
        assert all(column.meaning for column in table.columns)
        assert all(column.unit for column in table.columns if column.sort is Sort.NUMBER)


def test_a_row_for_each_thing_that_left_or_came_back() -> None:
    """Units, parcels and lots, by whom and on what; what only leaves its lot has none."""
    plant = Plant()
    plant.add("unit_shipped", unit="SN-1", destination="A", document="D", why=["scrapped"])
    plant.add("unit_returned", unit="BOX", origin="B")
    plant.add("lot_issued", lot="L", quantity="3", measure="kg", destination="C", shipped=True)
    plant.add("lot_returned", lot="L", shipped=True)
    plant.add("lot_issued", lot="L", quantity="1", destination="hall 2")
    columns = ("action", "thing", "quantity", "measure", "party", "document", "why")
    assert rows(plant, "shipments", *columns) == [
        ("ship", "SN-1", None, None, "A", "D", "scrapped"),
        ("back", "BOX", None, None, "B", None, None),
        ("ship", "L", "3", "kg", "C", None, None),
        ("back", "L", None, None, None, None, None),
    ]


def test_what_a_refused_cycle_drew_is_there_without_its_unit() -> None:
    """The machine had worked: whose material it was is not known."""
    plant = Plant()
    use = {"position": "a", "candidates": ["L1"], "certainty": "certain"}
    plant.add("unit_refused", unit="SN-1", handshake="end", components=[use])
    assert rows(plant, "links", "holder", "part") == [(None, "L1")]
