"""A real PostgreSQL on a free port, in a folder of its own. A machine that lacks one skips its tests and says so.

The server refuses to run as root; where the tests do, it runs as the user ``postgres`` or ``nobody``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import pytest

from tests.fakes.influx_servers import free_port

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_min_messages": "warning",
}
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}  # what is tested is not the disk


def programs() -> Path:
    """The folder of the server's programs; without it the test is skipped."""
    on_path = shutil.which("postgres")
    found = (
        [Path(on_path).resolve().parent]
        if on_path
        else sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name))
    )
    if not found:
        pytest.skip("no PostgreSQL server is installed (Debian: apt install postgresql): a journal on PostgreSQL is not tested")
    return found[-1]


def _user() -> dict[str, Any]:
    """Who runs the server, for `subprocess`."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody")
    return {}


class Postgres:
    """A cluster with a superuser ``uptake`` who needs no password, reached by TCP on loopback."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.bin, self.folder, self.port = programs(), folder, free_port()
        self._settings = SETTINGS | QUICK | settings | {"port": str(self.port), "unix_socket_directories": str(folder)}
        self._process: subprocess.Popen[bytes] | None = None
        self._user = _user()
        if self._user:
            os.chown(folder, self._user["user"], self._user["group"])
        options = ["--username=uptake", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        made = subprocess.run(
            [self.bin / "initdb", "-D", folder / "data", *options], capture_output=True, text=True, cwd=folder, check=False, **self._user
        )
        if made.returncode:
            raise RuntimeError(f"initdb failed:\n{made.stdout}{made.stderr}")

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://uptake@127.0.0.1:{self.port}/{database}"

    def start(self, patience: float = 20.0) -> Self:
        options = [f"--{key}={value}" for key, value in self._settings.items()]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.folder / "data", *options], stdout=log, stderr=log, cwd=self.folder, **self._user
            )
        end = time.monotonic() + patience
        while time.monotonic() < end and self._process.poll() is None:
            asked: list[str | Path] = [self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
            if subprocess.run(asked, check=False).returncode == 0:
                return self
            time.sleep(0.02)
        raise RuntimeError(f"PostgreSQL does not start:\n{(self.folder / 'server.log').read_text()[-2000:]}")

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it fast and cleanly, SIGQUIT as a crash does: the next start recovers."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(30)
            self._process = None

    def execute(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """The rows of the last statement."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def database(self, name: str, template: str = "template0") -> str:
        """Make an empty database, or a copy of another. Gives its address."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def guard(self, role: str, password: str) -> None:
        """Make a role that must give its password, and may what ``uptake`` may with tables."""
        access = self.folder / "data" / "pg_hba.conf"
        access.write_text(f"host all {role} 127.0.0.1/32 scram-sha-256\n" + access.read_text())
        self.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'", f"GRANT uptake TO {role}", "SELECT pg_reload_conf()")
        asked = ["psql", "-qX", "-h", "127.0.0.1", "-p", str(self.port), "-U", role, "-w", "-c", "", "postgres"]
        while subprocess.run(asked, check=False, capture_output=True, env={"PATH": os.environ["PATH"]}).returncode == 0:
            time.sleep(0.02)  # until the server has read it

    def drop(self, name: str) -> None:
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@contextmanager
def running(**settings: str) -> Iterator[Postgres]:
    """A server that is there as long as the block."""
    with tempfile.TemporaryDirectory(prefix="uptake-postgres-", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder), **settings).start()
        try:
            yield server
        finally:
            server.stop()
