"""TheirStack, which gathers postings from many boards. https://theirstack.com/en/docs/api-reference/jobs/search_jobs_v1

Counting is free: with ``include_total_results``, ``blur_company_data`` and a limit of 1 a search costs no credit
(https://theirstack.com/en/docs/api-reference/features/free-count). Each search must be limited by age, so that what
is counted as postings is those of the last 30 days. Descriptions are searched for whole words (``\\b``), whatever
their case, except that a word in capitals is searched as written: those are sent in small letters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from scrapy.http import Response

from crawlers.boards.queries import Query, Syntax, queries
from crawlers.boards.searched import Ask, SearchBoard, counted, titles_of
from crawlers.counts import Count
from crawlers.keywords import Keywords
from crawlers.payload import read_json
from crawlers.source import Allowance, Option, Terms
from storage.model import Reason

OPEN_FOR = 30  # days
_COUNTRIES = (  # ISO 3166-1
    "ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv bw by bz ca cc cd "
    "cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et fi fj fk fm fo fr ga gb gd ge gf "
    "gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn "
    "kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na "
    "nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si "
    "sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug um us uy uz va vc ve vg vi "
    "vn vu wf ws ye yt za zm zw"
)


class TheirStack(SearchBoard):
    name = "theirstack"
    title = "TheirStack"
    about = "Postings of the last 30 days whose description mentions a topic, gathered from many boards, and those of the last seven days."
    terms = Terms(
        "https://theirstack.com/en/docs/api-reference/features/free-count",
        "2026-11-20",
        "Counts are free of credits. A key that has never been paid for may send 10 requests a minute, 50 an hour and 400 a day.",
    )
    endpoints: ClassVar = {"base_url": "https://api.theirstack.com"}
    options = (
        Option("key", "a key from https://app.theirstack.com/settings/api-key", secret=True, required=True),
        Option("countries", "where it is asked: a list of two-letter codes (ISO 3166)", type=list, default=["us"]),
        Option(
            "paid", "whether TheirStack was ever paid for this key, which lifts the limits of an hour and a day", type=bool, default=False
        ),
    )
    schedule = "38 */3 * * *"
    delay = 6.5
    countries: ClassVar = {c: c.upper() for c in _COUNTRIES.split()}
    default_countries = ("us",)
    syntax = Syntax(phrase="{}", either=" OR ", group="", without=" NOT {}")

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance | None:
        if cls.chosen(options, "paid"):
            return None
        return Allowance(400, "day", "400 requests a day, 50 an hour", also=((50, "hour"),), spread=True)

    def credentials(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        return {"Authorization": f"Bearer {self.option('key')}"}, {}

    def refusal(self, response: Response) -> tuple[Reason, str] | None:
        if response.status == 402:
            return Reason.BLOCKED, "status 402: the credits of this key are spent; see https://app.theirstack.com"
        return super().refusal(response)

    def wait_for(self, response: Response) -> float | None:
        """Until all windows that are spent have passed: a 429 says of each what remains, and when it begins anew."""
        if response.status != 429 or response.headers.get(b"Retry-After"):
            return None
        left, reset = (_figures(response, name) for name in (b"RateLimit-Remaining", b"RateLimit-Reset"))
        return max((seconds for n, seconds in zip(left, reset, strict=False) if n <= 0), default=None)

    @classmethod
    def queries(cls, keywords: Keywords) -> tuple[Query, ...]:
        """One search. Case is as the keywords have it: a name of one or two capitals stays as it is written."""
        return tuple(
            replace(
                query,
                any=tuple(t if keywords.case or len(t) <= 2 else _small(t) for t in query.any),
                excluded=tuple(t if keywords.case else _small(t) for t in query.excluded),
            )
            for query in queries(keywords, cls.syntax)
        )

    def ask(self, query: Query | None, country: str, days: int | None) -> Ask:
        post: dict[str, object] = {
            "include_total_results": True,
            "blur_company_data": True,
            "limit": 1,
            "posted_at_max_age_days": OPEN_FOR if days is None else days,
            "job_country_code_or": [country],
        }
        if query is not None:
            post["job_description_contains_or"] = list(query.any)
            if query.excluded:
                post["job_description_contains_not"] = list(query.excluded)
        return Ask("/v1/jobs/search", post=post)

    @classmethod
    def count(cls, response: Response) -> Count:
        return read_count(response.body)

    @classmethod
    def titles(cls, response: Response) -> Sequence[str]:
        return titles_of(read_json(response.body), "data", title=["job_title"])


def read_count(body: bytes) -> Count:
    """``total_results``, which is null where the total was not asked for."""
    return counted(read_json(body), "metadata", "total_results", rows=["data"])


def _small(text: str) -> str:
    return text.lower() if text.isupper() else text


def _figures(response: Response, name: bytes) -> list[float]:
    """The numbers of a header that has one for each window, separated by commas."""
    said = (response.headers.get(name) or b"").decode("latin-1").split(",")
    return [float(part) for part in said] if all(part.strip().isdecimal() for part in said) else []
