"""The daemon's metrics in Prometheus form (https://prometheus.io/docs/instrumenting/exposition_formats/), in a registry of their own."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from crawlers.engine import Report
from scheduler.troubles import GREEN, RED

LAGS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400)


class Metrics:
    """All that is counted since the daemon started, and the present state as it is set before a scrape."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series of times beside each counter, which nobody reads
        r = self.registry = CollectorRegistry()
        self.slots = Counter("uptake_slots", "Planned measurements that ended, by outcome.", ["source", "outcome"], registry=r)
        self.requests = Counter("uptake_requests", "Requests sent.", ["source"], registry=r)
        self.bytes = Counter("uptake_received_bytes", "Bytes of answers received.", ["source"], registry=r)
        self.crawls = Histogram("uptake_crawl_seconds", "Duration of crawls.", ["source"], buckets=SECONDS, registry=r)
        self.errors = Counter("uptake_visit_errors", "Visits to a source that failed as a whole.", ["source"], registry=r)
        self.misfires = Counter("uptake_misfires", "Times at which the scheduler could not do what was due.", ["job", "kind"], registry=r)
        self.remaining = Gauge("uptake_allowance_remaining", "What a source's own headers said is left.", ["source"], registry=r)
        self.budget = Gauge("uptake_budget_left", "Requests that may still be sent now.", ["source"], registry=r)
        self.success = Gauge("uptake_last_success_timestamp_seconds", "When a source last gave a figure.", ["source"], registry=r)
        self.next = Gauge("uptake_next_visit_timestamp_seconds", "When a source is looked at next.", ["source"], registry=r)
        self.lag = Histogram("uptake_loop_lag_seconds", "How late the event loop was, each second.", buckets=LAGS, registry=r)
        self.jumps = Counter("uptake_clock_jumps", "Times the clock was set or the machine slept.", registry=r)
        self.journal = Gauge("uptake_journal_bytes", "Size of the journal.", registry=r)
        self.disk = Gauge("uptake_disk_free_bytes", "Free space where the data are.", registry=r)
        self.sink_lag = Gauge("uptake_sink_lag_changes", "Changes that a sink has not acknowledged yet.", ["sink"], registry=r)
        self.sink_age = Gauge("uptake_sink_lag_seconds", "Age of the oldest of them.", ["sink"], registry=r)
        self.undelivered = Gauge("uptake_responses_waiting_files", "Files of raw responses not yet where they are kept.", registry=r)
        self.undelivered_bytes = Gauge("uptake_responses_waiting_bytes", "Bytes of them.", registry=r)
        self.undelivered_age = Gauge("uptake_responses_waiting_seconds", "Age of the oldest of them.", registry=r)
        self.troubles = Gauge("uptake_trouble", "1 while a trouble lasts.", ["trouble"], registry=r)
        self.health = Gauge("uptake_health", "2 green, 1 degraded, 0 red.", registry=r)
        self.started = Gauge("uptake_started_timestamp_seconds", "When the daemon started.", registry=r)

    def visited(self, source: str, reports: Iterable[Report]) -> None:
        for report in reports:
            tally = report.tally
            for outcome, count in (("measured", tally.measured), ("suspect", tally.suspect)):
                if count:
                    self.slots.labels(source, outcome).inc(count)
            for reason, count in tally.missing.items():
                self.slots.labels(source, f"missing({reason})").inc(count)
            self.requests.labels(source).inc(report.requests)
            self.bytes.labels(source).inc(report.received)
            self.crawls.labels(source).observe(report.seconds)
            if report.remaining is not None:
                self.remaining.labels(source).set(report.remaining)

    def healthy(self, status: str, troubles: Iterable[str]) -> None:
        self.health.set(2 if status == GREEN else 0 if status == RED else 1)
        self.troubles.clear()
        for key in troubles:
            self.troubles.labels(key).set(1)

    def text(self) -> bytes:
        return generate_latest(self.registry)


__all__ = ["Metrics"]
