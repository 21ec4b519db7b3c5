"""Pages as they are sent: what stands in them, links that lead on, the past as it was known, hostile names as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import quote, quote_plus, urlsplit

import pytest

from tests.web.site import EVIL, Site

STARS = 'github.stars{topic="alpha"}'
STORIES = 'hacker_news.stories{topic="alpha"}'
IMPORTED = 'hacker_news.stories{topic="alpha",origin="imported"}'
PAGES = [
    "/",
    "/baskets/toys",
    "/baskets/toys?series=github.stars&scale=share&from=2025-06-01",
    "/baskets/toys?scale=indexed&base=2025-06-01",
    "/baskets/odd",
    "/topics/alpha",
    "/topics/evil",
    f"/series?name={quote(STARS)}",
    f"/number?series={quote(STARS)}",
    "/coverage",
    "/coverage?weeks=53",
    "/sources",
    "/digests",
    "/conferences",
    "/api",
]


class Seen(HTMLParser):
    """Elements of a page, its links, and what could run in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.scripts: list[dict[str, str | None]] = []
        self.handlers: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.handlers += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        if tag == "script":
            self.scripts.append(given)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_holds_no_script_of_its_own_and_shows_names_as_text(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.status == 200, answer.text
    seen = Seen(answer.text)
    assert not seen.handlers
    assert "style" not in seen.tags
    assert all(s.get("src", "").startswith("/static/") or s.get("type") == "application/json" for s in seen.scripts)  # type: ignore[union-attr]
    assert "img" not in [t for t in seen.tags if t == "img"] or "<noscript><img" in answer.text
    assert "window.owned=1</script>" not in answer.text
    assert EVIL not in answer.text
    assert "'unsafe" not in answer.headers["content-security-policy"]


def test_all_links_of_all_pages_lead_somewhere(site: Site) -> None:
    wanted, known = list(PAGES), set()
    while wanted and len(known) < 90:
        path = wanted.pop(0)
        if path in known:
            continue
        known.add(path)
        answer = site.get(path)
        assert answer.status == 200, (path, answer.text)
        if answer.headers["content-type"].startswith("text/html") and len(known) < 30:
            wanted += [
                link for link in Seen(answer.text).links if link.startswith("/") and not urlsplit(link).path.endswith((".svg", ".png"))
            ]
    assert len(known) > 40


def test_home_tells_trouble_first_and_what_comes_next(site: Site) -> None:
    text = site.get("/").text
    assert text.index("What is wrong") < text.index("Toys")
    assert "GitHub" in text[text.index("What Uptake is doing") :]
    assert "in 19 hours" in text


def test_a_basket_shows_figures_shares_and_gaps_of_what_was_measured(site: Site) -> None:
    text = site.get("/baskets/toys?series=github.stars").text
    assert re.search(r"Alpha</bdi>.*?>3,597</a>", text, re.DOTALL)
    assert "96 %" in text  # 3597 of 3732
    data = text[text.index('id="data">') :]
    assert '"modes"' in data


def test_a_view_keeps_the_colours_and_shares_of_the_whole_basket(site: Site) -> None:
    text = site.get("/baskets/toys?series=github.stars&topic=beta").text
    rows = text[text.index("<tbody>") : text.index("</tbody>")]
    assert "Alpha" not in rows
    assert "dot c1" in rows
    assert "3.6 %" in rows


def test_an_index_is_100_at_its_date(site: Site) -> None:
    text = site.get("/baskets/toys?series=github.stars&scale=indexed&base=2025-06-01").text
    assert "index, 2025-06-01 = 100" in text


def test_papers_are_compared_by_venue_and_year_with_intervals(site: Site) -> None:
    text = site.get("/conferences").text
    assert "20 → 90" in text
    assert "+350 %" in text
    shares = text[text.index("Shares by venue and year") :]
    assert "25 %" in shares
    assert "75 %" in shares
    assert "16 to 36" in shares  # Clopper and Pearson's for 20 of 80
    assert site.get("/conferences?from=2019&to=2018").status == 400
    assert site.get("/conferences?rule=none").status == 404


def test_the_past_is_shown_as_it_was_known(site: Site) -> None:
    path = f"/number?series={quote(STARS)}&time=2026-11-13"
    now, then = site.get(path).text, site.get(f"{path}&as_of=2026-11-20T08:17:01Z").text
    assert "<h1>3,500 " in now
    assert "What it was before" in now
    assert "<h1>3,456 " in then
    assert "What it was before" not in then
    assert "This is what was known" in then


def test_a_number_leads_to_its_page_as_text(site: Site) -> None:
    text = site.get(f"/number?series={quote(STARS)}").text
    assert "The page it was read from" in text
    assert "SHA-256" in text
    assert "3597" in text[text.index("Where the number stands") :]


def test_a_series_says_how_and_by_whom_it_is_counted_and_what_became_of_it(site: Site) -> None:
    text = site.get(f"/series?name={quote(STARS)}").text
    for term, told in (("Source", "GitHub"), ("Definition", "1"), ("Origin", "measured"), ("Figures", "96; 1 former value is kept")):
        assert f"<dt>{term}</dt><dd>{told}</dd>" in text
    assert "Stars that stand at the time of asking" in text
    assert "no figure for 9 weeks" in text[text.index("What was noticed about these figures") :]
    assert re.search(r"2026-11-13</th>.*?>3,500</a>.*?revised 1 ×", text, re.DOTALL)
    assert "No bands: this is counted in full" in text
    joined = site.get(f"/series?name={quote(STORIES)}").text
    noticed = joined[joined.index("What was noticed about these figures") :]
    assert "<dt>2026-09-25</dt><dd>imported figures up to 2026-09-25, measured ones from then on" in noticed
    assert f'kept apart from it: <a href="/series?name={quote_plus(IMPORTED)}">imported</a>' in joined
    assert "Bands are 95 % intervals" in joined
    assert "A dashed upright line: measured here from that day on." in joined


def test_what_is_not_there_is_said_on_a_page_of_its_own(site: Site) -> None:
    for path, words in [
        ("/baskets/none", "There is no basket"),
        ("/topics/none", "There is no topic"),
        ("/series?name=nothing", "is not of the form"),
        ("/nowhere", "There is nothing here"),
        ("/baskets/toys?series=github.forkz", "nothing of this basket is counted as".capitalize()),
    ]:
        answer = site.get(path, accept="text/html")
        assert answer.status == 404
        assert answer.headers["content-type"].startswith("text/html")
        assert words in answer.text, answer.text
        assert "Traceback" not in answer.text


def test_a_form_may_send_empty_fields_but_not_absurd_ones(site: Site) -> None:
    assert site.get("/baskets/toys?from=&to=&base=").status == 200
    assert site.get("/baskets/toys?from=2026-01-01&to=2025-01-01", accept="text/html").status == 400
    assert site.get("/baskets/toys?from=9999999-01-01").status == 400
    assert "No figure lies between these dates" in site.get("/baskets/toys?from=1950-01-01&to=1951-01-01").text


def test_an_answer_that_is_known_already_is_not_sent_again(site: Site) -> None:
    first = site.get("/baskets/toys")
    again = site.get("/baskets/toys", if_none_match=first.headers["etag"])
    assert again.status == 304
    assert not again.body


def test_pages_that_others_asked_for_cost_nothing(site: Site) -> None:
    site.get("/topics/alpha")
    before = dict(site.front._shelf._kept)
    site.get("/topics/alpha")
    assert dict(site.front._shelf._kept) == before
    assert site.front._shelf.bytes < 8 * 1024 * 1024
