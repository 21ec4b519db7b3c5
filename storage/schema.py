"""The journal's tables (SQLAlchemy Core), and the order of sequences in them.

``commits`` has one row per transaction that changed anything: ``seq`` is gapless, and its order is commit
order, because a writer takes it inside the transaction that holds the only write lock. Every row that can
be asked for *as of* a moment carries the ``seq`` that wrote it; a value that was replaced stands in
``revisions`` for the interval [seq, seq_to).

The tables are the same in SQLite and PostgreSQL. Ids are one more than the largest, drawn under the write lock, so that both
give the same ones, and a later row always has a later id.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

HEAD = "0002"  # the newest migration this program knows

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


Whole = BigInteger().with_variant(Integer(), "sqlite")  # of up to 64 bits in both
Words = Text().with_variant(Text(collation="C"), "postgresql")  # sorted by bytes, as SQLite and Python do


def _id(table: str) -> Column[int]:
    return Column("id", Whole, primary_key=True, autoincrement=False, default=text(f"(SELECT coalesce(max(id), 0) + 1 FROM {table})"))


def _unique_with_text(table: str, *columns: str) -> Index:
    """Unique by some columns and by ``text``; PostgreSQL, whose indices take no long texts, has the text's hash in its place."""
    return Index(f"uq_{table}_{'_'.join(columns)}_text", *columns, "text", unique=True)


def _compact(name: str, *columns: Column[object] | Index | UniqueConstraint) -> Table:
    return Table(name, metadata, *columns, sqlite_with_rowid=False)


commits = Table(
    "commits",
    metadata,
    Column("seq", Whole, primary_key=True),
    Column("recorded_at", Whole, nullable=False),
    Column("run", Words, nullable=False, default=""),  # the run that wrote it, empty for imports and hands
)

metrics = Table(
    "metrics",
    metadata,
    Column("name", Words, primary_key=True),
    Column("version", Whole, primary_key=True),
    Column("source", Words, primary_key=True),  # empty: for every source that has no row of its own
    Column("kind", Words, nullable=False),
    Column("unit", Words, nullable=False),
    Column("cadence", Words, nullable=False),
    Column("settle", Whole, nullable=False),
    Column("lag", Whole, nullable=False),
    Column("compared", Boolean(create_constraint=False), nullable=False),
    Column("title", Words, nullable=False),
    Column("note", Words, nullable=False),
)

series = Table(
    "series",
    metadata,
    _id("series"),
    Column("metric", Words, nullable=False),
    Column("version", Whole, nullable=False),
    Column("origin", Words, nullable=False),
    Column("topic", Words, nullable=False),
    Column("labels", Words, nullable=False),  # JSON object, keys sorted
    Column("source", Words, nullable=False),
    Column("seq", Whole, nullable=False),
    UniqueConstraint("metric", "version", "origin", "topic", "labels"),
)

evidence = Table(
    "evidence",
    metadata,
    _id("evidence"),
    Column("kind", Words, nullable=False),  # capture, citation, or set (of other rows)
    Column("run", Words, nullable=False, default=""),
    Column("file", Words, nullable=False, default=""),
    Column("offset", Whole, nullable=False, default=0),
    Column("url", Words, nullable=False, default=""),
    Column("method", Words, nullable=False, default=""),
    Column("status", Whole, nullable=False, default=0),
    Column("fingerprint", Words, nullable=False, default=""),
    Column("fetched_at", Whole),
    Column("content_type", Words, nullable=False, default=""),
    Column("sha256", Words, nullable=False, default=""),
    Column("text", Words, nullable=False, default=""),  # the citation, or the ids of a set
    _unique_with_text("evidence", "kind", "file", "offset"),
    Index(None, "run"),
    Index(None, "fetched_at"),
)

points = _compact(
    "points",
    Column("series_id", Whole, primary_key=True, autoincrement=False),
    Column("time", Whole, primary_key=True, autoincrement=False),
    Column("value", Float),  # empty where retracted
    Column("bound", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("observed_at", Whole),
    Column("evidence_id", Whole),
    Column("seq", Whole, nullable=False),
    Index(None, "seq", "series_id", "time"),  # the order of the change feed
)

revisions = _compact(
    "revisions",
    Column("series_id", Whole, primary_key=True, autoincrement=False),
    Column("time", Whole, primary_key=True, autoincrement=False),
    Column("seq", Whole, primary_key=True, autoincrement=False),
    Column("seq_to", Whole, nullable=False),
    Column("value", Float),
    Column("bound", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("observed_at", Whole),
    Column("evidence_id", Whole),
    Index(None, "seq_to"),
)

weekly = Table(
    "weekly",
    metadata,
    Column("series_id", Whole, primary_key=True, autoincrement=False),
    Column("block", Whole, primary_key=True, autoincrement=False),  # of `storage.rollup.BLOCK_WEEKS` weeks
    Column("weeks", LargeBinary, nullable=False),  # records of `storage.rollup.RECORD`
)

runs = Table(
    "runs",
    metadata,
    Column("id", Words, primary_key=True),
    Column("source", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("time", Whole, nullable=False),  # when it was planned
    Column("base_seq", Whole, nullable=False),  # what the spider knew: its state as of this sequence
    Column("seq", Whole, nullable=False),
    Column("first_slot", Whole),
    Column("last_slot", Whole),
    Column("plan", LargeBinary, nullable=False),
    Column("config_id", Whole),
    Column("parser", Whole, nullable=False),
    Column("rereads", Words, nullable=False, default=""),  # the run whose captures this one reads again
    Column("finished_seq", Whole),
    Column("requests", Whole, nullable=False, default=0),  # sent, answered or not; of an unfinished run those that may have been
    Column("finished_as", Words, nullable=False, default=""),
    Index(None, "source", "last_slot"),
)

slot_ends = _compact(
    "slot_ends",
    Column("run", Words, primary_key=True),
    Column("slot", Whole, primary_key=True, autoincrement=False),  # its place in the run's plan
    Column("outcome", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("detail", Words, nullable=False),
    Column("evidence_id", Whole),
    Column("seq", Whole, nullable=False),
)

state = _compact(
    "state",
    Column("source", Words, primary_key=True),
    Column("key", Words, primary_key=True),
    Column("seq", Whole, primary_key=True, autoincrement=False),
    Column("value", Words),  # JSON; empty where forgotten
)

events = Table(
    "events",
    metadata,
    _id("events"),
    Column("time", Whole, nullable=False),
    Column("kind", Words, nullable=False),
    Column("topic", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("url", Words, nullable=False),
    Column("source", Words, nullable=False),
    Column("seq", Whole, nullable=False),
    _unique_with_text("events", "kind", "topic", "time"),
)

configs = Table(
    "configs",
    metadata,
    _id("configs"),
    Column("sha256", Words, nullable=False, unique=True),
    Column("text", Words, nullable=False),
    Column("seq", Whole, nullable=False),
)

feeds = _compact(
    "feeds",
    Column("name", Words, primary_key=True),  # where it leads: address, organisation, bucket
    Column("seq", Whole, nullable=False),  # the place of the last acknowledged change: sequence, series, time
    Column("series_id", Whole, nullable=False),
    Column("time", Whole, nullable=False),
    Column("event_id", Whole, nullable=False),  # the last acknowledged event
    Column("first_seq", Whole, nullable=False),  # the journal's head when the feed began: what was replaced by then was never sent
    Column("reached", Whole, nullable=False),  # the furthest sequence it ever was at
    Column("generation", Whole, nullable=False),  # grows when the place is set back, so that nobody moves it on unawares
    Column("dropped", Whole, nullable=False),  # figures that the server took and cannot keep, being older than its retention
    Column("acknowledged_at", Whole),
    Column("trouble", Words, nullable=False),  # the last one in plain words; empty when all is well
    Column("trouble_since", Whole),
    Column("server", Words, nullable=False),  # what is known of the server, JSON (`storage.influx.sink`)
)

parked = _compact(
    "parked",
    Column("feed", Words, primary_key=True),
    Column("series_id", Whole, primary_key=True, autoincrement=False),
    Column("time", Whole, primary_key=True, autoincrement=False),
    Column("line", Words, nullable=False),
    Column("error", Words, nullable=False),
    Column("parked_at", Whole, nullable=False),
)

repairs = _compact(
    "repairs",  # series whose points from ``since`` to ``until`` are to be sent again
    Column("feed", Words, primary_key=True),
    Column("series_id", Whole, primary_key=True, autoincrement=False),
    Column("since", Whole, nullable=False),
    Column("until", Whole, nullable=False),
    Column("next", Whole, nullable=False),  # the first time that is not sent yet
    Column("wipe", Boolean(create_constraint=False), nullable=False),  # what the server has there is removed first
    Column("formerly", Words, nullable=False),  # names that the series had at the server, one a line
    Column("done_at", Whole),
)

digests = Table(
    "digests",
    metadata,
    _id("digests"),
    Column("kind", Words, nullable=False),  # digest or alert
    Column("basket", Words, nullable=False),
    Column("period", Words, nullable=False),  # the day of the schedule that it belongs to; of an alert, what it tells
    Column("present", Whole, nullable=False),
    Column("sequence", Whole, nullable=False),  # what was known: the journal up to here
    Column("config_id", Whole),
    Column("program", Words, nullable=False),
    Column("claims", Words, nullable=False),  # JSON list: all that was found, told or not
    Column("document", Words, nullable=False),  # JSON: what the digest says
    Column("seq", Whole, nullable=False),
    UniqueConstraint("kind", "basket", "period"),
)

sendings = Table(
    "sendings",
    metadata,
    _id("sendings"),
    Column("kind", Words, nullable=False),
    Column("period", Words, nullable=False),
    Column("way", Words, nullable=False),  # mail or webhook
    Column("recipient", Words, nullable=False),
    Column("digests", Words, nullable=False),  # JSON list of ids
    Column("message_id", Words, nullable=False),
    Column("state", Words, nullable=False),  # planned, handing, sent, refused, uncertain
    Column("reason", Words, nullable=False),
    Column("attempts", Whole, nullable=False),
    Column("next_at", Whole, nullable=False),  # not to be tried before
    Column("changed_at", Whole, nullable=False),
    UniqueConstraint("kind", "period", "way", "recipient"),
    Index(None, "state"),
)

meta = Table("meta", metadata, Column("key", Words, primary_key=True), Column("value", Words, nullable=False))

leases = Table(
    "leases",
    metadata,
    Column("name", Words, primary_key=True),  # a host, a source, a duty (`storage.leases`)
    Column("holder", Words, nullable=False),
    Column("token", Whole, nullable=False),  # grows with each taking
    Column("taken_at", Float, nullable=False),  # epoch seconds by the server's clock, as all times here
    Column("renewed_at", Float, nullable=False),
    Column("until", Float, nullable=False),
    UniqueConstraint("name", "token"),  # it makes a new token the change of a key, which a row lock of the holder's excludes
    info={"passing": True},  # it says who is at work just now
)
