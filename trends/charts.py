"""Charts in one house style: one definition per metric and basket gives the interactive chart, the PNG and the SVG.

A spec is a Vega-Lite dictionary without colours; `config` brings them for light or dark. The modes differ by a
patch (path → value), which the page applies in the browser and `with_mode` here.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import altair as alt
import vl_convert
from altair.utils import schemapi

from trends.chart_data import BANDS, ChartData
from trends.chart_frame import HEIGHT
from trends.chart_theme import DARK, LIGHT, OUTCOME_COLOURS, OUTCOMES, Spec, config

Patch = list[tuple[list[str | int], object]]

_VALUE = {"absolute": "datum.v", "share": "datum.s", "log": "datum.v > 0 ? datum.v : null"}
_SURE = "(isValid(datum.f) ? ', ' + format(datum.f, '.3~r') + ' to ' + format(datum.g, '.3~r') : '')"
_RUN = {"absolute": "datum.r", "share": "datum.q", "log": "datum.r"}


def spec(data: ChartData, mode: str = "absolute", *, width: int | str = "container") -> Spec:
    """The Vega-Lite spec of a chart in one mode, its data inline; colours are the config's."""
    with schemapi.debug_mode(False):  # Altair checks every object against the schema, which takes half a second a chart
        return _spec(data, mode, width)


def _spec(data: ChartData, mode: str, width: int | str) -> Spec:
    # What is above the nearest point's cells can still be pointed at.
    layers = [_ground(), *_bands(data), _lines(data), *_marks(data), _hover(data), *_strip(data), *_events(data), *_held(data)]
    fit = alt.AutoSizeParams(type="fit-x", contains="padding")
    chart = alt.layer(*layers, _labels(data), width=width, height=HEIGHT, autosize=fit, description=_description(data))
    chart = chart.resolve_scale(color="independent")
    plain: Spec = chart.to_dict(validate=False)
    plain.pop("config", None)
    known = {"titles": list(data.topics), "pages": list(data.evidence), "domain": [t * 1000 for t in data.domain]}
    plain["params"] = [*({"name": name, "value": value} for name, value in known.items()), *plain.get("params", [])]
    plain["datasets"] = {"figures": data.figures, "strip": data.strip, "ends": list(data.ends)}
    plain["datasets"] |= {"ground": [{"t": t * 1000} for t in data.domain], "events": list(data.events), "seams": list(data.seams)}
    return plain if mode == "absolute" else with_mode(plain, data, mode)


def patches(plain: Spec, data: ChartData) -> dict[str, Patch]:
    """What to set in the absolute spec, by mode, to draw another."""
    return {mode: _patch(plain, data, mode) for mode in data.modes}


def with_mode(plain: Spec, data: ChartData, mode: str) -> Spec:
    """The same chart in another mode."""
    changed = copy.deepcopy(plain)
    for path, value in _patch(plain, data, mode):
        at: Any = changed
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
    return changed


def _patch(plain: Spec, data: ChartData, mode: str) -> Patch:
    patch: Patch = []
    for i, layer in enumerate(plain["layer"]):
        for j, step in enumerate(layer.get("transform", [])):
            if step.get("as") == "y":
                patch.append((["layer", i, "transform", j, "calculate"], _VALUE[mode]))
            if step.get("as") == "run":
                patch.append((["layer", i, "transform", j, "calculate"], _RUN[mode]))
            if step.get("as") in {"low", "high"}:
                patch.append((["layer", i, "transform", j, "calculate"], _end_of(data, mode, step["as"])))
            if step.get("as") == "end":
                patch.append((["layer", i, "transform", j, "calculate"], f"datum.{mode}"))
        if layer.get("encoding", {}).get("y", {}).get("field") in {"y", "low"}:
            patch += [(["layer", i, "encoding", "y", name], value) for name, value in _y(data, mode).items()]
    return patch


def _y(data: ChartData, mode: str) -> Spec:
    low, high = data.ranges[mode]
    axis: Spec = {"format": "~s", "labelFlush": False, "tickCount": 6, "domain": False, "ticks": False, "titleAlign": "left"}
    axis |= {"titleAnchor": "end", "titleAngle": 0, "titleX": 0, "titleY": -9, "titleBaseline": "bottom"}
    if mode == "share":
        axis |= {"format": ",.3~r", "labelExpr": "datum.label + ' %'"}
    if mode == "log":
        axis["values"] = [10.0**n for n in range(-3, 13) if low <= 10.0**n <= high] or [low * 1.15, high / 1.15]
    title = {"absolute": data.unit, "share": f"% of the basket’s {data.unit}", "log": f"{data.unit}, log scale"}[mode]
    kind = "log" if mode == "log" else "linear"
    scale: Spec = {"type": kind, "domain": [low, high], "nice": False}
    return {"scale": scale if mode == "log" else scale | {"zero": False}, "axis": axis, "title": title}


def _description(data: ChartData) -> str:
    return f"{data.title}: {data.unit} of {len(data.shown)} topics. All latest figures stand in the table below the chart."


def _x(field: str = "when") -> alt.X:
    labels: Spec = {"labelFlush": True, "labelOverlap": True, "labelSeparation": 8}
    axis = alt.Axis(title=None, offset=18, grid=False, tickCount=alt.ExprRef("max(2, width / 90)"), **labels)
    return alt.X(f"{field}:T", axis=axis, scale=alt.Scale(type="utc", nice=False))


def _ground() -> alt.Chart:
    """Invisible marks at both ends of time: an explicit domain of times goes wrong in layers (Vega-Lite 6)."""
    ground: alt.Chart = alt.Chart(alt.NamedData(name="ground")).mark_point(opacity=0, tooltip=None).encode(x=_x("t"), y=alt.value(HEIGHT))
    return ground


def _y_of(data: ChartData, field: str = "y") -> alt.Y:
    parts = _y(data, "absolute")
    return alt.Y(f"{field}:Q", title=parts["title"], scale=alt.Scale(**parts["scale"]), axis=alt.Axis(**parts["axis"]))


def _colour(data: ChartData) -> alt.Color:
    return alt.Color("k:N", legend=None, scale=alt.Scale(domain=list(range(len(data.topics)))))


def _table(name: str, numbers: str) -> alt.NamedData:
    """A dataset of the spec that is CSV; each letter of ``numbers`` is a column of numbers."""
    return alt.NamedData(name=name, format=alt.CsvDataFormat(type="csv", parse=dict.fromkeys(numbers, "number")))


def _end_of(data: ChartData, mode: str, which: str) -> str:
    """Where an interval begins or ends in a mode, inside the chart; null where there is none."""
    if mode not in data.banded:
        return "null"
    low, high = data.ranges[mode]
    edge = f"max(datum.{BANDS[mode][0]}, {low})" if which == "low" else f"min(datum.{BANDS[mode][1]}, {high})"
    own = "datum.v > 0" if mode == "log" else "true"
    return f"isValid(datum.{BANDS[mode][0]}) && {own} ? {edge} : null"


def _bands(data: ChartData) -> list[alt.Chart]:
    """The 95 % intervals behind the lines: a band, and an upright where a figure stands alone."""
    if not data.banded:
        return []
    ends = {which: _end_of(data, "absolute", which) for which in ("low", "high")}
    band = _figures("datum.x == 0").transform_calculate(**ends).transform_filter("isValid(datum.low) && isValid(datum.high)")
    reach = {"x": _x(), "y": _y_of(data, "low"), "y2": "high:Q", "color": _colour(data)}
    area = band.mark_area(opacity=0.13, interpolate="linear", tooltip=None).encode(**reach, detail=["o:N", "run:N"])
    alone = band.transform_filter("datum.m == 1").mark_rule(opacity=0.35, strokeWidth=1.2, tooltip=None).encode(**reach)
    return [area, alone]


def _figures(*conditions: str) -> alt.Chart:
    chart = alt.Chart(_table("figures", "ktvsrqboemxlhfgw"))
    chart = chart.transform_calculate(when="toDate(datum.t * 1000)", y=_VALUE["absolute"], run=_RUN["absolute"])
    for condition in conditions:
        chart = chart.transform_filter(condition)
    return chart


def _lines(data: ChartData) -> alt.Chart:
    """Measured figures in full strength, imported ones thinner; a line never crosses a gap or the seam of the two."""
    lines: alt.Chart = (
        _figures("datum.x == 0")
        .mark_line(interpolate="linear", strokeCap="round", strokeJoin="round")
        .encode(
            x=_x(),
            y=_y_of(data),
            color=_colour(data),
            detail=["o:N", "run:N"],
            strokeWidth=alt.condition("datum.o == 1", alt.value(1.4), alt.value(2.6)),
            opacity=alt.value(0.95),
        )
    )
    return lines


def _marks(data: ChartData) -> list[alt.Chart]:
    """Points where there are few, where one stands alone, and where a value is not exact; imported ones are hollow."""
    shape = alt.Shape("b:N", legend=None, scale=alt.Scale(domain=[0, 1, 2], range=["circle", "triangle-up", "diamond"]))
    drawn = "datum.x == 0 && datum.m == 1 && isValid(datum.y)"
    kinds = []
    if "imported" in data.marks:
        kinds.append(_figures(f"{drawn} && datum.o == 1").mark_point(size=20, strokeWidth=1.3, style="hollow"))
    if "measured" in data.marks:
        kinds.append(_figures(f"{drawn} && datum.o == 0").mark_point(size=34, strokeWidth=0, filled=True))
    return [points.encode(x=_x(), y=_y_of(data), shape=shape, color=_colour(data)) for points in kinds]


def _held(data: ChartData) -> list[alt.Chart]:
    """Doubtful figures, as crosses that no line touches."""
    if "held back" not in data.marks:
        return []
    chart, story = _told(_figures("datum.x == 1 && isValid(datum.y)"), data, "held back as doubtful, used in nothing")
    marks = chart.mark_point(shape="M-.5,-.5L.5,.5M.5,-.5L-.5,.5", size=70, strokeWidth=1.6, tooltip=story)
    return [marks.encode(x=_x(), y=_y_of(data), color=_colour(data))]


def _labels(data: ChartData) -> alt.Chart:
    """Names at the line ends, in the right margin."""
    chart = alt.Chart(alt.NamedData(name="ends"), name="labels").transform_calculate(end="datum.absolute")
    marks = chart.transform_filter("isValid(datum.end)").mark_text(align="left", baseline="middle", dx=7, fontSize=11.5, fontWeight=500)
    labels: alt.Chart = marks.encode(x=alt.value("width"), y=alt.Y("end:Q", scale=None), text="text:N", color=_colour(data))
    return labels


def _hover(data: ChartData) -> alt.Chart:
    """The point nearest to the pointer, and what is known of it."""
    near = alt.selection_point(name="near", on="pointerover", nearest=True, clear="pointerout", empty=False, fields=["k", "t"])
    chart, story = _told(_figures("datum.x == 0 && isValid(datum.y)"), data)
    marks = chart.mark_point(size=70, filled=True, strokeWidth=0, tooltip=story)
    shown = alt.condition(near, alt.value(1), alt.value(0))
    hover: alt.Chart = marks.encode(x=_x(), y=_y_of(data), color=_colour(data), opacity=shown).add_params(near)
    return hover


def _told(chart: alt.Chart, data: ChartData, remark: str = "") -> tuple[alt.Chart, alt.ExprRef]:
    """A chart with a point's story in columns: topic, date, value with unit and bound, share, origin, where it is from.

    The nearest point is found by an invisible cell around it, whose own datum is the point: Vega-Lite 6 forgets that
    in lists of tooltip fields, hence the expression that serves both.
    """
    parts = {
        "Topic": "titles[datum.k]",
        "Date": f"utcFormat(datum.when, {json.dumps(data.period)})",
        "Value": f"(datum.b == 1 ? '≥ ' : datum.b == 2 ? '≈ ' : '') + format(datum.v, ',.12~r') + {json.dumps(' ' + data.unit)}",
        "Interval": "isValid(datum.l) ? format(datum.l, ',.3~r') + ' to ' + format(datum.h, ',.3~r') : 'none'",
        "Bound": "datum.b == 1 ? 'at least' : datum.b == 2 ? 'estimate' : 'exact'",
        "Share": f"isValid(datum.s) ? format(datum.s, '.3~r') + ' % of the basket' + {_SURE} : 'not known'",
        "Origin": json.dumps(remark) if remark else "datum.o == 1 ? 'imported' : 'measured'",
        "From": "pages[datum.e] || 'no page noted'",
    }
    if "absolute" not in data.banded or remark:
        del parts["Interval"]
    if "share" not in data.ranges or remark:
        del parts["Share"]
    story = ", ".join(f"{name}: (datum.datum || datum).{name}" for name in parts)
    return chart.transform_calculate(**parts), alt.ExprRef("{" + story + "}")


def _events(data: ChartData) -> list[alt.Chart]:
    """Rules for events, short ticks where they are many, and for the day from which figures are measured here."""
    layers = []
    if data.events:
        chart = alt.Chart(alt.NamedData(name="events"))
        tooltip = [alt.Tooltip("t:T", title="Date", format="%-d %b %Y"), alt.Tooltip("w:N", title="Event")]
        thin = chart.mark_rule(strokeWidth=1.5, strokeDash=[2, 3], opacity=0.55)
        wide = chart.mark_rule(strokeWidth=9, opacity=0)  # to be hit by a pointer
        layers += [rule.encode(x=_x("t"), y=alt.Y("top:Q", scale=None), y2="foot:Q", tooltip=tooltip) for rule in (thin, wide)]
    if data.seams:
        chart = alt.Chart(alt.NamedData(name="seams"))
        marks = chart.mark_rule(strokeWidth=1.5, strokeDash=[6, 3], opacity=0.8)
        layers.append(marks.encode(x=_x("t"), tooltip=[alt.Tooltip("w:N", title="Measured")]))
    return layers


def _strip(data: ChartData) -> list[alt.Chart]:
    """The coverage of each week, a thin band between the lines and the dates."""
    if data.strip.count("\n") < 2:
        return []
    chart = alt.Chart(_table("strip", "abp"))
    chart = chart.transform_calculate(
        when="toDate(max(datum.a * 1000, domain[0]))", until="toDate(min(datum.b * 1000, domain[1]))", week="toDate(datum.a * 1000)"
    )
    colour = alt.Color("o:N", legend=None, scale=alt.Scale(domain=list(OUTCOMES), range=list(OUTCOME_COLOURS)))
    marks = chart.mark_rect(stroke=None).encode(
        x=_x(),
        x2="until:T",
        y=alt.value(HEIGHT + 6),
        y2=alt.value(HEIGHT + 13),
        color=colour,
        opacity=alt.Opacity("p:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=[0.5, 1])),
        tooltip=[alt.Tooltip("week:T", title="Weeks from", format="%-d %b %Y"), alt.Tooltip("w:N", title="Coverage")],
    )
    return [marks]


def _static(data: ChartData, mode: str, dark: bool, width: int) -> str:
    plain = spec(data, mode, width=width)
    plain["title"] = data.title
    plain["config"] = config(dark=dark) | {"background": "#14171C" if dark else "#FFFFFF"}
    return json.dumps(plain)


def svg(data: ChartData, mode: str = "absolute", *, dark: bool = False, width: int = 860) -> str:
    """The chart as an SVG document, ``width`` pixels wide."""
    drawn: str = vl_convert.vegalite_to_svg(_static(data, mode, dark, width))
    return drawn


def png(data: ChartData, mode: str = "absolute", *, dark: bool = False, width: int = 860, scale: float = 2.0) -> bytes:
    """The chart as a PNG image of ``width`` × ``scale`` pixels, for mail."""
    drawn: bytes = vl_convert.vegalite_to_png(_static(data, mode, dark, width), scale=scale)
    return drawn


__all__ = ["DARK", "LIGHT", "OUTCOMES", "OUTCOME_COLOURS", "Patch", "Spec", "config", "patches", "png", "spec", "svg", "with_mode"]
