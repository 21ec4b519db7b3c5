"""pytrends' clockwork, kept in a process of its own. Run as a script: one question a line on stdin, one answer a line on stdout.

A question: ``{"base": URL, "terms": [...], "geo": "US", "timeframe": "2021-11-21 2026-11-20", "timeout": seconds}``.
An answer: ``{"times": [...], "values": [[...], ...], "partial": [...]}`` with one row of values a term, or
``{"error": name, "detail": text}``.

What is known of pytrends 4.9.2 and kept away here: its constructor sends a request, and never returns behind a dead proxy
(it tries again without end); ``retries`` and ``backoff_factor`` raise with urllib3 2; its addresses are read from the class,
so that nothing but setting them there moves them; it makes the same zero of "below one" and of "no data". So the asker
(`crawlers.search_interest.relay`) gives an address on this machine, carries the requests itself and ends this process when it is silent.
"""

from __future__ import annotations

import json
import sys
from typing import Any
from urllib.parse import urlsplit

LANGUAGE = "en-US"
TIMEZONE = 0  # minutes west of UTC


def redirect(base: str) -> None:
    """Have pytrends ask another address in the place of Google's."""
    import pytrends.request as module

    real = module.BASE_TRENDS_URL
    for name in [n for n in vars(module.TrendReq) if n.endswith("_URL")]:
        url = getattr(module.TrendReq, name)
        if not url.startswith(real):
            raise RuntimeError(f"pytrends' {name} is {url}, which is not below {real}")
        setattr(module.TrendReq, name, base + url.removeprefix(real))
    module.BASE_TRENDS_URL = base


class Asker:
    """Answers questions with one `TrendReq`, made at the first of them."""

    def __init__(self) -> None:
        self._request: Any = None

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        from pytrends.request import TrendReq

        if self._request is None:
            redirect(question["base"])
            wait = float(question["timeout"])
            self._request = TrendReq(hl=LANGUAGE, tz=TIMEZONE, timeout=(wait, wait))
        terms = question["terms"]
        self._request.geo = ""  # it keeps the last one in the place of none
        self._request.build_payload(terms, timeframe=question["timeframe"], geo=question["geo"])
        frame = self._request.interest_over_time()
        if frame.empty:
            return {"times": [], "values": [[] for _ in terms], "partial": []}
        return {
            "times": [int(time.timestamp()) for time in frame.index],
            "values": [[int(v) for v in frame[term]] for term in terms],
            "partial": [bool(p) for p in frame["isPartial"]],
        }


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # pytrends prints
    asker = Asker()
    for line in sys.stdin:
        question = json.loads(line)
        if urlsplit(question["base"]).hostname != "127.0.0.1":
            raise SystemExit("requests go by way of the asker, on this machine")
        try:
            answer = asker.answer(question)
        except Exception as error:  # whatever pytrends raises, the asker saw the responses and knows better
            answer = {"error": type(error).__name__, "detail": str(error)[:200]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
