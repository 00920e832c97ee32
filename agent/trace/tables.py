"""The tables of the trace store, the same on SQLite and PostgreSQL.

    things      every unit, lot and component that is named, once
    scrapped    units that an imported file says are scrap
    uses        what may be in what: one row an option of a slot (genealogy.py)
    kits        lots that were drawn together: those that stood at a station until one was changed
    kit_lots    the lots of each
    drawn       who drew a whole kit: one row for what would be a row of `uses` for each of its lots
    sources     where facts came from: a file that was imported, a station that is projected

    epochs      the runs of the stations, and which of their events are held
    streams     of epochs that came over a filtered stream: what is not on it
    events      the archive: every event once, by (epoch, seq); `bodies` has what it says
    refs        which events speak of an event: its corrections, the parts put in by its cycle
    loads       loads and ends of loads, for what was scanned late (D-44)
    moves       parts taken out, or found elsewhere
    about       what an event says of a thing (projection.Role)
    label_sets  orders, operators and machines that events of units have in common
    set_labels  the names of each
    labelled    which events have which
    measured    captured values
    shipments   what left the house, and what came back
    aside       messages that could not be taken, as they came, and why

What is derived from the archive (uses, kits, shipments, about, labels, measured) can be made anew
by `rebuild`.
A schema change is one more step in `MIGRATIONS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    literal_column,
)

from agent.trace.said import UNSEEN

METADATA = MetaData()
_BIG = BigInteger().with_variant(Integer, "sqlite")
_TEXT = String().with_variant(String(collation="C"), "postgresql")
"""Sorted and compared by its bytes, on whatever server: epochs and names are no words."""


def _word(most: int) -> String:
    return String(most).with_variant(String(most, collation="C"), "postgresql")


def _kept_once(name: str) -> Table:
    """Return a table of sets of which each is kept once, found by its digest (rows.numbers_of)."""
    return Table(
        name,
        METADATA,
        Column("id", _BIG, primary_key=True, autoincrement=False),
        Column("digest", _TEXT, nullable=False, unique=True),
    )


META = Table(
    "meta",
    METADATA,
    Column("name", _TEXT, primary_key=True),
    Column("value", _TEXT, nullable=False),
)
SOURCES = Table(
    "sources",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", _TEXT, nullable=False, unique=True),
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""`body`: what was imported, compressed: the facts can be derived from it anew."""
THINGS = Table(
    "things",
    METADATA,
    Column("id", _BIG, primary_key=True),
    Column("name", _TEXT, nullable=False, unique=True),
    Column("is_unit", Boolean, nullable=False, default=False),
)
SCRAPPED = Table(
    "scrapped",
    METADATA,
    Column("thing", _BIG, primary_key=True),
    Column("source", Integer, primary_key=True),
)
"""Of each source what it says: taken in anew, it may say so no longer."""
SIGHTS = Table(
    "sights",
    METADATA,
    Column("thing", _BIG, primary_key=True),
    Column("source", Integer, primary_key=True),
    Column("first", Float, nullable=False),
    Column("last", Float, nullable=False),
    Column("station", _TEXT, nullable=False),
)
"""Of each source that is no station: between when stations of it saw a unit, and the last one."""
USES = Table(
    "uses",
    METADATA,
    Column("source", Integer, nullable=False),
    Column("slot", _BIG, nullable=False),
    Column("kind", _word(8), nullable=False),
    Column("holder", _BIG, nullable=False),
    Column("option", _BIG, nullable=False),
    Column("options", Integer, nullable=False),
    Column("since", Float),
    Column("until", Float),
    Column("why", SmallInteger),
)
"""`since` empty: for ever before; `until` empty: it still stands. `slot` counts within a source; of
a station it is the event's id and a number in it. `why`: which of `REASONS`. No foreign keys: the
numbers are made in the same transaction, under the store's lock, and PostgreSQL took two thirds of
the time of an insert to look each of them up once more."""
Index("uses_by_option", USES.c.option)
Index("uses_by_holder", USES.c.holder)
Index("uses_by_slot", USES.c.source, USES.c.slot)

KITS = _kept_once("kits")
KIT_LOTS = Table(
    "kit_lots",
    METADATA,
    Column("kit", _BIG, primary_key=True, autoincrement=False),
    Column("at", SmallInteger, primary_key=True, autoincrement=False),
    Column("option", _BIG, nullable=False),
)
"""`at`: where its slot stands among those of an event that drew it."""
Index("kit_lots_by_option", KIT_LOTS.c.option)
DRAWN = Table(
    "drawn",
    METADATA,
    Column("source", Integer, nullable=False),
    Column("slot", _BIG, nullable=False),
    Column("holder", _BIG, nullable=False),
    Column("kit", _BIG, nullable=False),
    Column("since", Float, nullable=False),
)
"""`slot`: the first of the event; each lot's is so many further. Each is a slot with one option
that stands, by `load_interval`."""
Index("drawn_by_kit", DRAWN.c.kit)
Index("drawn_by_holder", DRAWN.c.holder)
Index("drawn_by_slot", DRAWN.c.source, DRAWN.c.slot)

EPOCHS = Table(
    "epochs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("station", Integer, ForeignKey("sources.id"), nullable=False),
    Column("name", _TEXT, nullable=False),
    Column("held", _TEXT, nullable=False),
    Column("previous", _TEXT),
    UniqueConstraint("station", "name"),
)
"""`held`: JSON, the ranges of seq that are held; `previous`: JSON, what `agent_started` names."""
STREAMS = Table(
    "streams",
    METADATA,
    Column("epoch", Integer, ForeignKey("epochs.id"), primary_key=True, autoincrement=False),
    Column("said", _TEXT, nullable=False),
)
"""`said`: JSON, what is known not to be on a filtered stream (filtered.py)."""
EVENTS = Table(
    "events",
    METADATA,
    Column("id", _BIG, primary_key=True),
    Column("epoch", Integer, ForeignKey("epochs.id"), nullable=False),
    Column("seq", _BIG, nullable=False),
    Column("station", Integer, nullable=False),
    Column("kind", _TEXT, nullable=False),
    Column("received_ms", _BIG, nullable=False),
    Column("boot", _TEXT),
    Column("latest_ms", _BIG),
    Column("began_ms", _BIG),
    UniqueConstraint("epoch", "seq"),
)
"""`boot` and `latest_ms`: of cycles, seen or not, when they ended by the boot clock. `began_ms`:
since when they may have been, UTC ms by the clock of `received_ms`; empty: nobody knows."""
Index("events_by_time", EVENTS.c.station, EVENTS.c.received_ms)
Index("events_by_draw", EVENTS.c.station, EVENTS.c.boot, EVENTS.c.latest_ms)
_UNSEEN = [f"'{kind}'" for kind in sorted(UNSEEN)]
IS_UNSEEN = EVENTS.c.kind.in_(list(map(literal_column, _UNSEEN)))
"""Written out, as the index needs it: there are few of these among many, and each batch asks for
those behind it. Another kind in `UNSEEN` is a migration that makes the index anew."""
Index(
    "events_unseen",
    EVENTS.c.epoch,
    EVENTS.c.seq,
    sqlite_where=IS_UNSEEN,
    postgresql_where=IS_UNSEEN,
)
BODIES = Table(
    "bodies",
    METADATA,
    Column("event", _BIG, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)
REFS = Table(
    "refs",
    METADATA,
    Column("station", Integer, nullable=False),
    Column("target", _TEXT, nullable=False),
    Column("event", _BIG, nullable=False),
    Column("kind", _TEXT, nullable=False),
)
Index("refs_by_target", REFS.c.station, REFS.c.target)
IS_LOST = literal_column("kind") == literal_column("'lost'")
"""Written out, as the index needs it: there are few of these among many."""
Index("refs_lost", REFS.c.station, sqlite_where=IS_LOST, postgresql_where=IS_LOST)
IS_CORRECTION = literal_column("kind") == literal_column("'correct'")
"""Written out for the same reason."""
Index("refs_correct", REFS.c.event, sqlite_where=IS_CORRECTION, postgresql_where=IS_CORRECTION)
LOADS = Table(
    "loads",
    METADATA,
    Column("event", _BIG, primary_key=True, autoincrement=False),
    Column("station", Integer, nullable=False),
    Column("position", _TEXT, nullable=False),
    Column("epoch", _TEXT, nullable=False),
    Column("seq", _BIG, nullable=False),
    Column("boot", _TEXT, nullable=False),
    Column("from_ms", _BIG, nullable=False),
    Column("is_end", Boolean, nullable=False),
)
"""`from_ms`: units whose cycle ended from then on may be concerned."""
Index("loads_by_station", LOADS.c.station, LOADS.c.epoch, LOADS.c.seq)
MOVES = Table(
    "moves",
    METADATA,
    Column("event", _BIG, primary_key=True, autoincrement=False),
    Column("part", _TEXT, nullable=False),
)
Index("moves_by_part", MOVES.c.part)
ABOUT = Table(
    "about",
    METADATA,
    Column("thing", _BIG, nullable=False),
    Column("event", _BIG, nullable=False),
    Column("role", _word(12), nullable=False),
    Column("n", _BIG),
)
Index("about_by_thing", ABOUT.c.thing)
Index("about_by_event", ABOUT.c.event)
LABEL_SETS = _kept_once("label_sets")
SET_LABELS = Table(
    "set_labels",
    METADATA,
    Column("labels", _BIG, primary_key=True, autoincrement=False),
    Column("what", _word(10), primary_key=True),
    Column("name", _TEXT, primary_key=True),
)
"""`operator?`: they may have been there (D-62)."""
Index("set_labels_by_name", SET_LABELS.c.name, SET_LABELS.c.what)
LABELLED = Table(
    "labelled",
    METADATA,
    Column("event", _BIG, nullable=False),
    Column("labels", _BIG, nullable=False),
)
"""`labels`: of which sets (label_sets.py); of one, but where the store is of before version 6."""
Index("labelled_by_event", LABELLED.c.event)
Index("labelled_by_labels", LABELLED.c.labels)
MEASURED = Table(
    "measured",
    METADATA,
    Column("name", _TEXT, nullable=False),
    Column("event", _BIG, nullable=False),
    Column("number", Float),
    Column("verdict", _word(8)),
)
Index("measured_by_name", MEASURED.c.name, MEASURED.c.number)
Index("measured_by_event", MEASURED.c.event)
SHIPMENTS = Table(
    "shipments",
    METADATA,
    Column("source", Integer, ForeignKey("sources.id"), nullable=False),
    Column("event", _BIG),
    Column("thing", _BIG, ForeignKey("things.id"), nullable=False),
    Column("at", Float),
    Column("is_back", Boolean, nullable=False),
    Column("is_all", Boolean, nullable=False),
    Column("quantity", _TEXT),
    Column("measure", _TEXT),
    Column("party", _TEXT),
    Column("document", _TEXT),
)
"""What left the house, or came back (shipment.py); `event` empty: of a list that was imported."""
Index("shipments_by_thing", SHIPMENTS.c.thing)
Index("shipments_by_event", SHIPMENTS.c.event)
Index("shipments_by_source", SHIPMENTS.c.source)

ASIDE = Table(
    "aside",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("digest", _TEXT, nullable=False, unique=True),
    Column("at_ms", _BIG, nullable=False),
    Column("topic", _TEXT, nullable=False),
    Column("why", _TEXT, nullable=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""`digest`: of the event, or of the whole message where it is none."""

REASONS = (
    "",
    "direct_link",
    "load_interval",
    "boundary_uncertain",
    "hopper_mix",
    "multi_lot_label",
    "unbound_cycle",
    "material_unknown",
    "gap",
    "conflict",
    "alias",
)
"""The codes of D-5 by number; a new one goes to the end."""

_LABELS_TO_SETS = (
    """CREATE TABLE IF NOT EXISTS labels
        (what VARCHAR(10) NOT NULL, name TEXT NOT NULL, event BIGINT NOT NULL)""",
    """INSERT INTO label_sets (id, digest)
        SELECT row_number() OVER (ORDER BY what, name), what || ':' || name
        FROM (SELECT DISTINCT what, name FROM labels) AS old""",
    """INSERT INTO set_labels (labels, what, name)
        SELECT s.id, old.what, old.name
        FROM (SELECT DISTINCT what, name FROM labels) AS old
        JOIN label_sets AS s ON s.digest = old.what || ':' || old.name""",
    """INSERT INTO labelled (event, labels)
        SELECT l.event, s.labels
        FROM labels AS l JOIN set_labels AS s ON s.what = l.what AND s.name = l.name""",
    "DROP TABLE labels",
)
"""Each label of version 5 becomes a set of its own; an event has then several."""

MIGRATIONS: Mapping[int, Sequence[tuple[str, str]]] = {
    2: (
        ("", "ALTER TABLE uses ADD COLUMN why SMALLINT"),
        ("", "DROP INDEX IF EXISTS uses_by_source"),
        ("", "CREATE INDEX IF NOT EXISTS uses_by_slot ON uses (source, slot)"),
    ),
    3: (("", "ALTER TABLE events ADD COLUMN began_ms BIGINT"),),
    4: (
        *(
            ("postgresql", f"ALTER TABLE uses DROP CONSTRAINT IF EXISTS uses_{column}_fkey")
            for column in ("source", "holder", "option")
        ),
        ("", "CREATE INDEX IF NOT EXISTS refs_lost ON refs (station) WHERE kind = 'lost'"),
    ),
    5: (("", "CREATE INDEX IF NOT EXISTS refs_correct ON refs (event) WHERE kind = 'correct'"),),
    6: (*(("", step) for step in _LABELS_TO_SETS),),
    7: (
        (
            "",
            """
            INSERT INTO scrapped (thing, source) SELECT things.id, sources.id FROM things, sources
            WHERE things.is_scrapped AND sources.name NOT LIKE 'station:%'
            """,
        ),
        ("", "ALTER TABLE things DROP COLUMN is_scrapped"),
    ),
    8: (
        (
            "",
            f"""
            CREATE INDEX IF NOT EXISTS events_unseen ON events (epoch, seq)
            WHERE kind IN ({", ".join(_UNSEEN)})
            """,
        ),
    ),
    9: (),
    10: (),
}
"""What a store of the version before needs, beside tables that are new: on which database ("" is
each), and what. SQLite's foreign keys were never looked at."""
