"""Whatever the figures and the names are: a sensible digest and mail, escaped, without division by zero or nonsense."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from scheduler import digests as making
from scheduler import letters
from scheduler.config import load
from storage.journal import Journal
from storage.lookups import head
from storage.model import Bound, Cadence, Kind, Metric, Observation, Series
from storage.periods import DAY, WEEK, read_time
from tests.harness import empty_store
from trends import charts

NOW = read_time("2026-04-06T05:00:00Z")
STARS = Metric("github.stars", Kind.LEVEL, "stars", Cadence.DAY, "GitHub stars", "Stars.")
FLOW = Metric("articles.published", Kind.FLOW, "articles", Cadence.WEEK, "Articles published", "By week.")
Figures = dict[str, Sequence[float]]


def weekly(values: Sequence[float]) -> list[tuple[int, float]]:
    """Values on the Mondays before now, the last of a week that has ended."""
    monday = (NOW - 4 * DAY) // WEEK * WEEK + 4 * DAY
    return [(monday - (len(values) - i) * WEEK, v) for i, v in enumerate(values)]


def growing(n: int = 150, rate: float = 0.3, start: float = 100.0) -> list[float]:
    return [round(start * float(np.exp(rate * i / 52))) for i in range(n)]


CASES: dict[str, tuple[Figures, Figures]] = {
    "one topic": ({"a": growing()}, {}),
    "one figure": ({"a": [5]}, {}),
    "one week": ({"a": [5, 6], "b": [3, 4]}, {"a": [1]}),
    "all zeros": ({"a": [0] * 150, "b": [0] * 150}, {"a": [0] * 150, "b": [0] * 150}),
    "constant": ({"a": [7] * 150, "b": [7] * 150}, {"a": [7] * 150, "b": [7] * 150}),
    "one of them zero": ({"a": [0] * 150, "b": growing()}, {"a": [0] * 150, "b": growing()}),
    "falling to zero": ({"a": [max(0, 100 - i) for i in range(150)], "b": growing()}, {}),
    "opposite signs": ({"a": growing(rate=0.5), "b": growing()}, {"a": growing(rate=-0.5), "b": growing()}),
    "huge and tiny": ({"a": [v * 1e9 for v in growing()], "b": [1e-9] * 150}, {}),
    "negative": ({"a": [-5.0] * 150, "b": growing()}, {}),
}


class Text(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self.style = "", set[str](), False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        self.style = tag == "style"

    def handle_data(self, data: str) -> None:
        self.text += "" if self.style else data


Make = Callable[..., letters.Issue]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.setattr(charts, "png", lambda *_args, **_options: b"\x89PNG\r\n\x1a\n")
    shutil.copytree(empty_store(), tmp_path / "data")

    def made(stars: Figures, articles: Figures, titles: dict[str, str] | None = None, bound: Bound = Bound.EXACT) -> letters.Issue:
        topics = list(dict.fromkeys([*stars, *articles]))
        sections = "".join(f"[topics.{t}]\ntitle = {json.dumps((titles or {}).get(t, t.upper()), ensure_ascii=False)}\n" for t in topics)
        title = json.dumps((titles or {}).get("basket", "Libraries"), ensure_ascii=False)
        (tmp_path / "uptake.toml").write_text(
            f"[baskets.libs]\ntitle = {title}\ntopics = {json.dumps(topics)}\n{sections}", encoding="utf-8"
        )
        settings = load(tmp_path / "uptake.toml", {})
        with Journal.open(tmp_path / "data", writable=True) as journal:
            with journal.write(now=NOW - DAY) as tx:
                tx.define([STARS, FLOW], "made")
                for metric, figures in ((STARS, stars), (FLOW, articles)):
                    for topic, values in figures.items():
                        series = Series(metric.name, topic, source="made")
                        tx.put(Observation(series, t, float(v), bound, citation="a page") for t, v in weekly(values))
            with journal.read() as connection:
                known = making.know(connection, settings, making.View(NOW, head(connection)))
                digest = making.make(connection, settings, known, "libs", "2026-04-06", "uptake digest").digest
                from trends.digest_charts import pictures

                drawn = pictures(known.panel, digest, {t: settings.topics[t].title for t in topics})
            with journal.write() as tx:
                found = known.baskets["libs"]
                making.store(tx, settings, [making.Made(digest, found, known.panel, 1)])
        return letters.Issue((digest,), (tuple(drawn),), 1)

    return made


def sound(issue: letters.Issue) -> str:
    """The text, after looking at every form of it."""
    from trends.digest_html import mail
    from trends.digest_text import Colophon, markdown, plain

    colophon = Colophon("1", 1)
    html = mail(issue.digests, issue.charts, colophon)
    assert len(html.encode()) < 100_000
    assert not Text(html).tags & {"script", "iframe", "object"}
    text = plain(issue.digests, colophon)
    for form in (text, markdown(issue.digests, colophon), Text(html).text):
        assert not re.search(r"\b(nan|inf|None|infinity)\b", form, re.IGNORECASE), form
    [digest] = issue.digests
    assert 2 <= len(digest.lines) <= 7
    assert all(line.text for line in digest.lines)
    return text


@pytest.mark.parametrize("case", CASES)
def test_strange_figures_give_a_sensible_digest(make: Make, case: str) -> None:
    sound(make(*CASES[case]))


def test_figures_that_are_only_bounds_are_not_claimed(make: Make) -> None:
    text = sound(make({"a": growing(rate=0.9), "b": growing()}, {}, bound=Bound.AT_LEAST))
    assert "overtook" not in text


def test_names_that_are_markup_or_of_other_scripts_stay_names(make: Make) -> None:
    titles = {"a": "<img src=x onerror=alert(1)>", "b": "שלום 12", "c": "🚀 `rm -rf`", "d": "x" * 200, "basket": "<b>Все</b> & \u202e more"}
    figures = {t: growing(rate=r, start=s) for t, r, s in (("a", 0.9, 50), ("b", 0.1, 100), ("c", -0.4, 300), ("d", 0.2, 80))}
    issue = make(figures, figures, titles)
    text = sound(issue)
    assert "\u202e" not in text
    assert "<b>Все</b> &" in issue.digests[0].title
    alts = [picture.alt for drawn in issue.charts for picture in (drawn[0].light,)]
    assert any("🚀" in alt for alt in alts)


def test_a_basket_of_500_topics_fits_into_a_mail(make: Make) -> None:
    rng = np.random.default_rng(1)
    figures = {f"t{i}": growing(110, float(rng.normal(0, 0.3)), float(rng.uniform(10, 1e5))) for i in range(500)}
    issue = make(figures, {})
    sound(issue)
    assert len(issue.digests[0].charts) <= 2


def test_no_figures_at_all_say_how_to_get_some(make: Make) -> None:
    assert "no figures are known" in sound(make({"a": []}, {}))
