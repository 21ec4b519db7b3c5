"""The demo's folder: its configuration, which every other command takes, and the proof that it is a demo's."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from scheduler.demo.plan import BASKETS, Plan, title
from storage.journal import FILE
from storage.model import UptakeError, UsageError

CONFIG = "uptake.toml"
MARK = ".uptake-demo"  # stands in the folder of a demo, and in no other
_OURS = (CONFIG, MARK, "data", "mails", "token")
READER = "team@example.org"

_HEAD = """\
# Written by `uptake demo`: a simulated year. The servers below were simulated and are gone with it, so that `uptake run` would
# find nobody; what reads (trends, digest, report, status, trace, export, serve) works as on any other folder.

[store]
path = "data"

[crawl]
delay = 0.0
contact = "mailto:demo@example.org"

[http]
port = 0

[influxdb]
url = "{influxdb}"
kind = "influxdb"

[digest]
schedule = "0 7 * * mon"
{to}
[mail]
host = "127.0.0.1"
port = {mail}
security = "none"
from = "uptake@example.org"

"""
# Which sources are on, besides their addresses. Weekly where a week's look tells all, daily where days are counted.
_SOURCES = {
    "github": 'schedule = "17 3 * * mon"\ntoken_file = "token"',
    "hacker_news": 'schedule = "41 2 * * *"',
    "stackoverflow": 'schedule = "23 2 * * *"',
    "medium": 'schedule = "0 6 * * *"',
    "himalayas": 'schedule = "52 4 * * mon"',
    "reed": 'schedule = "33 5 * * mon"\nkey_file = "token"',
    "google_trends": 'schedule = "11 6 * * mon"\nenabled = true\nway = "api"\ntoken_file = "token"',
    "conferences": 'schedule = "41 5 * * sun"\nenabled = true\naffiliations = []\nrules = ["inclusive"]\neditions = [{editions}]',
}
_NAMES = {
    "github": 'github = "{0}/{0}"',
    "hacker_news": 'hacker_news = ["{0}"]',
    "jobs": 'himalayas = ["{0}"]\nreed = ["{0}"]',
    "medium": 'medium = ["{0}"]',
    "search": 'google_trends = "{0}"',
    "stackoverflow": 'stackoverflow = "{0}"',
    "papers": 'papers = ["{0}"]',
}


def config_of(plan: Plan, addresses: Mapping[str, Mapping[str, str]], *, mails: bool, others: tuple[str, ...]) -> str:
    """``uptake.toml`` for a world at these addresses; ``others`` are the sources that are off."""
    editions = ", ".join(f'"CVPR {year}"' for year in plan.editions)
    to = f'to = ["{READER}"]\n' if mails else ""
    parts = [_HEAD.format(influxdb=addresses["influxdb"]["url"], mail=addresses["mail"]["port"], to=to)]
    for name, keys in _SOURCES.items():
        places = "".join(f'{key} = "{url}"\n' for key, url in addresses[name].items())
        parts.append(f"[sources.{name}]\n{keys.format(editions=editions)}\n{places}\n")
    parts += [f"[sources.{name}]\nenabled = false\n\n" for name in others if name not in _SOURCES]
    for key, (words, topics) in BASKETS.items():
        parts.append(f'[baskets.{key}]\ntitle = "{words}"\ntopics = [{", ".join(f"{chr(34)}{t}{chr(34)}" for t in topics)}]\n\n')
        for topic in topics:
            names = [form.format(topic) for what, form in _NAMES.items() if plan.course(topic, what) is not None]
            parts.append("\n".join([f"[topics.{topic}]", f'title = "{title(topic)}"', *names, "\n"]))
    return "".join(parts)


def prepare(folder: Path) -> None:
    """An empty folder for a demo. An earlier demo's is emptied; raises `UsageError` where something else is."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--folder: {folder} is a file; name a folder")
    there = list(folder.iterdir()) if folder.is_dir() else []
    if there and not (folder / MARK).is_file():
        what = "has figures of your own" if (folder / FILE).exists() or (folder / "data" / FILE).exists() else "is not empty"
        raise UsageError(f"--folder: {folder} {what}, and is no demo's; name a folder that is empty or not there yet")
    foreign = [path.name for path in there if path.name not in _OURS]
    if foreign:
        raise UsageError(f"--folder: {folder} holds {', '.join(sorted(foreign)[:3])}, which no demo wrote; name another folder")
    try:
        for path in there:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).write_text("This folder was written by `uptake demo`, which may empty it.\n", encoding="utf-8")
        (folder / "token").write_text("demo-token\n", encoding="utf-8")
    except OSError as error:
        raise UptakeError(f"cannot write into {folder}: {error.strerror}; name another folder with --folder") from error


__all__ = ["CONFIG", "config_of", "prepare"]
