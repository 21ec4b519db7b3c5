"""What Prometheus reads at the daemon's /metrics, scrape by scrape over four days, in the exposition format."""

from __future__ import annotations

from collections.abc import Iterator

from tests.deploy.grafana import PRESENT

STEP = 900
DAYS = 4
_GAUGES = {
    'up{job="uptake"}': 1,
    "uptake_health": 1,
    'uptake_trouble{trouble="source_blind:medium"}': 1,
    'uptake_allowance_remaining{source="github"}': 4711,
    'uptake_budget_left{source="github"}': 900,
    'uptake_last_success_timestamp_seconds{source="github"}': PRESENT - 3600,
    'uptake_last_success_timestamp_seconds{source="medium"}': PRESENT - 9 * 86_400,
    'uptake_next_visit_timestamp_seconds{source="github"}': PRESENT + 3600,
    'uptake_next_visit_timestamp_seconds{source="medium"}': PRESENT + 7200,
    "uptake_journal_bytes": 5_000_000,
    "uptake_disk_free_bytes": 9_000_000_000,
    'uptake_sink_lag_changes{sink="influxdb"}': 120,
    'uptake_sink_lag_seconds{sink="influxdb"}': 7200,
}
_GROWING = {  # each scrape adds so many
    'uptake_slots_total{source="github",outcome="measured"}': 14,
    'uptake_slots_total{source="medium",outcome="missing(blocked)"}': 3,
    'uptake_requests_total{source="github"}': 6,
    'uptake_received_bytes_total{source="github"}': 40_000,
    'uptake_visit_errors_total{source="medium"}': 1,
    'uptake_misfires_total{job="github",kind="missed"}': 1,
    "uptake_clock_jumps_total": 0,
    'uptake_crawl_seconds_bucket{source="github",le="1"}': 2,
    'uptake_crawl_seconds_bucket{source="github",le="5"}': 3,
    'uptake_crawl_seconds_bucket{source="github",le="+Inf"}': 3,
    'uptake_loop_lag_seconds_bucket{le="0.01"}': 890,
    'uptake_loop_lag_seconds_bucket{le="0.1"}': 900,
    'uptake_loop_lag_seconds_bucket{le="+Inf"}': 900,
}
NAMES = {name.partition("{")[0] for name in (*_GAUGES, *_GROWING)} - {"up"}


def _scrapes() -> Iterator[tuple[int, str]]:
    for i in range(DAYS * 86_400 // STEP):
        rows = [f"{name} {value}" for name, value in _GAUGES.items()] + [f"{name} {value * (i + 1)}" for name, value in _GROWING.items()]
        yield PRESENT - DAYS * 86_400 + (i + 1) * STEP, "\n".join(rows) + "\n"


SCRAPES = list(_scrapes())
