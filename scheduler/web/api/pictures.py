"""Charts as pictures at addresses that stay."""

from __future__ import annotations

from scheduler.web.charting import Drawn, drawn, of_group
from scheduler.web.look import Look, unknown
from scheduler.web.problems import Problem
from scheduler.web.question import Answer
from storage.model import read_labels


def _chart(look: Look) -> Drawn:
    args = look.args
    basket = look.basket(args["basket"])
    asked = [t for t in basket.topics if t in args.get("topic", basket.topics)]
    if not asked:
        raise Problem(404, f"the basket {basket.key!r} has none of these topics")
    with unknown():
        key = of_group(args["metric"], tuple(sorted(read_labels(args.get("labels", "")))), args["version"])
    found = drawn(look, list(basket.topics), key, asked)
    if found.data is None:
        raise Problem(404, found.why[:1].lower() + found.why[1:].rstrip("."))
    return found


def svg(look: Look) -> Answer:
    from trends import charts

    found, args = _chart(look), look.args
    assert found.data is not None
    text = charts.svg(found.data, found.mode, dark=args["theme"] == "dark", width=args["width"])
    return look.answer(text, "image/svg+xml", _HEADERS)


def png(look: Look) -> Answer:
    from trends import charts

    found, args = _chart(look), look.args
    assert found.data is not None
    return look.answer(charts.png(found.data, found.mode, dark=args["theme"] == "dark", width=args["width"]), "image/png", _HEADERS)


_HEADERS = {"Cross-Origin-Resource-Policy": "cross-origin"}  # pictures are for other pages

__all__ = ["png", "svg"]
