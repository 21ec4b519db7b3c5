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
from functools import cache
from pathlib import Path

from trends import chart_words, charts, wording
from trends.digest_text import RIGHT_TO_LEFT, together
from trends.overview import lead_words, when
from trends.panel import Evidence
from trends.report_data import BasketReport, Origin, ReportData, Section, Trouble, build
from trends.report_view import grouped, views
from trends.summary_text import change_text, notes, share_of

__all__ = [
    "BasketReport",
    "Origin",
    "ReportData",
    "Section",
    "Trouble",
    "build",
    "cite",
    "library",
    "link",
    "names",
    "render",
    "script",
    "write",
]

_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
TEMPLATES = Path(__file__).parent / "templates"


def render(report: ReportData) -> str:
    """The page as one HTML document. The same report gives the same text."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["link"] = link
    environment.filters["cite"] = cite
    environment.filters["names"] = names
    vega, app = library(), script((TEMPLATES / "report.js").read_text(encoding="utf-8"))
    baskets, drawn = views(report)
    payload = {"light": charts.config(), "dark": charts.config(dark=True), "charts": drawn}
    return environment.get_template("report.html.j2").render(
        report=report,
        baskets=baskets,
        troubles=grouped(report.troubles),
        style=_safe((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        library=_safe(vega),
        app=_safe(app),
        policy=f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {_hash(vega)} {_hash(app)}",
        payload=_safe(_json(payload)),
        band=chart_words.BAND,
        palette={"light": charts.LIGHT, "dark": charts.DARK},
        outcomes=list(zip(charts.OUTCOMES, charts.OUTCOME_COLOURS, strict=True)),
        w=wording,
        change_text=change_text,
        share_of=share_of,
        notes=lambda table: [note for note in notes(table) if not note.startswith("*")],  # tags say that here
        when=when,
        lead_words=lead_words,
        title_of=wording.title_of,
    )


def _safe(text: str) -> object:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  # our own files, and JSON whose < > & are escaped by _json


@cache
def library() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script, from vl-convert. Bundling takes seconds, hence once per process."""
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def script(own: str) -> str:
    """A page's ``own`` script, after what all pages with charts share."""
    return (TEMPLATES / "charts.js").read_text(encoding="utf-8") + own


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def names(text: str) -> object:
    """Escaped text in which a name in Hebrew or Arabic does not move what follows it, and dates and units stay whole."""
    from markupsafe import Markup, escape

    plain = RIGHT_TO_LEFT.sub(lambda match: f"<bdi>{match[0]}</bdi>", str(escape(together(text))))
    return Markup(_DATE.sub(lambda match: f'<span class="n">{match[0]}</span>', plain))  # noqa: S704  # escaped before


def _json(value: object) -> str:
    """JSON that can stand inside a script element: nothing in it can close the element or open a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


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
