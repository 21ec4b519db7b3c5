"""Where the journal is: a file in the store's folder, or a PostgreSQL database whose address is put together here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scheduler.config_sections import Store
from scheduler.config_sources import secret
from storage.model import UsageError

VARIABLE = "UPTAKE_STORE_URL"
_READ_BY_LIBPQ = ("PG", "KRB5")  # beginnings of names; https://www.postgresql.org/docs/current/libpq-envars.html


def store_url(section: Store, beside: Path, environment: Mapping[str, str]) -> str | None:
    """The address of the journal's database, which may hold a password; None for a file.

    It comes from the environment, else from ``url_file``, else from ``url``, where no password may stand.
    """
    given = secret(VARIABLE, section.url_file, "[store] url_file", beside, environment)
    if given is None and section.url is None:
        return None
    from storage.postgres import parse  # not for those who have a file

    if given is not None:
        return parse(given, f"{VARIABLE} or [store] url_file").render_as_string(hide_password=False)
    return without_password(str(section.url), "[store] url")


def without_password(text: str, place: str) -> str:
    """An address that others may read. Raises `UsageError` where it holds a password."""
    from storage.postgres import has_password, parse

    url = parse(text, place)
    if has_password(url):
        raise UsageError(
            f"{place} holds a password, and others may read it there; take it out, and give it by PGPASSWORD in the environment, by a file"
            f" that PGPASSFILE names (libpq's .pgpass), or give the whole address by {VARIABLE} in the environment or by url_file"
        )
    return url.render_as_string(hide_password=False)


def credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """Of an environment what PostgreSQL's client library reads, for a process that reads the journal and is to know nothing else."""
    return {name: value for name, value in environment.items() if name.startswith(_READ_BY_LIBPQ)}


__all__ = ["VARIABLE", "credentials", "store_url", "without_password"]
