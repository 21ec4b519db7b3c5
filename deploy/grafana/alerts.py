"""Alert rules for Grafana's file provisioning: a blind source, a server that takes nothing, a sudden change, a daemon in need.

Grafana replaces ``$NAME`` in these files by the environment, in queries too; so no query and no label here has a
dollar sign, and the reader of the mail is told labels by ``.Labels`` (grafana/grafana#70484, #78118).
"""

from __future__ import annotations

from typing import Any

HOUR, DAY = 3600, 86_400
CHANGE = 10  # percentage points of a basket within five weeks
_FOLDER = "Uptake"
_BLIND = (
    "sum by (source) (increase(uptake_slots_total[3d])) > 0"
    ' unless on (source) sum by (source) (increase(uptake_slots_total{outcome=~"measured|recovered|suspect"}[3d])) > 0'
)
_SUDDEN = (
    'SELECT spread("share") FROM "trend" WHERE time > now() - 35d AND "metric" !~ /^papers/'
    ' GROUP BY "basket", "metric", "topic", "board", "country", "site"'
)


def provisioned() -> dict[str, Any]:
    """The document of ``provisioning/alerting``: rules, the contact point and the policy that leads to it."""
    rules = [
        _rule(
            "uptake-away",
            "Uptake does not answer",
            _prom('max(up{job="uptake"})', HOUR),
            ("lt", 1),
            wait="10m",
            empty="Alerting",
            summary="Prometheus has not reached the daemon for ten minutes. Nothing is measured while it is away;"
            " what can be recovered is caught up when it is back.",
            severity="critical",
        ),
        _rule(
            "uptake-red",
            "Uptake can measure nothing",
            _prom("min(uptake_health)", HOUR),
            ("lt", 0.5),
            wait="5m",
            summary="The daemon's health is red: disk full, or the journal cannot be written. The reasons: /healthz and uptake status",
            severity="critical",
        ),
        _rule(
            "uptake-source-blind",
            "A source is blind",
            _prom(_BLIND, 3 * DAY),
            ("gt", 0),
            wait="1h",
            summary="{{ .Labels.source }}: all figures that were planned in the last three days ended without one."
            " The reasons: uptake status",
            severity="warning",
        ),
        _rule(
            "uptake-sending",
            "Figures wait to be sent",
            _prom("max by (sink) (uptake_sink_lag_seconds)", HOUR),
            ("gt", HOUR),
            wait="15m",
            summary="{{ .Labels.sink }}: the oldest change has waited for more than an hour."
            " Nothing is lost; what is wrong: uptake influx check",
            severity="warning",
        ),
        _rule(
            "uptake-sudden-change",
            "A share of a basket changed suddenly",
            _influx(_SUDDEN, 35 * DAY),
            ("gt", CHANGE),
            wait="1h",
            summary=f"{{{{ .Labels.topic }}}} moved by more than {CHANGE} points of {{{{ .Labels.basket }}}} within five weeks"
            " ({{ .Labels.metric }} {{ .Labels.board }}{{ .Labels.site }}). A real turn, or a source that counts anew: uptake trends",
            severity="info",
        ),
    ]
    group = {"orgId": 1, "name": "uptake", "folder": _FOLDER, "interval": "5m", "rules": rules}
    mail = {"uid": "uptake-mail", "type": "email", "settings": {"addresses": "$UPTAKE_ALERT_TO"}, "disableResolveMessage": False}
    return {
        "apiVersion": 1,
        "groups": [group],
        "contactPoints": [{"orgId": 1, "name": "uptake-mail", "receivers": [mail]}],
        "policies": [
            {
                "orgId": 1,
                "receiver": "uptake-mail",
                "group_by": ["alertname"],
                "group_wait": "1m",
                "group_interval": "1h",
                "repeat_interval": "24h",
            }
        ],
    }


def _rule(
    uid: str,
    title: str,
    query: dict[str, Any],
    beyond: tuple[str, float],
    *,
    wait: str,
    summary: str,
    severity: str,
    empty: str = "OK",
) -> dict[str, Any]:
    """``beyond``: Grafana's comparison and its figure. ``empty``: what no data mean."""
    operator, figure = beyond
    return {
        "uid": uid,
        "title": title,
        "condition": "C",
        "data": [
            query,
            _expression("B", {"type": "reduce", "expression": "A", "reducer": "last", "settings": {"mode": "dropNN"}}),
            _expression(
                "C",
                {
                    "type": "threshold",
                    "expression": "B",
                    "conditions": [{"evaluator": {"type": operator, "params": [figure]}, "type": "query"}],
                },
            ),
        ],
        "for": wait,
        "noDataState": empty,
        "execErrState": "Error",
        "annotations": {"summary": summary},
        "labels": {"severity": severity},
    }


def _prom(expr: str, seconds: int) -> dict[str, Any]:
    return _query("uptake-prometheus", seconds, {"expr": expr, "instant": True, "range": False})


def _influx(query: str, seconds: int) -> dict[str, Any]:
    return _query("uptake-influxdb", seconds, {"query": query, "rawQuery": True, "resultFormat": "time_series"})


def _query(source: str, seconds: int, model: dict[str, Any]) -> dict[str, Any]:
    span = {"from": seconds, "to": 0}
    return {"refId": "A", "datasourceUid": source, "relativeTimeRange": span, "model": {"refId": "A", **model}}


def _expression(ref: str, model: dict[str, Any]) -> dict[str, Any]:
    return {"refId": ref, "datasourceUid": "__expr__", "relativeTimeRange": {"from": 0, "to": 0}, "model": {"refId": ref, **model}}


__all__ = ["provisioned"]
