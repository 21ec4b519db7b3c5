"""Templates, and what all pages share: the menu, links that keep the view, the moment that is looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from math import log2
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from markupsafe import Markup, escape

from scheduler.web.endpoints import PAGES
from scheduler.web.look import Look
from scheduler.web.question import Answer
from storage.periods import iso
from trends import charts, wording
from trends.chart_data import ChartData
from trends.overview import lead_words, when
from trends.report import cite, link
from trends.summary_text import share_of

TEMPLATES = Path(__file__).parent.parent / "templates"
HTML = "text/html; charset=utf-8"


@cache
def environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"link": link, "cite": cite, "iso": iso, "capital": _capital, "unsaid": _unsaid, "ticks": _ticks, "log2": log2}
    made.globals |= {"w": wording, "when": when, "lead_words": lead_words, "share_of": share_of, "title_of": wording.title_of}
    return made


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _ticks(text: str) -> Markup:
    """Text with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped before


def _unsaid(reasons: Iterable[str], sentence: str) -> list[str]:
    """Reasons that a sentence does not give already."""
    return [reason for reason in reasons if reason.rstrip(".") not in sentence]


def page(look: Look, template: str, **context: Any) -> Answer:
    endpoint = next(e for e in PAGES if e.name == look.question.name)
    inside = {part.name for part in endpoint.path_parts}
    path = endpoint.path
    for name in inside:
        path = path.replace(f"{{{name}}}", quote(str(look.args[name]), safe=""))
    usual = {p.name: p.default for p in endpoint.parameters if p.default is not None}
    kept = hidden({name: v for name, v in look.args.items() if usual.get(name) != v}, "as_of", *inside)
    made = (
        environment()
        .get_template(template)
        .render(
            look=look,
            here=look.question.name.partition(".")[2],
            href=_Hrefs(look.args.get("as_of")),
            present=path + (f"?{urlencode(kept)}" if kept else ""),
            moments=kept if look.open and any(p.name == "as_of" for p in endpoint.parameters) else None,
            **context,
        )
    )
    return look.answer(made, HTML)


class _Hrefs:
    """Addresses of pages; they keep the moment that is looked at."""

    def __init__(self, as_of: str | None) -> None:
        self._kept = {"as_of": as_of} if as_of else {}

    def __call__(self, path: str, *parts: str, **query: Any) -> str:
        written = path + "".join(f"/{quote(part, safe='')}" for part in parts)
        given = {name.rstrip("_"): value for name, value in query.items() if value not in (None, "", [])}
        pairs = {**self._kept, **given}
        return f"{written}?{urlencode(pairs, doseq=True)}" if pairs else written


def embedded(value: object) -> Markup:
    """JSON that can stand inside a script element: nothing in it can close the element or open a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  # what could be markup is escaped above


def payload(data: ChartData | None, mode: str) -> Markup | None:
    """A chart for the page's script: its spec, how its scales differ, and the theme for light and dark."""
    if data is None:
        return None
    plain = charts.spec(data)
    drawn = {"spec": plain, "modes": charts.patches(plain, data), "mode": mode, "domain": list(data.domain)}
    return embedded(drawn | {"light": charts.config(), "dark": charts.config(dark=True)})


def sparkline(values: list[float], width: int = 96, height: int = 22) -> str:
    """The points of a small line, the newest at the right; empty for fewer than two values."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    spread = (high - low) or 1.0
    step = width / (len(values) - 1)
    return " ".join(f"{i * step:.1f},{height - 2 - (v - low) / spread * (height - 4):.1f}" for i, v in enumerate(values))


def hidden(args: Mapping[str, Any], *left_out: str) -> list[tuple[str, str]]:
    """What a form must carry on."""
    pairs: list[tuple[str, str]] = []
    for name, value in args.items():
        if name not in left_out:
            pairs += [(name, str(v)) for v in (value if isinstance(value, list) else [value])]
    return pairs


__all__ = ["embedded", "environment", "hidden", "page", "payload", "sparkline"]
