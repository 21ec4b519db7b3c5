"""A small store with a basket of two topics and three years of figures, and the config that sends its digest."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from scheduler.config import Config, load
from storage.journal import Journal
from storage.model import Cadence, Kind, Metric, Observation, Series
from storage.periods import DAY, WEEK, read_time
from tests.harness import empty_store

MONDAY = read_time("2026-04-06T05:00:00Z")  # seven in Berlin, when the digest is due
READERS = ("ann@example.org", "bob@example.org")
STARS = Metric("github.stars", Kind.LEVEL, "stars", Cadence.DAY, "GitHub stars", "Stargazers at the moment of asking.")

CONFIG = """\
[baskets.libs]
title = "Libraries"
topics = ["alpha", "beta"]

[topics.alpha]
title = "Alpha"

[topics.beta]
title = "Beta"

[digest]
timezone = "Europe/Berlin"
to = [{to}]
{more}
{mail}
"""


def store(folder: Path, mail: str = "", *, more: str = "", to: Sequence[str] = READERS, weeks: int = 150) -> Config:
    """Write the config and, once, the figures: Alpha grows by half a year, Beta by a twentieth."""
    text = CONFIG.format(to=", ".join(f'"{t}"' for t in to), more=more, mail=mail)
    (folder / "uptake.toml").write_text(text, encoding="utf-8")
    if not (folder / "data").exists():
        shutil.copytree(empty_store(), folder / "data")
        with Journal.open(folder / "data", writable=True) as journal, journal.write(now=MONDAY - 2 * DAY) as tx:
            tx.define([STARS], "github")
            for topic, start, yearly in (("alpha", 900.0, 1.5), ("beta", 4000.0, 1.05)):
                series = Series(STARS.name, topic, source="github")
                times = [MONDAY - (weeks - i) * WEEK for i in range(weeks)]
                tx.put(Observation(series, t - t % 86400, float(round(start * yearly ** (i / 52)))) for i, t in enumerate(times))
    return load(folder / "uptake.toml", {})
