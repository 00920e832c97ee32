"""The tables of the trace store, the same on SQLite and PostgreSQL.

    things      every unit, lot and component that is named, once
    uses        what may be in what: one row an option of a slot (genealogy.py)
    sources     where facts came from: a file that was imported, a station that is projected

A schema change is one more step in `store.MIGRATIONS`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

METADATA = MetaData()
_BIG = BigInteger().with_variant(Integer, "sqlite")

META = Table(
    "meta",
    METADATA,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)
SOURCES = Table(
    "sources",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""`body`: what was imported, compressed: the facts can be derived from it anew."""
THINGS = Table(
    "things",
    METADATA,
    Column("id", _BIG, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("is_unit", Boolean, nullable=False, default=False),
    Column("is_scrapped", Boolean, nullable=False, default=False),
)
USES = Table(
    "uses",
    METADATA,
    Column("source", Integer, ForeignKey("sources.id"), nullable=False),
    Column("slot", _BIG, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("holder", _BIG, ForeignKey("things.id"), nullable=False),
    Column("option", _BIG, ForeignKey("things.id"), nullable=False),
    Column("options", Integer, nullable=False),
    Column("since", Float),
    Column("until", Float),
)
"""`since` empty: for ever before; `until` empty: it still stands. `slot` counts within a source."""
Index("uses_by_option", USES.c.option)
Index("uses_by_holder", USES.c.holder)
Index("uses_by_source", USES.c.source)
