"""The report: one self-contained HTML page that needs no network to be viewed.

`build` gathers everything from the journal, `render` turns it into text, `write` puts it in place in one step.
Scripts are inline and named by their hashes in the page's own content policy, so that nothing else can run in it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pandas as pd
from sqlalchemy import Connection

from storage.lookups import head
from storage.model import Basket, Topic
from storage.periods import DAY
from trends import charts, panel, wording
from trends.chart_data import ChartData, chart_data
from trends.chart_frame import COVERAGE
from trends.findings import BasketSummary, Table
from trends.panel import Evidence, Group, Panel
from trends.summary import summarise
from trends.summary_text import blind_lines, change_text, notes, share_of, when

TEMPLATES = Path(__file__).parent / "templates"
RECENT = 2 * 366 * DAY  # what spoke within it is shown open, older series are folded away


@dataclass(frozen=True, slots=True)
class Trouble:
    """What could not be measured: a source's title, what happened in plain words, how often, and one example."""

    source: str
    words: str
    count: int
    example: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where figures of a series are from: one citation or page, how many figures, from when to when (epoch s)."""

    evidence: Evidence
    imported: bool
    count: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Section:
    """One metric (and labels) of a basket: its table, its chart if there is something to draw, where it is all from."""

    table: Table
    chart: ChartData | None
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class BasketReport:
    summary: BasketSummary
    topics: tuple[str, ...]  # keys in the order of their colours
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class ReportData:
    """All that the page says. Times are epoch seconds; ``sequence`` is the journal's at the time of building."""

    baskets: tuple[BasketReport, ...]
    troubles: tuple[Trouble, ...]
    present: int
    generated: int
    sequence: int
    as_of: int | None = None
    until: int | None = None
    version: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)


def build(
    connection: Connection,
    baskets: list[Basket],
    topics: Mapping[str, Topic],
    *,
    now: int,
    as_of: int | None = None,
    until: int | None = None,
    troubles: Iterable[Trouble | tuple[str, str, int, str]] = (),
    coverage: pd.DataFrame | None = None,
    version: str = "",
    sources: Mapping[str, str] | None = None,
) -> ReportData:
    """Gather a report. ``coverage`` has the columns source, metric, topic, labels (CSV text), week, outcome, count.

    ``troubles`` are shown first; ``sources`` are titles by key; ``as_of`` is a journal sequence.
    """
    seen = panel.load(connection, [key for basket in baskets for key in basket.topics], now=now, as_of=as_of, until=until)
    summary = summarise(seen, baskets, topics)
    return ReportData(
        tuple(_basket(seen, part, topics, coverage) for part in summary.baskets),
        tuple(t if isinstance(t, Trouble) else Trouble(*t) for t in troubles),
        seen.present,
        now,
        head(connection) if as_of is None else as_of,
        as_of,
        until,
        version,
        dict(sources or {}),
    )


def _basket(seen: Panel, part: BasketSummary, topics: Mapping[str, Topic], coverage: pd.DataFrame | None) -> BasketReport:
    titles = {key: topics[key].title if key in topics else key for key in part.basket.topics}
    groups = {group.key: group for group in seen.groups}
    if coverage is not None and not set(COVERAGE) <= set(coverage.columns):
        raise ValueError(f"coverage needs the columns {', '.join(COVERAGE)}; it has {', '.join(map(str, coverage.columns))}")
    sections = [
        Section(table, chart_data(seen, groups[table.key], titles, coverage), tuple(_origins(seen, groups[table.key], titles)))
        for table in part.tables
    ]
    sections.sort(key=lambda section: section.chart is None)  # years of figures first, then what has only begun
    return BasketReport(part, tuple(titles), tuple(sections))


def _origins(seen: Panel, group: Group, titles: Mapping[str, str]) -> list[Origin]:
    """Every citation and page that figures of a group rest on. Daily pages of one address are one entry, the newest."""
    found: dict[tuple[str, str, bool], Origin] = {}
    for line in group.lines:
        if line.series.topic not in titles:
            continue
        for time, key in zip(line.points.times.tolist(), line.points.evidence.tolist(), strict=True):
            evidence = seen.evidence_of(key)
            name = (evidence.text, evidence.url.partition("?")[0], line.imported)
            old = found.get(name)
            newest = evidence if old is None or time >= old.last else old.evidence
            known = Origin(newest, line.imported, 0, time, time) if old is None else old
            found[name] = Origin(newest, line.imported, known.count + 1, min(time, known.first), max(time, known.last))
    return sorted(found.values(), key=lambda o: (o.imported, -o.last))


def render(report: ReportData) -> str:
    """The page as one HTML document. The same report gives the same text."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["link"] = link
    environment.filters["cite"] = cite
    library, app = _library(), (TEMPLATES / "report.js").read_text(encoding="utf-8")
    drawn: dict[str, object] = {}
    baskets = [_view(report, i, basket, drawn) for i, basket in enumerate(report.baskets)]
    payload = {"light": charts.config(), "dark": charts.config(dark=True), "charts": drawn}
    return environment.get_template("report.html.j2").render(
        report=report,
        baskets=baskets,
        troubles=_grouped(report.troubles),
        style=_safe((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        library=_safe(library),
        app=_safe(app),
        policy=f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {_hash(library)} {_hash(app)}",
        payload=_safe(_json(payload)),
        palette={"light": charts.LIGHT, "dark": charts.DARK},
        outcomes=list(zip(charts.OUTCOMES, charts.OUTCOME_COLOURS, strict=True)),
        w=wording,
        change_text=change_text,
        share_of=share_of,
        notes=lambda table: [note for note in notes(table) if not note.startswith("*")],  # tags say that here
        when=when,
        title_of=wording.title_of,
    )


def _safe(text: str) -> object:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  # our own files, and JSON whose < > & are escaped by _json


@cache
def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script, from vl-convert. Bundling takes seconds, hence once per process."""
    import vl_convert

    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _json(value: object) -> str:
    """JSON that can stand inside a script element: nothing in it can close the element or open a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@dataclass(frozen=True, slots=True)
class _View:
    """A basket as the template needs it: open sections, folded ones, and those without a chart."""

    report: BasketReport
    anchor: str
    colours: Mapping[str, int]
    open: tuple[tuple[str, Section], ...]
    folded: tuple[tuple[str, Section], ...]
    single: tuple[Section, ...]
    blind: tuple[str, ...]


def _view(report: ReportData, number: int, basket: BasketReport, drawn: dict[str, object]) -> _View:
    """Sort a basket's sections by how lately they spoke; specs of their charts are added to ``drawn``."""
    recent: list[tuple[str, Section]] = []
    older: list[tuple[str, Section]] = []
    single: list[Section] = []
    for i, section in enumerate(basket.sections):
        name = f"c{number}-{i}"
        if section.chart is None and not section.table.rows:
            single.append(section)
            continue
        if section.chart is not None:
            plain = charts.spec(section.chart)
            drawn[name] = {"spec": plain, "modes": charts.patches(plain, section.chart), "unit": section.chart.unit}
        last = max((row.latest.time for row in (*section.table.rows, *section.table.stale)), default=0)
        (recent if section.table.rows or report.present - last < RECENT else older).append((name, section))
    if not recent:
        recent, older = older[:2], older[2:]
    blind = tuple(line.strip() for line in blind_lines(basket.summary.blind)[1:])
    colours = {topic: i for i, topic in enumerate(basket.topics)}
    return _View(basket, f"basket-{number}", colours, tuple(recent), tuple(older), tuple(single), blind)


def _grouped(troubles: Sequence[Trouble]) -> list[tuple[str, list[Trouble]]]:
    found: dict[str, list[Trouble]] = {}
    for trouble in troubles:
        found.setdefault(trouble.source, []).append(trouble)
    return [(source, sorted(group, key=lambda t: -t.count)) for source, group in found.items()]


_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:)]")
_REPOSITORY = re.compile(r"([A-Za-z0-9][\w-]*/[\w.-]+)@([0-9a-f]{7,40})\b")


def link(evidence: Evidence) -> str:
    """Where a reader can look a figure up: the page, an address in the citation, or the cited commit on GitHub; else empty."""
    if evidence.url.startswith(("http://", "https://")):
        return evidence.url
    found = _URL.search(evidence.text)
    if found:
        return found[0]
    commit = _REPOSITORY.search(evidence.text)
    return f"https://github.com/{commit[1]}/tree/{commit[2]}" if commit else ""


def cite(evidence: Evidence) -> str:
    """A citation, or a page's host and path, short enough for a table; a dash where nothing is noted."""
    if evidence.text:
        return evidence.text
    page = evidence.url.partition("://")[2].partition("?")[0]
    return (page if len(page) <= 60 else page[:59] + "…") or wording.DASH


def write(path: Path, html: str) -> None:
    """Put the page in place in one step: whoever looks sees the old page or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(html)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
