"""The first schema of the journal."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def unique_with_text(table: str, *columns: str) -> None:
    """The texts can be long: an index of PostgreSQL refuses entries of more than a third of a page, so there it has their hashes."""
    on_postgres = op.get_bind().dialect.name == "postgresql"
    names = [*columns, sa.text("md5(text)") if on_postgres else "text"]
    op.create_index(op.f(f"uq_{table}_{'_'.join(columns)}_text"), table, names, unique=True)


def upgrade() -> None:
    op.create_table(
        "commits",
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.Column("recorded_at", WHOLE, nullable=False),
        sa.Column("run", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_commits")),
    )
    op.create_table(
        "configs",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("sha256", WORDS, nullable=False),
        sa.Column("text", WORDS, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_configs")),
        sa.UniqueConstraint("sha256", name=op.f("uq_configs_sha256")),
    )
    op.create_table(
        "digests",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("basket", WORDS, nullable=False),
        sa.Column("period", WORDS, nullable=False),
        sa.Column("present", WHOLE, nullable=False),
        sa.Column("sequence", WHOLE, nullable=False),
        sa.Column("config_id", WHOLE, nullable=True),
        sa.Column("program", WORDS, nullable=False),
        sa.Column("claims", WORDS, nullable=False),
        sa.Column("document", WORDS, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digests")),
        sa.UniqueConstraint("kind", "basket", "period", name=op.f("uq_digests_kind_basket_period")),
    )
    op.create_table(
        "events",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("time", WHOLE, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("topic", WORDS, nullable=False),
        sa.Column("text", WORDS, nullable=False),
        sa.Column("url", WORDS, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    unique_with_text("events", "kind", "topic", "time")
    op.create_table(
        "evidence",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("run", WORDS, nullable=False),
        sa.Column("file", WORDS, nullable=False),
        sa.Column("offset", WHOLE, nullable=False),
        sa.Column("url", WORDS, nullable=False),
        sa.Column("method", WORDS, nullable=False),
        sa.Column("status", WHOLE, nullable=False),
        sa.Column("fingerprint", WORDS, nullable=False),
        sa.Column("fetched_at", WHOLE, nullable=True),
        sa.Column("content_type", WORDS, nullable=False),
        sa.Column("sha256", WORDS, nullable=False),
        sa.Column("text", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
    )
    unique_with_text("evidence", "kind", "file", "offset")
    op.create_index(op.f("ix_evidence_fetched_at"), "evidence", ["fetched_at"], unique=False)
    op.create_index(op.f("ix_evidence_run"), "evidence", ["run"], unique=False)
    op.create_table(
        "feeds",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("series_id", WHOLE, nullable=False),
        sa.Column("time", WHOLE, nullable=False),
        sa.Column("event_id", WHOLE, nullable=False),
        sa.Column("first_seq", WHOLE, nullable=False),
        sa.Column("reached", WHOLE, nullable=False),
        sa.Column("generation", WHOLE, nullable=False),
        sa.Column("dropped", WHOLE, nullable=False),
        sa.Column("acknowledged_at", WHOLE, nullable=True),
        sa.Column("trouble", WORDS, nullable=False),
        sa.Column("trouble_since", WHOLE, nullable=True),
        sa.Column("server", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feeds")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "parked",
        sa.Column("feed", WORDS, nullable=False),
        sa.Column("series_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("time", WHOLE, autoincrement=False, nullable=False),
        sa.Column("line", WORDS, nullable=False),
        sa.Column("error", WORDS, nullable=False),
        sa.Column("parked_at", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("feed", "series_id", "time", name=op.f("pk_parked")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "repairs",
        sa.Column("feed", WORDS, nullable=False),
        sa.Column("series_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("since", WHOLE, nullable=False),
        sa.Column("until", WHOLE, nullable=False),
        sa.Column("next", WHOLE, nullable=False),
        sa.Column("wipe", sa.Boolean(), nullable=False),
        sa.Column("formerly", WORDS, nullable=False),
        sa.Column("done_at", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("feed", "series_id", name=op.f("pk_repairs")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "meta",
        sa.Column("key", WORDS, nullable=False),
        sa.Column("value", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )
    op.create_table(
        "metrics",
        sa.Column("name", WORDS, nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("unit", WORDS, nullable=False),
        sa.Column("cadence", WORDS, nullable=False),
        sa.Column("settle", WHOLE, nullable=False),
        sa.Column("lag", WHOLE, nullable=False),
        sa.Column("compared", sa.Boolean(), nullable=False),
        sa.Column("title", WORDS, nullable=False),
        sa.Column("note", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("name", "version", "source", name=op.f("pk_metrics")),
    )
    op.create_table(
        "revisions",
        sa.Column("series_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("time", WHOLE, autoincrement=False, nullable=False),
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.Column("seq_to", WHOLE, nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("bound", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("observed_at", WHOLE, nullable=True),
        sa.Column("evidence_id", WHOLE, nullable=True),
        sa.PrimaryKeyConstraint("series_id", "time", "seq", name=op.f("pk_revisions")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_revisions_seq_to"), "revisions", ["seq_to"], unique=False)
    op.create_table(
        "runs",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("time", WHOLE, nullable=False),
        sa.Column("base_seq", WHOLE, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("first_slot", WHOLE, nullable=True),
        sa.Column("last_slot", WHOLE, nullable=True),
        sa.Column("plan", sa.LargeBinary(), nullable=False),
        sa.Column("config_id", WHOLE, nullable=True),
        sa.Column("parser", WHOLE, nullable=False),
        sa.Column("rereads", WORDS, nullable=False),
        sa.Column("finished_seq", WHOLE, nullable=True),
        sa.Column("requests", WHOLE, nullable=False),
        sa.Column("finished_as", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_source_last_slot"), "runs", ["source", "last_slot"], unique=False)
    op.create_table(
        "sendings",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("period", WORDS, nullable=False),
        sa.Column("way", WORDS, nullable=False),
        sa.Column("recipient", WORDS, nullable=False),
        sa.Column("digests", WORDS, nullable=False),
        sa.Column("message_id", WORDS, nullable=False),
        sa.Column("state", WORDS, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("attempts", WHOLE, nullable=False),
        sa.Column("next_at", WHOLE, nullable=False),
        sa.Column("changed_at", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sendings")),
        sa.UniqueConstraint("kind", "period", "way", "recipient", name=op.f("uq_sendings_kind_period_way_recipient")),
    )
    op.create_index(op.f("ix_sendings_state"), "sendings", ["state"], unique=False)
    op.create_table(
        "series",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("metric", WORDS, nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("origin", WORDS, nullable=False),
        sa.Column("topic", WORDS, nullable=False),
        sa.Column("labels", WORDS, nullable=False),
        sa.Column("source", WORDS, nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("metric", "version", "origin", "topic", "labels", name=op.f("uq_series_metric_version_origin_topic_labels")),
    )
    op.create_table(
        "slot_ends",
        sa.Column("run", WORDS, nullable=False),
        sa.Column("slot", WHOLE, autoincrement=False, nullable=False),
        sa.Column("outcome", WORDS, nullable=False),
        sa.Column("reason", WORDS, nullable=False),
        sa.Column("detail", WORDS, nullable=False),
        sa.Column("evidence_id", WHOLE, nullable=True),
        sa.Column("seq", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("run", "slot", name=op.f("pk_slot_ends")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "state",
        sa.Column("source", WORDS, nullable=False),
        sa.Column("key", WORDS, nullable=False),
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.Column("value", WORDS, nullable=True),
        sa.PrimaryKeyConstraint("source", "key", "seq", name=op.f("pk_state")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "weekly",
        sa.Column("series_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("block", WHOLE, autoincrement=False, nullable=False),
        sa.Column("weeks", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("series_id", "block", name=op.f("pk_weekly")),
    )
    op.create_table(
        "points",
        sa.Column("series_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("time", WHOLE, autoincrement=False, nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("bound", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("observed_at", WHOLE, nullable=True),
        sa.Column("evidence_id", WHOLE, nullable=True),
        sa.Column("seq", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("series_id", "time", name=op.f("pk_points")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_points_seq_series_id_time"), "points", ["seq", "series_id", "time"], unique=False)
