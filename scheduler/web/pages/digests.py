"""The archive of digests: what was said, on which day, from which knowledge."""

from __future__ import annotations

from scheduler.web import said
from scheduler.web.look import Look
from scheduler.web.pages.render import page as rendered
from scheduler.web.problems import Problem
from scheduler.web.question import Answer


def page(look: Look) -> Answer:
    made = said.digests(look)
    return rendered(look, "digests.html.j2", title="Digests", digests=made, baskets=look.setting.baskets)


def one(look: Look) -> Answer:
    number = look.args["number"]
    found = next((d for d in said.digests(look) if d.number == number), None)
    if found is None:
        raise Problem(404, f"there is no digest {number}")
    title = (
        found.subject
        or f"{look.setting.baskets[found.basket].title if found.basket in look.setting.baskets else found.basket}, {found.period}"
    )
    return rendered(look, "digest.html.j2", title=title, digest=found)


__all__ = ["one", "page"]
