"""Files that pages need: style, scripts, and Vega from the installed package."""

from __future__ import annotations

from pathlib import Path

from scheduler.web.look import Look
from scheduler.web.question import Answer

ASSETS = Path(__file__).parent / "assets"
SCRIPT = "text/javascript; charset=utf-8"


def style(look: Look) -> Answer:
    """The house theme and our own, with the chart colours as classes: no page may bear a style of its own."""
    from trends import charts
    from trends.report import TEMPLATES

    text = (TEMPLATES / "report.css").read_text(encoding="utf-8") + (ASSETS / "app.css").read_text(encoding="utf-8")
    text += "".join(f".c{i}{{--dot:{colour}}}" for i, colour in enumerate(charts.LIGHT))
    dark = "".join(f".c{i}{{--dot:{colour}}}" for i, colour in enumerate(charts.DARK))
    text += f"@media (prefers-color-scheme:dark){{{dark}}}"
    text += "".join(f".o-{name}{{--dot:{colour}}}" for name, colour in zip(charts.OUTCOMES, charts.OUTCOME_COLOURS, strict=True))
    return look.answer(text, "text/css; charset=utf-8")


def script(look: Look) -> Answer:
    from trends import report

    return look.answer(report.script((ASSETS / "app.js").read_text(encoding="utf-8")), SCRIPT)


def icon(look: Look) -> Answer:
    return look.answer((ASSETS / "icon.svg").read_text(encoding="utf-8"), "image/svg+xml")


def vega(look: Look) -> Answer:
    """Vega, Vega-Lite and Vega-Embed in one script."""
    from trends.report import library

    return look.answer(library(), SCRIPT)


__all__ = ["ASSETS", "icon", "script", "style", "vega"]
