"""The journal's tables (SQLAlchemy Core), and the order of sequences in them.

``commits`` has one row per transaction that changed anything: ``seq`` is gapless, and its order is commit
order, because a writer takes it inside the transaction that holds the only write lock. Every row that can
be asked for *as of* a moment carries the ``seq`` that wrote it; a value that was replaced stands in
``revisions`` for the interval [seq, seq_to).
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
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

HEAD = "0002"  # the newest migration this program knows

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _compact(name: str, *columns: Column[object] | Index | UniqueConstraint) -> Table:
    return Table(name, metadata, *columns, sqlite_with_rowid=False)


commits = Table(
    "commits",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("recorded_at", Integer, nullable=False),
    Column("run", Text, nullable=False, default=""),  # the run that wrote it, empty for imports and hands
)

metrics = Table(
    "metrics",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("source", Text, primary_key=True),  # empty: for every source that has no row of its own
    Column("kind", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("cadence", Text, nullable=False),
    Column("settle", Integer, nullable=False),
    Column("lag", Integer, nullable=False),
    Column("compared", Boolean(create_constraint=False), nullable=False),
    Column("title", Text, nullable=False),
    Column("note", Text, nullable=False),
)

series = Table(
    "series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("metric", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("origin", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("labels", Text, nullable=False),  # JSON object, keys sorted
    Column("source", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    UniqueConstraint("metric", "version", "origin", "topic", "labels"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),  # capture, citation, or set (of other rows)
    Column("run", Text, nullable=False, default=""),
    Column("file", Text, nullable=False, default=""),
    Column("offset", Integer, nullable=False, default=0),
    Column("url", Text, nullable=False, default=""),
    Column("method", Text, nullable=False, default=""),
    Column("status", Integer, nullable=False, default=0),
    Column("fingerprint", Text, nullable=False, default=""),
    Column("fetched_at", Integer),
    Column("content_type", Text, nullable=False, default=""),
    Column("sha256", Text, nullable=False, default=""),
    Column("text", Text, nullable=False, default=""),  # the citation, or the ids of a set
    UniqueConstraint("kind", "file", "offset", "text"),
    Index(None, "run"),
    Index(None, "fetched_at"),
)

points = _compact(
    "points",
    Column("series_id", Integer, ForeignKey("series.id"), primary_key=True, autoincrement=False),
    Column("time", Integer, primary_key=True, autoincrement=False),
    Column("value", Float),  # empty where retracted
    Column("bound", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("observed_at", Integer),
    Column("evidence_id", Integer, ForeignKey("evidence.id")),
    Column("seq", Integer, nullable=False),
    Index(None, "seq"),
)

revisions = _compact(
    "revisions",
    Column("series_id", Integer, primary_key=True, autoincrement=False),
    Column("time", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("seq_to", Integer, nullable=False),
    Column("value", Float),
    Column("bound", SmallInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("observed_at", Integer),
    Column("evidence_id", Integer),
    Index(None, "seq_to"),
)

weekly = Table(
    "weekly",
    metadata,
    Column("series_id", Integer, primary_key=True, autoincrement=False),
    Column("block", Integer, primary_key=True, autoincrement=False),  # of `storage.rollup.BLOCK_WEEKS` weeks
    Column("weeks", LargeBinary, nullable=False),  # records of `storage.rollup.RECORD`
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("time", Integer, nullable=False),  # when it was planned
    Column("base_seq", Integer, nullable=False),  # what the spider knew: its state as of this sequence
    Column("seq", Integer, nullable=False),
    Column("first_slot", Integer),
    Column("last_slot", Integer),
    Column("plan", LargeBinary, nullable=False),
    Column("config_id", Integer),
    Column("parser", Integer, nullable=False),
    Column("rereads", Text, nullable=False, default=""),  # the run whose captures this one reads again
    Column("finished_seq", Integer),
    Column("requests", Integer, nullable=False, default=0),  # sent, answered or not; of a finished run
    Column("finished_as", Text, nullable=False, default=""),
    Index(None, "source", "last_slot"),
)

slot_ends = _compact(
    "slot_ends",
    Column("run", Text, primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),  # its place in the run's plan
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("evidence_id", Integer),
    Column("seq", Integer, nullable=False),
)

state = _compact(
    "state",
    Column("source", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("value", Text),  # JSON; empty where forgotten
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("time", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    UniqueConstraint("kind", "topic", "time", "text"),
)

configs = Table(
    "configs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("text", Text, nullable=False),
    Column("seq", Integer, nullable=False),
)

feeds = _compact(
    "feeds",
    Column("name", Text, primary_key=True),  # where it leads: address, organisation, bucket
    Column("seq", Integer, nullable=False),  # the place of the last acknowledged change: sequence, series, time
    Column("series_id", Integer, nullable=False),
    Column("time", Integer, nullable=False),
    Column("event_id", Integer, nullable=False),  # the last acknowledged event
    Column("first_seq", Integer, nullable=False),  # the journal's head when the feed began: what was replaced by then was never sent
    Column("reached", Integer, nullable=False),  # the furthest sequence it ever was at
    Column("generation", Integer, nullable=False),  # grows when the place is set back, so that nobody moves it on unawares
    Column("dropped", Integer, nullable=False),  # figures that the server took and cannot keep, being older than its retention
    Column("acknowledged_at", Integer),
    Column("trouble", Text, nullable=False),  # the last one in plain words; empty when all is well
    Column("trouble_since", Integer),
    Column("server", Text, nullable=False),  # what is known of the server, JSON (`storage.influx.sink`)
)

parked = _compact(
    "parked",
    Column("feed", Text, primary_key=True),
    Column("series_id", Integer, primary_key=True, autoincrement=False),
    Column("time", Integer, primary_key=True, autoincrement=False),
    Column("line", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("parked_at", Integer, nullable=False),
)

repairs = _compact(
    "repairs",  # series whose points from ``since`` to ``until`` are to be sent again
    Column("feed", Text, primary_key=True),
    Column("series_id", Integer, primary_key=True, autoincrement=False),
    Column("since", Integer, nullable=False),
    Column("until", Integer, nullable=False),
    Column("next", Integer, nullable=False),  # the first time that is not sent yet
    Column("wipe", Boolean(create_constraint=False), nullable=False),  # what the server has there is removed first
    Column("formerly", Text, nullable=False),  # names that the series had at the server, one a line
    Column("done_at", Integer),
)

digests = Table(
    "digests",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),  # digest or alert
    Column("basket", Text, nullable=False),
    Column("period", Text, nullable=False),  # the day of the schedule that it belongs to; of an alert, what it tells
    Column("present", Integer, nullable=False),
    Column("sequence", Integer, nullable=False),  # what was known: the journal up to here
    Column("config_id", Integer),
    Column("program", Text, nullable=False),
    Column("claims", Text, nullable=False),  # JSON list: all that was found, told or not
    Column("document", Text, nullable=False),  # JSON: what the digest says
    Column("seq", Integer, nullable=False),
    UniqueConstraint("kind", "basket", "period"),
)

sendings = Table(
    "sendings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("way", Text, nullable=False),  # mail or webhook
    Column("recipient", Text, nullable=False),
    Column("digests", Text, nullable=False),  # JSON list of ids
    Column("message_id", Text, nullable=False),
    Column("state", Text, nullable=False),  # planned, handing, sent, refused, uncertain
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Integer, nullable=False),  # not to be tried before
    Column("changed_at", Integer, nullable=False),
    UniqueConstraint("kind", "period", "way", "recipient"),
    Index(None, "state"),
)

meta = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),  # a host, a source, a duty (`storage.leases`)
    Column("holder", Text, nullable=False),
    Column("token", BigInteger, nullable=False),  # grows with each taking
    Column("taken_at", Float, nullable=False),  # epoch seconds by the server's clock, as all times here
    Column("renewed_at", Float, nullable=False),
    Column("until", Float, nullable=False),
    UniqueConstraint("name", "token"),  # it makes a new token the change of a key, which a row lock of the holder's excludes
    info={"passing": True},  # it says who is at work just now
)
