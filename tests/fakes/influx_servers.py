"""Real time-series servers on free ports, in folders of their own: Debian's InfluxDB 1.6, nginx in front of it, VictoriaMetrics.

InfluxDB 1.6 has no ``/api/v2/write`` and knows no tokens. nginx gives it both: it rewrites the address, and refuses
a request without the token, in the words of InfluxDB 2. A machine that lacks a server skips its tests and says so.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

TOKEN = "a-token-of-tests"

_INFLUX = """\
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  index-version = "tsi1"
  max-series-per-database = 0
  max-values-per-tag = 0
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
  max-body-size = 0
[monitor]
  store-enabled = false
"""

_NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ }}
http {{
  access_log off;
  client_max_body_size {largest};
  client_body_buffer_size 4m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_buffering off;
  server {{
    listen 127.0.0.1:{port};
    default_type application/json;
    location = /api/v2/write {{
      if ($http_authorization != "Token {token}") {{ return 401 '{{"code":"unauthorized","message":"unauthorized access"}}'; }}
      rewrite ^ /write?db=$arg_bucket&precision=$arg_precision? break;
      proxy_pass http://127.0.0.1:{upstream};
    }}
    location = /query {{
      if ($http_authorization != "Token {token}") {{ return 401 '{{"code":"unauthorized","message":"unauthorized access"}}'; }}
      proxy_pass http://127.0.0.1:{upstream};
    }}
    location / {{ proxy_pass http://127.0.0.1:{upstream}; }}
  }}
}}
"""


def free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def needs(program: str, package: str) -> str:
    """The path of a server's program; without it the test is skipped."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed (Debian: apt install {package}): what is written to a real server is not tested")
    return found


class Server:
    """A server's process. ``url`` is where it is reached."""

    def __init__(self, command: list[str], port: int, folder: Path, ready: str = "/ping") -> None:
        self.command, self.port, self.folder, self._ready = command, port, folder, ready
        self.url = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, patience: float = 20.0) -> Self:
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.folder)
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            try:
                urllib.request.urlopen(self.url + self._ready, timeout=1).close()
            except urllib.error.HTTPError as error:
                error.close()
                return self
            except OSError:
                time.sleep(0.02)
            else:
                return self
        raise RuntimeError(f"{self.command[0]} does not start:\n{(self.folder / 'server.log').read_text()[-2000:]}")

    def kill(self) -> None:
        """As a power cut: nothing is flushed."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)
            self._process = None


class Influx(Server):
    """InfluxDB 1.6, asked directly."""

    def database(self, name: str, duration: str = "INF") -> str:
        shard = "5200w" if duration == "INF" else "1d"
        self.query(f'CREATE DATABASE "{name}" WITH DURATION {duration} REPLICATION 1 SHARD DURATION {shard} NAME autogen')
        return name

    def query(self, text: str, database: str = "") -> list[dict[str, Any]]:
        """The series of a query's answer."""
        body = urllib.parse.urlencode({"q": text, "db": database, "epoch": "s"}).encode()
        with urllib.request.urlopen(f"{self.url}/query", body, timeout=30) as answer:
            found = json.loads(answer.read())["results"]
        errors = [result["error"] for result in found if "error" in result]
        if errors:
            raise RuntimeError(errors[0])
        return [series for result in found for series in result.get("series", [])]

    def write(self, database: str, lines: str) -> None:
        urllib.request.urlopen(f"{self.url}/write?db={database}", lines.encode(), timeout=30).close()


def influx(folder: Path) -> Influx:
    """An InfluxDB that is not started yet."""
    program = needs("influxd", "influxdb")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    (folder / "influx.conf").write_text(_INFLUX.format(folder=folder, port=port, rpc=free_port()))
    return Influx([program, "-config", str(folder / "influx.conf")], port, folder)


def front(upstream: Server, folder: Path, *, largest: str = "0") -> Server:
    """An nginx before an InfluxDB 1.6, that makes it answer as InfluxDB 2 does to writes; not started yet."""
    program = needs("nginx", "nginx-light")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port, upstream=upstream.port, token=TOKEN, largest=largest))
    return Server([program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.log")], port, folder)


class Victoria(Server):
    """VictoriaMetrics, single node."""

    def flush(self) -> None:
        """What was written becomes visible."""
        self.ask_text("/internal/force_flush")

    def ask_text(self, path: str, **query: str) -> str:
        with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(query)}", timeout=30) as answer:
            return str(answer.read().decode())

    def export(self, match: str) -> list[dict[str, Any]]:
        """Series with raw samples: ``{"metric": {...}, "values": [...], "timestamps": [ms...]}``."""
        self.flush()
        text = self.ask_text("/api/v1/export", **{"match[]": match, "start": "0", "end": "4102444800"})
        return [json.loads(line) for line in text.splitlines()]


GOOD_FLAGS = ("-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms", "-search.latencyOffset=0s")


def victoria(folder: Path, *flags: str) -> Victoria:
    """A VictoriaMetrics that is not started yet; without flags as its packages start it."""
    program = needs("victoria-metrics", "victoria-metrics")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [program, f"-storageDataPath={folder}/data", f"-httpListenAddr=127.0.0.1:{port}", "-loggerLevel=WARN", *flags]
    return Victoria(command, port, folder, ready="/health")


@contextmanager
def running(*servers: Server) -> Iterator[None]:
    started: list[Server] = []
    try:
        for server in servers:
            started.append(server)
            server.start()
        yield
    finally:
        for server in reversed(started):
            server.stop()
