"""Where counts come from: terms, cost, what is left of the allowance, and why a source is off."""

from __future__ import annotations

from scheduler.web.api.lists import newest
from scheduler.web.look import Look
from scheduler.web.pages.render import page as rendered
from scheduler.web.question import Answer


def page(look: Look) -> Answer:
    live = look.question.live if look.sequence is None else {}  # what is left and what comes next are of today
    sources = sorted(look.configured.sources, key=lambda s: (not s["enabled"], str(s["title"]).casefold()))
    return rendered(
        look,
        "sources.html.j2",
        title="Where counts come from",
        on=[s for s in sources if s["enabled"]],
        off=[s for s in sources if not s["enabled"]],
        left=dict(live.get("left", {})),
        upcoming=dict(dict(live.get("health", {})).get("next", {})),
        seen=newest(look),
    )


__all__ = ["page"]
