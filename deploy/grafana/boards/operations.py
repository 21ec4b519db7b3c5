"""Operations: the daemon's own metrics, by PromQL (Prometheus or VictoriaMetrics)."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as d
from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.models import common as cm
from grafana_foundation_sdk.models import dashboard as m

from deploy.grafana import frame, kit, palette
from deploy.grafana.queries import PromQL


def dashboard(_: Sequence[str]) -> d.Dashboard:
    board = frame.operations_dashboard(
        "uptake-operations",
        "Uptake: Operations",
        "The daemon at work: health, outcomes, budgets, what waits to be sent, the machine.",
        since="now-7d",
    )
    board.with_panel(_health())
    board.with_panel(_numbers())
    board.with_panel(_troubles())
    board.with_row(d.Row("Measuring"))
    board.with_panel(_outcomes())
    board.with_panel(_missing())
    board.with_panel(_sources())
    board.with_row(d.Row("Allowances"))
    board.with_panel(
        _chart("Requests", "Requests sent per hour, by source.", "short", "sum by (source) (increase(uptake_requests_total[1h]))")
    )
    text = "Requests that may still be sent now, by Uptake's own budget for each source."
    board.with_panel(_chart("Budget left", text, "short", "min by (source) (uptake_budget_left)").min(0))
    text = "What a source's own headers said is left of its allowance."
    board.with_panel(_chart("Allowance left, as the source says", text, "short", "min by (source) (uptake_allowance_remaining)").min(0))
    text = "Bytes of answers received per hour, by source."
    board.with_panel(_chart("Received", text, "bytes", "sum by (source) (increase(uptake_received_bytes_total[1h]))"))
    board.with_row(d.Row("What waits to be sent"))
    text = "Changes that the server has not acknowledged yet. Nothing is lost while it is away: uptake influx check"
    board.with_panel(_chart("Changes that wait", text, "short", "sum by (sink) (uptake_sink_lag_changes)", "{{sink}}").min(0))
    text = "Age of the oldest change that waits. A rule warns beyond an hour: uptake influx check"
    board.with_panel(_chart("Age of the oldest", text, "s", "max by (sink) (uptake_sink_lag_seconds)", "{{sink}}").min(0))
    board.with_row(d.Row("The process"))
    text = "How long crawls took: the median and the slowest twentieth."
    board.with_panel(_crawls(text))
    text = "How late the daemon's loop was, at the slowest twentieth of its looks. Beyond a second it is starved."
    late = "histogram_quantile(0.95, sum by (le) (rate(uptake_loop_lag_seconds_bucket[15m])))"
    board.with_panel(_chart("Lateness of the loop", text, "s", late, "95 %").min(0))
    text = "Visits that failed as a whole, and times at which the scheduler could not do what was due, per hour."
    board.with_panel(_mishaps(text))
    text = "Size of the journal, and what the disk has left."
    board.with_panel(_disk(text))
    return board


def _chart(title: str, text: str, unit: str, expr: str, legend: str = "{{source}}") -> timeseries.Panel:
    panel = kit.chart(title, text, unit, [PromQL("A", expr, legend)])
    return panel.span_nulls(False).insert_nulls(False)


def _health() -> kit.Panel:
    text = "2 is green, 1 has troubles, 0 is red: nothing can be measured. The reasons stand in the panel Troubles and at /healthz."
    states = {
        "2": m.ValueMappingResult(text="green", color=palette.GOOD, index=0),
        "1": m.ValueMappingResult(text="degraded", color=palette.MIDDLING, index=1),
        "0": m.ValueMappingResult(text="red", color=palette.BAD, index=2),
    }
    panel = kit.figures("Health", text, "none", [PromQL("A", "min(uptake_health)")], width=6)
    return panel.mappings([m.ValueMap(options=states)]).color_mode(cm.BigValueColorMode.BACKGROUND)


def _numbers() -> kit.Panel:
    targets = [
        PromQL("A", 'sum(increase(uptake_slots_total{outcome="measured"}[24h]))', "measured in 24 h"),
        PromQL("B", 'sum(increase(uptake_slots_total{outcome=~"missing.*"}[24h]))', "missing in 24 h"),
        PromQL("C", "sum(uptake_sink_lag_changes)", "changes that wait"),
        PromQL("D", "count(uptake_last_success_timestamp_seconds)", "sources that gave figures"),
    ]
    return kit.figures("At a glance", "Of the last 24 hours, and now.", "short", targets, width=18).decimals(0)


def _troubles() -> kit.Panel:
    text = "Troubles while they last. What each means and what to do: uptake status, /healthz"
    mappings = [kit.between(0.5, None, "lasts", palette.BAD, 0)]
    panel = kit.states(
        "Troubles", text, "none", [PromQL("A", "max by (trouble) (uptake_trouble)", "{{trouble}}")], mappings, pace=1, height=6
    )
    return panel.insert_nulls(False).no_value("none in this range")


def _outcomes() -> kit.Panel:
    expr = 'sum by (source) (increase(uptake_slots_total{outcome="measured"}[24h])) / sum by (source) (increase(uptake_slots_total[24h]))'
    text = "Of the planned figures of the last 24 hours the part that was measured. Each missing one with its reason: uptake status"
    return _chart("Measured, of what was planned", text, "percentunit", expr).min(0).max(1)


def _missing() -> kit.Panel:
    expr = 'sum by (source, outcome) (increase(uptake_slots_total{outcome!="measured"}[24h])) > 0'
    text = "Figures of the last 24 hours that are missing or held back, by reason. Each of them: uptake status"
    return _chart("Missing, by reason", text, "short", expr, "{{source}} {{outcome}}")


def _sources() -> kit.Panel:
    targets = [
        PromQL("A", "max by (source) (uptake_last_success_timestamp_seconds) * 1000", instant=True),
        PromQL("B", "max by (source) (uptake_next_visit_timestamp_seconds) * 1000", instant=True),
    ]
    text = "When each source last gave a figure, and when it is looked at next. More: uptake status"
    rename = {"Value #A": "last figure", "Value #B": "next visit"}
    return kit.rows(
        "Sources",
        text,
        "dateTimeFromNow",
        targets,
        width=24,
        order=("source", "Value #A"),
        hide=("Time",),
        rename=rename,
        sort="last figure",
        descending=False,
    )


def _crawls(text: str) -> kit.Panel:
    buckets = "sum by (le) (rate(uptake_crawl_seconds_bucket[6h]))"
    targets = [PromQL("A", f"histogram_quantile(0.5, {buckets})", "median"), PromQL("B", f"histogram_quantile(0.95, {buckets})", "95 %")]
    return kit.chart("Duration of crawls", text, "s", targets).span_nulls(False).insert_nulls(False).min(0)


def _mishaps(text: str) -> kit.Panel:
    targets = [
        PromQL("A", "sum by (source) (increase(uptake_visit_errors_total[1h]))", "failed: {{source}}"),
        PromQL("B", "sum(increase(uptake_misfires_total[1h]))", "not done when due"),
        PromQL("C", "increase(uptake_clock_jumps_total[1h])", "clock set, or machine slept"),
    ]
    return kit.chart("Mishaps", text, "short", targets).span_nulls(False).insert_nulls(False).min(0)


def _disk(text: str) -> kit.Panel:
    targets = [PromQL("A", "max(uptake_journal_bytes)", "journal"), PromQL("B", "min(uptake_disk_free_bytes)", "disk left")]
    return kit.chart("Space", text, "bytes", targets).span_nulls(False).insert_nulls(False).min(0)
