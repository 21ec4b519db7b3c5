"""Where counts come from: terms, cost, what is left of the allowance, and why a source is off."""

from __future__ import annotations

from scheduler.web.look import Look
from scheduler.web.pages.render import page as rendered
from scheduler.web.question import Answer
from storage.model import Cadence
from storage.periods import WEEK, floor


def page(look: Look) -> Answer:
    live = look.question.live
    since = floor(look.present, Cadence.WEEK) - 60 * WEEK
    sql = (
        "SELECT s.source, max(p.observed_at), count(DISTINCT s.id) FROM series s JOIN points p ON p.series_id = s.id"
        " WHERE s.origin = 'measured' AND p.time >= ? AND p.state = 0 GROUP BY s.source"
    )
    seen = {str(name): (last, count) for name, last, count in look.connection.exec_driver_sql(sql, (since,))}
    sources = sorted(look.setting.sources, key=lambda s: (not s["enabled"], str(s["title"]).casefold()))
    return rendered(
        look,
        "sources.html.j2",
        title="Where counts come from",
        on=[s for s in sources if s["enabled"]],
        off=[s for s in sources if not s["enabled"]],
        left=dict(live.get("left", {})),
        upcoming=dict(dict(live.get("health", {})).get("next", {})),
        seen=seen,
    )


__all__ = ["page"]
