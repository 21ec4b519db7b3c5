"""What the two databases say differently, side by side. All other statements are one text for both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

# SQL in SQLite, and in PostgreSQL.
Both = tuple[str, str]

# Members of a list that is handed over as one JSON text, however long it is: `IN ({TEXTS})`.
TEXTS: Both = ("SELECT value FROM json_each(?)", "SELECT value FROM json_array_elements_text(CAST(? AS json)) AS list (value)")
NUMBERS: Both = (
    "SELECT value FROM json_each(?)",
    "SELECT CAST(value AS bigint) FROM json_array_elements_text(CAST(? AS json)) AS list (value)",
)

# A row of evidence by its text, which is unique by its hash in PostgreSQL: its indices refuse entries of more than a third of a page.
SELECT_EVIDENCE: Both = (
    'SELECT id FROM evidence WHERE kind = ? AND file = ? AND "offset" = ? AND text = ?',
    'SELECT id FROM evidence WHERE kind = ? AND file = ? AND "offset" = ? AND md5(text) = md5(?)',
)


def on_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def say(connection: Connection, both: Both) -> str:
    """The one of two texts that this connection's database understands."""
    return both[on_postgres(connection)]


def plain_text(text: str) -> str:
    """Text that both databases can keep: the character NUL, which PostgreSQL refuses and nobody can see, shows as replaced."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def load(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]], types: Sequence[str] = ()) -> None:
    """Add many rows to a table as fast as its database can: by COPY, or by one statement that is run again and again.

    ``types``: of PostgreSQL, a column each, where every row is known to hold them; then they travel in binary.
    """
    names = ", ".join(f'"{name}"' for name in columns)
    if not on_postgres(connection):
        sql = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"
        if rows := list(rows):
            connection.exec_driver_sql(sql, rows)
        return
    driver = connection.connection.driver_connection
    assert driver is not None  # a connection that is in use has one
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN{' (FORMAT binary)' if types else ''}") as copy:
        if types:
            copy.set_types(types)
        write = copy.write_row
        for row in rows:
            write(row)
