"""What only a server can do to a journal: refuse, be away, end in the middle, be another one than was meant."""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from storage import database, feed, schema
from storage.feed import START, Place
from storage.journal import Journal
from storage.model import Event, Observation, Series, UptakeError, UsageError
from storage.postgres import JournalAway, bring_up_to_date, has_password, parse, plain, translated
from storage.postgres import shown as shown_of
from tests.databases import Databases
from tests.fakes.influx_servers import free_port
from tests.fakes.postgres import Postgres, running
from tests.storage.journals import known, star
from tests.storage.test_database import LATER, revision

ROOT = Path(__file__).parents[2]
NOWHERE = Path("/nowhere")
NAMES = itertools.count(1)


@pytest.fixture
def url(postgres_databases: Databases, tmp_path: Path) -> Iterator[str]:
    """An empty journal."""
    yield postgres_databases.url(tmp_path)
    postgres_databases.release(tmp_path)


@pytest.fixture
def bare(postgres: Postgres) -> Iterator[str]:
    """A database without tables."""
    name = f"bare_{next(NAMES)}"
    yield postgres.database(name)
    postgres.drop(name)


def run(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


# The schema


def test_the_migrations_make_the_tables_that_the_program_declares(bare: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with Journal.open(NOWHERE, bare) as journal, journal.readers.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection), schema.metadata)
        hashed = {"uq_events_kind_topic_time_text", "uq_evidence_kind_file_offset_text"}  # of the text's hash here
        assert [change for change in found if not (change[0].endswith("_index") and change[1].name in hashed)] == []
        loose = connection.exec_driver_sql(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
            " AND table_name != 'alembic_version' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
        )
        assert loose.all() == []


OPENS = """
import sys
from pathlib import Path
from storage.journal import Journal
from storage.model import Observation, Series
sys.stdin.readline()
with Journal.open(Path("/nowhere"), sys.argv[1], writable=True) as journal, journal.write() as tx:
    tx.put([Observation(Series("github.stars", sys.argv[2]), 0, 1.0)])
"""


def test_processes_that_begin_at_once_make_one_journal(bare: str) -> None:
    started = [run(OPENS, bare, str(n)) for n in range(3)]
    for process in started:
        process.communicate("\n", timeout=60)
    assert [process.returncode for process in started] == [0, 0, 0]
    with Journal.open(NOWHERE, bare) as journal:
        assert (len(known(journal)), journal.head()) == (3, 3)


def test_a_newer_journal_is_refused_and_an_older_one_migrated_as_a_whole_or_not_at_all(bare: str, tmp_path: Path) -> None:
    address = parse(bare, "here")
    with Journal.open(NOWHERE, bare, writable=True) as journal:
        with journal.write() as tx:
            tx.put([star(0, 1.0)])
        (tmp_path / "bad").mkdir()
        with pytest.raises(ZeroDivisionError):
            bring_up_to_date(journal.readers, address, head=LATER, locations=(revision(tmp_path / "bad", "1 / 0"),))
        assert journal.there()
        with journal.read() as connection:
            assert "weight" not in columns_of(connection)
        bring_up_to_date(journal.readers, address, head=LATER, locations=(revision(tmp_path),))
        with journal.read() as connection:
            assert "weight" in columns_of(connection)
    with pytest.raises(
        UptakeError, match=r"was written by a newer Uptake \(schema 9000; this program knows up to .*\); update the program"
    ):
        Journal.open(NOWHERE, bare)


def columns_of(connection: Connection) -> list[str]:
    return list(connection.exec_driver_sql("SELECT * FROM events").keys())


@pytest.mark.parametrize("table", ["points", "alembic_version"])
def test_a_database_of_another_program_is_left_alone(postgres: Postgres, bare: str, table: str) -> None:
    name = bare.rpartition("/")[2]
    postgres.execute(f"CREATE TABLE {table} (version_num text)", database=name)
    with pytest.raises(UsageError, match=r"has tables of another program under the journal's names; make a database for the journal alone"):
        Journal.open(NOWHERE, bare)
    assert len(postgres.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'", database=name)) == 1


def test_other_tables_may_stand_beside_the_journal(postgres: Postgres, bare: str) -> None:
    postgres.execute("CREATE TABLE procrastinate_jobs (id int)", database=bare.rpartition("/")[2])
    with Journal.open(NOWHERE, bare) as journal:
        assert journal.there()


# Addresses and secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ann:geheim@db.example.org:5433/uptake", "ann@db.example.org:5433/uptake"),
        ("postgres://db.example.org/uptake?password=geheim&sslmode=require", "db.example.org/uptake"),
        ("postgresql+psycopg://ann@/uptake?host=/run/postgresql", "ann@/run/postgresql/uptake"),
        ("postgresql:///uptake", "the local socket/uptake"),
    ],
)
def test_an_address_is_shown_without_its_password(text: str, shown: str) -> None:
    url = parse(text, "here")
    assert shown_of(url) == shown
    assert "geheim" not in plain(url)
    assert has_password(url) == ("geheim" in text)
    journal = Journal(NOWHERE, text)
    assert "geheim" not in repr(journal) + journal.name


@pytest.mark.parametrize(
    "text", ["", "uptake", "mysql://ann:geheim@host/x", "postgresql://ann:geheim@host", "postgresql+asyncpg://h/x", "://"]
)
def test_what_is_no_address_of_a_database_is_told_without_repeating_it(text: str) -> None:
    with pytest.raises(UsageError, match=r"^here is no address of a PostgreSQL database; write postgresql\+psycopg://user@host/database$"):
        parse(text, "here")


def test_without_the_driver_one_sentence_says_what_to_install() -> None:
    program = """
        import sys
        sys.modules["psycopg"] = None
        from pathlib import Path
        from storage.journal import Journal
        try:
            Journal.open(Path("/nowhere"), "postgresql://host/x")
        except Exception as error:
            print(type(error).__name__, error)
        """
    with run(program) as process:
        said, _ = process.communicate()
    assert said.strip().endswith("pip install 'uptake[cluster]'")
    assert said.startswith("UsageError")


@pytest.mark.parametrize("sql", ["SELECT ?", "SELECT '?' || ? || '100%'", 'SELECT "a?b%" FROM x WHERE y % 2 = ?', "SELECT 'it''s ?', ?"])
def test_statements_keep_their_meaning_when_their_marks_are_changed(sql: str) -> None:
    told = translated(sql)
    assert told.count("%s") == 1
    assert told.replace("%s", "").replace("%%", "%").count("?") == sql.count("?") - 1


# What the server refuses


@contextmanager
def refused(kind: type[UptakeError], words: str) -> Iterator[None]:
    with pytest.raises(kind, match=words) as told:
        yield
    assert "geheim" not in str(told.value)
    assert "Traceback" not in str(told.value)


def test_a_wrong_password_an_unknown_database_and_lacking_rights_are_told_in_sentences(tmp_path: Path) -> None:
    with running() as server:
        access = server.folder / "data" / "pg_hba.conf"
        access.write_text("host all guarded 127.0.0.1/32 scram-sha-256\nhost all locked 127.0.0.1/32 reject\n" + access.read_text())
        server.execute("CREATE ROLE guarded LOGIN PASSWORD 'geheim'", "CREATE ROLE poor LOGIN", "SELECT pg_reload_conf()")
        server.database("uptake")
        address = f"127.0.0.1:{server.port}/uptake"
        with refused(UptakeError, r"does not let guarded@127\.0\.0\.1:\d+/uptake in .*PGPASSWORD.*PGPASSFILE.*UPTAKE_STORE_URL"):
            Journal.open(NOWHERE, f"postgresql://guarded:geheim2@{address}")
        with refused(UptakeError, "does not let guarded@.* in .*no password supplied"):
            Journal.open(NOWHERE, f"postgresql://guarded@{address}")
        with refused(UptakeError, "does not let locked@"):
            Journal.open(NOWHERE, f"postgresql://locked@{address}")
        with refused(UptakeError, "there is no such database: .*CREATE DATABASE nothing OWNER uptake"):
            Journal.open(NOWHERE, server.url("nothing"))
        with refused(UptakeError, r"the role of poor@.* lacks the right for this \([^:\n]*\); .*ALTER DATABASE uptake OWNER TO poor$"):
            Journal.open(NOWHERE, f"postgresql://poor@{address}")
        Journal.open(NOWHERE, server.url("uptake")).close()
        with refused(UptakeError, "the role of poor@.* lacks the right"):
            Journal.open(NOWHERE, f"postgresql://poor@{address}")
        secret = tmp_path / "pgpass"
        secret.write_text("*:*:*:guarded:geheim\n")
        secret.chmod(0o600)
        server.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO guarded", database="uptake")
        with Journal.open(NOWHERE, f"postgresql://guarded@{address}?passfile={secret}") as journal:
            assert journal.head() == 0


def test_a_database_that_keeps_no_utf_8_and_a_server_that_is_too_old_are_refused(
    postgres: Postgres, bare: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"latin_{next(NAMES)}"
    postgres.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0")
    with refused(UptakeError, "keeps text as LATIN1; make a database with ENCODING 'UTF8'"):
        Journal.open(NOWHERE, postgres.url(name))
    postgres.drop(name)
    monkeypatch.setattr("storage.postgres.OLDEST", 99)
    with refused(UptakeError, r"is PostgreSQL \d+; a journal needs version 99 or newer"):
        Journal.open(NOWHERE, bare)


def test_a_server_that_takes_no_writing_is_told_and_reading_goes_on(postgres: Postgres, url: str) -> None:
    name = url.rpartition("/")[2]
    postgres.execute("CREATE ROLE reader LOGIN", "GRANT pg_read_all_data TO reader")
    address = url.replace("uptake@", "reader@")
    try:
        with Journal.open(NOWHERE, address, writable=True) as journal:
            assert journal.head() == 0
            with refused(UptakeError, "the role of reader@.* lacks the right"), journal.write() as tx:
                tx.put([star(0, 1.0)])
            with refused(UptakeError, r"takes no writing just now \(.*\): it is a standby"), journal.write() as tx:
                tx.connection.exec_driver_sql("SET TRANSACTION READ ONLY")
                tx.put([star(0, 1.0)])
    finally:
        postgres.execute("DROP ROLE reader", database=name)


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("53100", UptakeError, "the disk of the journal's server .* is full; nothing was half written"),
        ("53200", UptakeError, "lacks memory or another resource"),
        ("53300", JournalAway, "cannot be reached"),
        ("57014", UptakeError, "stopped a statement .*statement_timeout"),
        ("58030", UptakeError, "cannot read or write its files"),
        ("XX001", database.JournalDamaged, "found damage in the journal .*restore a backup"),
        ("40P01", database.JournalBusy, "another process has been writing"),
    ],
)
def test_a_server_in_trouble_is_told_in_a_sentence_and_nothing_is_half_written(
    postgres: Postgres, url: str, code: str, kind: type[UptakeError], words: str
) -> None:
    name = url.rpartition("/")[2]
    body = f"BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{code}'; END"  # as a server in that trouble answers
    postgres.execute(f"CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$", database=name)
    postgres.execute("CREATE TRIGGER trouble BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION trouble()", database=name)
    try:
        with Journal.open(NOWHERE, url, writable=True) as journal:
            with refused(kind, words), journal.write() as tx:
                tx.put([star(0, 1.0)])
                tx.note(Event(0, "note", "x"))
            assert (journal.head(), known(journal)) == (0, {})
    finally:
        postgres.execute("DROP FUNCTION trouble CASCADE", database=name)


def test_a_lost_table_is_told(postgres: Postgres, bare: str) -> None:
    with Journal.open(NOWHERE, bare) as journal:
        postgres.execute("DROP TABLE state", database=bare.rpartition("/")[2])
        with refused(UptakeError, "lacks a table of the journal"), journal.read() as connection:
            connection.exec_driver_sql("SELECT * FROM state")


def test_a_mistake_of_the_program_stays_a_mistake(url: str) -> None:
    from sqlalchemy.exc import ProgrammingError

    with Journal.open(NOWHERE, url) as journal, pytest.raises(ProgrammingError), journal.read() as connection:
        connection.exec_driver_sql("SELECT nothing FROM points")


# Lost connections


def test_no_server_is_told_as_one_that_is_away() -> None:
    with refused(
        JournalAway, r"uptake@127\.0\.0\.1:\d+/uptake cannot be reached.*Look whether PostgreSQL runs there and the address is right"
    ):
        Journal.open(NOWHERE, f"postgresql://uptake:geheim@127.0.0.1:{free_port()}/uptake")


ENDS_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}' AND pid != pg_backend_pid()"


def test_connections_that_died_while_nobody_used_them_are_replaced_unnoticed(postgres: Postgres, url: str) -> None:
    with Journal.open(NOWHERE, url, writable=True) as journal:
        for n in range(3):
            with journal.write() as tx:
                tx.put([star(n, 1.0)])
            assert journal.head() == n + 1
            postgres.execute(ENDS_ALL.format(url.rpartition("/")[2]))


def test_a_connection_that_dies_in_a_transaction_writes_nothing_and_the_next_one_goes_well(postgres: Postgres, url: str) -> None:
    with Journal.open(NOWHERE, url, writable=True) as journal:
        for rows in (1, 500):  # by the way of few, and by COPY
            with refused(JournalAway, "has closed the connection"), journal.write() as tx:
                tx.note(Event(0, "note", "x"))
                postgres.execute(ENDS_ALL.format(url.rpartition("/")[2]))
                tx.put([star(n, 1.0) for n in range(rows)])
            assert (journal.head(), known(journal)) == (0, {})
        with journal.write() as tx:
            tx.put([star(0, 1.0)])
        assert journal.head() == 1


WRITES_FOR_EVER = """
import sys
from pathlib import Path
from storage.database import JournalBusy
from storage.journal import Journal
from storage.model import Observation, Series
with Journal.open(Path("/nowhere"), sys.argv[1], writable=True) as journal:
    n = 0
    while True:
        try:
            with journal.write(run=sys.argv[2]) as tx:
                tx.put([Observation(Series("github.stars", f"{sys.argv[2]}{i}"), n * 86400, float(n)) for i in range(30)])
                tx.put([Observation(Series("github.forks", "t"), 0, float(tx.seq))])
                seq = tx.seq
        except JournalBusy:
            print("away", flush=True)
            continue
        n += 1
        print(seq, flush=True)
"""


@pytest.mark.parametrize("end", [signal.SIGQUIT, signal.SIGINT])
def test_a_server_that_ends_in_the_middle_loses_nothing_that_was_told_as_kept(end: signal.Signals) -> None:
    with running() as server:
        address = server.database("uptake")
        Journal.open(NOWHERE, address).close()
        dice = random.Random(int(end))
        with run(WRITES_FOR_EVER, address, "w") as writer, Journal.open(NOWHERE, address, writable=True) as journal:
            assert writer.stdout is not None
            for _ in range(3):
                kept = writer.stdout.readline()
                time.sleep(dice.uniform(0.02, 0.15))
                server.stop(end)
                with refused(JournalAway, "cannot be reached"):
                    journal.head()
                server.start()
                while (kept_now := writer.stdout.readline()) != "away\n":
                    kept = kept_now
                assert journal.head() >= int(kept)
                while writer.stdout.readline() == "away\n":  # the writer goes on by itself
                    continue
            writer.kill()
        with Journal.open(NOWHERE, address) as journal, journal.read() as connection:
            journal.verify()
            head = journal.head()
            assert connection.exec_driver_sql("SELECT count(*) FROM commits").scalar() == head
            whole = "SELECT count(*) FROM (SELECT seq FROM points WHERE series_id > 0 GROUP BY seq HAVING count(*) >= 30) AS whole"
            assert connection.exec_driver_sql(whole).scalar() == head
            assert connection.exec_driver_sql("SELECT count(*) FROM revisions").scalar() == head - 1


def test_a_reader_of_the_feed_beside_two_writers_misses_nothing(url: str) -> None:
    place, seen, pages = START, dict[tuple[int, int], int](), 0
    with run(WRITES_FOR_EVER, url, "a") as one, run(WRITES_FOR_EVER, url, "b") as other, Journal.open(NOWHERE, url) as journal:
        end, runs = time.monotonic() + 60, 0
        while (pages < 40 or runs < 2) and time.monotonic() < end:  # whose turn it is, the server decides
            with journal.read() as connection:
                found = feed.changes(connection, place, 37)
                runs = connection.exec_driver_sql("SELECT count(DISTINCT run) FROM commits").scalar_one()
            for series_id, at, _, _, _, seq, _ in found:
                assert Place(seq, series_id, at) > place, "a change came behind the place"
                place = Place(seq, series_id, at)
                seen[series_id, at] = seq
            pages += bool(found)
        for writer in (one, other):
            writer.kill()
            writer.wait()
        while True:
            with journal.read() as connection:
                found = feed.changes(connection, place, 10_000)
            if not found:
                break
            for series_id, at, _, _, _, seq, _ in found:
                place, seen[series_id, at] = Place(seq, series_id, at), seq
        with journal.read() as connection:
            stands = {(i, at): seq for i, at, seq in connection.exec_driver_sql("SELECT series_id, time, seq FROM points")}
            assert stands == seen
            writers = connection.exec_driver_sql("SELECT run, count(*) FROM commits GROUP BY run ORDER BY run").all()
            order = connection.exec_driver_sql("SELECT seq FROM commits ORDER BY seq").scalars().all()
    assert pages >= 40
    assert [run for run, _ in writers] == ["a", "b"], "one of the two never came to its turn"
    assert order == list(range(1, len(order) + 1))


# Upkeep


def test_upkeep_tells_of_a_table_that_is_in_use_and_does_the_rest(url: str) -> None:
    with Journal.open(NOWHERE, url, writable=True) as journal:
        with journal.write() as tx:
            tx.put([star(n, 1.0) for n in range(2000)])
        with journal.write() as tx:
            tx.connection.exec_driver_sql("DELETE FROM points")
        with journal.read() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM points")
            done = journal.compact(rewrite=True, wait=0.1)
            (trouble,) = done.troubles
            assert trouble.startswith("another process has been using ")
            assert "points" in trouble
        done = journal.compact(rewrite=True)
        assert done.troubles == ()
        assert done.after < done.before
        with journal.write() as tx:  # its own patience is what it was
            assert tx.connection.exec_driver_sql("SELECT current_setting('lock_timeout')").scalar() == "30s"


def test_writers_whose_server_keeps_less_than_it_says_keep_it_all_the_same(postgres: Postgres, url: str) -> None:
    assert postgres.execute("SHOW synchronous_commit") == [("off",)]
    with Journal.open(NOWHERE, url, writable=True) as journal, journal.write() as tx:
        assert tx.connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_threads_that_write_take_turns(url: str) -> None:
    failures: list[BaseException] = []
    with Journal.open(NOWHERE, url, writable=True) as journal:

        def work(name: str) -> None:
            try:
                for n in range(5):
                    with journal.write() as tx:
                        tx.put([Observation(Series("github.stars", name), n, 1.0)])
            except BaseException as error:  # the test tells
                failures.append(error)

        threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert failures == []
        assert journal.head() == 20
        assert len(known(journal)) == 20
