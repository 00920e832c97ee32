"""The look-up's tables: facts under the address of their event, and nothing derived.

So a fact that is told twice stands once, and a correction counts in whatever order it comes. All
tables name the station, so that one file can hold the facts of several.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.core.facts import Alias, Block, Correction, Fact, Moved, Visit

SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE stations (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE visits (
  station INTEGER NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  unit TEXT NOT NULL, kind TEXT NOT NULL, handshake TEXT NOT NULL, result TEXT,
  certain INTEGER NOT NULL, PRIMARY KEY (epoch, seq, station)
) STRICT, WITHOUT ROWID;
CREATE INDEX visits_by_unit ON visits (unit);
CREATE TABLE moves (
  station INTEGER NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  component TEXT NOT NULL, unit TEXT, position TEXT, PRIMARY KEY (epoch, seq, station)
) STRICT, WITHOUT ROWID;
CREATE INDEX moves_by_component ON moves (component);
CREATE TABLE blocks (
  station INTEGER NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  lot TEXT NOT NULL, source TEXT NOT NULL, blocked INTEGER NOT NULL,
  PRIMARY KEY (epoch, seq, station)
) STRICT, WITHOUT ROWID;
CREATE TABLE corrections (
  station INTEGER NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  of_epoch TEXT NOT NULL, of_seq INTEGER NOT NULL, corrects TEXT,
  doubts INTEGER NOT NULL, retracted INTEGER NOT NULL, unit TEXT, result TEXT, component TEXT,
  position TEXT, PRIMARY KEY (of_epoch, of_seq, station, epoch, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX corrections_by_unit ON corrections (unit) WHERE unit IS NOT NULL;
CREATE INDEX corrections_by_component ON corrections (component) WHERE component IS NOT NULL;
CREATE TABLE aliases (
  station INTEGER NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  old TEXT NOT NULL, new TEXT NOT NULL, PRIMARY KEY (epoch, seq, station)
) STRICT, WITHOUT ROWID;
CREATE INDEX aliases_by_old ON aliases (old);
CREATE INDEX aliases_by_new ON aliases (new);
"""
MOVES_BY_UNIT = "CREATE INDEX IF NOT EXISTS moves_by_unit ON moves (unit) WHERE unit IS NOT NULL"
"""Made when a file is opened: one of an older version has not got it, and needs no new one."""

_CORRECTION = (
    "of_epoch",
    "of_seq",
    "corrects",
    "doubts",
    "retracted",
    "unit",
    "result",
    "component",
    "position",
)
_TABLES: Mapping[type[Fact], tuple[str, tuple[str, ...]]] = {
    Visit: ("visits", ("unit", "kind", "handshake", "result", "certain")),
    Moved: ("moves", ("component", "unit", "position")),
    Block: ("blocks", ("lot", "source", "blocked")),
    Alias: ("aliases", ("old", "new")),
    Correction: ("corrections", _CORRECTION),
}
_COMMON = ("epoch", "seq", "at_ms")
STATION = "INSERT OR IGNORE INTO stations (path) VALUES (?)"
"""What makes a station known; its facts name it by a number."""


def insertion(fact: Fact) -> tuple[str, tuple[object, ...]]:
    """Return the statement that keeps a fact, and its values; told again it changes nothing."""
    table, own = _TABLES[type(fact)]
    columns = (*_COMMON, *own)
    marks = ", ".join("?" * len(columns))
    sql = (
        f"INSERT OR IGNORE INTO {table} (station, {', '.join(columns)}) "  # noqa: S608 - constants; values are bound
        f"VALUES ((SELECT id FROM stations WHERE path = ?), {marks})"
    )
    return sql, (fact.station, *(getattr(fact, column) for column in columns))
