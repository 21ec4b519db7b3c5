"""The house theme of charts, for light and dark paper."""

from __future__ import annotations

from typing import Any

Spec = dict[str, Any]

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif'

# Twelve colours, found by search: in normal sight, deuteranopia and protanopia the nearest two are over 20 (CIELAB) apart
# at bounded chroma, and all stand out from the page. Names at the line ends carry what colour cannot.
LIGHT = ("#0072B2", "#D55E00", "#009E73", "#B72943", "#D08DC1", "#CB9E5C", "#472E62", "#537FED", "#6E0032", "#327D82", "#423300", "#003897")
DARK = ("#4C9BE8", "#F07F3C", "#2BC28F", "#E5D86D", "#C9BBFF", "#98714D", "#A7EAD5", "#6290B4", "#D9E7A6", "#2D8F88", "#DDDDFF", "#8EB7BD")
OUTCOMES = ("measured", "recovered", "imported", "suspect", "missing", "open")
OUTCOME_COLOURS = ("#2B8A6E", "#7CC4A4", "#9AA3AD", "#E0A100", "#CC3D2E", "#B9C4D0")


def config(*, dark: bool = False) -> Spec:
    """The house theme as a Vega-Lite config, for light or dark paper."""
    ink, faint, paper = ("#E7EAEE", "#3A414B", "#14171C") if dark else ("#1F2933", "#DDE2E8", "#FFFFFF")
    quiet = "#A3ADB8" if dark else "#5C6873"
    return {
        "background": None if dark else paper,
        "font": FONT,
        "padding": 4,
        "view": {"stroke": None},
        "range": {"category": list(DARK if dark else LIGHT)},
        "axis": {
            "labelColor": quiet,
            "titleColor": quiet,
            "labelFontSize": 11,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "gridColor": faint,
            "domainColor": faint,
            "tickColor": faint,
        },
        "title": {"color": ink, "anchor": "start", "fontSize": 14, "fontWeight": 600},
        "legend": {"labelColor": ink, "titleColor": quiet},
        "rule": {"color": quiet},
        "style": {"hollow": {"fill": paper}, "quiet": {"stroke": quiet, "fill": quiet}},
    }
