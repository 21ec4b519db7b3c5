from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from storage import database, frames, schema
from storage.journal import FILE, Journal
from storage.model import UptakeError, UsageError
from tests.storage.journals import dump, known, make, star

LATER = "9000"
NEXT = f"""
import sqlalchemy as sa
from alembic import op

revision = "{LATER}"
down_revision = "{schema.HEAD}"


def upgrade() -> None:
    op.add_column("events", sa.Column("weight", sa.Integer()))
    {{then}}
"""


def revision(folder: Path, then: str = "pass") -> Path:
    locations = folder / "later"
    locations.mkdir()
    (locations / f"{LATER}_later.py").write_text(NEXT.format(then=then))
    return locations


def filled(folder: Path, days: int = 400) -> Path:
    with Journal(make(folder), writable=True) as journal, journal.write() as tx:
        tx.put([star(day * 86_400, float(day)) for day in range(days)])
    return folder / FILE


def columns(file: Path, table: str) -> set[str]:
    with closing(sqlite3.connect(file)) as connection:
        return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


@pytest.mark.parametrize("name", ["data", "a folder", "100%", "a?b=c#d", "größe"])
def test_a_journal_is_made_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    with Journal.open(tmp_path / name / "deeper", writable=True) as journal, journal.write() as tx:
        tx.put([star(0, 1.0)])
    with Journal.open(tmp_path / name / "deeper") as journal:
        assert len(known(journal)) == 1
    assert [p.name for p in (tmp_path / name / "deeper").iterdir()] == [FILE]


def test_the_migrations_make_the_tables_that_the_program_declares(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    Journal.open(tmp_path).close()
    engine = database.engine_for(tmp_path / FILE, writable=False)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    engine.dispose()
    assert database.version_of(tmp_path / FILE) == schema.HEAD


def test_opening_an_up_to_date_journal_does_not_load_alembic(tmp_path: Path) -> None:
    filled(tmp_path)
    program = "import sys; from pathlib import Path; from storage.journal import Journal; Journal.open(Path(sys.argv[1])).close()"
    program += "; sys.exit('alembic' in sys.modules)"
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", program, str(tmp_path)]) == 0


def test_a_newer_journal_is_refused_and_untouched(tmp_path: Path) -> None:
    file = filled(tmp_path)
    database.bring_up_to_date(file, head=LATER, locations=(revision(tmp_path),))
    before = file.read_bytes()
    told = rf"written by a newer Uptake \(schema {LATER}; this program knows up to {schema.HEAD}\); update the program"
    with pytest.raises(UptakeError, match=told):
        Journal.open(tmp_path, writable=True)
    assert file.read_bytes() == before


def test_an_older_journal_is_backed_up_beside_itself_and_migrated(tmp_path: Path) -> None:
    file = filled(tmp_path)
    with Journal.open(tmp_path) as journal:
        before = dump(journal)
    backup = database.bring_up_to_date(file, head=LATER, locations=(revision(tmp_path),))
    assert backup == tmp_path / f"{FILE}.before-{LATER}"
    assert "weight" in columns(file, "events")
    assert "weight" not in columns(backup, "events")
    assert database.version_of(backup) == schema.HEAD
    shutil.copy(backup, make(tmp_path / "later") / FILE)
    with Journal.open(tmp_path / "later") as journal:
        assert dump(journal) == before
    assert database.bring_up_to_date(file, head=LATER, locations=(tmp_path / "later",)) is None


def test_a_migration_that_fails_changes_nothing_and_keeps_the_backup(tmp_path: Path) -> None:
    file = filled(tmp_path)
    with pytest.raises(ZeroDivisionError):
        database.bring_up_to_date(file, head=LATER, locations=(revision(tmp_path, "1 / 0"),))
    assert database.version_of(file) == schema.HEAD
    assert "weight" not in columns(file, "events")
    assert database.version_of(tmp_path / f"{FILE}.before-{LATER}") == schema.HEAD


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("CREATE TABLE photos (id INTEGER)")
    with pytest.raises(UsageError, match="not a journal of Uptake; choose another"):
        Journal.open(tmp_path)


def test_a_file_that_a_killed_process_left_without_tables_is_made_whole(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # what stands on disk before the first commit
    assert (tmp_path / FILE).stat().st_size > 0
    with Journal.open(tmp_path) as journal:
        assert journal.head() == 0


# Damage


def safe(tmp_path: Path) -> None:
    (tmp_path / "captures" / "2026").mkdir(parents=True)
    (tmp_path / "captures" / "2026" / "github-1.warc.gz").touch()
    (tmp_path / f"{FILE}.before-0001").touch()


STILL_SAFE = rf"is damaged .*Still safe: 1 files of raw responses in .*captures, and the copies {FILE}\.before-0001\. Move the file away"


def read_all(folder: Path) -> None:
    with Journal.open(folder) as journal, journal.read() as connection:
        assert len(frames.points(connection, [1])) == 3000
        connection.exec_driver_sql("SELECT count(*) FROM points WHERE seq > 0").all()


def test_garbage_in_place_of_the_journal_is_told_with_what_is_still_safe(tmp_path: Path) -> None:
    safe(tmp_path)
    (tmp_path / FILE).write_bytes(b"<html>" * 2000)
    with pytest.raises(database.JournalDamaged, match=STILL_SAFE):
        Journal.open(tmp_path)


def test_overwritten_pages_are_told_with_what_is_still_safe(tmp_path: Path) -> None:
    safe(tmp_path)
    file = filled(tmp_path, 3000)
    size = file.stat().st_size
    with file.open("r+b") as out:
        out.seek(4096 * 3)
        out.write(b"\xa5" * (size - 4096 * 3))
    with pytest.raises(database.JournalDamaged, match=STILL_SAFE):
        read_all(tmp_path)
    with pytest.raises(database.JournalDamaged, match=STILL_SAFE):
        database.verify(file)


def test_one_bad_page_that_no_reading_meets_is_found_by_verifying(tmp_path: Path) -> None:
    file = filled(tmp_path, 3000)
    database.verify(file)
    with closing(sqlite3.connect(file)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_revisions_seq_to'").fetchone()[0]
    with file.open("r+b") as out:
        out.seek(4096 * (page - 1))
        out.write(b"\xa5" * 4096)
    read_all(tmp_path)
    with pytest.raises(database.JournalDamaged, match="Still safe: 0 files"):
        database.verify(file)


@pytest.mark.parametrize("part", [0.5, 0.9])
def test_a_truncated_journal_is_told_with_what_is_still_safe(tmp_path: Path, part: float) -> None:
    safe(tmp_path)
    file = filled(tmp_path, 3000)
    os.truncate(file, int(file.stat().st_size * part))
    with pytest.raises(database.JournalDamaged, match=STILL_SAFE):
        read_all(tmp_path)


# Permissions


@contextmanager
def a_folder_that_cannot_be_written(*, with_journal: bool) -> Iterator[Path]:
    """Also for root, who gives up the right for a while."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        Journal.open(path / "warm up").close()  # what is imported late is imported now
        if with_journal:
            filled(path)
        path.chmod(0o555)
        if root:
            os.seteuid(65_534)
        try:
            if os.access(path, os.W_OK, effective_ids=True):
                pytest.skip("this system lets everybody write everywhere")
            yield path
        finally:
            if root:
                os.seteuid(0)
            path.chmod(0o755)


def test_a_folder_without_write_permission_is_told_in_a_sentence() -> None:
    with a_folder_that_cannot_be_written(with_journal=False) as folder:
        with pytest.raises(UptakeError, match="check the permissions of the folder"):
            Journal.open(folder, writable=True)
        with pytest.raises(UptakeError, match=r"cannot make the folder .*: Permission denied; choose another \[store\] path"):
            Journal.open(folder / "data", writable=True)


def test_a_journal_in_a_folder_without_write_permission_is_told_in_a_sentence() -> None:
    told = pytest.raises(UptakeError, match="check the permissions of the folder")
    with a_folder_that_cannot_be_written(with_journal=True) as folder, told:
        Journal.open(folder, writable=True)
