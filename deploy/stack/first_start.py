"""What the stack does once, before its servers run: passwords and tokens of its own, then the first figures and the first mail.

``secrets`` makes what is not there yet, in one volume for each who needs it. ``prepare`` writes the configuration, has
`uptake influx setup` make a token that may only write and one that may only read, imports the starting history, and
sends the first digest. Both can be repeated: what is there stays.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import tomlkit

# One secret each; who has the same one has it under the same name.
HOLDERS: Mapping[str, Sequence[str]] = {
    "influxdb-admin-token": ("influxdb", "uptake"),
    "influxdb-password": ("influxdb",),
    "grafana-password": ("grafana",),
    "http-token": ("uptake", "prometheus"),
    "postgres-password": ("postgres", "uptake"),
}
PASSWORDS = "pgpass"  # of PostgreSQL's client library, which takes it only if nobody else can read it
WRITE, READ = "influxdb-write.token", "influxdb-read.token"
CHANGES: Mapping[str, Mapping[str, object]] = {  # what differs from the configuration that `uptake init` writes
    # Inside of the stack's own network, and with a token; Prometheus asks for it by the service's name.
    "http": {"host": "0.0.0.0", "port": 8321, "names": ["uptake"]},  # noqa: S104
    "influxdb": {"url": "http://influxdb:8086", "org": "uptake", "bucket": "uptake"},
    "mail": {"host": "mail", "port": 1025, "security": "none", "from": "uptake@example.org"},
    "digest": {"to": ["team@example.org"], "schedule": "0 7 * * mon"},
}


def make_secrets(folder: Path) -> list[Path]:
    """Write the secrets that are missing; those made are given back. A secret that one holder has is the other's too."""
    made = []
    for name, holders in HOLDERS.items():
        places = [folder / holder / name for holder in holders]
        known = next((place.read_text(encoding="utf-8") for place in places if place.exists()), "") or secrets.token_urlsafe(32)
        for place in places:
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(known, encoding="utf-8")
                place.chmod(0o444)  # each volume is seen by its holder alone, whose user differs from this one
                made.append(place)
    own = folder / "uptake" / PASSWORDS
    if not own.exists():
        own.write_text(
            f"postgres:5432:*:uptake:{(folder / 'uptake' / 'postgres-password').read_text(encoding='utf-8')}\n", encoding="utf-8"
        )
        own.chmod(0o400)
        made.append(own)
    return made


def configured(text: str, folder: Path) -> str:
    """The configuration, with the stack's servers in it; a section that is there already is the user's own."""
    document = tomlkit.parse(text)
    for section, values in CHANGES.items():
        if section not in document:
            document[section] = {**values, **_files(section, folder)}
    return tomlkit.dumps(document)


def _files(section: str, folder: Path) -> dict[str, str]:
    names = {"http": "http-token", "influxdb": WRITE}
    return {"token_file": str(folder / "uptake" / names[section])} if section in names else {}


def prepare(folder: Path, config: Path, uptake: Callable[..., int]) -> int:
    """All that comes before the daemon. The exit code: not 0 where the daemon would not have its server."""
    if not config.exists() and uptake("init", str(config.parent)):
        return 1
    config.write_text(configured(config.read_text(encoding="utf-8"), folder), encoding="utf-8")
    own = folder / "uptake"
    if not (folder / "grafana" / READ).exists():  # the last step of it
        admin = (own / "influxdb-admin-token").read_text(encoding="utf-8")
        (own / WRITE).write_text(admin, encoding="utf-8")  # the config names it; it is replaced by the narrower one
        if uptake("influx", "setup", "--tokens", str(own), admin=admin):
            (own / WRITE).unlink()
            return 1
        read = own / READ
        _hand_over(folder / "grafana" / READ, read.read_text(encoding="utf-8") if read.exists() else admin)
    if uptake("import", "--starting-history"):
        return 1
    uptake("digest", "--send")  # told where it fails; the daemon sends the next one
    return 0


def _hand_over(place: Path, token: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.write_text(token.strip(), encoding="utf-8")
    place.chmod(0o444)


def run(*arguments: str, admin: str = "") -> int:
    """One command of Uptake's, shown as it is called."""
    sys.stderr.write(f"uptake {' '.join(arguments)}\n")
    environment = os.environ | ({"UPTAKE_INFLUXDB_ADMIN_TOKEN": admin} if admin else {})
    return subprocess.run(["uptake", *arguments], env=environment, check=False).returncode  # noqa: S603, S607  # ours, from the image's PATH


def main(arguments: Sequence[str]) -> int:
    folder = Path(os.environ.get("UPTAKE_SECRETS", "/secrets"))
    match arguments:
        case ["secrets"]:
            sys.stderr.write(f"secrets made: {len(make_secrets(folder))}\n")
            return 0
        case ["prepare"]:
            return prepare(folder, Path(os.environ.get("UPTAKE_CONFIG", "/data/uptake.toml")), run)
        case _:
            sys.stderr.write("usage: first_start.py secrets | prepare\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
